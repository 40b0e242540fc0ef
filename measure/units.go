package measure

import (
	"math"

	"github.com/hepmeter/hepmeter/waveform"
)

// units says in which unit each input is reported: that of its channel. A meter
// computes in volts and amperes; a recording in kV is reported in kV. Powers are
// always W, var and VA.
type units struct {
	// of maps a role to its unit and to the volts or amperes in one of it.
	of map[waveform.Role]unit
	// voltage and current are those of sequence components and of what is derived from
	// several inputs.
	voltage, current unit
}

type unit struct {
	name string
	size float64
}

func newUnits(m waveform.Mapping, channels []waveform.Channel) units {
	u := units{of: map[waveform.Role]unit{}}
	var voltages, currents []unit
	for _, p := range m {
		base := "V"
		if p.Role.IsCurrent() {
			base = "A"
		}
		one := unit{base, math.Abs(p.Scale)}
		switch one.size {
		case 1:
		case 1e3:
			one.name = "k" + base
		case 1e6:
			one.name = "M" + base
		case 1e-3:
			one.name = "m" + base
		default:
			if one.name = channels[p.Channel].Unit; one.name == "" {
				one = unit{base, 1}
			}
		}
		u.of[p.Role] = one
		switch {
		case p.Role == waveform.V4, p.Role == waveform.I4, p.Role == waveform.I5:
		case p.Role.IsVoltage():
			voltages = append(voltages, one)
		default:
			currents = append(currents, one)
		}
	}
	u.voltage, u.current = common(voltages, "V"), common(currents, "A")
	return u
}

// common returns the unit that all have, the base unit if they differ.
func common(all []unit, base string) unit {
	for _, u := range all {
		if u != all[0] {
			return unit{base, 1}
		}
	}
	if len(all) == 0 {
		return unit{base, 1}
	}
	return all[0]
}

func (u units) unit(r waveform.Role) unit {
	if one, ok := u.of[r]; ok {
		return one
	}
	if r.IsVoltage() {
		return u.voltage
	}
	return u.current
}

// names returns the unit of each role, and of voltages and currents as such.
func (u units) names(roles []waveform.Role) map[string]string {
	n := map[string]string{"V": u.voltage.name, "I": u.current.name}
	for _, r := range roles {
		n[r.String()] = u.unit(r).name
	}
	return n
}

// apply turns volts and amperes of a window into the reported units.
func (u units) apply(w *Window) {
	for _, b := range []ByRole{w.RMS, w.DC, w.Peak, w.Fundamental.RMS} {
		for i, r := range b.roles {
			b.values[i] /= u.unit(r).size
		}
	}
	for _, s := range []struct {
		sequence *Sequence
		size     float64
	}{{&w.Sequence.V, u.voltage.size}, {&w.Sequence.I, u.current.size}} {
		size := Value(s.size)
		s.sequence.Pos /= size
		s.sequence.Neg /= size
		s.sequence.Zero /= size
	}
}
