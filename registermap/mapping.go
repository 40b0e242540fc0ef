package registermap

import "strings"

// Mapping is one Data Mapping module of the meter: it stands between the modules that
// measure and the rows of one group, so that linking its inputs elsewhere changes what
// the rows and the displays show.
type Mapping struct {
	// Label is the label of the module and the name of its type, Group the group.
	Label, Group string
	// Slots are the distinct sources of the group's rows, in the order of the rows.
	Slots []Slot
}

// Slot is one input of a Data Mapping module and the output that passes it on.
type Slot struct {
	// Name is the name of the input and of the output.
	Name string
	// Source is the register that the factory links it to.
	Source string
	// Type is the type of the first row that it feeds.
	Type Type
	// Numbers are the numbers of the rows that it feeds.
	Numbers []int
}

// Registers of every Data Mapping module besides its outputs.
const (
	// EnableModbus takes the group out of the Modbus map while it is OFF.
	EnableModbus = "Enable Modbus"
	// EnableUnmapped is a register of the first group's module: it takes every row out
	// of the Modbus map that no Data Mapping module feeds.
	EnableUnmapped = "Enable Unmapped Registers"
)

// mappingLabel is the label of the module that feeds a group.
func mappingLabel(group string) string { return "Data Mapping " + group }

// assignMappings says for each row which module it belongs to and from which registers
// a server reads it.
func assignMappings(rows []Row) {
	fed := map[string]bool{}
	for _, r := range rows {
		fed[r.Group] = fed[r.Group] || !r.Writable() && len(r.Sources) > 0
	}
	for i := range rows {
		r := &rows[i]
		if !r.Writable() && fed[r.Group] {
			r.Mapping = mappingLabel(r.Group)
		}
		for k := range r.Sources {
			t := &r.Sources[k]
			t.From = t.Label
			if r.Mapping != "" {
				t.From = r.Mapping + "/" + slotName(t.Label)
			}
		}
	}
}

// Mappings returns the Data Mapping modules that the map needs, in the order of their
// first row.
func (m *Map) Mappings() []Mapping {
	var list []Mapping
	position := map[string]int{} // of a module in list
	slot := map[string]int{}     // of a From in its module's slots
	for _, r := range m.Rows {
		if r.Mapping == "" {
			continue
		}
		at, known := position[r.Mapping]
		if !known {
			at = len(list)
			position[r.Mapping] = at
			list = append(list, Mapping{Label: r.Mapping, Group: r.Group})
		}
		for _, t := range r.Sources {
			k, known := slot[t.From]
			if !known {
				k = len(list[at].Slots)
				slot[t.From] = k
				list[at].Slots = append(list[at].Slots, Slot{Name: slotName(t.Label), Source: t.Label, Type: r.Type})
			}
			s := &list[at].Slots[k]
			s.Numbers = append(s.Numbers, r.Number)
		}
	}
	return list
}

// Taken are the runs of numbers that the rows of a Data Mapping module take, or of those that
// have none, for an empty label: first and last.
func (m *Map) Taken(mapping string) (runs [][2]int) {
	for _, r := range m.Rows {
		first, last := r.Number, r.Number+r.Registers-1
		switch n := len(runs); {
		case r.Mapping != mapping:
		case n > 0 && runs[n-1][1] == first-1:
			runs[n-1][1] = last
		default:
			runs = append(runs, [2]int{first, last})
		}
	}
	return runs
}

// slotName names the slot of a source after what tells it from others: the register of
// a core module, the module where the register is its result, else both. It depends on
// the source alone, so that a name stays when the map grows.
func slotName(source string) string {
	module, register, _ := strings.Cut(source, "/")
	switch module {
	case "Power Meter", "Factory", "Clock":
		return register
	}
	switch register {
	case "Result", "Maximum", "Minimum":
		return module
	}
	return module + " " + register
}
