package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/boot"
	"github.com/hepmeter/hepmeter/ion/template"
	"github.com/hepmeter/hepmeter/meter"
	modbusserver "github.com/hepmeter/hepmeter/serve/modbus"
	"github.com/hepmeter/hepmeter/store"
	"github.com/hepmeter/hepmeter/waveform"
	"github.com/hepmeter/hepmeter/waveform/open"
)

// runFlags are the flags of `hepmeter run`.
type runFlags struct {
	data, model, serial, source, host, ports, limits, firmware, ready string
	port, lines                                                       []string
	// named tells that the user has named the data directory.
	named bool
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
  hepmeter run --model PM8000 --data ./meter-7 --port modbus=0 --port modbus-rtu-tcp=0 --port ion=0 --port http=0 --port https=0 --port ssh=0 --ready ready.json`,
		Args: exactly(0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.data, "data", "", "data directory (default: a folder named by the model in the user's state directory)")
	flags.StringVar(&f.model, "model", "ION9000", "ION9000, ION9000T, PM8000 or ION7400")
	flags.StringVar(&f.serial, "serial-number", "", "serial number of a fresh meter (default: one is made up)")
	flags.StringVar(&f.source, "source", "synth", "where the samples come from")
	flags.StringVar(&f.host, "host", "127.0.0.1", "address to listen on; 0.0.0.0 lets other machines in")
	flags.StringVar(&f.ports, "ports", "dev", "port set: dev (http 8080, https 8443, modbus 5020, modbus-rtu-tcp 7701, ion 7700, ssh 2222; with --serial ethergate1 7801, ethergate2 7802) or standard (80, 443, 502, 7701, 7700, 22, 7801, 7802, and then as the Ethernet registers say)")
	flags.StringArrayVar(&f.port, "port", nil, "one port as NAME=N, 0 for any free one; may be repeated")
	flags.StringArrayVar(&f.lines, "serial", nil, "a serial port as com1=DEVICE[?baud=N&parity=N|E|O&unit=N&protocol=modbus-rtu|modbus-master|ethergate]; what is left out is as the registers of COM1 say; may be repeated")
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

func run(cmd *cobra.Command, f runFlags) (err error) {
	h, err := newHouse(f, slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil)))
	if err != nil {
		return usageError{err}
	}
	h.flags.named = f.data != ""
	if !h.flags.named {
		if h.flags.data, err = stateDir(h.model.Name); err != nil {
			return err
		}
	}
	source, play, err := open.Spec(f.source, open.Defaults{RateHz: float64(h.model.SamplesPerCycle) * 50, Start: time.Now()})
	if err != nil {
		return err
	}
	samples := boot.NewSamples(source, play.Speed, rand.Uint64())
	defer func() { err = errors.Join(err, samples.Close()) }()
	lock, err := store.Hold(cmd.Context(), h.flags.data, lockPatience)
	if err != nil {
		return err
	}
	defer lock.Close()
	return runOn(cmd, h, samples, lock)
}

// lockPatience is how long a meter that was killed may take to let go of its directory: its
// firmware process ends a moment after its boot stage.
const lockPatience = 3 * time.Second

// newHouse reads what the user asks for.
func newHouse(f runFlags, log *slog.Logger) (*house, error) {
	ports, err := portsOf(f)
	if err != nil {
		return nil, err
	}
	lines, err := linesOf(f)
	if err != nil {
		return nil, err
	}
	connections, err := limits(f.limits)
	if err != nil {
		return nil, err
	}
	model, err := template.Load(f.model)
	if err != nil {
		return nil, err
	}
	if err := checkFirmware(f.firmware, model.Name); err != nil {
		return nil, err
	}
	if err := checkSerial(f.serial); err != nil {
		return nil, err
	}
	return &house{flags: f, model: model, limits: connections, ports: ports, lines: lines, log: log}, nil
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

// greet says what runs and what to try next, in commands that work as pasted.
func (h *house) greet(out io.Writer, m *meter.Meter) {
	f, listening := h.flags, h.sockets
	id, info := m.Identity(), m.Source()
	host, port, _ := net.SplitHostPort(listening.Address(boot.Modbus))
	security := m.Gate().Security()
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	fmt.Fprintf(out, "%s, serial %s, firmware %s\n", id.Model, id.Serial, m.Firmware())
	fmt.Fprintf(out, "  source   %s, %g samples/s: %s\n", f.source, info.RateHz, roles(m.Inputs()))
	fmt.Fprintf(out, "  data     %s\n", f.data)
	fmt.Fprintf(out, "  modbus   %s (map access: %s)\n", listening.Address(boot.Modbus), security.MapAccess)
	fmt.Fprintf(out, "  rtu      %s (Modbus RTU frames over TCP, unit %s)\n", listening.Address(boot.ModbusRTUTCP), security.Setting(modbusserver.UnitRegister))
	for _, line := range f.lines {
		fmt.Fprintf(out, "  serial   %s\n", line)
	}
	for _, e := range etherGates {
		if at := listening.Address(e.service); at != "" {
			fmt.Fprintf(out, "  ethergate %s (to %s, while its Protocol is EtherGate and %s is ON)\n", at, e.port, access.RegisterEtherGate)
		}
	}
	fmt.Fprintf(out, "  ion      %s (object protocol, for hepsetup)\n", listening.Address(boot.ION))
	fmt.Fprintf(out, "  web      %s (%s)\n", pagesAddress(listening, host), security.Setting(access.RegisterWebAccess))
	fmt.Fprintf(out, "  ssh      %s\n", listening.Address(boot.SSH))
	prints := m.Gate().Fingerprints()
	for _, service := range []boot.Service{boot.HTTPS, boot.SSH} {
		if listening.Address(service) != "" {
			fmt.Fprintf(out, "  %-8s %s\n", "  "+service, prints[string(service)])
		}
	}
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
	if h.isGateway(security) {
		poll += " -a 255" // others go downstream
	}
	fmt.Fprintf(out, "\nTry in another terminal (mbpoll is in Debian's package of that name):\n")
	fmt.Fprintf(out, "  %s -r 3028 -c 3 %s    # voltages, V\n", poll, host)
	fmt.Fprintf(out, "  %s -r 3060 -c 1 %s    # total active power, W\n", poll, host)
	fmt.Fprintf(out, "  %s -r 2700 -c 2 %s    # energy delivered and received, kWh\n", poll, host)
	_, ion, _ := net.SplitHostPort(listening.Address(boot.ION))
	meter := host
	if ion != "7700" {
		meter = net.JoinHostPort(host, ion)
	}
	fmt.Fprintf(out, "  %s read %s    # the same, by the object protocol\n", program("hepsetup"), meter)
	fmt.Fprintf(out, "  %s %s security show %s    # asks for the password\n", program("hepsetup"), loginFlag(security), meter)
	_, ssh, _ := net.SplitHostPort(listening.Address(boot.SSH))
	if m.Gate().Security().Generation.Terminal {
		fmt.Fprintf(out, "  ssh -p %s USER1@%s status    # the terminal; without status it has a menu\n", ssh, host)
	}
	self := program("hepmeter")
	fmt.Fprintf(out, "  %s panel%s    # the front panel\n", self, dataFlag(f))
	fmt.Fprintf(out, "  %s    # the web pages, in a browser\n", pagesAddress(listening, host))
	fmt.Fprintf(out, "  %s record --seconds 10 site.cfg && %s measure site.cfg --report site.html\n", self, self)
	fmt.Fprintf(out, "\nCtrl-C stops the meter; what it counted is kept.\n")
}

// pagesAddress is where a browser finds the web pages.
func pagesAddress(listening sockets, host string) string {
	scheme, service := "https", boot.HTTPS
	if listening.Address(boot.HTTPS) == "" {
		scheme, service = "http", boot.HTTP
	}
	_, port, _ := net.SplitHostPort(listening.Address(service))
	return scheme + "://" + net.JoinHostPort(host, port) + "/"
}

// dataFlag names the data directory where the user has named one.
func dataFlag(f runFlags) string {
	if f.named {
		return " --data " + f.data
	}
	return ""
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
