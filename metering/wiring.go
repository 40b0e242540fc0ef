package metering

import (
	"fmt"
	"slices"

	"github.com/hepmeter/hepmeter/waveform"
)

// A lane is one sampled signal of the engine: a connected input, or a signal
// derived from others sample by sample (V12 = V1-V2, the sum of the currents ...).
// Everything downstream of the wiring treats both alike.
type lane struct {
	// role is where the lane's readings go; NoRole for a lane that serves only as
	// a factor of a power.
	role waveform.Role
	// input is the channel of the block, -1 for a derived lane; sign its polarity.
	input int
	sign  float64
	// terms make a derived lane from lanes before it.
	terms []term
	// scale turns the lane's unit into primary volts or amperes.
	scale float64
	// spectrum asks for harmonics.
	spectrum bool
}

// term is one addend of a derived lane.
type term struct {
	lane   int
	factor float64
}

// none marks a lane that does not exist.
const none = -1

// wiring is what the volts mode makes of the connected inputs.
type wiring struct {
	lanes []lane
	// of finds the lane of a role.
	of [Inputs]int
	// volts and amps are the factors of the three measurement elements.
	volts, amps [3]int
	// residual is the sum of the line currents and the connected neutral.
	residual int
	// neutral is the neutral current of the effective apparent power.
	neutral int
	// star says that the elements use an artificial neutral: only totals exist.
	star bool
	// threeWire selects the three-wire form of the effective apparent power.
	threeWire bool
}

// newWiring lays out the lanes of cfg.
func newWiring(cfg *Config) (*wiring, error) {
	w := &wiring{residual: none, neutral: none}
	for r := range w.of {
		w.of[r] = none
	}
	w.volts, w.amps = [3]int{none, none, none}, [3]int{none, none, none}

	inverted := map[waveform.Role]bool{}
	for _, r := range cfg.Inverted {
		inverted[r] = true
	}
	for i, r := range cfg.Inputs {
		if r == waveform.NoRole {
			continue
		}
		if int(r) >= Inputs {
			return nil, fmt.Errorf("input %d has the unknown role %v: use V1 to V4, V12, V23, V31, I1 to I5", i, r)
		}
		if w.of[r] != none {
			return nil, fmt.Errorf("role %v is given to two inputs: each role can be connected once", r)
		}
		if cfg.VoltsMode == ThreeWireWye && r == waveform.V2 {
			continue // derived in this mode, whatever is connected
		}
		sign := 1.0
		if inverted[r] {
			sign = -1
		}
		w.add(lane{role: r, input: i, sign: sign, scale: cfg.scale(r), spectrum: true})
	}
	if len(w.lanes) == 0 {
		return nil, fmt.Errorf("no input has a role: give at least one of V1 to V4, V12, V23, V31, I1 to I5")
	}

	const v1, v2, v3 = waveform.V1, waveform.V2, waveform.V3
	const v12, v23, v31 = waveform.V12, waveform.V23, waveform.V31
	const i1, i2, i3 = waveform.I1, waveform.I2, waveform.I3

	if cfg.VoltsMode == ThreeWireWye {
		w.derive(v2, cfg.scale(v2), w.sum(v1, -1, v3, -1))
	}
	// Line-to-line voltages: from the phases, or the third from the other two.
	w.derive(v12, cfg.scale(v12), w.sum(v1, 1, v2, -1))
	w.derive(v23, cfg.scale(v23), w.sum(v2, 1, v3, -1))
	w.derive(v31, cfg.scale(v31), w.sum(v3, 1, v1, -1))
	w.derive(v12, cfg.scale(v12), w.sum(v23, -1, v31, -1))
	w.derive(v23, cfg.scale(v23), w.sum(v31, -1, v12, -1))
	w.derive(v31, cfg.scale(v31), w.sum(v12, -1, v23, -1))

	phases := w.has(v1) || w.has(v2) || w.has(v3)
	w.star = cfg.VoltsMode == Delta || (!phases && w.has(v12) && w.has(v23) && cfg.VoltsMode != Single)
	w.threeWire = w.star || cfg.VoltsMode == ThreeWireWye

	// Without a neutral conductor two currents determine the third.
	derivedI2 := none
	if w.threeWire {
		connected := w.of[i2]
		if terms := w.sum(i1, -1, i3, -1); terms != nil && (connected == none || w.star) {
			derivedI2 = w.add(lane{input: none, terms: terms, scale: cfg.scale(i2)})
			w.lanes[derivedI2].role = waveform.NoRole
			if connected == none {
				w.lanes[derivedI2].role = i2
				w.of[i2] = derivedI2
			}
		}
		w.derive(i1, cfg.scale(i1), w.sum(i2, -1, i3, -1))
		w.derive(i3, cfg.scale(i3), w.sum(i1, -1, i2, -1))
	}

	if w.star {
		// Two wattmeters, u12·i1 + u32·i3, are three on an artificial neutral when
		// the second current is -(i1+i3): the same sum, and S per element besides.
		if w.has(v12) && w.has(v23) && w.has(v31) {
			third := 1.0 / 3
			w.volts[0] = w.add(lane{input: none, scale: cfg.scale(v1), terms: w.sum(v12, third, v31, -third)})
			w.volts[1] = w.add(lane{input: none, scale: cfg.scale(v2), terms: w.sum(v23, third, v12, -third)})
			w.volts[2] = w.add(lane{input: none, scale: cfg.scale(v3), terms: w.sum(v31, third, v23, -third)})
		}
		w.amps = [3]int{w.of[i1], w.of[i2], w.of[i3]}
		if derivedI2 != none {
			w.amps[1] = derivedI2
		}
		for _, r := range []waveform.Role{v1, v2, v3} {
			w.hide(r)
		}
	} else {
		w.volts = [3]int{w.of[v1], w.of[v2], w.of[v3]}
		w.amps = [3]int{w.of[i1], w.of[i2], w.of[i3]}
	}

	w.sumCurrents(cfg)
	return w, nil
}

