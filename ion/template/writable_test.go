package template

import (
	"slices"
	"testing"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/registermap"
)

// Every row of the Modbus map that can be written has its register on every factory meter,
// and that can be written as the row says.
func TestEveryWritableRowHasItsRegister(t *testing.T) {
	layout, err := registermap.Load()
	if err != nil {
		t.Fatal(err)
	}
	names, err := Names()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			node := factory(t, name)
			written := 0
			for _, row := range layout.Rows {
				if !row.Writable() {
					continue
				}
				written++
				label := row.Target
				index, ok := node.Find(label)
				if !ok {
					t.Errorf("register %d: there is no %s", row.Number, label)
					continue
				}
				register := node.Directory().Registers[index]
				command := func(v ion.Value) {
					if err := node.Command(label, v, ion.By{}, start); err != nil {
						t.Errorf("register %d: %v", row.Number, err)
					}
				}
				switch row.Write {
				case registermap.WriteSetup:
					values := append(slices.Clone(row.Enum), "1")
					for _, value := range values {
						if err := node.Check([]ion.Change{ion.Set{Register: label, Value: value}}); err != nil {
							t.Errorf("register %d: %v", row.Number, err)
						}
					}
				case registermap.WriteNumber:
					command(ion.Value{Class: ion.Numeric, Available: true, Number: 1})
				case registermap.WriteSwitch:
					command(ion.Value{Class: ion.Boolean, Available: true, Number: 1})
				case registermap.WritePulse:
					command(ion.Value{Class: ion.Pulse})
				case registermap.WriteClock:
					if label != "Clock/Universal Time" || register.Class != ion.TimeStamp {
						t.Errorf("register %d sets %s, which is no clock", row.Number, label)
					}
				}
			}
			if written != 33 {
				t.Errorf("%d rows can be written, want 54395 and the 32 of ours", written)
			}
		})
	}
}

// The numbers 1 to 8 of the external modules are the map's.
func TestExternalModulesHaveTheirNumbers(t *testing.T) {
	for _, m := range factory(t, "PM8000").Directory().Modules {
		switch m.Type.Name {
		case "External Numeric", "External Boolean", "External Pulse":
			if n := m.Handle.Number(); n <= 8 && m.Label != m.Type.Name+" "+string(rune('0'+n)) {
				t.Errorf("%s %d is called %s", m.Type.Name, n, m.Label)
			}
		}
	}
}
