package registermap

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// WriteMarkdown writes the map as the page docs/register-map.md.
func (m *Map) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString(`# Modbus register map

Generated from registermap/registers.csv by ` + "`go test ./registermap -update`" + `; edit that file, not this one.

- **Number** is one-based, as vendors print it; **wire** is the address in the request, number − 1.
- The high word comes first, and bytes are big-endian. Registers that are not listed read 0xFFFF.
- A quantity without a source, or whose source has no value, reads the NOT AVAILABLE pattern of its type,
  never 0 (see docs/modbus.md).
- **Source** is the ION register, ` + "`Module label/Register label`" + `, that the factory links to the group's
  ` + "`Data Mapping`" + ` module; the rows show what that module's inputs are linked to. Its ` + "`Enable Modbus`" + ` takes the
  group out of the map: its registers then read 0xFFFF. Rows that can be written are their register itself, and
  ` + "`Enable Unmapped Registers`" + ` of the first group's module takes out all that no Data Mapping module feeds.
- **Access** RW: setup writes a setup register, number and switch (0 or 1) an output, pulse pulses one when 1 is written
  and reads 0, clock sets the meter's clock. Any other value than these is exception 3.
- **From**: hep = seen on meters of this family, sister = published for sister meters with the same numbering, own = ours.

`)
	fmt.Fprintf(&b, "%d quantities.\n", len(m.Rows))
	for _, group := range m.groups() {
		fmt.Fprintf(&b, "\n## %s\n", group)
		if i := slices.IndexFunc(m.Rows, func(r Row) bool { return r.Group == group && r.Mapping != "" }); i >= 0 {
			fmt.Fprintf(&b, "\nFed by `%s`.\n", m.Rows[i].Mapping)
		}
		b.WriteString("\n| Number | Wire | Name | Regs | Type | Unit | Access | From | Source |\n|---|---|---|---|---|---|---|---|---|\n")
		for _, r := range m.Rows {
			if r.Group != group {
				continue
			}
			access := "R"
			if r.Writable() {
				access = "RW: " + string(r.Write)
			}
			name := r.Name
			if len(r.Enum) > 0 && !strings.Contains(name, r.Enum[0]) {
				var values []string
				for i, v := range r.Enum {
					values = append(values, fmt.Sprintf("%d %s", i, v))
				}
				name += " (" + strings.Join(values, ", ") + ")"
			}
			fmt.Fprintf(&b, "| %d | %d | %s | %d | %s | %s | %s | %s | %s |\n",
				r.Number, r.Address(), name, r.Registers, r.Type, r.Unit, access, r.Evidence, r.formula())
		}
	}
	b.WriteString("\n## Device identification (function 43/14)\n\n| Object | Name | Content |\n|---|---|---|\n")
	for _, o := range m.Identification {
		content := o.Text
		if o.Source != "" {
			content = "`" + o.Source + "`"
		}
		fmt.Fprintf(&b, "| 0x%02X | %s | %s |\n", o.ID, o.Name, content)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// groups lists the groups in the order of their first row.
func (m *Map) groups() []string {
	var groups []string
	seen := map[string]bool{}
	for _, r := range m.Rows {
		if !seen[r.Group] {
			seen[r.Group] = true
			groups = append(groups, r.Group)
		}
	}
	return groups
}

// formula writes a row's sources as one would on paper.
func (r Row) formula() string {
	if len(r.Sources) == 0 {
		if r.Writable() {
			return "`" + r.Target + "`"
		}
		return "none yet"
	}
	quoted := make([]string, len(r.Sources))
	for i, t := range r.Sources {
		quoted[i] = "`" + t.Label + "`"
	}
	var text string
	switch r.Form {
	case Deviation:
		text = fmt.Sprintf("100 · abs(%s − mean) / mean, mean = %s", quoted[0], quoted[1])
	case Bits:
		text = "bits: " + strings.Join(quoted, ", ")
	case Validity:
		text = "bits, a value is there: " + strings.Join(quoted, ", ")
	case FourQuadrant:
		text = fmt.Sprintf("%s, quadrant by %s and %s", quoted[0], quoted[1], quoted[2])
	default:
		for i, t := range r.Sources {
			switch {
			case t.Negative:
				text += " − "
			case i > 0:
				text += " + "
			}
			text += quoted[i]
		}
	}
	if r.Scale != 1 {
		text += " × " + strconv.FormatFloat(r.Scale, 'g', -1, 64)
	}
	return text
}
