package modbus

import (
	"testing"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/registermap"
)

// The pair of words of a status bitmap: bit 0 is the first source; a source without a
// value has neither bit, and without any the word is NOT AVAILABLE.
func TestStatusBitmaps(t *testing.T) {
	on, off, na := access.Value{Kind: access.KindBoolean, Available: true, Number: 1}, access.Value{Kind: access.KindBoolean, Available: true}, access.Value{}
	for _, tc := range []struct {
		name           string
		values         []access.Value
		bits, validity uint16
	}{
		{"first and third", []access.Value{on, off, on}, 0b101, 0b111},
		{"one without a value", []access.Value{on, na, off}, 0b001, 0b101},
		{"none has a value", []access.Value{na, na}, 0x8000, 0x8000},
		{"all OFF is a value", []access.Value{off}, 0, 1},
	} {
		for form, want := range map[registermap.Form]uint16{registermap.Bits: tc.bits, registermap.Validity: tc.validity} {
			var dst [2]byte
			encode(dst[:], &registermap.Row{Registers: 1, Type: registermap.BITMAP, Form: form, Scale: 1}, tc.values)
			if got := uint16(dst[0])<<8 | uint16(dst[1]); got != want {
				t.Errorf("%s, %s: %#04x, want %#04x", tc.name, form, got, want)
			}
		}
	}
}