// Scale returns the factor from a sample of role's input to primary units, with the sign
// that the setup gives it.
func (c *Config) Scale(r waveform.Role) float64 {
	if slices.Contains(c.Inverted, r) {
		return -c.scale(r)
	}
	return c.scale(r)
}

// scale returns the factor from the unit of role's input to primary units.
func (c *Config) scale(r waveform.Role) float64 {
	switch r {
	case waveform.V4:
		return c.V4PT.Factor()
	case waveform.I4:
		return c.I4CT.Factor()
	case waveform.I5:
		return c.I5CT.Factor()
	}
	if r.IsCurrent() {
		return c.CT.Factor()
	}
	return c.PT.Factor()
}

func (w *wiring) has(r waveform.Role) bool { return w.of[r] != none }

// add appends l and returns its index.
func (w *wiring) add(l lane) int {
	w.lanes = append(w.lanes, l)
	n := len(w.lanes) - 1
	if l.role != waveform.NoRole {
		w.of[l.role] = n
	}
	return n
}

// derive makes the lane of role from terms unless it exists or they do not.
func (w *wiring) derive(role waveform.Role, scale float64, terms []term) {
	if terms != nil && !w.has(role) {
		w.add(lane{role: role, input: none, terms: terms, scale: scale})
	}
}

// sum returns the terms a·fa + b·fb, nil if one of the lanes does not exist.
func (w *wiring) sum(a waveform.Role, fa float64, b waveform.Role, fb float64) []term {
	if !w.has(a) || !w.has(b) {
		return nil
	}
	return []term{{w.of[a], fa}, {w.of[b], fb}}
}

// hide keeps a lane but takes it out of the readings.
func (w *wiring) hide(r waveform.Role) {
	if n := w.of[r]; n != none {
		w.lanes[n].role = waveform.NoRole
		w.of[r] = none
	}
}

// sumCurrents adds the residual lane and chooses the neutral current.
func (w *wiring) sumCurrents(cfg *Config) {
	ct := cfg.CT.Factor()
	var terms []term
	for _, r := range []waveform.Role{waveform.I1, waveform.I2, waveform.I3} {
		if !w.has(r) {
			return
		}
		terms = append(terms, term{w.of[r], 1})
	}
	if w.has(waveform.I4) {
		terms = append(terms, term{w.of[waveform.I4], cfg.I4CT.Factor() / ct})
	}
	w.residual = w.add(lane{input: none, terms: terms, scale: ct})
	w.neutral = w.residual
	if w.has(waveform.I4) {
		w.neutral = w.of[waveform.I4]
	}
}
