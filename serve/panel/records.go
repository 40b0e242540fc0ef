package panel

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/access"
	wire "github.com/hepmeter/hepmeter/wire/panel"
)

// events are the entries of the event log, the newest first.
func events(r *reading, columns, rows, at int) ([]wire.Line, int) {
	if r.events == nil {
		return []wire.Line{plain(" " + absent)}, 0
	}
	list, kept, err := r.events(at, max(1, (rows-1)/2))
	if err != nil {
		return reasons(err, columns), 0
	}
	if kept == 0 {
		return []wire.Line{plain(" the log is empty")}, 0
	}
	lines := []wire.Line{{{Text: fmt.Sprintf(" %d of %d, newest first; times in UTC", min(at, kept-1)+1, kept), Style: wire.Dim}}}
	for _, e := range list {
		style := wire.Plain
		if e.Priority >= 128 { // medium and high alarms
			style = wire.Alarm
		}
		head := fmt.Sprintf("%s %s %3d", r.day(e.Time), r.clock(e.Time), e.Priority)
		cause, effect := told(e.Cause, e.CauseValue), "> "+told(e.Effect, e.EffectValue)
		details := []string{cause + " " + effect}
		if columns < widthOfEvents {
			details = []string{e.User, cause, effect}
		} else if e.User != "" {
			head += " " + e.User
		}
		lines = append(lines, wire.Line{{Text: head, Style: style}})
		for _, text := range details {
			for _, part := range wrapped(text, columns-2) {
				lines = append(lines, plain("  "+part))
			}
		}
	}
	lines = lines[:min(len(lines), rows)]
	return lines, kept - 1
}

// widthOfEvents is the room that an event needs to be told in two lines.
const widthOfEvents = 68

// told is one side of an event.
func told(what, value string) string { return strings.TrimSpace(what + " " + value) }

// fact is a line of a plate.
func fact(name, value string, columns int) []wire.Line {
	const room = 11
	if strings.TrimSpace(value) == "" {
		value = absent
	}
	var lines []wire.Line
	for i, part := range wrapped(value, columns-room-2) {
		if i > 0 {
			name = ""
		}
		lines = append(lines, plain(fmt.Sprintf(" %-*s%s", room, name, part)))
	}
	return lines
}

// nameplate tells what the meter is and whose.
func nameplate(r *reading, columns int) []wire.Line {
	if r.info == nil {
		return []wire.Line{plain(" " + absent)}
	}
	info, err := r.info()
	if err != nil {
		return reasons(err, columns)
	}
	var lines []wire.Line
	for _, f := range [][2]string{
		{"Model", info.Model}, {"Serial", info.Serial}, {"Firmware", info.Firmware},
		{"Device", info.DeviceName}, {"Owner", info.Owner}, {"Tag 1", info.Tag1}, {"Tag 2", info.Tag2},
		{"Program", info.Template}, {"Source", info.Source}, {"Modules", fmt.Sprint(info.Modules)},
		{"Power-ups", fmt.Sprint(info.PowerUps)}, {"Uptime", info.Uptime.Truncate(time.Second).String()},
		{"UTC", r.day(info.Time) + " " + r.clock(info.Time)},
	} {
		lines = append(lines, fact(f[0], f[1], columns)...)
	}
	return lines
}

// network tells where the services listen, which are on, and what the meter proves itself
// with.
func network(r *reading, columns int) []wire.Line {
	if r.info == nil || r.certificates == nil {
		return []wire.Line{plain(" " + absent)}
	}
	info, err := r.info()
	if err != nil {
		return reasons(err, columns)
	}
	var lines []wire.Line
	for _, service := range slices.Sorted(maps.Keys(info.Endpoints)) {
		lines = append(lines, fact(service, info.Endpoints[service], columns)...)
	}
	for _, service := range []string{"ION", "Modbus TCP", "Modbus RTU over TCP", "SSH", "SFTP", "Syslog"} {
		if v := r.value("Ethernet/Enable " + service); v.Kind != access.KindNone {
			lines = append(lines, plain(fmt.Sprintf(" %-20s%s", service, state(v))))
		}
	}
	if v := r.value("Ethernet/Web Access"); v.Kind != access.KindNone {
		lines = append(lines, fact("Web", state(v), columns)...)
	}
	list, err := r.certificates()
	if err != nil {
		return append(lines, reasons(err, columns)...)
	}
	lines = append(lines, plain(" fingerprints"))
	for _, c := range list {
		lines = append(lines, fact(c.Use, c.Fingerprint, columns)...)
	}
	return lines
}

// state writes a register that is on, off, or one of some names.
func state(v access.Value) string {
	switch {
	case !v.Available:
		return absent
	case v.Kind != access.KindBoolean:
		return v.Text
	case v.Number != 0:
		return "ON"
	}
	return "OFF"
}

// reasons tells why there is nothing to see.
func reasons(err error, columns int) []wire.Line {
	text, remedy := explained(err)
	lines := []wire.Line{}
	for _, part := range wrapped(text, columns-2) {
		lines = append(lines, wire.Line{{Text: " " + part, Style: wire.Alarm}})
	}
	for _, part := range wrapped(remedy, columns-2) {
		lines = append(lines, plain(" "+part))
	}
	return lines
}
