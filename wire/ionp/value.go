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
	Kind      ValueKind `cbor:"1,keyasint"`
	Available bool      `cbor:"2,keyasint"`
	Number    float64   `cbor:"3,keyasint,omitempty"`
	Count     int64     `cbor:"4,keyasint,omitempty"`
	Text      string    `cbor:"5,keyasint,omitempty"`
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
	Label string `cbor:"1,keyasint"`
	Value Value  `cbor:"2,keyasint"`
}

func (v *Value) check() error {
	return first(text("text value", v.Text, MaxText), text("unit", v.Unit, MaxName))
}
