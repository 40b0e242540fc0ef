package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/boot"
	"github.com/hepmeter/hepmeter/ion/template"
	"github.com/hepmeter/hepmeter/meter"
	"github.com/hepmeter/hepmeter/registermap"
	ionpserver "github.com/hepmeter/hepmeter/serve/ionp"
	modbusserver "github.com/hepmeter/hepmeter/serve/modbus"
	"github.com/hepmeter/hepmeter/waveform"
	"github.com/hepmeter/hepmeter/waveform/open"
)

// runFlags are the flags of `hepmeter run`.
type runFlags struct {
	data, model, serial, source, host, ports, limits, firmware, ready string
	port                                                              []string
}

func newRunCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run one meter until Ctrl-C",
		Long: `Run is one meter in the foreground: it measures a source, keeps what it counts in
its data directory and serves its registers. Without flags it is an ION9000 on a
synthetic 230 V 50 Hz three-phase site, reachable from this machine only.

` + open.SpecHelp,
		Example: `  hepmeter run
  hepmeter run --source 'comtrade:fault.cfg?loop=1'
  hepmeter run --model PM8000 --data ./meter-7 --port modbus=0 --ready ready.json`,
		Args: exactly(0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			makeRoom()
			boundMemory()
			for again := true; again && err == nil; {
				again, err = run(cmd, &f)
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.data, "data", "", "data directory (default: a folder named by the model in the user's state directory)")
	flags.StringVar(&f.model, "model", "ION9000", "ION9000, ION9000T, PM8000 or ION7400")
	flags.StringVar(&f.serial, "serial-number", "", "serial number of a fresh meter (default: one is made up)")
	flags.StringVar(&f.source, "source", "synth", "where the samples come from")
	flags.StringVar(&f.host, "host", "127.0.0.1", "address to listen on; 0.0.0.0 lets other machines in")
	flags.StringVar(&f.ports, "ports", "dev", "port set: dev (modbus 5020, ion 7700) or standard (modbus 502, ion 7700)")
	flags.StringArrayVar(&f.port, "port", nil, "one port as NAME=N, 0 for any free one; may be repeated")
	flags.StringVar(&f.limits, "limits", "open", "connections a service takes: open (1,024) or factory (as the real meters, 8)")
	flags.StringVar(&f.firmware, "firmware", "", "firmware version of a fresh data directory, for development, such as 2.1.0 (default: this build's, "+firmwareVersion+")")
	flags.StringVar(&f.ready, "ready", "", "file to write, as JSON, once everything serves")
	return cmd
}

// limits are the connections of each --limits.
func limits(name string) (access.Limits, error) {
	switch name {
	case "open":
		return access.OpenLimits(), nil
	case "factory":
		return access.FactoryLimits(), nil
	}
	return access.Limits{}, fmt.Errorf("--limits %q: use open or factory", name)
}

