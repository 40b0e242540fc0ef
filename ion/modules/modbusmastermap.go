package modules

import (
	"fmt"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/registermap/device"
)

const mapType = "Modbus Master Map"

// Setup registers of Modbus Master Map: the lines, then these.
const (
	setMaxRead = mapLines + iota
	setMaxGap
)

func modbusMasterMap() ion.Type {
	t := ion.Type{
		Number: numberModbusMasterMap, Name: mapType, Kind: ion.Standard,
		Doc: "Which registers a type of Modbus device has, where no data file describes it: one line for each, which Modbus Imports and Exports " +
			"then call by its name. The Modbus Master Devices of that type are linked to Registers.",
		Source:  "ION Reference (7EN02-0290) names the module; its form is ours",
		Outputs: []ion.Output{{Name: "Registers", Class: ion.Numeric, Doc: "how many lines describe a register"}},
		New:     func() ion.Behaviour { return &masterMap{} },
	}
	for i := range mapLines {
		t.Setups = append(t.Setups, ion.Setup{Name: fmt.Sprintf("Register %d", i+1), Class: ion.String, MaxLength: device.LineBytes,
			Check: func(text string) error { _, _, err := device.ParseRegister(text); return err },
			Doc: "NAME: NUMBER TYPE [input] [low-first] [writable] [scale X] [offset X] [unit U] [registers N], such as " +
				"kWh import: 3204 INT64 scale 0.001 unit kWh; NUMBER is one-based"})
	}
	t.Setups = append(t.Setups,
		ion.Setup{Name: "Max Read", Class: ion.NumericBounded, Low: 4, High: device.MaxRead, Whole: true, Default: fmt.Sprint(device.MaxRead),
			Doc: "how many registers the device gives in one answer"},
		ion.Setup{Name: "Max Gap", Class: ion.NumericBounded, Low: 0, High: 100, Whole: true, Default: "0",
			Doc: "how many registers that nobody asks for may be read between two that are"})
	return t
}

// masterMap is the behaviour of Modbus Master Map.
type masterMap struct{ described device.Type }

func (*masterMap) Check(settings []ion.Value, _ []bool) error {
	_, err := describedBy(settings)
	return err
}

func describedBy(settings []ion.Value) (device.Type, error) {
	t := device.Type{MaxRead: int(settings[setMaxRead].Number), MaxGap: int(settings[setMaxGap].Number)}
	for i := range mapLines {
		r, ok, err := device.ParseRegister(settings[i].Text)
		if err != nil {
			return t, fmt.Errorf("in Register %d: %w", i+1, err)
		}
		if _, twice := t.Find(r.Name); ok && twice {
			return t, fmt.Errorf("the register %q is there twice", r.Name)
		}
		if ok {
			t.Registers = append(t.Registers, r)
		}
	}
	return t, nil
}

func (m *masterMap) Start(c *ion.Context) {
	settings := make([]ion.Value, setMaxGap+1)
	for i := range settings {
		settings[i] = ion.Value{Number: c.Setting(i), Text: c.SettingText(i)}
	}
	m.described, _ = describedBy(settings) // Check has found nothing wrong
	m.described.Name = c.Label()
	m.Tick(c)
}

func (m *masterMap) Tick(c *ion.Context) { c.Set(0, float64(len(m.described.Registers))) }
