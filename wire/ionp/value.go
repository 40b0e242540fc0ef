package ionp

import "math"

// ValueKind says what a value is.
type ValueKind uint8

// The kinds of values.
const (
	ValueNone    ValueKind = 0 // the register holds no value that can be read
	ValueNumber  ValueKind = 1 // Number
	ValueCount   ValueKind = 2 // Count
	ValueBoolean ValueKind = 3 // Count is 0 or 1
	ValueEnum    ValueKind = 4 // Count is the ordinal, Text its label
	ValueText    ValueKind = 5 // Text
	ValueTime    ValueKind = 6 // Count is ns since 1970 UTC
)

// Value is the value of a register. One that is not available says so with Available;
// its other fields then mean nothing, and it is never 0.
type Value struct {
	// Kind is 0 for no value at all, 1 number, 2 count, 3 boolean, 4 enum, 5 text, 6 time.
	Kind ValueKind `cbor:"1,keyasint"`
	// Available is always there.
	Available bool `cbor:"2,keyasint"`
	// Number is the value of a number, and of a count in the register's unit (an energy that
	// is counted in Wh, in kWh).
	Number float64 `cbor:"3,keyasint,omitempty"`
	// Count is the value of a count, of a boolean (0 or 1), of an enum (its ordinal), of a
	// time (ns since 1970 UTC).
	Count int64 `cbor:"4,keyasint,omitempty"`
	// Text is the value of a text, and the label of an enum.
	Text string `cbor:"5,keyasint,omitempty"`
	// Unit is the unit of Number or Count, as the register states it.
	Unit string `cbor:"6,keyasint,omitempty"`
}

// Number returns a number; NaN and infinity are not available.
func Number(n float64, unit string) Value {
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return NotAvailable(ValueNumber, unit)
	}
	return Value{Kind: ValueNumber, Available: true, Number: n, Unit: unit}
}

// Count returns a whole number.
func Count(n int64, unit string) Value {
	return Value{Kind: ValueCount, Available: true, Count: n, Unit: unit}
}

// Boolean returns on or off.
func Boolean(on bool) Value {
	v := Value{Kind: ValueBoolean, Available: true}
	if on {
		v.Count = 1
	}
	return v
}

// Enum returns one of the labels of an enumerated register.
func Enum(ordinal int64, label string) Value {
	return Value{Kind: ValueEnum, Available: true, Count: ordinal, Text: label}
}

// Text returns a text.
func Text(s string) Value {
	return Value{Kind: ValueText, Available: true, Text: s}
}

// Time returns a time, in ns since 1970 UTC.
func Time(ns int64) Value {
	return Value{Kind: ValueTime, Available: true, Count: ns}
}

// NotAvailable returns a value that is not available.
func NotAvailable(kind ValueKind, unit string) Value {
	return Value{Kind: kind, Unit: unit}
}

// Reading is a register and its value.
type Reading struct {
	// Label is that of the register, as it was asked for.
	Label string `cbor:"1,keyasint"`
	Value Value  `cbor:"2,keyasint"`
}

func (v *Value) check() error {
	return first(text("text value", v.Text, MaxText), text("unit", v.Unit, MaxName))
}

func (v *Value) appendTo(dst []byte) ([]byte, bool) {
	dst = appendHead(dst, majorMap, fieldCount(true, true, v.Number != 0, v.Count != 0, v.Text != "", v.Unit != ""))
	dst = appendHead(append(dst, 1), majorUint, uint64(v.Kind))
	dst = appendBool(append(dst, 2), v.Available)
	if v.Number != 0 {
		dst = appendFloat(append(dst, 3), v.Number)
	}
	if v.Count != 0 {
		dst = appendInt(append(dst, 4), v.Count)
	}
	if v.Text != "" {
		dst = appendText(append(dst, 5), v.Text)
	}
	if v.Unit != "" {
		dst = appendText(append(dst, 6), v.Unit)
	}
	return dst, !math.IsNaN(v.Number) && !math.IsInf(v.Number, 0)
}

func readValue(c *cursor, v *Value) {
	key := 0
	for range c.pairs() {
		switch key = c.key(key); key {
		case 1:
			v.Kind = ValueKind(c.uint(math.MaxUint8))
		case 2:
			v.Available = c.bool()
		case 3:
			v.Number = c.float()
		case 4:
			v.Count = c.int()
		case 5:
			v.Text = c.text()
		case 6:
			v.Unit = c.text()
		default:
			c.fail()
		}
	}
}

// appendReadings appends the readings as key 3 of a map, where there are any.
func appendReadings(dst []byte, readings []Reading) ([]byte, bool) {
	if len(readings) == 0 {
		return dst, true
	}
	all := true
	dst = appendHead(append(dst, 3), majorList, uint64(len(readings)))
	for i := range readings {
		dst = appendText(append(appendHead(dst, majorMap, 2), 1), readings[i].Label)
		var ok bool
		dst, ok = readings[i].Value.appendTo(append(dst, 2))
		all = all && ok
	}
	return dst, all
}

func readReadings(c *cursor) []Reading {
	readings := make([]Reading, c.items())
	for i := range readings {
		key := 0
		for range c.pairs() {
			switch key = c.key(key); key {
			case 1:
				readings[i].Label = c.text()
			case 2:
				readValue(c, &readings[i].Value)
			default:
				c.fail()
			}
		}
	}
	return readings
}
