package modules

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/registermap"
)

// Setup registers of Modbus Slave.
const (
	setSlaveFormat = iota
	setSlaveBase
	setSlaveScaling
	setInZero
	setInFull
	setOutZero
	setOutFull
)

// outSlaveEnd is the output behind the values.
const outSlaveEnd = registermap.SlaveSlots

func modbusSlave() ion.Type {
	formats := registermap.Formats()
	var names []string
	for _, f := range formats {
		names = append(names, f.Name)
	}
	bound := func(name, value, doc string) ion.Setup {
		return ion.Setup{Name: name, Class: ion.NumericBounded, Low: -maxSlaveValue, High: maxSlaveValue, Default: value, Doc: doc}
	}
	t := ion.Type{
		Number: numberModbusSlave, Name: registermap.SlaveType, Kind: ion.Standard,
		Doc: "Serves up to 16 values in the Modbus map, from Base Address on, in one Format. Registers belong to input slots: a slot keeps its registers " +
			"when it is linked elsewhere, and one without a link below others reads NOT AVAILABLE, as does a source that is. A value beyond the Format reads its nearest. " +
			"With Scaling it is Out Zero + (value - In Zero) · (Out Full - Out Zero) / (In Full - In Zero). " +
			"packed Boolean serves two registers: which sources have a value, and which are ON, Source 1 in bit 0. " +
			"unsigned 16-bit input serves 16 registers that clients write instead of showing sources; they are kept through a power cut. " +
			"Registers that another module or a row of docs/register-map.md has are refused, unless the Data Mapping of that row has Enable Modbus OFF.",
		Source: "ION Reference (7EN02-0290), Modbus Slave module; ION7500 manual, page 70; the input mode after the ION8000; patterns of NOT AVAILABLE as in the map",
		Setups: []ion.Setup{
			enumerated(registermap.SlaveFormat, formats[0].Name, "how a value is laid out; high register first", names...),
			{Name: registermap.SlaveBase, Class: ion.NumericBounded, Low: 0, High: 65_536, Whole: true, Default: "0",
				Doc: "number of the first register, as in docs/register-map.md: the address in a request is one less; 0: none"},
			{Name: "Scaling", Class: ion.Boolean, Default: "OFF", Doc: "values are scaled; packed Booleans and inputs are not"},
			bound("In Zero", "0", "value that reads Out Zero"), bound("In Full", "1", "value that reads Out Full"),
			bound("Out Zero", "0", "what In Zero reads"), bound("Out Full", "1", "what In Full reads"),
		},
		Claims: func(settings []ion.Value, linked []bool) []ion.Claim {
			first, last := slaveSpan(formats, settings, linked)
			if last == 0 {
				return nil
			}
			return []ion.Claim{{First: first, Last: last}}
		},
		New: func() ion.Behaviour { return &slave{formats: formats} },
	}
	for i := range registermap.SlaveSlots {
		t.Inputs = append(t.Inputs, ion.Input{Name: fmt.Sprintf("Source %d", i+1), Classes: []ion.Class{ion.Numeric, ion.Boolean}, Unlinked: "NOT AVAILABLE"})
		t.Outputs = append(t.Outputs, ion.Output{Name: registermap.SlaveRegister(i + 1), Class: ion.Numeric,
			Doc: fmt.Sprintf("what is served for Source %d, or what a client wrote; of packed Booleans the two registers", i+1)})
	}
	t.Outputs = append(t.Outputs, ion.Output{Name: registermap.SlaveEnd, Class: ion.Numeric, Doc: "number of the last register that is served"})
	return t
}

// slaveSpan are the numbers that a module serves; last is 0 where it serves none.
func slaveSpan(formats []registermap.Format, settings []ion.Value, linked []bool) (first, last int) {
	format := formats[int(settings[setSlaveFormat].Number)]
	slots := registermap.SlaveSlots
	if !format.Written {
		for slots > 0 && !linked[slots-1] {
			slots--
		}
	}
	if first = int(settings[setSlaveBase].Number); first == 0 || slots == 0 {
		return 0, 0
	}
	return first, format.Last(first, slots)
}

