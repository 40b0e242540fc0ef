package metering

import (
	"math"

	"github.com/hepmeter/hepmeter/waveform"
)

// Every float64 in a result may be NaN, which means not available: the quantity
// does not exist in this volts mode, its inputs are not connected, or it was
// undefined (the power factor without current). It is never 0 in that case.

// NotAvailable is the value of a quantity that is not available.
var NotAvailable = math.NaN()

// Flags mark a result whose window was not a clean one.
type Flags uint16

// The flags. Those of samples (questionable to overrun) mark every result that such a
// sample touches.
const (
	// FlagGap: the window was closed early because samples were missing, the rate
	// changed or a loop seam was met; it covers a whole number of cycles or less.
	FlagGap Flags = 1 << iota
	// FlagShort: fewer than 10/12 cycles.
	FlagShort
	// FlagUnsynchronised: no input carried a usable fundamental, so that the window
	// ran at the last known (at first the nominal) frequency.
	FlagUnsynchronised
	// FlagReference: the reference channel was not the first one (it failed).
	FlagReference
	// FlagPhaseOrder: the voltages rotate against the configured order.
	FlagPhaseOrder
	// FlagDisturbed: a dip, swell or interruption touched the window (4-30 flagging).
	FlagDisturbed
	// FlagQuestionable: the origin does not vouch for samples in it.
	FlagQuestionable
	// FlagOutOfRange: samples in it are beyond what the origin measures well.
	FlagOutOfRange
	// FlagClock: the clock that took the samples followed no time reference.
	FlagClock
	// FlagDerived: samples in it were computed from other channels, not measured.
	FlagDerived
	// FlagOverrun: it follows a hole that was made by reading samples too slowly.
	FlagOverrun
)

// FlagsOfSamples are the flags that come with the samples.
const FlagsOfSamples = FlagQuestionable | FlagOutOfRange | FlagClock | FlagDerived | FlagOverrun

var flagNames = []string{"gap", "short", "unsynchronised", "reference", "phase-order", "disturbed",
	"questionable", "out-of-range", "clock", "derived", "overrun"}

// sampleFlags returns the flags of what an origin holds against samples.
func sampleFlags(list []waveform.Quality) Flags {
	var all waveform.Quality
	for _, q := range list {
		all |= q
	}
	var flags Flags
	for _, pair := range [...]struct {
		quality waveform.Quality
		flag    Flags
	}{{waveform.Questionable, FlagQuestionable}, {waveform.OutOfRange, FlagOutOfRange},
		{waveform.Unsynchronised, FlagClock}, {waveform.Derived, FlagDerived}, {waveform.Overrun, FlagOverrun}} {
		if all&pair.quality != 0 {
			flags |= pair.flag
		}
	}
	return flags
}

