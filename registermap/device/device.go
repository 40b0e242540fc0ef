// Package device describes Modbus devices that the meter reads as a master: which registers
// a type of device has. types/*.json are those that come with the meter, one file for each,
// and docs/modbus-devices.md is generated from them; ParseRegister reads a line that a user
// writes.
package device

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path"
	"strings"

	"github.com/hepmeter/hepmeter/registermap"
)

//go:embed types/*.json
var files embed.FS

// Bounds of a description.
const (
	maxRegisters = 500
	maxName      = 40
	maxUnit      = 12
	// MaxRead is how many registers one request reads at most (Modbus Application Protocol
	// 1.1b3, 6.3).
	MaxRead = 125
)

// Type is a type of device.
type Type struct {
	// Name is how a Modbus Master Device calls it.
	Name string
	// Describes says which devices it is for, Sources where its facts are published.
	Describes string
	Sources   []string
	// MaxRead is how many registers the device gives at once, MaxGap how many that are not
	// asked for it may be asked for between two that are.
	MaxRead, MaxGap int
	Registers       []Register
}

// Register is one value of a device.
type Register struct {
	Name string
	// Number is the one-based number of the first register: the address in a request is the
	// number minus one.
	Number int
	// Input says that it is an input register (function 4), not a holding register (function 3).
	Input     bool
	Type      registermap.Type
	Registers int
	// LowFirst says that the low register comes first.
	LowFirst bool
	// What is read is multiplied by Scale, and Offset is added: that is in Unit.
	Scale, Offset float64
	Unit          string
	// Writable says that it may be written (function 16).
	Writable bool
}

// Address is the wire address of the first register.
func (r Register) Address() int { return r.Number - 1 }

// Decode is the number that the register's bytes stand for; ok is false where the device has
// none. Where whole is true count is the exact number in thousandths of the unit: of an energy
// in kWh, Wh.
func (r Register) Decode(b []byte) (x float64, count int64, whole, ok bool) {
	var room [8]byte
	raw := room[:copy(room[:], b[:2*r.Registers])]
	if r.LowFirst {
		registermap.ReverseWords(raw)
	}
	if r.Type.Whole() {
		n, ok := r.Type.Integer(raw)
		if r.Scale == 0.001 && r.Offset == 0 {
			return float64(n) / 1000, n, true, ok // rounded once
		}
		return float64(n)*r.Scale + r.Offset, 0, false, ok
	}
	x, ok = r.Type.Number(raw)
	x = x*r.Scale + r.Offset
	return x, 0, false, ok && !math.IsInf(x, 0)
}

// Encode appends the bytes for a number; ok is false where the register has no room for it.
func (r Register) Encode(dst []byte, x float64) (_ []byte, ok bool) {
	var room [8]byte
	raw := room[:2*r.Registers]
	if !r.Type.PutNumber(raw, (x-r.Offset)/r.Scale) {
		return dst, false
	}
	if r.LowFirst {
		registermap.ReverseWords(raw)
	}
	return append(dst, raw...), true
}

// Find returns the register with the name; its case does not matter.
func (t *Type) Find(name string) (Register, bool) {
	for _, r := range t.Registers {
		if strings.EqualFold(r.Name, name) {
			return r, true
		}
	}
	return Register{}, false
}

// The schema of the files.
type typeData struct {
	Name      string         `json:"name"`
	Describes string         `json:"describes"`
	Sources   []string       `json:"sources"`
	MaxRead   int            `json:"maxRead"`
	MaxGap    int            `json:"maxGap"`
	Input     bool           `json:"input"`
	LowFirst  bool           `json:"lowFirst"`
	Registers []registerData `json:"registers"`
}

type registerData struct {
	Name      string           `json:"name"`
	Number    int              `json:"number"`
	Type      registermap.Type `json:"type"`
	Registers int              `json:"registers"`
	Unit      string           `json:"unit"`
	Scale     *float64         `json:"scale"`
	Offset    float64          `json:"offset"`
	Writable  bool             `json:"writable"`
}