// run is one life of the meter; again tells that somebody has it start anew. It then keeps
// the ports that it had.
func run(cmd *cobra.Command, f *runFlags) (again bool, err error) {
	ctx := cmd.Context()
	log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
	ports, err := boot.PortsByName(f.ports)
	if err != nil {
		return false, usageError{err}
	}
	for _, assignment := range f.port {
		if err := ports.Set(assignment); err != nil {
			return false, usageError{err}
		}
	}
	connections, err := limits(f.limits)
	if err != nil {
		return false, usageError{err}
	}
	model, err := template.Load(f.model)
	if err != nil {
		return false, usageError{err}
	}
	if err := checkFirmware(f.firmware, model.Name); err != nil {
		return false, usageError{err}
	}
	if err := checkSerial(f.serial); err != nil {
		return false, usageError{err}
	}
	if f.data == "" {
		if f.data, err = stateDir(model.Name); err != nil {
			return false, err
		}
	}
	source, play, err := open.Spec(f.source, open.Defaults{RateHz: float64(model.SamplesPerCycle) * 50, Start: time.Now()})
	if err != nil {
		return false, err
	}
	var listening endpoints
	var checks patience
	m, err := meter.Open(meter.Options{
		Dir: f.data, Model: f.model, Serial: f.serial, Firmware: firmwareVersion, FixFirmware: f.firmware,
		Source: source, SourceName: f.source, Speed: play.Speed, Limits: connections, Hashing: checks.during, Endpoints: listening.byName, Log: log,
	})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()

	layout, err := registermap.Load()
	if err != nil {
		return false, err
	}
	doors := map[boot.Service]interface {
		Serve(context.Context, net.Listener) error
	}{
		boot.Modbus: modbusserver.New(m.Gate(), layout, modbusserver.Options{}),
		boot.ION:    ionpserver.New(m.Gate(), ionpserver.Options{Log: log}),
	}
	// Servers stop before the meter, so that writes under way are still carried out.
	served := make(chan error, len(doors))
	serving := 0
	measuring, stopMeasuring := context.WithCancel(context.WithoutCancel(ctx))
	defer stopMeasuring()
	ctx, cancel := context.WithCancel(ctx)
	stop := func() (err error) {
		cancel()
		for range serving {
			err = errors.Join(err, <-served)
		}
		serving = 0
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	for service, door := range doors {
		listener, err := ports.Listen(ctx, f.host, service)
		if err != nil {
			return false, err
		}
		listening.add(service, listener.Addr())
		f.port = append(f.port, fmt.Sprintf("%s=%d", service, listener.Addr().(*net.TCPAddr).Port))
		serving++
		go func() { served <- door.Serve(ctx, listener) }()
	}

	if f.ready != "" {
		if err := readyOf(m, f.data, &listening).WriteFile(f.ready); err != nil {
			return false, err
		}
	}
	greet(cmd.OutOrStdout(), m, *f, &listening)
	ended := make(chan error, 1)
	go func() { ended <- m.Run(measuring) }()
	select {
	case <-ctx.Done():
	case <-m.Restarting():
		again = true
	case err := <-ended:
		return false, err
	}
	err = stop()
	stopMeasuring()
	return again, errors.Join(err, <-ended)
}

// endpoints are the addresses on which the services listen.
type endpoints struct {
	mu sync.Mutex
	at map[boot.Service]string
}

func (e *endpoints) add(s boot.Service, at net.Addr) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.at == nil {
		e.at = map[boot.Service]string{}
	}
	e.at[s] = at.String()
}

func (e *endpoints) of(s boot.Service) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.at[s]
}

func (e *endpoints) byName() map[string]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	named := map[string]string{}
	for s, at := range e.at {
		named[string(s)] = at
	}
	return named
}

func (e *endpoints) all() map[boot.Service]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.at)
}

// serialBytes is the room for a serial number in the register map (register 117).
const serialBytes = 24

// checkSerial refuses a serial number that a client could not read back.
func checkSerial(serial string) error {
	unreadable := func(r rune) bool { return r < '!' || r > '~' }
	if len(serial) > serialBytes || strings.ContainsFunc(serial, unreadable) {
		return fmt.Errorf("--serial-number %.40q: want up to %d letters, digits and signs, without spaces", serial, serialBytes)
	}
	return nil
}

func readyOf(m *meter.Meter, data string, listening *endpoints) boot.Ready {
	if absolute, err := filepath.Abs(data); err == nil {
		data = absolute
	}
	id := m.Identity()
	return boot.Ready{
		PID: os.Getpid(), Model: id.Model, Serial: id.Serial, Firmware: m.Firmware(), Data: data,
		Endpoints:    listening.all(),
		Fingerprints: map[boot.Service]string{},
	}
}

