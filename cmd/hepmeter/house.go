package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/boot"
	"github.com/hepmeter/hepmeter/ion/template"
	"github.com/hepmeter/hepmeter/master"
	"github.com/hepmeter/hepmeter/meter"
	"github.com/hepmeter/hepmeter/registermap"
	"github.com/hepmeter/hepmeter/serve/gateway"
	ionpserver "github.com/hepmeter/hepmeter/serve/ionp"
	modbusserver "github.com/hepmeter/hepmeter/serve/modbus"
	panelserver "github.com/hepmeter/hepmeter/serve/panel"
	sshserver "github.com/hepmeter/hepmeter/serve/ssh"
	syslogsender "github.com/hepmeter/hepmeter/serve/syslog"
	webserver "github.com/hepmeter/hepmeter/serve/web"
	"github.com/hepmeter/hepmeter/waveform"
	"github.com/hepmeter/hepmeter/wire/ionmodbus"
)

// house is what a meter stands in: what the user asked for, and what its boot stage holds
// for it.
type house struct {
	flags   runFlags
	model   template.Model
	limits  access.Limits
	ports   portPlan
	lines   []boot.SerialLine
	sockets sockets
	source  waveform.Source
	speed   float64
	// serving tells the boot stage that the meter serves.
	serving func(boot.Ready) error
	checks  patience
	log     *slog.Logger
}

// sockets are the listening sockets, which the boot stage holds (boot.Sockets, boot.Link).
type sockets interface {
	Listen(ctx context.Context, host string, service boot.Service, port int) (net.Listener, error)
	Again(service boot.Service) (net.Listener, error)
	Address(service boot.Service) string
	Addresses() map[boot.Service]string
}

// door is a server of the meter on a socket of its own.
type door struct {
	service boot.Service
	// register is the Ethernet register of its port.
	register string
	serve    func(context.Context, net.Listener) error
}

// live opens the meter, serves and measures until ctx is done, or somebody has the meter
// start again. started is told once everything serves.
func (h *house) live(ctx context.Context, started func(*meter.Meter)) (again bool, err error) {
	var gate *access.Gate // there is one before anyone asks
	network := newNetwork(func() *access.Security { return gate.Security() })
	defer network.Close()
	m, err := meter.Open(meter.Options{
		Dir: h.flags.data, Model: h.flags.model, Serial: h.flags.serial, Firmware: firmwareVersion, FixFirmware: h.flags.firmware,
		Held: true, Source: h.source, SourceName: h.flags.source, Speed: h.speed, Limits: h.limits, Hashing: h.checks.during, Endpoints: h.endpoints,
		Downstream: network.Statistics, Network: polls{network}, Log: h.log,
	})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	gate = m.Gate()
	layout, err := registermap.Load()
	if err != nil {
		return false, err
	}
	objects := ionpserver.New(gate, ionpserver.Options{Log: h.log})
	tunnel := ionpserver.NewTunnel(objects, ionmodbus.Options{})
	doors, err := h.doors(m, layout, network, objects, tunnel)
	if err != nil {
		return false, err
	}
	pipes := h.pipes(gate)
	serials, err := h.serialAttendants(gate, layout, network, pipes, tunnel)
	if err != nil {
		return false, err
	}
	serving := newServing(ctx, h, gate, append(doors, pipeDoors(pipes)...), append(append(h.attendants(m), tunnel.Run), serials...))
	// Servers stop before the meter, so that writes under way are still carried out.
	defer func() { err = errors.Join(err, serving.stop()) }()
	if err := serving.start(); err != nil {
		return false, err
	}
	if err := h.serving(h.readyOf(m)); err != nil {
		return false, err
	}
	started(m)
	debug.FreeOSMemory() // what the start took and nobody needs: a first one hashes a password, each compresses the pages
	measuring, stopMeasuring := context.WithCancel(context.WithoutCancel(ctx))
	defer stopMeasuring()
	ended := make(chan error, 1)
	go func() { ended <- m.Run(measuring) }()
	select {
	case <-ctx.Done():
	case <-m.Restarting():
		again = true
	case err := <-ended:
		return false, err
	case err := <-serving.failed:
		return false, errors.Join(err, h.end(serving, stopMeasuring, ended))
	}
	return again, h.end(serving, stopMeasuring, ended)
}

// end stops the servers, and then the meter.
func (h *house) end(s *serving, stopMeasuring func(), ended <-chan error) error {
	err := s.stop()
	stopMeasuring()
	return errors.Join(err, <-ended)
}

