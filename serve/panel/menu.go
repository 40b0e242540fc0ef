package panel

import (
	"context"
	"fmt"

	"github.com/hepmeter/hepmeter/access"
	wire "github.com/hepmeter/hepmeter/wire/panel"
)

// menu is a list of items, of which one is chosen.
type menu struct {
	title string
	items func(d *display, r *reading) []item
	at    int
}

// item is a line of a menu.
type item struct {
	label, value string
	// urgent items should be seen.
	urgent bool
	enter  func(context.Context)
}

func (m *menu) draw(d *display, r *reading, rows int) (string, []wire.Line, string) {
	items := m.items(d, r)
	m.at = min(m.at, max(0, len(items)-1))
	first := min(max(0, m.at-rows+1), max(0, len(items)-rows))
	var lines []wire.Line
	for i, each := range items[first:min(len(items), first+rows)] {
		mark, style := "  ", wire.Plain
		if each.urgent {
			style = wire.Alarm
		}
		if first+i == m.at {
			mark, style = "> ", wire.Selected
		}
		lines = append(lines, wire.Line{{Text: ends(mark+each.label, each.value+" ", min(d.columns, 60)), Style: style}})
	}
	return m.title, lines, "up, down: choose   enter: go   esc: back"
}

func (m *menu) press(ctx context.Context, d *display, key wire.Key) {
	items := m.items(d, d.read())
	switch key {
	case wire.Up:
		m.at = max(0, m.at-1)
	case wire.Down:
		m.at = min(m.at+1, len(items)-1)
	case wire.Enter, wire.Right:
		if m.at < len(items) {
			items[m.at].enter(ctx)
		}
	case wire.Escape, wire.Left:
		d.close(m)
	}
}

// opens is an item that opens a menu of setup registers, which is closed while Front Panel
// Programming is off.
func (d *display) opens(label, title string, items func(*display, *reading) []item) item {
	return d.programs(item{label: label, enter: func(context.Context) { d.push(&menu{title: title, items: items}) }}, access.WriteSetup)
}

// programs closes an item of setup while Front Panel Programming is off.
func (d *display) programs(i item, op access.Operation) item {
	refusal := d.gate.Security().Decide(access.Request{Path: access.FrontPanel, Credential: access.NamedUser, Account: 1, Operation: op})
	if refusal != nil && refusal.Code == access.CodeSetupClosed {
		i.value = "switched off"
		i.enter = func(context.Context) { d.say(i.label, refusal) }
	}
	return i
}

// sets is an item of one or two setup registers, which change together.
func (d *display) sets(r *reading, label string, registers ...string) item {
	value := ""
	for i, register := range registers {
		if i > 0 {
			value += " : "
		}
		value += setting(r.value(register))
	}
	return item{label: label, value: value, enter: d.authorised(func(context.Context) { d.edit(label, registers) })}
}

// setupMenu is the first menu.
func setupMenu() *menu {
	return &menu{title: "SETUP", items: func(d *display, r *reading) []item {
		items := d.pending()
		items = append(items,
			d.opens("Basic Setup", "BASIC SETUP", basicSetup),
			d.opens("Clock", "CLOCK", clockSetup),
			item{label: "Demand Reset", enter: d.authorised(func(context.Context) { d.resetDemand() })},
			d.opens("Communications", "COMMUNICATIONS", communications),
			d.opens("Display", "DISPLAY", displaySetup))
		if d.gate.Security().Generation.PanelPassword { // F18: gone in 3.0.0
			items = append(items, item{label: "Password Setup", enter: d.passwordSetup})
		}
		return items
	}}
}