// greet says what runs and what to try next, in commands that work as pasted.
func greet(out io.Writer, m *meter.Meter, f runFlags, listening *endpoints) {
	id, info := m.Identity(), m.Source()
	host, port, _ := net.SplitHostPort(listening.of(boot.Modbus))
	security := m.Gate().Security()
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	fmt.Fprintf(out, "%s, serial %s, firmware %s\n", id.Model, id.Serial, m.Firmware())
	fmt.Fprintf(out, "  source   %s, %g samples/s: %s\n", f.source, info.RateHz, roles(m.Inputs()))
	fmt.Fprintf(out, "  data     %s\n", f.data)
	fmt.Fprintf(out, "  modbus   %s (map access: %s)\n", listening.of(boot.Modbus), security.MapAccess)
	fmt.Fprintf(out, "  ion      %s (object protocol, for hepsetup)\n", listening.of(boot.ION))
	fmt.Fprintf(out, "  security %s\n", securityLine(security))
	fmt.Fprintf(out, "  key      %s (signs the event log)\n", m.Fingerprint())
	if gap, ok := m.Gap(); ok {
		end := "stopped"
		if !gap.Clean {
			end = "then killed or without power; what it had counted by then is kept"
		}
		fmt.Fprintf(out, "  before   ran until %s (%s)\n", gap.From.Local().Format(time.DateTime), end)
	}
	for _, note := range m.Notes() {
		fmt.Fprintf(out, "  note     %s\n", note)
	}
	poll := fmt.Sprintf("mbpoll -1 -m tcp -p %s -B -t 4:float", port)
	fmt.Fprintf(out, "\nTry in another terminal (mbpoll is in Debian's package of that name):\n")
	fmt.Fprintf(out, "  %s -r 3028 -c 3 %s    # voltages, V\n", poll, host)
	fmt.Fprintf(out, "  %s -r 3060 -c 1 %s    # total active power, W\n", poll, host)
	fmt.Fprintf(out, "  %s -r 2700 -c 2 %s    # energy delivered and received, kWh\n", poll, host)
	_, ion, _ := net.SplitHostPort(listening.of(boot.ION))
	meter := host
	if ion != "7700" {
		meter = net.JoinHostPort(host, ion)
	}
	fmt.Fprintf(out, "  %s read %s    # the same, by the object protocol\n", program("hepsetup"), meter)
	fmt.Fprintf(out, "  %s %s security show %s    # asks for the password\n", program("hepsetup"), loginFlag(security), meter)
	self := program("hepmeter")
	fmt.Fprintf(out, "  %s record --seconds 10 site.cfg && %s measure site.cfg --report site.html\n", self, self)
	fmt.Fprintf(out, "\nCtrl-C stops the meter; what it counted is kept.\n")
}

// securityLine says in what mode the meter is, and how to log in at first.
func securityLine(s *access.Security) string {
	text := s.Mode.String()
	if a, ok := s.Accounts[1]; ok && a.HasPassword() && s.Mode != access.Standard {
		text += "; first login: USER1, password 0 until it is changed"
	}
	if s.Mode == access.Standard {
		text += "; meter password 0 until it is changed"
	}
	return text
}

// loginFlag names the user where the mode wants one.
func loginFlag(s *access.Security) string {
	if s.Mode == access.Advanced || s.Mode == access.LSS {
		return "--user USER1"
	}
	return "--password-file FILE"
}

// program is how a program of this project can be called from where the user is: by its
// name, by its path beside this one, or from the source tree that `go run` runs in.
func program(name string) string {
	if _, err := exec.LookPath(name); err == nil {
		return name
	}
	self, err := os.Executable()
	if err != nil || strings.Contains(self, "go-build") {
		return "go run ./cmd/" + name
	}
	beside := filepath.Join(filepath.Dir(self), name+filepath.Ext(self))
	if _, err := os.Stat(beside); err == nil {
		return beside
	}
	return name
}

func roles(list []waveform.Role) string {
	names := make([]string, len(list))
	for i, r := range list {
		names[i] = r.String()
	}
	return strings.Join(names, " ")
}
