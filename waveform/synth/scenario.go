// Package synth makes waveforms from a written scenario: a supply, what is
// connected to it, and what happens when. It is the meter's source where no
// recording and no converter is at hand, and the reference of its tests, since
// the truth of a scenario is known in closed form (see [Scenario.Expect]).
//
// A channel's signal is
//
//	x = E·(Σ √2·X·p·sin(h·(θ + α) + β)) + DC + noise + transients
//
// where θ is the phase of the supply, α the channel's own phase, p and β a
// harmonic's share and phase, and E the product of the events that scale the
// channel. Everything is a function of the sample index, so there is no drift:
// an hour in, a sample is what the formula says.
package synth

import (
	_ "embed"
	"fmt"
	"os"

	"github.com/hepmeter/hepmeter/waveform"
)

// Scenario is a synthetic site. The tags of its fields say what is allowed;
// docs/scenarios.md is checked against them. The zero value of every field means
// "not given".
type Scenario struct {
	Name        string `yaml:"name" doc:"what the scenario is called"`
	Description string `yaml:"description" doc:"what it is for"`
	Seed        uint64 `yaml:"seed" range:"0..1e15" doc:"seed of everything random: noise, starts, fluctuation"`

	RateHz          float64 `yaml:"rateHz" unit:"Hz" range:"100..10e6" default:"the caller's" doc:"sampling rate; stated here it overrides the caller's"`
	DurationSeconds float64 `yaml:"durationSeconds" unit:"s" range:"0..1e9" default:"endless" doc:"length of the signal"`
	Connection      string  `yaml:"connection" oneof:"wye|delta|single" default:"wye" doc:"which voltages voltage makes: V1 V2 V3; V12 V23 V31 (formed from star voltages that are not delivered); V1 alone"`

	Frequency Frequency                 `yaml:"frequency" doc:"frequency of the supply and how it moves"`
	Voltage   *ThreePhase               `yaml:"voltage" doc:"the three voltages at once"`
	Current   *ThreePhase               `yaml:"current" doc:"the three line currents at once (loads add to them)"`
	Channels  map[waveform.Role]Channel `yaml:"channels" doc:"single channels by role (V1 V2 V3 V4 V12 V23 V31 I1 I2 I3 I4 I5): new ones, or keys that replace those from voltage and current"`
	Loads     []Appliance               `yaml:"loads" max:"100" doc:"what is connected, by power; adds to I1 I2 I3"`
	Events    []Event                   `yaml:"events" max:"1000" doc:"what happens when"`

	// file and lines say where a part was written, for error messages.
	file  string
	lines map[string]int
}

// Frequency is the frequency of the supply.
type Frequency struct {
	Hz            float64           `yaml:"hz" unit:"Hz" range:"1..1000" default:"50" doc:"frequency at the start"`
	NominalHz     float64           `yaml:"nominalHz" unit:"Hz" range:"1..1000" default:"50 or 60, the nearer" doc:"nominal frequency told to the meter"`
	Changes       []FrequencyChange `yaml:"changes" max:"1000" doc:"steps and ramps, in the order of time"`
	RepeatSeconds float64           `yaml:"repeatSeconds" unit:"s" range:"0..1e6" default:"never" doc:"begin again with hz, and with the changes, every so long"`
	Wander        []Wander          `yaml:"wander" max:"10" doc:"slow sinusoidal deviations, added up"`
}

// FrequencyChange is a step or a linear ramp of the frequency.
type FrequencyChange struct {
	At          float64 `yaml:"at" unit:"s" range:"0..1e9" doc:"when it begins"`
	Hz          float64 `yaml:"hz" unit:"Hz" range:"1..1000" doc:"where it goes (required)"`
	OverSeconds float64 `yaml:"overSeconds" unit:"s" range:"0..1e6" default:"0, a step" doc:"how long it takes"`
}

// Wander is a sinusoidal deviation of the frequency.
type Wander struct {
	Hz            float64 `yaml:"hz" unit:"Hz" range:"0..1" doc:"largest deviation"`
	PeriodSeconds float64 `yaml:"periodSeconds" unit:"s" range:"5..1e6" doc:"its period (required)"`
	Degrees       float64 `yaml:"degrees" unit:"°" range:"-360..360" default:"0" doc:"its phase at the start"`
}

