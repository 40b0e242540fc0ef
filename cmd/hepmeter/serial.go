package main

import (
	"cmp"
	"context"
	"fmt"
	"strconv"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/boot"
	"github.com/hepmeter/hepmeter/registermap"
	modbusserver "github.com/hepmeter/hepmeter/serve/modbus"
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

// serialAttendants serve the serial ports that the user has given devices for.
func (h *house) serialAttendants(gate *access.Gate, layout *registermap.Map, tunnel modbusserver.Tunnel) ([]func(context.Context) error, error) {
	var all []func(context.Context) error
	for _, given := range h.lines {
		if gate.Security().Setting(given.Port+"/Protocol") == "" {
			return nil, fmt.Errorf("--serial: %s has no port %s", h.model.Name, given.Port)
		}
		line := modbusserver.Line{
			Name:     given.Port,
			Settings: func() modbusserver.LineSettings { return lineSettings(given, gate.Security()) },
			Open: func(s modbusserver.LineSettings) (modbusserver.SerialPort, error) {
				return boot.OpenSerial(given.Device, s.Baud, s.Framing)
			},
		}
		all = append(all, func(ctx context.Context) error {
			return modbusserver.ServeLine(ctx, gate, layout, line, modbusserver.Options{Tunnel: tunnel}, h.log)
		})
	}
	return all, nil
}

// lineSettings are how a port speaks: as the user has said, and for the rest as its
// registers have it now.
func lineSettings(given boot.SerialLine, security *access.Security) modbusserver.LineSettings {
	register := func(name string) string { return security.Setting(given.Port + "/" + name) }
	number := func(name string) int {
		n, _ := strconv.Atoi(register(name)) // 0 where it is none: no unit, and no speed
		return n
	}
	s := modbusserver.LineSettings{
		Protocol: register("Protocol"),
		Baud:     cmp.Or(given.Baud, number("Baud Rate")),
		Framing:  cmp.Or(given.Framing, register("Parity")),
		Unit:     cmp.Or(given.Unit, number("Unit ID")),
	}
	if given.Protocol == boot.ModbusRTU {
		s.Protocol = modbusserver.LineProtocol
	}
	return s
}
