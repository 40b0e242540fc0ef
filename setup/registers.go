package setup

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/wire/ionp"
)

// Reading is one register's value.
type Reading struct {
	Register string `json:"register"` // Module label/Register label
	Value    Value  `json:"value"`
	Unit     string `json:"unit"`
	// Exact is the whole number of Wh, varh or VAh of an energy; nil for other registers.
	Exact *int64 `json:"exact,omitempty"`
}

// Readings are values of one snapshot.
type Readings struct {
	Sequence uint64    `json:"sequence"`
	Time     time.Time `json:"time"`
	Values   []Reading `json:"values"`
}

// mostLabels is how many registers are read with one request.
const mostLabels = 1000

// Read reads registers by their full labels, from one snapshot up to 1,000 of them.
func (m *Meter) Read(ctx context.Context, labels []string) (Readings, error) {
	var all Readings
	for part := range slices.Chunk(labels, mostLabels) {
		r, err := ask(ctx, m, "reading registers", ionp.Read, ionp.ReadRequest{Labels: part})
		if err != nil {
			return all, err
		}
		all.Sequence, all.Time = r.Sequence, time.Unix(0, r.Time).UTC()
		all.Values = append(all.Values, readingsOf(r.Readings)...)
	}
	return all, nil
}

func readingsOf(list []ionp.Reading) []Reading {
	readings := []Reading{}
	for _, w := range list {
		r := Reading{Register: w.Label, Value: valueOf(w.Value), Unit: w.Value.Unit}
		if r.Value.Kind == Count && r.Value.Available {
			r.Exact = &r.Value.Count
		}
		readings = append(readings, r)
	}
	return readings
}

// ReadNamed reads registers by what a user typed of their labels.
func (m *Meter) ReadNamed(ctx context.Context, typed []string) (Readings, error) {
	// Whole labels need no list of what there is.
	if !slices.ContainsFunc(typed, func(name string) bool { return !strings.Contains(name, "/") }) {
		readings, err := m.Read(ctx, typed)
		if err == nil && !slices.ContainsFunc(readings.Values, func(r Reading) bool { return r.Value.Kind == NoValue }) {
			return readings, nil
		}
		if err != nil && !HasCode(err, "not-found") {
			return readings, err
		}
	}
	labels, err := m.Resolve(ctx, typed)
	if err != nil {
		return Readings{}, err
	}
	return m.Read(ctx, labels)
}

// Assignment is a register and what it is to be.
type Assignment struct {
	Register string `json:"register"`
	Value    string `json:"value"`
	Was      string `json:"was,omitempty"`
}

// ParseAssignment reads REG=VALUE.
func ParseAssignment(text string) (Assignment, error) {
	register, value, ok := strings.Cut(text, "=")
	register = strings.TrimSpace(register)
	if !ok || register == "" {
		return Assignment{}, NewError(CodeUsage, "%q is no REG=VALUE", text).with("write for example 'Power Meter/PT Prim=480'")
	}
	return Assignment{Register: register, Value: strings.TrimSpace(value)}, nil
}

// Write writes setup registers and outputs that clients write, by their full labels: all
// of them or none.
func (m *Meter) Write(ctx context.Context, list []Assignment) error {
	request := ionp.WriteRequest{}
	for _, a := range list {
		request.Changes = append(request.Changes, ionp.Change{Label: a.Register, Text: &a.Value})
	}
	return m.settled(ctx, func() error {
		_, err := ask(ctx, m, "writing "+namesOf(list), ionp.Write, request)
		return err
	})
}

func namesOf(list []Assignment) string {
	var names []string
	for _, a := range list {
		names = append(names, a.Register)
	}
	if len(names) > 3 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:2], ", "), len(names)-2)
	}
	return strings.Join(names, ", ")
}

// Pulse pulses an input by hand, or the output of an External Pulse.
func (m *Meter) Pulse(ctx context.Context, label string) error {
	_, err := ask(ctx, m, "pulsing "+label, ionp.Pulse, ionp.PulseRequest{Label: label})
	return err
}