// ThreePhase is a set of three voltages or currents.
type ThreePhase struct {
	RMS                float64         `yaml:"rms" unit:"V or A" range:"0..1e7" doc:"RMS of the fundamental, phase to neutral (the positive sequence, where there is unbalance)"`
	Degrees            float64         `yaml:"degrees" unit:"°" range:"-360..360" default:"0" doc:"phase of phase 1; 2 and 3 follow at -120° and 120°"`
	Reversed           bool            `yaml:"reversed" default:"false" doc:"rotation 1-3-2"`
	NegativePercent    float64         `yaml:"negativePercent" unit:"%" range:"0..100" default:"0" doc:"negative sequence"`
	NegativeDegrees    float64         `yaml:"negativeDegrees" unit:"°" range:"-360..360" default:"0" doc:"its phase, from phase 1"`
	ZeroPercent        float64         `yaml:"zeroPercent" unit:"%" range:"0..100" default:"0" doc:"zero sequence"`
	ZeroDegrees        float64         `yaml:"zeroDegrees" unit:"°" range:"-360..360" default:"0" doc:"its phase, from phase 1"`
	Harmonics          []Harmonic      `yaml:"harmonics" max:"200" doc:"of each phase"`
	Interharmonics     []Interharmonic `yaml:"interharmonics" max:"50" doc:"of each phase"`
	NoisePercent       float64         `yaml:"noisePercent" unit:"% of rms" range:"0..100" default:"0" doc:"RMS of white noise, independent in each channel"`
	FluctuationPercent float64         `yaml:"fluctuationPercent" unit:"%" range:"0..50" default:"0" doc:"largest slow random change of magnitude, common to the three"`
	FluctuationSeconds float64         `yaml:"fluctuationSeconds" unit:"s" range:"1..1e5" default:"30" doc:"how long such a change takes"`
}

// Channel is one input. Pointers tell "0" from "not given", which matters where
// a channel replaces a key of voltage or current.
type Channel struct {
	RMS            *float64                  `yaml:"rms" unit:"V or A" range:"0..1e7" default:"from voltage or current, or 0" doc:"RMS of the fundamental"`
	Degrees        *float64                  `yaml:"degrees" unit:"°" range:"-360..360" default:"from voltage or current, or 0" doc:"phase of the fundamental: at 0° it rises through zero at the start"`
	Harmonics      []Harmonic                `yaml:"harmonics" max:"200" doc:"percent of this channel's fundamental"`
	Interharmonics []Interharmonic           `yaml:"interharmonics" max:"50" doc:"percent of this channel's fundamental"`
	NoisePercent   *float64                  `yaml:"noisePercent" unit:"% of rms" range:"0..100" default:"0" doc:"RMS of white noise"`
	DC             *float64                  `yaml:"dc" unit:"V or A" range:"-1e7..1e7" default:"0" doc:"direct component; events do not scale it"`
	Derive         map[waveform.Role]float64 `yaml:"derive" doc:"weights: the channel is this sum of other channels and has no other key, e.g. {I1: -1, I2: -1, I3: -1}"`
	Hidden         bool                      `yaml:"hidden" default:"false" doc:"made (for derive and loads) but not delivered"`
}

// Harmonic is a component at a whole multiple of the supply frequency.
type Harmonic struct {
	Order           int      `yaml:"order" range:"2..1000" doc:"multiple of the supply frequency (required)"`
	Percent         float64  `yaml:"percent" unit:"%" range:"0..1000" doc:"of the fundamental"`
	Degrees         float64  `yaml:"degrees" unit:"°" range:"-360..360" default:"0" doc:"its own degrees, from the rise through zero of this channel's fundamental (IEC 61000-4-30, 4-15)"`
	AbsoluteDegrees *float64 `yaml:"absoluteDegrees" unit:"°" range:"-3600..3600" default:"none" doc:"instead of degrees: from the start of the signal (IEEE 1459)"`
}