// Names returns the names of the set flags, as `measure` prints them.
func (f Flags) Names() []string {
	names := []string{}
	for i, n := range flagNames {
		if f&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return names
}

// Orders is the number of harmonic orders kept: index h of a spectrum is order h,
// index 0 is DC.
const Orders = 128

// Inputs is the number of values per input; index with a waveform.Role.
const Inputs = int(waveform.I5) + 1

// PerInput holds one value per input role (index waveform.V1 ...). Inputs that are
// derived (V2 in 3W-WYE, V12/V23/V31 in 4W-WYE, I2 in DELTA) are filled like
// connected ones.
type PerInput [Inputs]float64

// Phases holds the values of phase 1, 2, 3 and the total, in this order.
type Phases [4]float64

// Total is the index of the total in Phases.
const Total = 3

// Phasor is a fundamental: RMS magnitude and angle. The angle, in degrees
// (-180, 180], is that of a cosine at the first instant of the window.
type Phasor struct{ RMS, Deg float64 }

// Sequence holds symmetrical components of the fundamental (RMS magnitudes and
// cosine angles).
type Sequence struct{ Pos, Neg, Zero Phasor }

// Power holds the powers of a window or second.
type Power struct {
	P Phases // W, mean of u·i
	// Q1 is the fundamental reactive power in var; total = sum of phases.
	Q1 Phases
	// S is the apparent power in VA; phases U·I, total as Config.Apparent says.
	S Phases
	// PF is P/S and DPF P1/S1 (displacement), signed as Config.PFSign says.
	PF, DPF Phases
	// The three totals, always computed (IEEE 1459): vector, arithmetic, effective.
	SVector, SArithmetic, SEffective float64
	PFVector, PFArithmetic           float64
	PFEffective                      float64
	// QFryze is sign(Q1)·√(S²-P²) per phase and, as total, their sum.
	QFryze Phases
	// p1 is the fundamental active power, from which means of DPF are formed.
	p1 Phases
}

// Energy is what flowed during a result: four quadrants by the signs of (P, Q1),
// in Wh, varh and VAh, all as magnitudes (never negative). Quadrant I is index 0.
// Delivered Wh = I+IV, received = II+III; delivered varh = I+II, received =
// III+IV; VAh goes by the sign of P like Wh.
type Energy struct {
	Wh, Varh, VAh [4]float64
}

// HalfCycle is the result of one half cycle.
type HalfCycle struct {
	// EndS is the end of the half cycle on the source's time axis, in seconds.
	EndS float64
	// URms is Urms(1/2): the RMS over the cycle that ended here, on each voltage's
	// own fundamental zero crossings, and of each current over the cycle that ended at
	// the reference's crossing. An input whose half cycle did not end since the last
	// result keeps its previous value; it is not available before its first cycle.
	URms PerInput
	// FrequencyHz is that of the last full cycle of the reference.
	FrequencyHz float64
	// Power of the last full cycle (P only; the rest needs a window).
	P     Phases
	Flags Flags
}

// Window is the result of one basic window of 10 cycles (50 Hz) or 12 (60 Hz).
type Window struct {
	// StartS and DurationS place it on the source's time axis, in seconds. Windows
	// are contiguous: one starts where the last ended, unless FlagGap.
	StartS, DurationS float64
	// Cycles is the number of fundamental cycles it covers.
	Cycles      int
	Flags       Flags
	FrequencyHz float64
	// Reference is the input that the window was synchronised to.
	Reference waveform.Role

	RMS         PerInput // true RMS, DC included
	DC          PerInput
	Peak        PerInput // largest |u|
	Crest       PerInput // Peak/RMS
	Fundamental [Inputs]Phasor
	THDF, THDR  PerInput // % of the fundamental and of the RMS, IEC 61000-4-7 subgroups
	TDD         PerInput // % of DemandCurrentA, currents only
	KFactor     PerInput // UL 1561, currents only
	THDOdd      PerInput // odd orders >= 3, % of the fundamental
	THDEven     PerInput // even orders, % of the fundamental

	// HighestOrder is the highest order that the rate supports in this window. Of
	// input r and order h, Group[r][h] and Subgroup[r][h] are RMS values of IEC
	// 61000-4-7 (subgroups are what class A calls harmonics); InterGroup and
	// InterSubgroup (centred) lie between h and h+1; Angle[r][h] is the angle of bin
	// h in degrees relative to h times the angle of V1's fundamental. They are nil
	// for inputs that are not connected or derived. The slices belong to the engine.
	HighestOrder                               int
	Group, Subgroup, InterGroup, InterSubgroup [Inputs][]float64
	Angle                                      [Inputs][]float64

	Power     Power
	Voltage   Sequence
	Current   Sequence
	U2, U0    float64 // voltage unbalance in %
	I2, I0    float64 // current unbalance in %
	VWorstLN  float64 // worst deviation from the mean of V1..V3, in % (register 3052)
	VWorstLL  float64
	IWorst    float64 // register 3018
	IResidual float64 // RMS of the sum of the line currents (and neutral, if connected)

	// Energy of exactly this window: its parts sum to the energy of the samples.
	Energy Energy
}

// Second is the one-second result: RMS or mean over the basic windows that ended in
// that second, weighted by their duration, and the energy of every sample in them and
// between them. Its RMS values, powers, deviations and energy are corrected for the
// errors of instrument transformers (Config.Corrections); those of Window are not.
type Second struct {
	// EndS is the tick on the source's time axis; Index counts ticks.
	EndS  float64
	Index int64
	// Windows is the number of windows averaged; with none every reading is NaN.
	Windows int
	Flags   Flags

	FrequencyHz float64
	RMS         PerInput
	DC          PerInput
	Crest       PerInput
	Fundamental [Inputs]Phasor // of the last window
	THDF        PerInput
	THDOdd      PerInput
	THDEven     PerInput
	TDD         PerInput
	KFactor     PerInput
	Power       Power
	Voltage     Sequence // of the last window
	Current     Sequence
	U2, U0      float64
	I2, I0      float64
	VWorstLN    float64
	VWorstLL    float64
	IWorst      float64
	IResidual   float64
	// Last is the last window of the second as it was counted, nil if there was none.
	Last *Window
	// Energy is what flowed in the windows of this second and in the rests: the
	// samples behind the last whole cycle of a stretch (before a gap, a loop seam or
	// the end), which are in no window. DurationS is the time of both together; a
	// second may consist of rests alone and then has no readings.
	Energy    Energy
	DurationS float64
	// EnergyEndS is up to where on the source's time axis energy has been counted, this
	// second's and that before it.
	EnergyEndS float64
}

// Sink receives results while the engine processes a block. The values belong to
// the engine and are overwritten by the next call: copy what must last.
type Sink interface {
	HalfCycle(*HalfCycle)
	Window(*Window)
	Second(*Second)
}
