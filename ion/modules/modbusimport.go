package modules

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/registermap/device"
	"github.com/hepmeter/hepmeter/wire/modbus"
)

// Inputs of Modbus Import.
const (
	inImportDevice = iota
	inImportTrigger
)

// Outputs of Modbus Import: the values, then these.
const (
	outImportAge = masterSlots + iota
	outImportStatus
)

func modbusImport() ion.Type {
	t := ion.Type{
		Number: numberModbusImport, Name: "Modbus Import", Kind: ion.Standard,
		Doc: "Reads registers of a Modbus device: at the Poll Interval of the device, and at every pulse of Trigger. Value n is what the register that " +
			"Register n names held, with the time at which it was answered. It is NOT AVAILABLE when it is older than the Stale Time of the device, when the device itself says that there is no value, " +
			"and until the first answer. A reading that is not over when the next is due is not doubled, and one that fails is not repeated before that. " +
			"While Enable is OFF nothing is read, and values age.",
		Source: "ION Reference (7EN02-0290) names the module and its connections; registers and rules are ours",
		Inputs: []ion.Input{
			{Name: "Device", Classes: []ion.Class{ion.Boolean}, Of: deviceType, Mandatory: true},
			{Name: "Trigger", Classes: []ion.Class{ion.Pulse}, Unlinked: "read at the Poll Interval only"},
			enableInput(),
		},
		New: func() ion.Behaviour { return &importing{} },
	}
	for i := range masterSlots {
		t.Setups = append(t.Setups, registerName(i, "the register of the device's map that Value %d shows; empty: none"))
		t.Outputs = append(t.Outputs, ion.Output{Name: fmt.Sprintf("Value %d", i+1), Class: ion.Numeric, Doc: fmt.Sprintf("what Register %d holds, in the unit of the map", i+1)})
	}
	t.Outputs = append(t.Outputs,
		ion.Output{Name: "Age", Class: ion.Numeric, Unit: "s", Doc: "of the oldest value; NOT AVAILABLE until all were read"},
		ion.Output{Name: "Status", Class: ion.String, Doc: "ok, or what is wrong"})
	return t
}

// registerName is the setup register that names a register of a device.
func registerName(slot int, doc string) ion.Setup {
	return ion.Setup{Name: fmt.Sprintf("Register %d", slot+1), Class: ion.String, MaxLength: registerNameBytes, Doc: fmt.Sprintf(doc, slot+1)}
}

const statusOK = "ok"

// importing is the behaviour of Modbus Import.
type importing struct {
	device *masterDevice
	// slots are those that read something, in the order of the device's registers; blocks
	// are the reads.
	slots  []importSlot
	blocks []importBlock
	// misfit is what is wrong with the setup, trouble what went wrong last.
	misfit, trouble string
	dueS            float64
	wanted          bool // a pulse came that has not begun a reading yet
	next            int  // the block that is being asked, while a question is under way
	askedS          float64
}

type importSlot struct {
	output   int
	register device.Register
	at       device.Place
	value    ion.Value
	// read is set when there was an answer, askedS when it was asked.
	read   bool
	askedS float64
}

type importBlock struct {
	length int
	pdu    []byte
}

func (m *importing) Start(c *ion.Context) {
	*m = importing{dueS: c.UptimeS}
	defer m.show(c)
	var ok bool
	if m.device, ok = c.Behind(inImportDevice).(*masterDevice); !ok || m.device.known == nil {
		m.device = nil
		m.misfit = "the device is offline"
		return
	}
	for i := range masterSlots {
		name := strings.TrimSpace(c.SettingText(i))
		if name == "" {
			continue
		}
		r, known := m.device.known.Find(name)
		if !known {
			m.misfit = fmt.Sprintf("Register %d: %s has no %q", i+1, m.device.known.Name, name)
			continue
		}
		m.slots = append(m.slots, importSlot{output: i, register: r})
	}
	slices.SortStableFunc(m.slots, func(a, b importSlot) int { return device.Before(a.register, b.register) })
	registers := make([]device.Register, len(m.slots))
	for i, s := range m.slots {
		registers[i] = s.register
	}
	blocks, at := m.device.known.Blocks(registers)
	for i := range m.slots {
		m.slots[i].at = at[i]
	}
	for _, b := range blocks {
		function := modbus.ReadHoldingRegisters
		if b.Input {
			function = modbus.ReadInputRegisters
		}
		m.blocks = append(m.blocks, importBlock{b.Length, modbus.AppendReadRequest(nil, function, b.Address, b.Length)})
	}
}

