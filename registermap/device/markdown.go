package device

import (
	"fmt"
	"io"
	"strings"
)

// WriteMarkdown writes the types that come with the meter as the page docs/modbus-devices.md.
func WriteMarkdown(w io.Writer, types []Type) error {
	var b strings.Builder
	b.WriteString(`# Modbus devices that the meter knows

Generated from registermap/device/types/*.json by ` + "`go test ./registermap/device -update`" + `; edit those files, not this page.
A ` + "`Modbus Master Device`" + ` names its type in ` + "`Map`" + `, a ` + "`Modbus Import`" + ` the quantities by their names here
(docs/modbus-master.md). Numbers are one-based: the address in the request is the number minus one. What is read times
**Scale** is in **Unit**. A device of another type is described line by line in a ` + "`Modbus Master Map`" + ` module.
`)
	for _, t := range types {
		function := "holding registers, function 3"
		if t.Registers[0].Input {
			function = "input registers, function 4"
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s: %s. Up to %d registers in a read.\n\nFrom: %s.\n\n| Name | Number | Type | Scale | Unit |\n|---|---|---|---|---|\n",
			t.Name, t.Describes, function, t.MaxRead, strings.Join(t.Sources, "; "))
		for _, r := range t.Registers {
			fmt.Fprintf(&b, "| %s | %d | %s | %g | %s |\n", r.Name, r.Number, r.Type, r.Scale, r.Unit)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
