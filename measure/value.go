package measure

import (
	"math"
	"strconv"

	"github.com/hepmeter/hepmeter/waveform"
)

// Value is a number that is written as null where it is not available (NaN).
type Value float64

// Available reports whether v is a number.
func (v Value) Available() bool { return !math.IsNaN(float64(v)) && !math.IsInf(float64(v), 0) }

// MarshalJSON writes twelve significant digits or null.
func (v Value) MarshalJSON() ([]byte, error) { return appendNumber(nil, float64(v), 12), nil }

// UnmarshalJSON reads a number or null.
func (v *Value) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*v = Value(math.NaN())
		return nil
	}
	f, err := strconv.ParseFloat(string(data), 64)
	*v = Value(f)
	return err
}

// appendNumber writes v with so many significant digits, null for NaN and
// infinity, which JSON does not know.
func appendNumber(b []byte, v float64, digits int) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(b, "null"...)
	}
	return strconv.AppendFloat(b, v, 'g', digits, 64)
}

// ByRole holds one value per input, in the order of its roles.
type ByRole struct {
	roles  []waveform.Role
	values []float64
}

// newByRole makes room for one value per role, all not available.
func newByRole(roles []waveform.Role) ByRole {
	b := ByRole{roles: roles, values: make([]float64, len(roles))}
	for i := range b.values {
		b.values[i] = math.NaN()
	}
	return b
}

// Roles returns the inputs that b has a place for.
func (b ByRole) Roles() []waveform.Role { return b.roles }

// Of returns the value of an input, NaN if it has none.
func (b ByRole) Of(role waveform.Role) float64 {
	for i, r := range b.roles {
		if r == role {
			return b.values[i]
		}
	}
	return math.NaN()
}

func (b ByRole) set(role waveform.Role, v float64) {
	for i, r := range b.roles {
		if r == role {
			b.values[i] = v
		}
	}
}

// MarshalJSON writes {"V1":..,"V2":..}.
func (b ByRole) MarshalJSON() ([]byte, error) {
	out := make([]byte, 0, 2+24*len(b.roles))
	return appendObject(out, b.roles, func(out []byte, i int) []byte { return appendNumber(out, b.values[i], 12) }), nil
}

// Phasors holds one fundamental per input.
type Phasors struct {
	// RMS is the magnitude; Deg the angle of a cosine at the window's first sample.
	RMS, Deg ByRole
}

func newPhasors(roles []waveform.Role) Phasors {
	return Phasors{RMS: newByRole(roles), Deg: newByRole(roles)}
}

// MarshalJSON writes {"V1":{"rms":..,"deg":..},..}.
func (p Phasors) MarshalJSON() ([]byte, error) {
	out := make([]byte, 0, 2+48*len(p.RMS.roles))
	return appendObject(out, p.RMS.roles, func(out []byte, i int) []byte {
		out = appendNumber(append(out, `{"rms":`...), p.RMS.values[i], 12)
		out = appendNumber(append(out, `,"deg":`...), p.Deg.values[i], 9)
		return append(out, '}')
	}), nil
}

// Spectra holds one list per input, in % of the input's fundamental. They are
// float32: a long recording has hundreds of thousands of them.
type Spectra struct {
	roles []waveform.Role
	lists [][]float32
}

// Of returns the list of an input, nil if it has none.
func (s Spectra) Of(role waveform.Role) []float32 {
	for i, r := range s.roles {
		if r == role {
			return s.lists[i]
		}
	}
	return nil
}

// MarshalJSON writes {"V1":[..],..}, null for an input without a spectrum.
func (s Spectra) MarshalJSON() ([]byte, error) {
	out := make([]byte, 0, 1024)
	return appendObject(out, s.roles, func(out []byte, i int) []byte {
		if s.lists[i] == nil {
			return append(out, "null"...)
		}
		out = append(out, '[')
		for k, v := range s.lists[i] {
			if k > 0 {
				out = append(out, ',')
			}
			if v < 1e-9 { // rounding, on a wave without this order
				v = 0
			}
			out = appendNumber(out, float64(v), 6)
		}
		return append(out, ']')
	}), nil
}

// Phases holds the values of phases 1, 2, 3 and the total.
type Phases [4]float64

// MarshalJSON writes {"1":..,"2":..,"3":..,"total":..}.
func (p Phases) MarshalJSON() ([]byte, error) {
	out := make([]byte, 0, 96)
	for i, key := range [...]string{`{"1":`, `,"2":`, `,"3":`, `,"total":`} {
		out = appendNumber(append(out, key...), p[i], 12)
	}
	return append(out, '}'), nil
}

func appendObject(out []byte, roles []waveform.Role, value func(out []byte, i int) []byte) []byte {
	out = append(out, '{')
	for i, r := range roles {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, '"')
		out = append(out, r.String()...)
		out = append(out, '"', ':')
		out = value(out, i)
	}
	return append(out, '}')
}
