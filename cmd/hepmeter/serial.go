package main

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/boot"
	"github.com/hepmeter/hepmeter/master"
	"github.com/hepmeter/hepmeter/registermap"
	"github.com/hepmeter/hepmeter/serve/ethergate"
	modbusserver "github.com/hepmeter/hepmeter/serve/modbus"
	"github.com/hepmeter/hepmeter/serve/serial"
	"github.com/hepmeter/hepmeter/wire/routing"
)

// linesOf reads --serial.
func linesOf(f runFlags) ([]boot.SerialLine, error) {
	var lines []boot.SerialLine
	for _, assignment := range f.lines {
		line, err := boot.ParseSerial(assignment)
		if err != nil {
			return nil, fmt.Errorf("--serial: %w", err)
		}
		for _, other := range lines {
			if other.Port == line.Port {
				return nil, fmt.Errorf("--serial %s: %s is given twice", assignment, line.Port)
			}
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// etherGates are the serial ports that have an EtherGate, with its service and the register
// of its TCP port.
var etherGates = []struct {
	port     string
	service  boot.Service
	register string
}{
	{"COM1", boot.EtherGate1, "Ethernet/EtherGate COM1 Port"},
	{"COM4", boot.EtherGate2, "Ethernet/EtherGate COM4 Port"},
}

// pipes are the EtherGates of the serial ports that the user has given devices for, by port.
func (h *house) pipes(gate *access.Gate) map[string]*ethergate.Pipe {
	pipes := map[string]*ethergate.Pipe{}
	for _, given := range h.lines {
		for _, e := range etherGates {
			if e.port == given.Port {
				pipes[e.port] = ethergate.New(gate, e.port, ethergate.Options{})
			}
		}
	}
	return pipes
}

// pipeDoors are the ends of pipes at the network.
func pipeDoors(pipes map[string]*ethergate.Pipe) (doors []door) {
	for _, e := range etherGates {
		if pipe := pipes[e.port]; pipe != nil {
			doors = append(doors, door{e.service, e.register, pipe.Serve})
		}
	}
	return doors
}

// serialAttendants serve the serial ports that the user has given devices for.
func (h *house) serialAttendants(gate *access.Gate, layout *registermap.Map, network *master.Network, pipes map[string]*ethergate.Pipe, tunnel modbusserver.Tunnel) ([]func(context.Context) error, error) {
	var all []func(context.Context) error
	for _, given := range h.lines {
		if gate.Security().Setting(given.Port+"/Protocol") == "" {
			return nil, fmt.Errorf("--serial: %s has no port %s", h.model.Name, given.Port)
		}
		line := serial.Line{
			Name:     given.Port,
			Settings: func() serial.Settings { return lineSettings(given, gate.Security()) },
			Open: func(s serial.Settings) (serial.Port, error) {
				return boot.OpenSerial(given.Device, s.Baud, s.Framing)
			},
		}
		bus := network.Line(given.Port)
		servers := map[string]serial.Server{
			routing.MasterProtocol: func(ctx context.Context, port serial.Port, opened serial.Settings) error {
				return bus.ServeLine(ctx, port, opened.Baud)
			},
			modbusserver.LineProtocol: modbusserver.NewLine(gate, layout, line, modbusserver.Options{Tunnel: tunnel}),
		}
		if pipe := pipes[given.Port]; pipe != nil {
			servers[ethergate.LineProtocol] = pipe.ServeLine
		}
		all = append(all, func(ctx context.Context) error { return serial.Serve(ctx, line, servers, h.log) })
	}
	return all, nil
}

// lineSettings are how a port speaks: as the user has said, and for the rest as its
// registers have it now.
func lineSettings(given boot.SerialLine, security *access.Security) serial.Settings {
	register := func(name string) string { return security.Setting(given.Port + "/" + name) }
	number := func(name string) int {
		n, _ := strconv.Atoi(register(name)) // 0 where it is none: no unit, and no speed
		return n
	}
	seconds := func(name string) time.Duration {
		s, _ := strconv.ParseFloat(register(name), 64) // 0 where it is none
		return time.Duration(s * float64(time.Second))
	}
	return serial.Settings{
		Protocol: cmp.Or(given.Protocol, register("Protocol")),
		Baud:     cmp.Or(given.Baud, number("Baud Rate")),
		Framing:  cmp.Or(given.Framing, register("Parity")),
		Handshake: serial.Handshake{
			On:        register("Hardware Handshake") == "ON",
			Delay:     seconds("RTS Delay"),
			ActiveLow: register("RTS/CTS Level") == "active low",
		},
		Unit:          cmp.Or(given.Unit, number("Unit ID")),
		ResponseDelay: seconds("Response Delay"),
	}
}
