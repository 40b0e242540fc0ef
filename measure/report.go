// Package measure turns a recording into a report: what the file holds, how its
// channels are understood, and what a class A meter reads from it.
//
// The report is plain data. It can be written as JSON (docs/measure-json.md is the
// contract), as a page of HTML that needs nothing beside it, and as a short text.
package measure

import (
	"math"
	"time"

	"github.com/hepmeter/hepmeter/waveform"
)

// Report is what a recording holds. The json tags are a contract with users; see
// docs/measure-json.md.
type Report struct {
	// File is the path as given, Format what it turned out to be.
	File   string `json:"file"`
	Format string `json:"format"`
	// Station and Device are names from the recording.
	Station string `json:"station"`
	Device  string `json:"device"`
	// StartUTC is the civil time of the first sample, RFC 3339, or null.
	StartUTC *string `json:"start_utc"`
	// Warnings lists what was odd, in the file and in what it holds.
	Warnings []string `json:"warnings"`
	// RateHz is the sampling rate of the first sample, NominalHz the line frequency
	// that the samples show (50 or 60).
	RateHz    Value `json:"rate_hz"`
	NominalHz Value `json:"nominal_hz"`
	// Samples counts the samples of each channel, DurationS their time.
	Samples   int64 `json:"samples"`
	DurationS Value `json:"duration_s"`
	// Wiring is the volts mode that the mapping implies.
	Wiring string `json:"wiring"`
	// Units says in which unit each input is given: that of its channel ("kV" stays
	// kV). "V" and "I" are the units of sequence components. Powers are W, var, VA.
	Units map[string]string `json:"units"`
	// Channels lists every analogue channel of the file, in file order, as stored.
	Channels []Channel `json:"channels"`
	// Windows lists the basic windows, or the one that was asked for.
	Windows []Window `json:"windows"`
	// Energy is the sum over the windows.
	Energy Energy `json:"energy"`
	// Aggregates and Events are not measured yet: their lists are empty.
	Aggregates Aggregates `json:"aggregates"`
	Events     []Event    `json:"events"`

	layout layout
	units  units
	start  time.Time
	// statedHz is the line frequency that the file states, 0 if it states none.
	statedHz float64
	traces   []trace
}

// Channel is one analogue channel over the whole record, as stored: a·x+b with no
// transformer ratio and no skew applied.
type Channel struct {
	// Index counts the analogue channels of the file from 1.
	Index int    `json:"index"`
	Name  string `json:"name"`
	Phase string `json:"phase"`
	// Role is the input that the channel was taken for, empty if none.
	Role string `json:"role"`
	Unit string `json:"unit"`
	// Samples counts the values that are there, Missing those that are not.
	Samples int64 `json:"samples"`
	Missing int64 `json:"missing"`
	Min     Value `json:"min"`
	Max     Value `json:"max"`
	RMS     Value `json:"rms"`
	// First and Last are the first and last value that is there.
	First Value `json:"first"`
	Last  Value `json:"last"`
	// Scale is what a value was multiplied with on the way to the input (kV: 1000,
	// a name read in reverse: -1), null without a role.
	Scale Value `json:"scale"`
	// Values says "primary", "secondary" or "unstated"; Primary and Secondary are the
	// ratio that the file states. They are not applied.
	Values    string `json:"values"`
	Primary   Value  `json:"primary"`
	Secondary Value  `json:"secondary"`
	SkewUS    Value  `json:"skew_us"`
}

// Window is the result of one window. A quantity that is not available is null.
type Window struct {
	// StartS is the time of the first sample, in seconds from the record's first.
	StartS    Value   `json:"t_s"`
	DurationS Value   `json:"duration_s"`
	StartUTC  *string `json:"start_utc"`
	Cycles    Value   `json:"cycles"`
	// Flags says what was not as it should be; "fit" marks a window measured by least
	// squares.
	Flags       []string `json:"flags"`
	FrequencyHz Value    `json:"frequency_hz"`
	// Reference is the input that the window was synchronised to.
	Reference string `json:"reference"`
	RMS       ByRole `json:"rms"`
	DC        ByRole `json:"dc"`
	Peak      ByRole `json:"peak"`
	Crest     ByRole `json:"crest"`
	// Fundamental is magnitude and angle, Spectrum what the two lists hold:
	// "subgroups" of IEC 61000-4-7, or spectral "lines" of a fit.
	Fundamental Phasors `json:"fundamental"`
	Spectrum    string  `json:"spectrum"`
	// Harmonics begins with order 1 (100 %); Interharmonics with the one between
	// orders 0 and 1.
	Harmonics      Spectra `json:"harmonics_pct"`
	Interharmonics Spectra `json:"interharmonics_pct"`
	THD            ByRole  `json:"thd_pct"`
	KFactor        ByRole  `json:"k_factor"`
	// Q is the fundamental reactive power, S the apparent power (total: vector sum).
	P  Phases `json:"p_w"`
	Q  Phases `json:"q_var"`
	S  Phases `json:"s_va"`
	PF Phases `json:"pf"`
	// DPF is the displacement power factor, of the fundamental alone.
	DPF         Phases    `json:"dpf"`
	STotal      STotals   `json:"s_total_va"`
	Sequence    Sequences `json:"sequence"`
	Unbalance   Unbalance `json:"unbalance_pct"`
	Energy      EnergyWh  `json:"energy_wh"`
	ResidualPct Value     `json:"fit_residual_pct"`
}

// STotals are the three total apparent powers of IEEE 1459.
type STotals struct {
	Vector     Value `json:"vector"`
	Arithmetic Value `json:"arithmetic"`
	Effective  Value `json:"effective"`
}

// Sequences are the magnitudes of the symmetrical components of the fundamental.
type Sequences struct {
	V Sequence `json:"V"`
	I Sequence `json:"I"`
}

// Sequence is the positive, negative and zero sequence (RMS).
type Sequence struct {
	Pos  Value `json:"pos"`
	Neg  Value `json:"neg"`
	Zero Value `json:"zero"`
}

// Unbalance holds negative and zero by positive sequence, of voltages and of
// currents, in %.
type Unbalance struct {
	U2 Value `json:"u2"`
	U0 Value `json:"u0"`
	I2 Value `json:"i2"`
	I0 Value `json:"i0"`
}

// EnergyWh is the active energy of one window; net = delivered - received.
type EnergyWh struct {
	Delivered Value `json:"delivered"`
	Received  Value `json:"received"`
	Net       Value `json:"net"`
}

// Energy is what the windows add up to.
type Energy struct {
	Wh   EnergyWh `json:"wh"`
	Varh EnergyWh `json:"varh"`
	VAh  EnergyWh `json:"vah"`
	// QuadrantWh is the active energy in quadrants I to IV, by the signs of P and Q.
	QuadrantWh [4]Value `json:"quadrant_wh"`
}

func (e *Energy) setNotAvailable() {
	none := Value(math.NaN())
	*e = Energy{Wh: EnergyWh{none, none, none}, Varh: EnergyWh{none, none, none}, VAh: EnergyWh{none, none, none},
		QuadrantWh: [4]Value{none, none, none, none}}
}

// Aggregates are the longer intervals of IEC 61000-4-30.
type Aggregates struct {
	Cycles150 []Window `json:"150_180"`
	Minutes10 []Window `json:"10min"`
	Hours2    []Window `json:"2h"`
}

// Event is a dip, swell or the like. None is detected yet.
type Event struct{}

// trace is a stretch of one input's waveform, kept for the page.
type trace struct {
	role   waveform.Role
	times  []float64
	values []float64
}