func basicSetup(d *display, r *reading) []item {
	return []item{
		d.sets(r, "Volts Mode", "Power Meter/Volts Mode"),
		d.sets(r, "PT Ratio", "Power Meter/PT Prim", "Power Meter/PT Sec"),
		d.sets(r, "CT Ratio", "Power Meter/CT Prim", "Power Meter/CT Sec"),
		d.sets(r, "V4 Ratio", "Power Meter/V4 Prim", "Power Meter/V4 Sec"),
		d.sets(r, "I4 Ratio", "Power Meter/I4 Prim", "Power Meter/I4 Sec"),
		d.sets(r, "I5 Ratio", "Power Meter/I5 Prim", "Power Meter/I5 Sec"),
		d.sets(r, "Phase Order", "Power Meter/Ph Order"),
		d.sets(r, "Nominal Frequency", "Factory/Nominal Frequency"),
		d.sets(r, "Nominal Voltage", "Factory/Nominal Voltage"),
		d.sets(r, "Nominal Current", "Factory/Nominal Current"),
	}
}

func clockSetup(d *display, r *reading) []item {
	now := absent
	if !r.at.IsZero() {
		now = r.day(r.at) + " " + r.clock(r.at)
	}
	return []item{
		{label: "Set Clock (UTC)", value: now, enter: d.authorised(func(context.Context) { d.setClock() })},
		d.sets(r, "TZ Offset (s)", "Clock/TZ Offset"),
		d.sets(r, "DST Offset (s)", "Clock/DST Offset"),
	}
}

func communications(d *display, r *reading) []item {
	var items []item
	for _, port := range []string{"COM1", "COM2", "COM3", "COM4"} {
		if r.value(port+"/Protocol").Kind != access.KindNone {
			items = append(items, d.opens(port, port, serial(port)))
		}
	}
	return append(items, d.opens("Ethernet", "ETHERNET", services))
}

// serial is the menu of a serial port.
func serial(port string) func(*display, *reading) []item {
	return func(d *display, r *reading) []item {
		return []item{
			d.sets(r, "Protocol", port+"/Protocol"),
			d.sets(r, "Baud Rate", port+"/Baud Rate"),
			d.sets(r, "Parity", port+"/Parity"),
			d.sets(r, "Unit ID", port+"/Unit ID"),
		}
	}
}

// services is the menu of what is offered on the network.
func services(d *display, r *reading) []item {
	var items []item
	for _, register := range []string{"Web Access", "Enable ION", "Enable Modbus TCP", "Enable Modbus RTU over TCP", "Enable SSH", "Enable SFTP", "Enable Syslog"} {
		if label := "Ethernet/" + register; r.value(label).Kind != access.KindNone {
			items = append(items, d.sets(r, register, label))
		}
	}
	return items
}

// displaySetup has not Front Panel Programming: nobody locks himself out from here
// (security.md 5.3).
func displaySetup(d *display, r *reading) []item {
	var items []item
	for _, register := range []string{"Update Rate", "Date Format", "Digit Group", "Volts Digits", "Current Digits", "Power Digits", "Contrast", "Backlight Timeout"} {
		items = append(items, d.sets(r, register, "Display Options/"+register))
	}
	return items
}

// pending are the items for changes that return unless they are confirmed.
func (d *display) pending() []item {
	s, ok := d.actor()
	if !ok {
		s = d.root
	}
	until, what, ok := s.Pending()
	if !ok {
		return nil
	}
	left := max(0, until.Sub(d.now())).Round(1e9)
	return []item{
		{label: "CONFIRM CHANGES", value: fmt.Sprintf("%d:%02d left", int(left.Minutes()), int(left.Seconds())%60), urgent: true, enter: d.authorised(func(ctx context.Context) {
			s, _ := d.actor()
			d.busy()
			d.outcome("CONFIRM CHANGES", "CONFIRMED: "+what, s.ConfirmProvisional(ctx))
		})},
		{label: "TAKE THEM BACK", value: what, enter: d.authorised(func(ctx context.Context) {
			s, _ := d.actor()
			d.busy()
			d.outcome("TAKE THEM BACK", "TAKEN BACK", s.CancelProvisional(ctx))
		})},
	}
}