// Types returns the types that come with the meter, by name.
func Types() ([]Type, error) {
	entries, err := files.ReadDir("types")
	if err != nil {
		return nil, fmt.Errorf("types of devices: %w", err)
	}
	var types []Type
	var problems []error
	names := map[string]bool{}
	for _, e := range entries {
		text, err := files.ReadFile(path.Join("types", e.Name()))
		if err == nil {
			var t Type
			if t, err = ParseType(text); err == nil && names[strings.ToLower(t.Name)] {
				err = fmt.Errorf("there are two %q", t.Name)
			}
			names[strings.ToLower(t.Name)] = true
			types = append(types, t)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("type of device %s: %w", e.Name(), err))
		}
	}
	return types, errors.Join(problems...)
}

// ParseType reads a file.
func ParseType(text []byte) (Type, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var data typeData
	if err := decoder.Decode(&data); err != nil {
		return Type{}, err
	}
	t := Type{Name: data.Name, Describes: data.Describes, Sources: data.Sources, MaxRead: data.MaxRead, MaxGap: data.MaxGap}
	switch {
	case t.Name == "" || len(t.Name) > maxName || t.Describes == "" || len(t.Sources) == 0:
		return t, errors.New("needs a name, what it describes, and its sources")
	case t.MaxRead < 1 || t.MaxRead > MaxRead:
		return t, fmt.Errorf("maxRead %d: want 1 to %d registers", t.MaxRead, MaxRead)
	case t.MaxGap < 0 || t.MaxGap >= t.MaxRead:
		return t, fmt.Errorf("maxGap %d: want 0 to maxRead", t.MaxGap)
	case len(data.Registers) == 0 || len(data.Registers) > maxRegisters:
		return t, fmt.Errorf("has %d registers, want 1 to %d", len(data.Registers), maxRegisters)
	}
	for _, d := range data.Registers {
		r := Register{Name: d.Name, Number: d.Number, Input: data.Input, LowFirst: data.LowFirst, Type: d.Type, Registers: d.Registers,
			Scale: 1, Offset: d.Offset, Unit: d.Unit, Writable: d.Writable}
		if d.Scale != nil {
			r.Scale = *d.Scale
		}
		if r.Registers == 0 {
			r.Registers = r.Type.Registers()
		}
		if err := r.check(); err != nil {
			return t, fmt.Errorf("register %q: %w", r.Name, err)
		}
		if _, twice := t.Find(r.Name); twice {
			return t, fmt.Errorf("register %q is there twice", r.Name)
		}
		t.Registers = append(t.Registers, r)
	}
	return t, nil
}

// check tells what is wrong with a register.
func (r Register) check() error {
	_, _, number := r.Type.Bounds()
	switch {
	case r.Name == "" || len(r.Name) > maxName || strings.ContainsAny(r.Name, ":/"):
		return fmt.Errorf("a name has 1 to %d bytes, and neither colon nor slash", maxName)
	case len(r.Unit) > maxUnit:
		return fmt.Errorf("unit %q is longer than %d bytes", r.Unit, maxUnit)
	case !r.Type.Known() || !number && r.Type != registermap.BITMAP && r.Type != registermap.DATETIME:
		return fmt.Errorf("type %q holds no number: write UINT16, INT16, UINT32, INT32, INT64, UM10K, M10K, FLOAT32, FLOAT64, PF4Q, BITMAP or DATETIME", r.Type)
	case r.Type.Registers() != 0 && r.Registers != r.Type.Registers() || r.Registers < 1 || r.Registers > 4:
		return fmt.Errorf("%s has not %d registers", r.Type, r.Registers)
	case r.Number < 1 || r.Number+r.Registers-1 > 65_536:
		return fmt.Errorf("number %d: want 1 to %d", r.Number, 65_537-r.Registers)
	case !(math.Abs(r.Scale) > 0) || math.IsInf(r.Scale, 0) || math.IsNaN(r.Offset) || math.IsInf(r.Offset, 0):
		return fmt.Errorf("scale %g and offset %g: want numbers, and a scale that is not 0", r.Scale, r.Offset)
	case r.Writable && (r.Input || !number):
		return errors.New("an input register, a BITMAP and a DATETIME cannot be written")
	}
	return nil
}