// Interharmonic is a component at any frequency.
type Interharmonic struct {
	Ratio   float64 `yaml:"ratio" range:"0..1000" doc:"multiple of the supply frequency, which it follows"`
	Hz      float64 `yaml:"hz" unit:"Hz" range:"0..1e6" doc:"instead of ratio: a fixed frequency"`
	Percent float64 `yaml:"percent" unit:"%" range:"0..1000" doc:"of the fundamental"`
	Degrees float64 `yaml:"degrees" unit:"°" range:"-360..360" default:"0" doc:"its phase at the start of the signal, in every channel"`
}

// Appliance is something connected (a load, in the file), stated by its fundamental power. Its current is
// taken from the undisturbed voltages, so that a dip does not change it. In a delta
// connection it has no zero sequence, there being no neutral for it.
type Appliance struct {
	Name         string     `yaml:"name" doc:"its name, for events"`
	Phases       []int      `yaml:"phases" max:"3" range:"1..3" default:"all" doc:"to which phases it is connected"`
	SplitPercent []float64  `yaml:"splitPercent" max:"3" unit:"%" range:"0..100" default:"equal" doc:"share of each of the phases, in their order"`
	KW           float64    `yaml:"kW" unit:"kW" range:"-1e6..1e6" doc:"fundamental active power of all its phases; negative feeds in"`
	KVAR         float64    `yaml:"kvar" unit:"kvar" range:"-1e6..1e6" default:"0" doc:"fundamental reactive power; positive is inductive"`
	PF           float64    `yaml:"pf" range:"0..1" default:"none" doc:"instead of kvar: displacement power factor"`
	Leading      bool       `yaml:"leading" default:"false" doc:"with pf: capacitive"`
	Harmonics    []Harmonic `yaml:"harmonics" max:"200" doc:"percent of its fundamental current, degrees from that current's rise through zero"`
	Profile      Profile    `yaml:"profile" doc:"how it changes with time"`
}

// Profile is how a load changes with time. Profiles are evaluated every few
// milliseconds and are linear between, their edges on exact samples.
type Profile struct {
	Kind               string    `yaml:"kind" oneof:"constant|day|solar|cycle" default:"constant" doc:"constant; day: hours; solar: a bell from sunrise to sunset; cycle: on and off"`
	Hours              []float64 `yaml:"hours" max:"24" unit:"%" range:"-1000..1000" default:"an office and shop day" doc:"day: the load at each full hour of the civil day of the start time, 24 values, smooth between"`
	SunriseHour        float64   `yaml:"sunriseHour" unit:"h" range:"0..24" default:"6" doc:"solar"`
	SunsetHour         float64   `yaml:"sunsetHour" unit:"h" range:"0..24" default:"20" doc:"solar"`
	FluctuationPercent float64   `yaml:"fluctuationPercent" unit:"%" range:"0..100" default:"0" doc:"largest random change, of the value at that time (for solar only downwards: clouds)"`
	FluctuationSeconds float64   `yaml:"fluctuationSeconds" unit:"s" range:"0.1..1e5" default:"10" doc:"how long such a change takes"`
	EverySeconds       float64   `yaml:"everySeconds" unit:"s" range:"0.1..1e6" doc:"cycle: one run in every such span (required)"`
	OnSeconds          float64   `yaml:"onSeconds" unit:"s" range:"0.02..1e6" doc:"cycle: length of a run (required, not above everySeconds)"`
	JitterPercent      float64   `yaml:"jitterPercent" unit:"%" range:"0..100" default:"0" doc:"cycle: how much of the idle time the start is moved by, at random"`
	StartRatio         float64   `yaml:"startRatio" range:"0..20" default:"1" doc:"cycle: starting current of a motor over its running current"`
	StartSeconds       float64   `yaml:"startSeconds" unit:"s" range:"0.001..100" default:"0.3" doc:"cycle: time constant with which the starting current decays"`
	Alternate          bool      `yaml:"alternate" default:"false" doc:"cycle: every second run feeds in instead (a lift, a battery)"`
}

