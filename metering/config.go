package metering

import "github.com/hepmeter/hepmeter/waveform"

// VoltsMode is how the meter is wired (measurement elements and what the voltage
// inputs mean); the enumeration of the Power Meter module.
type VoltsMode uint8

// The volts modes. In FourWireWye V1..V3 are phase to neutral. In ThreeWireWye
// V1 and V3 are, and V2 = -(V1+V3). In Delta the inputs are V12, V23 and V31, any
// two of which determine the third, and phase quantities are not available.
// Single has V1 (and V2 of opposite phase if present). Demo is wired like
// FourWireWye; the meter feeds it a synthetic source.
const (
	FourWireWye VoltsMode = iota
	ThreeWireWye
	Delta
	Single
	Demo
)

func (m VoltsMode) String() string {
	switch m {
	case FourWireWye:
		return "4W-WYE"
	case ThreeWireWye:
		return "3W-WYE"
	case Delta:
		return "DELTA"
	case Single:
		return "SINGLE"
	case Demo:
		return "DEMO"
	}
	return "unknown volts mode"
}

// PhaseOrder is the expected rotation.
type PhaseOrder uint8

// The phase orders.
const (
	ABC PhaseOrder = iota
	ACB
)

// PFSign selects the sign convention of power factors.
type PFSign uint8

// With SignIEC a power factor has the sign of P; with SignIEEE the sign of -P·Q.
const (
	SignIEC PFSign = iota
	SignIEEE
)

// Apparent selects which total apparent power is "the" total: the one that feeds
// S, PF and VAh of the total.
type Apparent uint8

// VectorS is √((ΣP)²+(ΣQ)²) with Q_k = sign(Q1_k)·√(S_k²-P_k²); ArithmeticS is
// ΣS_k; EffectiveS is Se of IEEE 1459.
const (
	VectorS Apparent = iota
	ArithmeticS
	EffectiveS
)

// Ratio is an instrument transformer ratio. The zero Ratio is 1:1.
type Ratio struct{ Primary, Secondary float64 }

// Factor returns Primary/Secondary, 1 for the zero Ratio.
func (r Ratio) Factor() float64 {
	if r.Primary == 0 || r.Secondary == 0 {
		return 1
	}
	return r.Primary / r.Secondary
}

// Config describes the installation that an Engine measures.
type Config struct {
	// NominalHz is 50 or 60: windows are 10 or 12 cycles, the tracked band is
	// 42.5-57.5 or 51-69 Hz.
	NominalHz float64
	// RateHz is the sampling rate of the blocks.
	RateHz float64
	// Inputs is the role of each channel of the blocks, in order, each once.
	Inputs     []waveform.Role
	VoltsMode  VoltsMode
	PhaseOrder PhaseOrder
	PFSign     PFSign
	Apparent   Apparent
	// PT applies to V1..V3 and the line-to-line inputs, CT to I1..I3, the others to
	// the input they name. Results are primary values: the engine meters what it
	// gets and scales once at the end.
	PT, CT, V4PT, I4CT, I5CT Ratio
	// Inverted lists inputs connected with reversed polarity.
	Inverted []waveform.Role
	// Corrections are the known errors of instrument transformers; those of inputs that
	// are not connected are not used.
	Corrections []Correction
	// PerPhaseEnergy routes energy by the sign of each phase's power instead of the
	// sign of the net sum of phases.
	PerPhaseEnergy bool
	// DemandCurrentA is I_L of TDD in primary amperes; 0 makes TDD not available.
	DemandCurrentA float64
	// HighestOrder limits harmonics; 0 means 127. The rate may limit it further.
	HighestOrder int
}
