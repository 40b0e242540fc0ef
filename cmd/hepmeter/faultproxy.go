package main

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/hepmeter/hepmeter/fault"
)

// faultProxyFlags are the flags of `hepmeter fault-proxy`.
type faultProxyFlags struct {
	listen, to, scenario, trace string
	seed                        uint64
}

func newFaultProxyCommand() *cobra.Command {
	var f faultProxyFlags
	cmd := &cobra.Command{
		Use:   "fault-proxy --listen ADDR|pty:PATH --to ADDR|DEVICE --scenario FILE",
		Short: "Pass Modbus on and harm it as a scenario says, to test clients and gateways",
		Long: `Fault-proxy stands between a Modbus client and a device, cuts what they say into
frames, and loses, delays, doubles, falsifies or cuts short those that the scenario
names. It passes on Modbus TCP, and with "framing: rtu" RTU, over TCP or on serial
lines: --to takes a serial device, and --listen pty:PATH makes a pseudo terminal
(Linux) that a serial master opens at PATH. A scenario:

  faults:
    - {fault: drop, probability: 0.05}                 # 5 % of all replies are lost
    - {fault: exception, code: 6, every: 10}           # each tenth request: device busy
    - {fault: delay, milliseconds: 3000, first: 2, unit: 7, function: 3}

Of the faults that could strike a frame the first does. The same traffic and the same
--seed meet the same faults. docs/fault-proxy.md has all faults and keys,
examples/faults/ scenarios to begin with.

Ctrl-C ends it and prints what has passed and what has struck. If nothing has struck,
the exit code is 1: a test that met no fault has shown nothing.

--trace writes a line of JSON for each frame: when, on which connection and in which
direction, its bytes, what they say, which fault struck, and what was sent instead.`,
		Example: `  hepmeter fault-proxy --listen 127.0.0.1:5020 --to 127.0.0.1:502 --scenario examples/faults/lossy.yaml
  hepmeter fault-proxy --listen :5020 --to meter.lan:502 --scenario slow.yaml --seed 7 --trace slow.jsonl
  mbpoll -m tcp -p 5020 -r 3028 -t 4:float -B 127.0.0.1
  hepmeter fault-proxy --listen pty:/tmp/line --to '/dev/ttyUSB0?baud=19200&parity=E' --scenario examples/faults/rtu-noise.yaml`,
		Args: exactly(0, "flags only"),
		RunE: func(cmd *cobra.Command, _ []string) error { return runFaultProxy(cmd, f) },
	}
	cmd.Flags().StringVar(&f.listen, "listen", "", "address for clients, as in 127.0.0.1:5020, or pty:PATH[?baud=N] for a serial master")
	cmd.Flags().StringVar(&f.to, "to", "", "address of the device, as in 192.168.1.20:502, or a serial one, DEVICE[?baud=N&parity=P]")
	cmd.Flags().StringVar(&f.scenario, "scenario", "", "the file that says what goes wrong")
	cmd.Flags().Uint64Var(&f.seed, "seed", 1, "decides what is left to chance")
	cmd.Flags().StringVar(&f.trace, "trace", "", "write each frame as JSON to this file (- is standard output)")
	return cmd
}

func runFaultProxy(cmd *cobra.Command, f faultProxyFlags) (err error) {
	for _, needed := range []struct{ flag, value, example string }{
		{"listen", f.listen, "127.0.0.1:5020"}, {"to", f.to, "192.168.1.20:502"}, {"scenario", f.scenario, "examples/faults/lossy.yaml"},
	} {
		if needed.value == "" {
			return usageError{fmt.Errorf("--%s is missing: give it, for example --%s %s", needed.flag, needed.flag, needed.example)}
		}
	}
	ends, err := endsOf(f)
	if err != nil {
		return usageError{err}
	}
	scenario, err := readScenario(f.scenario)
	if err != nil {
		return err
	}
	if err := ends.carry(scenario); err != nil {
		return fmt.Errorf("--scenario %s: %w", f.scenario, err)
	}
	opt := fault.Options{
		Seed: f.seed,
		Log:  slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil)),
		Dial: ends.dial,
	}
	at, serve, closing, err := ends.listen()
	if err != nil {
		return fmt.Errorf("--listen %s: %w", f.listen, err)
	}
	defer closing()
	var traceErr error
	if f.trace != "" {
		out := cmd.OutOrStdout()
		if f.trace != "-" {
			file, err := os.Create(f.trace)
			if err != nil {
				return fmt.Errorf("--trace: %w", err)
			}
			defer func() {
				if closing := file.Close(); err == nil && closing != nil {
					err = fmt.Errorf("--trace: %w", closing)
				}
			}()
			out = file
		}
		lines := bufio.NewWriter(out)
		defer func() {
			if flushing := lines.Flush(); err == nil && flushing != nil {
				err = fmt.Errorf("--trace: %w", flushing)
			}
		}()
		opt.Trace = fault.Trace(lines, scenario.Framing, func(err error) { traceErr = err })
	}
	proxy := fault.New(scenario, opt)
	fmt.Fprintf(cmd.ErrOrStderr(), "listening on %s for %s, seed %d; Ctrl-C ends and prints the counts\n", at, f.to, f.seed)
	if err := serve(cmd.Context(), proxy); err != nil {
		return err
	}
	counters := proxy.Counters()
	if err := counters.Write(cmd.ErrOrStderr()); err != nil {
		return err
	}
	if traceErr != nil {
		return fmt.Errorf("--trace %s: %w", f.trace, traceErr)
	}
	return counters.Check()
}

func readScenario(path string) (*fault.Scenario, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--scenario: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, fault.MaxScenarioBytes+1))
	if err != nil {
		return nil, fmt.Errorf("--scenario: %w", err)
	}
	return fault.Parse(text, path)
}
