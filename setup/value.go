package setup

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/hepmeter/hepmeter/wire/ionp"
)

// ValueKind is the class of value that a register holds.
type ValueKind int

// The kinds, as the object protocol numbers them.
const (
	NoValue ValueKind = iota
	Number
	Count // an exact whole number: an energy in Wh, varh or VAh
	Boolean
	Enum
	Text
	Time
)

// Value is what a register held. Available is false for NOT AVAILABLE, which is not 0.
type Value struct {
	Kind      ValueKind
	Available bool
	// Number is in the register's unit, also of a Count.
	Number float64
	// Count is the exact one of a Count, in whole Wh, varh or VAh; nanoseconds since 1970 of
	// a Time.
	Count int64
	Text  string
}

func valueOf(v ionp.Value) Value {
	out := Value{ValueKind(v.Kind), v.Available, v.Number, v.Count, v.Text}
	switch out.Kind {
	case Boolean, Enum:
		out.Number = float64(v.Count)
	case Time:
		out.Number = float64(v.Count) / 1e9
	}
	return out
}

// MarshalJSON writes a number, a text, true or false; null for NOT AVAILABLE.
func (v Value) MarshalJSON() ([]byte, error) {
	if !v.Available {
		return []byte("null"), nil
	}
	switch v.Kind {
	case Number, Count:
		if math.IsNaN(v.Number) || math.IsInf(v.Number, 0) {
			return []byte("null"), nil
		}
		return json.Marshal(v.Number)
	case Boolean:
		return json.Marshal(v.Number != 0)
	case Enum:
		if v.Text == "" {
			return json.Marshal(v.Number)
		}
		return json.Marshal(v.Text)
	case Time:
		return json.Marshal(v.Moment().Format(time.RFC3339Nano))
	case Text:
		return json.Marshal(v.Text)
	}
	return []byte("null"), nil
}

// Moment is a Time value as time.
func (v Value) Moment() time.Time {
	return time.Unix(0, v.Count).UTC()
}

// String is the value for people, in six digits; NOT AVAILABLE is N/A.
func (v Value) String() string {
	if !v.Available {
		return "N/A"
	}
	switch v.Kind {
	case Number, Count:
		return Digits(v.Number)
	case Boolean:
		if v.Number != 0 {
			return "ON"
		}
		return "OFF"
	case Enum:
		if v.Text == "" {
			return strconv.FormatFloat(v.Number, 'f', -1, 64)
		}
		return v.Text
	case Time:
		return v.Moment().Format("2006-01-02 15:04:05 UTC")
	case Text:
		return v.Text
	}
	return "N/A"
}

// Digits writes a number with as many digits as a meter means: five that count, no more
// than four behind the point, and all before it.
func Digits(x float64) string {
	a := math.Abs(x)
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return "N/A"
	case a != 0 && a < 1e-4:
		return strconv.FormatFloat(x, 'e', 2, 64)
	case a >= 1e15:
		return strconv.FormatFloat(x, 'g', 8, 64)
	}
	decimals := 4
	for limit := 10.0; decimals > 0 && a >= limit; limit *= 10 {
		decimals--
	}
	if x == math.Trunc(x) && a >= 1e4 {
		decimals = 0
	}
	return fmt.Sprintf("%.*f", decimals, x)
}
