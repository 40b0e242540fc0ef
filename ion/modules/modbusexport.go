package modules

import (
	"fmt"
	"strings"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/registermap/device"
	"github.com/hepmeter/hepmeter/wire/modbus"
)

// Inputs of Modbus Export: the sources, then these.
const (
	inExportDevice = masterSlots + iota
	inExportTrigger
)

// setWriteOnChange is the setup register of Modbus Export behind the names of registers.
const setWriteOnChange = masterSlots

// Outputs of Modbus Export.
const (
	outWrites = iota
	outFailedWrites
	outExportStatus
)

func modbusExport() ion.Type {
	t := ion.Type{
		Number: numberModbusExport, Name: "Modbus Export", Kind: ion.Standard,
		Doc: "Writes values to registers of a Modbus device that its map calls writable: all of them at a pulse of Trigger, and with Write On Change each when it changes. " +
			"A write is sent once: one without an answer may have been done, and is not repeated before the next pulse or change. A value that is NOT AVAILABLE, or " +
			"that the register has no room for, is not written. The values at power-up, and when the module is set up, are no change. While Enable is OFF nothing is written, and what changes meanwhile is not written later.",
		Source: "ION Reference (7EN02-0290) names the module and its connections; registers and rules are ours",
		New:    func() ion.Behaviour { return &exporting{} },
	}
	for i := range masterSlots {
		t.Inputs = append(t.Inputs, ion.Input{Name: fmt.Sprintf("Source %d", i+1), Classes: []ion.Class{ion.Numeric, ion.Boolean}, Unlinked: "not written"})
		t.Setups = append(t.Setups, registerName(i, "the register of the device's map that Source %d is written to; empty: none"))
	}
	t.Inputs = append(t.Inputs,
		ion.Input{Name: "Device", Classes: []ion.Class{ion.Boolean}, Of: deviceType, Mandatory: true},
		ion.Input{Name: "Trigger", Classes: []ion.Class{ion.Pulse}, Unlinked: "written on change only"},
		enableInput())
	t.Setups = append(t.Setups, ion.Setup{Name: "Write On Change", Class: ion.Boolean, Default: "OFF", Doc: "a value is written when it changes, at most once a second"})
	t.Outputs = []ion.Output{
		{Name: "Writes", Class: ion.Numeric, Doc: "writes that the device has confirmed, since power-up"},
		{Name: "Failed Writes", Class: ion.Numeric, Doc: "writes that were refused or not answered, and values that could not be written, since power-up"},
		{Name: "Status", Class: ion.String, Doc: "ok, or what is wrong"},
	}
	return t
}

// exporting is the behaviour of Modbus Export.
type exporting struct {
	device          *masterDevice
	slots           [masterSlots]exportSlot
	writes, failed  float64
	misfit, trouble string
	askedS          float64
}

type exportSlot struct {
	register device.Register
	used     bool
	// seen is what the source held at the last turn, due that it is to be written.
	seen ion.Value
	due  bool
}

func (m *exporting) Start(c *ion.Context) {
	*m = exporting{writes: m.writes, failed: m.failed}
	defer m.show(c)
	var ok bool
	if m.device, ok = c.Behind(inExportDevice).(*masterDevice); !ok || m.device.known == nil {
		m.device = nil
		m.misfit = "the device is offline"
		return
	}
	for i := range masterSlots {
		name := strings.TrimSpace(c.SettingText(i))
		if name == "" {
			continue
		}
		s := &m.slots[i]
		switch s.register, s.used = m.device.known.Find(name); {
		case !s.used:
			m.misfit = fmt.Sprintf("Register %d: %s has no %q", i+1, m.device.known.Name, name)
		case !s.register.Writable:
			s.used = false
			m.misfit = fmt.Sprintf("Register %d: %s of %s is not writable", i+1, name, m.device.known.Name)
		}
	}
}

func (m *exporting) Tick(c *ion.Context) {
	all, onChange := c.Pulses(inExportTrigger) > 0, c.Setting(setWriteOnChange) != 0
	for i := range m.slots {
		s := &m.slots[i]
		if !s.used || !c.Linked(i) {
			continue
		}
		v := c.Input(i)
		// A source that had no value at the last turn has begun, and not changed.
		changed := v.Available && s.seen.Available && v.Number != s.seen.Number
		if v.Available {
			s.seen = v
		}
		s.due = (s.due || all || onChange && changed) && v.Available
	}
	m.write(c)
	m.show(c)
}

// Disabled writes nothing, and later nothing of what came meanwhile.
func (m *exporting) Disabled(c *ion.Context) {
	for i := range m.slots {
		m.slots[i].seen, m.slots[i].due = c.Input(i), false
	}
	m.show(c)
}

// write sends the next value that is due.
func (m *exporting) write(c *ion.Context) {
	for i := range m.slots {
		s := &m.slots[i]
		if !s.due || c.Asking() {
			continue
		}
		s.due = false
		pdu := writeRequest(s.register, s.seen.Number)
		if pdu == nil {
			m.fail(c, fmt.Sprintf("%s has no room for %v", s.register.Name, s.seen))
			continue
		}
		m.askedS = c.UptimeS
		c.Ask(m.device.connection, m.device.unit, pdu)
	}
}

// writeRequest is the request that writes x; nil where the register has no room for it.
func writeRequest(r device.Register, x float64) []byte {
	data, ok := r.Encode(nil, x)
	if !ok {
		return nil
	}
	words := make([]uint16, r.Registers)
	for i := range words {
		words[i] = uint16(data[2*i])<<8 | uint16(data[2*i+1])
	}
	return modbus.AppendWriteRequest(nil, r.Address(), words)
}

// Answered notes what became of a write, and sends the next.
func (m *exporting) Answered(c *ion.Context, pdu []byte, err error) {
	switch {
	case err != nil:
		m.device.silent()
		m.fail(c, err.Error())
	case isException(pdu):
		m.device.answered(m.askedS, false)
		m.fail(c, modbus.Exception(pdu[1]).Error())
	case len(pdu) != 5 || modbus.Function(pdu[0]) != modbus.WriteMultipleRegisters:
		m.device.silent()
		m.fail(c, fmt.Sprintf("the answer to a write has %d bytes", len(pdu)))
	default:
		m.device.answered(m.askedS, true)
		m.writes++
		if m.trouble != "" {
			c.Raise(ion.PriorityInformation, "Status", m.trouble, "Status", statusOK)
		}
		m.trouble = ""
	}
	m.write(c)
}

// fail counts a write that was not done; the first is an event.
func (m *exporting) fail(c *ion.Context, why string) {
	m.failed++
	if m.trouble == "" {
		c.Raise(ion.PriorityWarning, "Status", statusOK, "Status", why)
	}
	m.trouble = why
}

func (m *exporting) show(c *ion.Context) {
	c.Set(outWrites, m.writes)
	c.Set(outFailedWrites, m.failed)
	switch {
	case m.misfit != "":
		c.SetText(outExportStatus, m.misfit)
	case m.trouble != "":
		c.SetText(outExportStatus, m.trouble)
	default:
		c.SetText(outExportStatus, statusOK)
	}
}
