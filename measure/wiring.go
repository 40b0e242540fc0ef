package measure

import (
	"github.com/hepmeter/hepmeter/metering"
	"github.com/hepmeter/hepmeter/waveform"
)

// voltsMode returns the wiring that a mapping implies: phase voltages make a
// four-wire star, line-to-line ones a delta, a single voltage a single phase.
func voltsMode(m waveform.Mapping) metering.VoltsMode {
	has := func(r waveform.Role) bool { _, ok := m.Of(r); return ok }
	switch {
	case has(waveform.V2) || has(waveform.V3):
		if has(waveform.V3) || has(waveform.I3) {
			return metering.FourWireWye
		}
		return metering.Single // V1 and V2 only: two phases of opposite sign
	case has(waveform.V1):
		if has(waveform.I2) || has(waveform.I3) {
			return metering.FourWireWye
		}
		return metering.Single
	case has(waveform.V12) || has(waveform.V23) || has(waveform.V31):
		return metering.Delta
	case has(waveform.I2) || has(waveform.I3):
		return metering.FourWireWye
	}
	return metering.Single
}

// layout is the set of inputs that a report has readings of.
type layout struct {
	mode metering.VoltsMode
	// connected are the mapped inputs, all of these and the ones that follow from
	// them (V12 from V1 and V2, the third line-to-line voltage from two).
	connected, all []waveform.Role
}

func newLayout(m waveform.Mapping) layout {
	l := layout{mode: voltsMode(m), connected: m.Roles()}
	has := func(r waveform.Role) bool { _, ok := m.Of(r); return ok }
	lines := 0
	for _, r := range []waveform.Role{waveform.V12, waveform.V23, waveform.V31} {
		if has(r) {
			lines++
		}
	}
	for r := waveform.V1; r <= waveform.I5; r++ {
		derived := false
		switch r {
		case waveform.V12:
			derived = has(waveform.V1) && has(waveform.V2) || lines == 2
		case waveform.V23:
			derived = has(waveform.V2) && has(waveform.V3) || lines == 2
		case waveform.V31:
			derived = has(waveform.V3) && has(waveform.V1) || lines == 2
		}
		if has(r) || derived {
			l.all = append(l.all, r)
		}
	}
	return l
}
