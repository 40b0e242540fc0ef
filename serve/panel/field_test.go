package panel

import (
	"testing"

	wire "github.com/hepmeter/hepmeter/wire/panel"
)

// pressed types keys into a field; a word that is no key is typed.
func pressed(f field, keys ...wire.Key) field {
	for _, key := range keys {
		switch key {
		case wire.Up, wire.Down, wire.Left, wire.Right, wire.Backspace:
			f.press(key)
		default:
			for i := range key {
				f.press(key[i : i+1])
			}
		}
	}
	return f
}

func TestFields(t *testing.T) {
	ratio := func() field { return newNumber("PT Prim", "V", 1, 999999, false, 347) }
	whole := func() field { return newNumber("Unit ID", "", 1, 9999, true, 100) }
	signed := func() field { return newNumber("TZ Offset", "s", -50400, 50400, true, 3600) }
	baud := func() field { return newChoice("Baud Rate", []string{"9600", "19200", "38400"}, "19200") }
	secret := func() field { return newSecret("Password", passwords) }
	pin := func() field { return newSecret("Meter password", digits) }
	date := func() field { return newMoment("Date", "", "-", "2026-11-24") }
	for _, row := range []struct {
		name    string
		field   field
		keys    []wire.Key
		want    string
		changed bool
	}{
		{"a number that is left", ratio(), nil, "347", false},
		{"its units by the arrows", ratio(), []wire.Key{wire.Up}, "348", true},
		{"a digit has no carry", ratio(), []wire.Key{wire.Up, wire.Up, wire.Up}, "340", true},
		{"its thousands", ratio(), []wire.Key{wire.Left, wire.Left, wire.Left, wire.Up}, "1347", true},
		{"the cursor goes past the point", ratio(), []wire.Key{wire.Right, wire.Down}, "347.9", true},
		{"the cursor stops at the end", ratio(), []wire.Key{wire.Right, wire.Right, wire.Right, wire.Right, wire.Up}, "347.001", true},
		{"there and back", ratio(), []wire.Key{wire.Up, wire.Down}, "347", false},
		{"typed", ratio(), []wire.Key{"480"}, "480", true},
		{"typed with decimals", ratio(), []wire.Key{"14", ".", "4"}, "14.4", true},
		{"too many decimals are not taken", ratio(), []wire.Key{"1.23456"}, "1.234", true},
		{"too many digits are not taken", ratio(), []wire.Key{"12345678"}, "123456", true},
		{"taken back", ratio(), []wire.Key{"4800", wire.Backspace}, "480", true},
		{"letters are not taken", ratio(), []wire.Key{"x"}, "347", false},
		{"no point in a whole number", whole(), []wire.Key{"24", ".", "7"}, "247", true},
		{"no sign where none can be", whole(), []wire.Key{"-"}, "100", false},
		{"a sign that is typed", signed(), []wire.Key{"-", "360", "0"}, "-3600", true},
		{"a sign by the arrows", signed(), []wire.Key{wire.Left, wire.Left, wire.Left, wire.Left, wire.Left, wire.Up}, "-3600", true},
		{"nothing is no negative nothing", signed(), []wire.Key{"-", "0"}, "0", true},
		{"the next of a choice", baud(), []wire.Key{wire.Down}, "38400", true},
		{"a choice goes round", baud(), []wire.Key{wire.Down, wire.Down}, "9600", true},
		{"a choice that is left", baud(), []wire.Key{wire.Down, wire.Up}, "19200", false},
		{"a choice that was something else", newChoice("Parity", []string{"8N1"}, "?"), nil, "8N1", true},
		{"a password that is typed", secret(), []wire.Key{"A", "b", "~"}, "Ab~", true},
		{"a password by the arrows", secret(), []wire.Key{wire.Up, wire.Up, wire.Right, wire.Up, wire.Down}, "1~", true},
		{"a password without anything", secret(), nil, "", false},
		{"an insertion", secret(), []wire.Key{"13", wire.Left, "2"}, "123", true},
		{"a bound", secret(), []wire.Key{"12345678", "12345678", "x"}, "1234567812345678", true},
		{"digits only in Standard", pin(), []wire.Key{"4", "x", "2"}, "42", true},
		{"a date that is typed", date(), []wire.Key{"20270130"}, "2027-01-30", true},
		{"a date by the arrows", date(), []wire.Key{wire.Right, wire.Right, wire.Right, wire.Right, wire.Down}, "2026-01-24", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := row.field
			f.home()
			pressed(f, row.keys...)
			if f.value() != row.want || f.changed() != row.changed {
				t.Errorf("%q, changed %v; want %q, %v", f.value(), f.changed(), row.want, row.changed)
			}
			for _, focused := range []bool{true, false} {
				if text := f.draw(focused).Text(); text == "" {
					t.Error("it cannot be seen")
				}
			}
		})
	}
}

func TestASecretIsNotSeen(t *testing.T) {
	f := newSecret("Password", passwords)
	pressed(f, "secret")
	for _, focused := range []bool{true, false} {
		if text := f.draw(focused).Text(); text[:6] != "******" {
			t.Errorf("%q", text)
		}
	}
	pressed(f, wire.Up) // a new one, which is chosen by looking at it
	if text := f.draw(true).Text(); text[:7] != "******0" {
		t.Errorf("%q, want the last one seen", text)
	}
}
