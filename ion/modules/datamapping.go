package modules

import (
	"fmt"
	"slices"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/registermap"
)

// mappedGroups are the groups of the Modbus map in the order of their manager numbers
// from numberDataMapping. Append only: the numbers are part of handles.
func mappedGroups() []string {
	return []string{
		"identity", "clock", "io-status", "alarm-status", "energy-float", "energy-conditional", "current", "unbalance",
		"voltage", "power", "power-factor", "frequency", "energy-int64", "demand", "tariff", "thd", "harmonics",
		"min", "max", "pq-aggregate",
	}
}

// dataMappings are the kinds of Data Mapping: one for each group of the map that has
// sources.
func dataMappings() []ion.Type {
	layout := loadMap()
	var types []ion.Type
	for i, m := range layout.Mappings() {
		t := dataMapping(m, i == 0)
		t.Claims = claimsOf(layout, m.Label, i == 0)
		types = append(types, t)
	}
	return types
}

// claimsOf are the registers of a Data Mapping: those of its rows, and for the first one
// those that no Data Mapping feeds, each while its switch is ON.
func claimsOf(layout *registermap.Map, label string, first bool) func(settings []ion.Value, linked []bool) []ion.Claim {
	runs := [][]ion.Claim{claims(layout.Taken(label))}
	if first {
		runs = append(runs, claims(layout.Taken("")))
	}
	return func(settings []ion.Value, _ []bool) (taken []ion.Claim) {
		for i, on := range settings {
			if on.IsTrue() {
				taken = append(taken, runs[i]...)
			}
		}
		return taken
	}
}

func claims(runs [][2]int) (list []ion.Claim) {
	for _, r := range runs {
		list = append(list, ion.Claim{First: r[0], Last: r[1]})
	}
	return list
}

// Mappings describes the Data Mapping modules and their factory links.
func Mappings() []registermap.Mapping { return loadMap().Mappings() }

func loadMap() *registermap.Map {
	layout, err := registermap.Load()
	if err != nil {
		panic(err) // the map is part of the program
	}
	return layout
}

func dataMapping(m registermap.Mapping, first bool) ion.Type {
	t := ion.Type{
		Number: numberDataMapping + slices.Index(mappedGroups(), m.Group), Name: m.Label, Kind: ion.Core,
		Doc: fmt.Sprintf("What the rows of group %s of the Modbus map and the displays show. Each output passes on what its input "+
			"is linked to, with unit, exact count and time stamp; linked elsewhere, the rows show that from the next second on. "+
			"The factory links every input whose source the model has; a row whose input is not linked reads NOT AVAILABLE.", m.Group),
		Source: "ION Reference (7EN02-0290), Data Mapping module; one kind for each group of docs/register-map.md is ours",
		Setups: []ion.Setup{{Name: registermap.EnableModbus, Class: ion.Boolean, Default: "ON",
			Doc: "OFF: the registers of the group leave the Modbus map and read 0xFFFF; displays are not touched"}},
		New: func() ion.Behaviour { return passage{slots: len(m.Slots)} },
	}
	if first {
		t.Setups = append(t.Setups, ion.Setup{Name: registermap.EnableUnmapped, Class: ion.Boolean, Default: "ON",
			Doc: "OFF: the registers that no Data Mapping feeds, such as Volts Mode, leave the Modbus map and read 0xFFFF"})
	}
	for _, s := range m.Slots {
		class, classes := passed(s.Type)
		t.Inputs = append(t.Inputs, ion.Input{Name: s.Name, Classes: classes, Unlinked: "NOT AVAILABLE"})
		t.Outputs = append(t.Outputs, ion.Output{Name: s.Name, Class: class, Follows: s.Name, Doc: rows(s.Numbers)})
	}
	return t
}

// passed returns the class of the output that feeds a row of the type, and the classes
// that its input takes.
func passed(t registermap.Type) (output ion.Class, inputs []ion.Class) {
	switch t {
	case registermap.UTF8:
		return ion.String, []ion.Class{ion.String, ion.Enumerated}
	case registermap.DATETIME:
		return ion.TimeStamp, []ion.Class{ion.TimeStamp}
	}
	return ion.Numeric, []ion.Class{ion.Numeric, ion.NumericBounded, ion.Boolean}
}

// rows says which registers of the map an output feeds.
func rows(numbers []int) string {
	text := "register"
	if len(numbers) > 1 {
		text += "s"
	}
	for i, n := range numbers {
		if i > 0 {
			text += ","
		}
		text += fmt.Sprintf(" %d", n)
	}
	return text
}

// passage is the behaviour of Data Mapping.
type passage struct{ slots int }

func (m passage) Start(c *ion.Context) { m.Tick(c) }

func (m passage) Tick(c *ion.Context) {
	for i := range m.slots {
		c.Pass(i, i)
	}
}