// slave is the behaviour of Modbus Slave.
type slave struct {
	formats []registermap.Format
	format  registermap.Format
	last    int
	// written is what clients wrote.
	written [registermap.SlaveSlots]ion.Value
}

func (m *slave) Check(settings []ion.Value, linked []bool) error {
	format := m.formats[int(settings[setSlaveFormat].Number)]
	_, last := slaveSpan(m.formats, settings, linked)
	switch {
	case settings[setSlaveBase].Number == 0:
		return errors.New("no Base Address is set")
	case !format.Written && !slices.Contains(linked, true):
		return errors.New("none of the inputs Source 1 … Source 16 is linked")
	case last > 65_536:
		return fmt.Errorf("its last register %d is above 65536", last)
	case settings[setSlaveScaling].IsTrue() && settings[setInZero].Number == settings[setInFull].Number:
		return errors.New("with Scaling, In Zero and In Full must differ")
	}
	return nil
}

func (m *slave) Start(c *ion.Context) {
	settings, linked := make([]ion.Value, setOutFull+1), make([]bool, registermap.SlaveSlots)
	for i := range settings {
		settings[i].Number = c.Setting(i)
	}
	for i := range linked {
		linked[i] = c.Linked(i)
	}
	m.format = m.formats[int(c.Setting(setSlaveFormat))]
	_, m.last = slaveSpan(m.formats, settings, linked)
	m.Tick(c)
}

func (m *slave) Tick(c *ion.Context) {
	c.Set(outSlaveEnd, float64(m.last))
	switch {
	case m.format.Packed:
		valid, on := 0, 0
		for i := range registermap.SlaveSlots {
			v := c.Input(i)
			if v.Available {
				valid |= 1 << i
			}
			if v.IsTrue() {
				on |= 1 << i
			}
		}
		c.Set(0, float64(valid))
		c.Set(1, float64(on))
	case m.format.Written:
		for i := range registermap.SlaveSlots {
			c.SetValue(i, m.written[i])
		}
	default:
		for i := range registermap.SlaveSlots {
			v := c.Input(i)
			if !v.Available {
				c.SetNotAvailable(i)
				continue
			}
			c.SetAt(i, m.served(c, v.Number), v.StampNs)
		}
	}
}

// served is what a value reads.
func (m *slave) served(c *ion.Context, x float64) float64 {
	if c.Setting(setSlaveScaling) != 0 {
		zero, full := c.Setting(setOutZero), c.Setting(setOutFull)
		x = zero + (x-c.Setting(setInZero))*(full-zero)/(c.Setting(setInFull)-c.Setting(setInZero))
	}
	if m.format.Type.Whole() {
		x = math.Round(x)
	}
	low, high, _ := m.format.Type.Bounds()
	return min(max(x, low), high)
}

// Refuses tells what is not written.
func (m *slave) Refuses(output int, v ion.Value) error {
	low, high, _ := registermap.UINT16.Bounds()
	switch {
	case !m.format.Written || output >= registermap.SlaveSlots:
		return fmt.Errorf("this is not written: the Format of the module is %s", m.format.Name)
	case !v.Available:
		return errNoValue
	case v.Number != math.Trunc(v.Number) || v.Number < low || v.Number > high:
		return fmt.Errorf("%g is no whole number from %g to %g", v.Number, low, high)
	}
	return nil
}

// Command takes what a client writes to a register.
func (m *slave) Command(c *ion.Context, output int, v ion.Value) error {
	if err := m.Refuses(output, v); err != nil {
		return err
	}
	m.written[output] = ion.Value{Available: true, Number: v.Number, StampNs: c.Now.UnixNano()}
	c.SetValue(output, m.written[output])
	c.Changed()
	return nil
}

const slaveVersion = 1

func (m *slave) Keep(e *ion.Encoder) {
	e.Uint(slaveVersion)
	for _, v := range m.written {
		e.Bool(v.Available)
		e.Float(v.Number)
		e.Int(v.StampNs)
	}
}

func (m *slave) Restore(d *ion.Decoder) {
	d.Version(slaveVersion)
	for i := range m.written {
		m.written[i] = ion.Value{Available: d.Bool(), Number: d.Float(), StampNs: d.Int()}
	}
}