// doors are the servers of a meter, as its firmware has them: before 3.0.0 there is no
// HTTPS, and of SSH the file transfer only.
func (h *house) doors(m *meter.Meter, layout *registermap.Map, network *master.Network, objects *ionpserver.Server, tunnel *ionpserver.Tunnel) ([]door, error) {
	generation, err := template.GenerationOf(m.Firmware())
	if err != nil {
		return nil, err
	}
	gate := m.Gate()
	through := gateway.New(gate, network, func(port string) string { return h.protocol(gate.Security(), port) })
	names := h.names(m)
	pages := webserver.New(gate, webserver.Options{Names: names, HTTPSPort: h.httpsPort, Log: h.log})
	doors := []door{
		{boot.Modbus, "Ethernet/Modbus TCP Port", modbusserver.New(gate, layout, modbusserver.Options{Gateway: through, Tunnel: tunnel}).Serve},
		{boot.ModbusRTUTCP, "Ethernet/Modbus RTU over TCP Port", modbusserver.NewRTU(gate, layout, modbusserver.Options{Tunnel: tunnel}).Serve},
		{boot.ION, "Ethernet/ION Port", objects.Serve},
		{boot.HTTP, "Ethernet/HTTP Port", pages.ServePlain},
		{boot.SSH, "Ethernet/SSH Port", sshserver.New(gate, sshserver.Options{Log: h.log}).Serve},
	}
	if generation.HTTPS {
		// It is there before anyone asks for its fingerprint.
		if err := m.Certify(names); err != nil {
			return nil, err
		}
		doors = append(doors, door{boot.HTTPS, "Ethernet/HTTPS Port", pages.ServeTLS})
	}
	return doors, nil
}

// attendants are what runs beside the doors: the front panel on a socket that only the
// meter's own user may open, and the sender of events.
func (h *house) attendants(m *meter.Meter) []func(context.Context) error {
	all := []func(context.Context) error{syslogsender.New(m.Gate(), syslogsender.Options{Log: h.log}).Run}
	display, err := panelserver.Listen(filepath.Join(h.flags.data, panelserver.SocketName))
	if err != nil {
		h.log.Error("there is no front panel", "error", err) // a meter without a display still measures
		return all
	}
	panel := panelserver.New(m.Gate(), panelserver.Options{Log: h.log})
	return append(all, func(ctx context.Context) error { return panel.Serve(ctx, display) })
}

// names are the host names and addresses by which clients may know the meter, for its
// certificate.
func (h *house) names(m *meter.Meter) []string {
	id := m.Identity()
	names := []string{"localhost", "127.0.0.1", "::1"}
	add := func(name string) {
		if name = strings.ToLower(name); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if host, err := os.Hostname(); err == nil && domainName.MatchString(host) {
		add(host)
	}
	if own := id.Model + "-" + id.Serial; domainName.MatchString(own) {
		add(own)
	}
	if ip := net.ParseIP(h.flags.host); ip == nil || !ip.IsUnspecified() {
		add(h.flags.host)
		return names
	}
	addresses, _ := net.InterfaceAddrs() // none is known where it fails
	for _, a := range addresses {
		if ip, _, err := net.ParseCIDR(a.String()); err == nil && !ip.IsLinkLocalUnicast() {
			add(ip.String())
		}
	}
	return names
}

// domainName is what a certificate can name.
var domainName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?$`)

// httpsPort is where browsers are sent on to, empty where nothing listens.
func (h *house) httpsPort() string {
	_, port, _ := net.SplitHostPort(h.sockets.Address(boot.HTTPS))
	return port
}

// endpoints are the addresses of the services, by name.
func (h *house) endpoints() map[string]string {
	named := map[string]string{}
	for service, at := range h.sockets.Addresses() {
		named[string(service)] = at
	}
	return named
}

// readyOf is what the meter knows of the ready file.
func (h *house) readyOf(m *meter.Meter) boot.Ready {
	id := m.Identity()
	ready := boot.Ready{Model: id.Model, Serial: id.Serial, Firmware: m.Firmware(), Fingerprints: map[boot.Service]string{}}
	for service, fingerprint := range m.Gate().Fingerprints() {
		if h.sockets.Address(boot.Service(service)) != "" {
			ready.Fingerprints[boot.Service(service)] = fingerprint
		}
	}
	return ready
}

// portPlan tells on which port a service listens.
type portPlan struct {
	boot.Ports
	// registers tells that the Ethernet module's registers decide (--ports standard), but
	// for the services of given, which the user has said himself.
	registers bool
	given     map[boot.Service]bool
}

// portsOf reads --ports and --port.
func portsOf(f runFlags) (portPlan, error) {
	ports, err := boot.PortsByName(f.ports)
	plan := portPlan{Ports: ports, registers: f.ports == "standard", given: map[boot.Service]bool{}}
	for _, assignment := range f.port {
		if err == nil {
			err = ports.Set(assignment)
		}
		plan.given[boot.ServiceOf(assignment)] = true
	}
	return plan, err
}

// of returns the port of a door, as its register has it now.
func (p portPlan) of(d door, gate *access.Gate) int {
	if p.registers && !p.given[d.service] {
		if port, err := strconv.Atoi(gate.Security().Setting(d.register)); err == nil {
			return port
		}
	}
	return p.Ports[d.service]
}