func (m *importing) Tick(c *ion.Context) {
	m.wanted = m.wanted || c.Pulses(inImportTrigger) > 0
	due := m.device != nil && m.device.pollS > 0 && c.UptimeS >= m.dueS
	if len(m.blocks) > 0 && (due || m.wanted) && !c.Asking() {
		m.wanted = false
		if due {
			// In step with the interval, and not what was missed.
			if m.dueS += m.device.pollS; m.dueS <= c.UptimeS {
				m.dueS = c.UptimeS + m.device.pollS
			}
		}
		m.ask(c, 0)
	}
	m.show(c)
}

// Disabled lets the values age.
func (m *importing) Disabled(c *ion.Context) {
	m.wanted = false
	m.show(c)
}

func (m *importing) ask(c *ion.Context, block int) {
	m.next, m.askedS = block, c.UptimeS
	c.Ask(m.device.connection, m.device.unit, m.blocks[block].pdu)
}

// Answered takes the values of a block and asks for the next. Where the device is silent the
// others are not asked for.
func (m *importing) Answered(c *ion.Context, pdu []byte, err error) {
	b := &m.blocks[m.next]
	data, err := readAnswer(pdu, b, err)
	if err != nil && data == nil && !isException(pdu) {
		m.device.silent()
		m.trouble = err.Error()
		return
	}
	m.device.answered(m.askedS, err == nil)
	if m.next == 0 || err != nil {
		m.trouble = ""
	}
	if err != nil {
		m.trouble = err.Error()
	}
	for i := range m.slots {
		s := &m.slots[i]
		if s.at.Block != m.next {
			continue
		}
		s.value, s.read, s.askedS = ion.Value{StampNs: c.Now.UnixNano()}, true, m.askedS
		if err != nil {
			continue // the device says that it has none
		}
		x, count, whole, ok := s.register.Decode(data[s.at.Byte:])
		if !ok {
			continue
		}
		s.value.Available, s.value.Number = true, x
		if whole && strings.HasPrefix(s.register.Unit, "k") {
			s.value.Exact, s.value.Count = true, count
		}
	}
	if m.next+1 < len(m.blocks) {
		m.ask(c, m.next+1)
	}
}

// readAnswer returns the registers in the answer to a read.
func readAnswer(pdu []byte, b *importBlock, err error) ([]byte, error) {
	switch {
	case err != nil:
		return nil, err
	case isException(pdu):
		return nil, fmt.Errorf("register %d: %w", int(binary.BigEndian.Uint16(b.pdu[1:]))+1, modbus.Exception(pdu[1]))
	case len(pdu) != 2+2*b.length || pdu[0] != b.pdu[0] || int(pdu[1]) != 2*b.length:
		return nil, fmt.Errorf("the answer to a read of %d registers has %d bytes", b.length, len(pdu))
	}
	return pdu[2:], nil
}

// isException reports whether an answer is an exception.
func isException(pdu []byte) bool { return len(pdu) == 2 && pdu[0]&0x80 != 0 }

func (m *importing) show(c *ion.Context) {
	age, aged := 0.0, len(m.slots) > 0
	for i := range m.slots {
		s := &m.slots[i]
		old := c.UptimeS - s.askedS
		age, aged = max(age, old), aged && s.read
		if s.read && s.value.Available && !m.device.stale(old) {
			c.SetValue(s.output, s.value)
		} else {
			c.SetNotAvailable(s.output)
		}
	}
	if aged {
		c.Set(outImportAge, age)
	} else {
		c.SetNotAvailable(outImportAge)
	}
	switch {
	case m.misfit != "":
		c.SetText(outImportStatus, m.misfit)
	case m.trouble != "":
		c.SetText(outImportStatus, m.trouble)
	default:
		c.SetText(outImportStatus, statusOK)
	}
}

// OutputUnit is that of the register that an output shows.
func (m *importing) OutputUnit(output int) string {
	if output == outImportAge {
		return "s"
	}
	for _, s := range m.slots {
		if s.output == output {
			return s.register.Unit
		}
	}
	return ""
}
