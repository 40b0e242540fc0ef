package template

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hepmeter/hepmeter/ion"
)

// Header is what a saved template says of its origin, in comments. Empty fields are not
// written.
type Header struct {
	Model, Firmware string
	Saved           time.Time
}

// Format writes a program (Create, Link and Set) as text that Parse reads, in canonical
// form: the modules by handle and each with its number; links and setup registers in the
// order in which the type lists them, the latest of several for one register; no setup
// register that is at its default. Programs that do the same are the same, byte for byte.
func Format(changes []ion.Change) []byte { return read(changes, nil).format(Header{}) }

func (p *program) format(h Header) []byte {
	var b bytes.Buffer
	b.WriteString(versionLine + formatVersion + "\n")
	comment := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "# %s: %s\n", name, quote(value))
		}
	}
	comment("model", h.Model)
	comment("firmware", h.Firmware)
	if !h.Saved.IsZero() {
		comment("saved", h.Saved.UTC().Format(time.RFC3339))
	}
	p.number(nil)
	p.sort()
	before := ""
	for _, m := range p.modules {
		if m.typ.Name != before {
			b.WriteByte('\n')
		}
		before = m.typ.Name
		b.WriteString(m.name())
		for _, l := range m.links {
			b.WriteString(bar + quote(l.input, "<-", "=") + arrow + quote(l.from()))
		}
		for _, s := range m.settings {
			b.WriteString(bar + quote(s.name, "<-", "=") + equals + quote(s.value))
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// name is how a line of the text begins: with the module.
func (m *module) name() string {
	if m.typ.Name == "" {
		return "+ " + quote(m.label)
	}
	return m.typ.Name + " " + strconv.Itoa(m.number) + bar + quote(m.label)
}

// quote returns text as Parse reads it back: as it is, or in quotation marks if it is
// empty, has one of the special words, or would otherwise be read as something else.
func quote(text string, special ...string) string {
	plain := text != "" && text[0] != '"' && !strings.Contains(text, "|") && text == strings.TrimSpace(text) && utf8.ValidString(text) &&
		!strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
	for _, s := range special {
		plain = plain && !strings.Contains(text, s)
	}
	if plain {
		return text
	}
	return strconv.Quote(text)
}