// Event is something that happens at a time, once or repeatedly.
type Event struct {
	Type    string   `yaml:"type" oneof:"dip|swell|interruption|step|phaseJump|modulation|oscillatory|impulse" doc:"what happens (required)"`
	At      float64  `yaml:"at" unit:"s" range:"0..1e9" doc:"when; takes effect on the first sample not before"`
	Phase   *float64 `yaml:"phase" unit:"°" range:"0..360" default:"none" doc:"wait, from at, until the fundamental of phaseOf has this phase (0 rises through zero)"`
	PhaseOf string   `yaml:"phaseOf" default:"V1, or the first channel" doc:"the channel phase refers to"`

	Channels []string `yaml:"channels" max:"12" default:"all voltages" doc:"roles it acts on"`
	Load     string   `yaml:"load" default:"none" doc:"step: the load it acts on, instead of channels"`

	DurationSeconds float64 `yaml:"durationSeconds" unit:"s" range:"0..1e9" default:"for ever (step, modulation)" doc:"how long it lasts"`
	DurationCycles  float64 `yaml:"durationCycles" unit:"nominal cycles" range:"0..1e9" default:"none" doc:"instead of durationSeconds"`
	EverySeconds    float64 `yaml:"everySeconds" unit:"s" range:"0..1e9" default:"once" doc:"repeat at this distance"`
	Times           int     `yaml:"times" range:"0..1e9" default:"without end" doc:"with everySeconds: how often in all"`

	Percent     float64 `yaml:"percent" unit:"%" range:"0..1000" default:"0" doc:"dip, swell, interruption, step: what is left, of the value otherwise in force"`
	RampSeconds float64 `yaml:"rampSeconds" unit:"s" range:"0..1e6" default:"0" doc:"step: how long the change takes, linear"`

	Degrees float64 `yaml:"degrees" unit:"°" range:"-180..180" doc:"phaseJump: by how much the channels advance"`

	Shape            string  `yaml:"shape" oneof:"sine|rectangular" default:"sine" doc:"modulation"`
	Hz               float64 `yaml:"hz" unit:"Hz" range:"0..5e6" doc:"modulation, oscillatory: its frequency"`
	ChangesPerMinute float64 `yaml:"changesPerMinute" unit:"1/min" range:"0..1e6" default:"none" doc:"modulation: instead of hz, two changes a period (IEC 61000-4-15 table 5)"`
	DepthPercent     float64 `yaml:"depthPercent" unit:"%" range:"0..200" doc:"modulation: ΔU/U from peak to peak (IEC 61000-4-15)"`

	Peak         float64 `yaml:"peak" unit:"V or A" range:"-1e7..1e7" doc:"oscillatory: amplitude at its start; impulse: highest value"`
	DecaySeconds float64 `yaml:"decaySeconds" unit:"s" range:"1e-7..100" doc:"oscillatory, impulse: time constant of the decay (required there)"`
	RiseSeconds  float64 `yaml:"riseSeconds" unit:"s" range:"0..100" default:"0" doc:"impulse: time constant of the rise, below decaySeconds"`
}

//go:embed default.yaml
var defaultYAML []byte

// Default returns the site a meter sees when it is given no source: a 230 V
// 50 Hz three-phase building with V1 V2 V3 V4 and I1 to I5, a daily load, a
// compressor, a lift that feeds back when it goes down, a battery and solar
// panels: energy flows both ways within minutes, by day and by night.
func Default() *Scenario {
	s, err := Parse(defaultYAML, "default.yaml")
	if err != nil {
		// A test parses the embedded file; a wrong one never ships.
		panic(err)
	}
	return s
}

// DefaultYAML returns the text of the default site, for a user to start from.
func DefaultYAML() []byte { return append([]byte(nil), defaultYAML...) }

// Load reads a scenario file. Errors name file, line and key.
func Load(path string) (*Scenario, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	if info.Size() > maxFileBytes {
		return nil, fmt.Errorf("scenario %s: %d bytes are more than a scenario may have (%d)", path, info.Size(), maxFileBytes)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	return Parse(text, path)
}
