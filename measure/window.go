package measure

import (
	"math"
	"time"

	"github.com/hepmeter/hepmeter/metering"
	"github.com/hepmeter/hepmeter/waveform"
)

// highestOrder is the highest harmonic in a report, and of its THD.
const highestOrder = 50

// newWindow returns a Window in which nothing is available.
func newWindow(l layout) Window {
	nan := math.NaN()
	none := Value(nan)
	phases := Phases{nan, nan, nan, nan}
	sequence := Sequence{none, none, none}
	return Window{
		StartS: none, DurationS: none, Cycles: none, Flags: []string{}, FrequencyHz: none,
		RMS: newByRole(l.all), DC: newByRole(l.all), Peak: newByRole(l.all), Crest: newByRole(l.all),
		Fundamental: newPhasors(l.all),
		Harmonics:   Spectra{roles: l.connected, lists: make([][]float32, len(l.connected))},
		Interharmonics: Spectra{roles: l.connected,
			lists: make([][]float32, len(l.connected))},
		THD: newByRole(l.connected), KFactor: newByRole(currents(l.connected)),
		P: phases, Q: phases, S: phases, PF: phases, DPF: phases,
		STotal:      STotals{none, none, none},
		Sequence:    Sequences{sequence, sequence},
		Unbalance:   Unbalance{none, none, none, none},
		Energy:      EnergyWh{none, none, none},
		ResidualPct: none,
	}
}

func currents(roles []waveform.Role) []waveform.Role {
	var c []waveform.Role
	for _, r := range roles {
		if r.IsCurrent() {
			c = append(c, r)
		}
	}
	return c
}

// fromEngine copies what the engine measured in one basic window.
func fromEngine(m *metering.Window, l layout, start time.Time) Window {
	w := newWindow(l)
	w.StartS, w.DurationS = Value(m.StartS), Value(m.DurationS)
	w.StartUTC = civil(start, m.StartS)
	w.Cycles = Value(m.Cycles)
	w.Flags = m.Flags.Names()
	w.FrequencyHz = Value(m.FrequencyHz)
	if m.Reference != waveform.NoRole {
		w.Reference = m.Reference.String()
	}
	for i, r := range l.all {
		w.RMS.values[i] = m.RMS[r]
		w.DC.values[i] = m.DC[r]
		w.Peak.values[i] = m.Peak[r]
		w.Crest.values[i] = m.Crest[r]
		w.Fundamental.RMS.values[i] = m.Fundamental[r].RMS
		w.Fundamental.Deg.values[i] = m.Fundamental[r].Deg
	}
	w.Spectrum = "subgroups"
	orders := min(m.HighestOrder, highestOrder)
	for i, r := range l.connected {
		if !hasFundamental(m.Fundamental[r].RMS, m.RMS[r]) {
			continue
		}
		w.THD.values[i] = m.THDF[r]
		w.Harmonics.lists[i] = percent(m.Subgroup[r], m.Subgroup[r], 1, orders)
		// The interharmonics lie between h and h+1: one more than there are harmonics
		// below the first, and none above the last.
		w.Interharmonics.lists[i] = percent(m.InterSubgroup[r], m.Subgroup[r], 0, orders-1)
	}
	for i, r := range w.KFactor.roles {
		if !hasFundamental(m.Fundamental[r].RMS, m.RMS[r]) {
			continue
		}
		w.KFactor.values[i] = m.KFactor[r]
	}
	p := &m.Power
	w.P, w.Q, w.S, w.PF, w.DPF = Phases(p.P), Phases(p.Q1), Phases(p.S), Phases(p.PF), Phases(p.DPF)
	w.STotal = STotals{Value(p.SVector), Value(p.SArithmetic), Value(p.SEffective)}
	w.Sequence = Sequences{V: magnitudes(m.Voltage), I: magnitudes(m.Current)}
	w.Unbalance = Unbalance{U2: Value(m.U2), U0: Value(m.U0), I2: Value(m.I2), I0: Value(m.I0)}
	if !math.IsNaN(p.P[metering.Total]) {
		w.Energy = deliveredReceived(m.Energy.Wh)
	}
	return w
}

// hasFundamental reports whether an input carries a fundamental at all. What is left
// of one by rounding, beside a steady offset, is none to take a percentage of.
func hasFundamental(fundamental, rms float64) bool { return fundamental > 1e-9*rms }

// percent returns part[first..last] in % of whole[1], nil without a fundamental.
func percent(part, whole []float64, first, last int) []float32 {
	if len(whole) < 2 || !(whole[1] > 0) || last < first || len(part) <= last {
		return nil
	}
	list := make([]float32, last-first+1)
	for h := range list {
		list[h] = float32(100 * part[first+h] / whole[1])
	}
	return list
}

func magnitudes(s metering.Sequence) Sequence {
	return Sequence{Pos: Value(s.Pos.RMS), Neg: Value(s.Neg.RMS), Zero: Value(s.Zero.RMS)}
}

// deliveredReceived folds four quadrants of active (or apparent) energy.
func deliveredReceived(q [4]float64) EnergyWh {
	delivered, received := q[0]+q[3], q[1]+q[2]
	return EnergyWh{Delivered: Value(delivered), Received: Value(received), Net: Value(delivered - received)}
}

// civil returns the civil time so many seconds after start, nil if start is
// unknown.
func civil(start time.Time, seconds float64) *string {
	if start.IsZero() || math.IsNaN(seconds) {
		return nil
	}
	s := start.Add(time.Duration(math.Round(seconds * 1e9))).UTC().Format("2006-01-02T15:04:05.000000000Z")
	return &s
}
