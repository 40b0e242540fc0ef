package modules

import (
	"math"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/metering"
	"github.com/hepmeter/hepmeter/waveform"
)

var na = math.NaN()

// noon is on the boundary of every demand interval of these tests.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// rig is a node that a test drives second by second. The number under test is
// "Power Meter/Vln a" (no flow) or "Power Meter/kW tot" (with flow), the switch
// "Power Meter/Phase Rev".
type rig struct {
	testing.TB
	node    *ion.Node
	program []ion.Change
	now     time.Time
	second  metering.Second
}

// core are the modules that every rig has.
func core() []ion.Change {
	return []ion.Change{
		ion.Create{Type: "Data Acquisition", Label: "Data Acquisition"},
		ion.Create{Type: "Power Meter", Label: "Power Meter"},
		ion.Create{Type: "Clock", Label: "Clock"},
		ion.Create{Type: "Factory", Label: "Factory"},
	}
}

func newRig(t testing.TB, changes ...ion.Change) *rig {
	t.Helper()
	r := &rig{TB: t, now: noon, program: append(core(), changes...)}
	r.build()
	return r
}

func (r *rig) build() {
	r.Helper()
	node, err := ion.New(ion.Config{Types: append(Catalogue(), tally()), Program: r.program, Identity: ion.Identity{Model: "ION9000", Revision: "3.0.0"}})
	if err != nil {
		r.Fatal(err)
	}
	r.node = node
}

// restart makes the node anew from what it kept, as after a power cut.
func (r *rig) restart() {
	r.Helper()
	kept := r.node.Export()
	r.build()
	if problems := r.node.Restore(kept.Setup, kept.Retained); len(problems) > 0 {
		r.Fatal(problems)
	}
}

// tick lets a second pass with Vln a = volts and no power.
func (r *rig) tick(volts float64) {
	r.energyTick(volts, [4]float64{})
}

// ticks lets seconds pass.
func (r *rig) ticks(count int, volts float64) {
	for range count {
		r.tick(volts)
	}
}

// energyTick lets a second pass in which Wh, varh and VAh flowed in each quadrant.
func (r *rig) energyTick(volts float64, wh [4]float64) {
	r.now = r.now.Add(time.Second)
	flags := r.second.Flags
	s := nothing()
	s.EndS, s.Windows, s.DurationS, s.Flags = r.second.EndS+1, 5, 1, flags
	s.RMS[waveform.V1] = volts
	s.Energy = metering.Energy{Wh: wh, Varh: wh, VAh: wh}
	s.Power.P[metering.Total] = (wh[0] + wh[3] - wh[1] - wh[2]) * 3600
	r.second = s
	r.node.Tick(r.now, &s)
}

// nothing is a second in which no quantity is available.
func nothing() metering.Second {
	s := metering.Second{FrequencyHz: na, U2: na, U0: na, I2: na, I0: na, VWorstLN: na, VWorstLL: na, IWorst: na, IResidual: na}
	for _, values := range []*metering.PerInput{&s.RMS, &s.DC, &s.Crest, &s.THDF, &s.THDOdd, &s.THDEven, &s.TDD, &s.KFactor} {
		for i := range values {
			values[i] = na
		}
	}
	for _, phases := range []*metering.Phases{&s.Power.P, &s.Power.Q1, &s.Power.S, &s.Power.PF, &s.Power.DPF} {
		*phases = metering.Phases{na, na, na, na}
	}
	return s
}

// enable sets the switch for the coming ticks.
func (r *rig) enable(on bool) {
	r.second.Flags = 0
	if on {
		r.second.Flags = metering.FlagPhaseOrder
	}
}

func (r *rig) pulse(input string) {
	r.Helper()
	if err := r.node.Pulse(input, ion.By{User: "tester"}); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) do(changes ...ion.Change) {
	r.Helper()
	if err := r.node.Program(changes, ion.By{User: "tester"}, r.now); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) value(label string) ion.Value {
	r.Helper()
	index, ok := r.node.Find(label)
	if !ok {
		r.Fatalf("there is no register %q", label)
	}
	return r.node.Value(index)
}

// want checks a number within a part in 10^12; NaN means NOT AVAILABLE.
func (r *rig) want(label string, want float64) {
	r.Helper()
	switch v := r.value(label); {
	case math.IsNaN(want):
		if v.Available {
			r.Errorf("%s = %v, want N/A", label, v)
		}
	case !v.Available || math.Abs(v.Number-want) > 1e-12*max(1, math.Abs(want)):
		r.Errorf("%s = %v, want %v", label, v, want)
	}
}

// resetEvents returns how many resets were logged since it was last called.
func (r *rig) resetEvents() int {
	count := 0
	for _, e := range r.node.TakeChanges().Events {
		if e.Priority == ion.PriorityReset && e.User == "tester" {
			count++
		}
	}
	return count
}

// moduleUnderTest makes a module labelled M.
func moduleUnderTest(typeName, source string, settings ...string) []ion.Change {
	input := "Source"
	if typeName == "Integrator" {
		input = "Integrand"
	}
	changes := []ion.Change{ion.Create{Type: typeName, Label: "M"}, ion.Link{Input: "M/" + input, Register: source}}
	for i := 0; i+1 < len(settings); i += 2 {
		changes = append(changes, ion.Set{Register: "M/" + settings[i], Value: settings[i+1]})
	}
	return changes
}

func enableLink() ion.Change {
	return ion.Link{Input: "M/Enable", Register: "Power Meter/Phase Rev"}
}
