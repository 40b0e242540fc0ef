package ion

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/hepmeter/hepmeter/metering"
)

// Bounds of the address space: what the head-end can hold (device type editor of
// Power Monitoring Expert, ION tree).
const (
	MaxManagers       = 127
	MaxModulesPerType = 4095
	MaxRegisters      = 255 // of one module
	MaxLabelBytes     = 50
)

// Limits are what one model can carry.
type Limits struct {
	// Modules is the largest number of modules of a type, by type name; a type that
	// is not listed is limited by MaxModulesPerType only.
	Modules map[string]int
	// ChainDepth is how many modules may be linked in a row; 0 is no limit.
	ChainDepth int
	// HalfCycle is how many modules may run every half cycle; 0 is no limit.
	HalfCycle int
	// LogBytes is the memory that logs may take together; 0 is no limit.
	LogBytes int64
}

// Identity is what the meter is, for the Factory module.
type Identity struct {
	Model, Manufacturer, Serial, Revision string
	// Options is what the model is equipped with, Template the name of the program that
	// the factory loads.
	Options, Template string
}

// Status is what the meter around the node knows of itself, for the Diagnostics
// and Modbus Gateway modules.
type Status struct {
	PowerUps int64
	// SourceLagS is how far the samples are behind the clock, in seconds.
	SourceLagS float64
	// LoggedEvents is how many events the event log holds.
	LoggedEvents uint64
	// The following are 0 where they are not known.

	// CPULoadPercent is the load of one core by the whole process, MemoryBytes the
	// memory that it holds.
	CPULoadPercent float64
	MemoryBytes    int64
	// LogMemoryBytes is the memory that logs may fill, LogMemoryUsedBytes what the
	// logs as they are set up need of it.
	LogMemoryBytes, LogMemoryUsedBytes int64
	// CommitLatencyS is how long the latest state took to become durable, in seconds.
	CommitLatencyS float64
	// Downstream has a line for each unit behind the Modbus gateway that was asked, in the
	// order of units.
	Downstream []Downstream
}

// Config is what a node is made of.
type Config struct {
	Types    []Type
	Limits   Limits
	Identity Identity
	// Program makes the factory modules. Unlike the user's changes it may make core
	// and persistent modules and link fixed inputs.
	Program []Change
}

// Node is the program of one meter. It belongs to one goroutine.
type Node struct {
	types    []*Type
	limits   Limits
	identity Identity

	modules  []*module // by handle
	ordered  []*module // in data-flow order
	seconds  []*module // those of ordered that run every second
	halves   []*module // those that run every half cycle
	windowed []*module // those that read windows

	// Per register, by dense index.
	values []Value
	flows  []tickFlow
	pulses []uint64 // how often a Pulse register was pulsed, ever

	directory *Directory
	layout    uint64
	sequence  uint64
	context   Context
	status    Status
	tick      uint64
	measured  measuredTime
	uptime    uptime
	// halfCycles tells that half cycles came since the latest tick.
	halfCycles bool

	// records is the number of the next record of each log.
	records map[Handle]uint64
	outbox  outbox
	changes Changes
	// asked is the number of the latest question; questions are those that were not taken yet,
	// taken is the list that was.
	asked            uint64
	questions, taken []Question
}

// tickFlow is a flow and the tick in which it flowed.
type tickFlow struct {
	Flow
	tick uint64
}

// New makes a node and programs it. It fails on a faulty type or program, naming all
// that is wrong.
func New(cfg Config) (*Node, error) {
	n := &Node{limits: cfg.Limits, identity: cfg.Identity, records: map[Handle]uint64{}}
	n.context.node = n
	var problems []error
	for _, t := range cfg.Types {
		complete, err := t.complete()
		if err != nil {
			problems = append(problems, err)
		}
		if slices.ContainsFunc(n.types, func(u *Type) bool { return u.Number == t.Number || fold(u.Name) == fold(t.Name) }) {
			problems = append(problems, fmt.Errorf("module type %q: its name or number %d is taken", t.Name, t.Number))
		}
		n.types = append(n.types, complete)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	n.changes.reset()
	n.lay()
	n.describe()
	if err := n.program(cfg.Program, true); err != nil {
		return nil, fmt.Errorf("programming the factory modules: %w", err)
	}
	n.changes.reset()
	return n, nil
}

// SetStatus tells the node what the meter around it knows.
func (n *Node) SetStatus(s Status) { n.status = s }

// HalfCycle runs the high-speed modules on a half-cycle result that ended at now.
func (n *Node) HalfCycle(now time.Time, hc *metering.HalfCycle) {
	c := n.begin(now)
	c.HalfCycle, c.Elapsed, c.UptimeS = hc, 0, n.uptime.measured(now, hc.EndS)
	n.runHighSpeed()
	c.HalfCycle, n.halfCycles = nil, true
}

func (n *Node) runHighSpeed() {
	for _, m := range n.halves {
		n.run(m)
	}
}

// Window shows a basic window (10 or 12 cycles) that ended at now to the modules
// that read windows.
func (n *Node) Window(now time.Time, w *metering.Window) {
	c := n.begin(now)
	c.Window = w
	for _, m := range n.windowed {
		if m.offline == "" && c.enter(m).enabled() {
			m.behaviour.(WindowReader).Window(c)
		}
	}
	c.Window = nil
}

// Tick runs the one-second modules. now is the civil time at the end of the second;
// second is nil if nothing was measured.
func (n *Node) Tick(now time.Time, second *metering.Second) {
	c := n.begin(now)
	n.tick++
	c.Second, c.Elapsed = second, 0
	n.measured, c.ClockStep = n.measured.until(now, second)
	if second != nil {
		c.UptimeS = n.uptime.measured(now, second.EndS)
	} else {
		c.UptimeS = n.uptime.idle(now)
		if !n.halfCycles {
			n.runHighSpeed() // a turn without a half cycle: what they showed is no reading any more
		}
	}
	n.halfCycles = false
	if second != nil && second.Windows > 0 && second.DurationS > 0 {
		c.Elapsed = second.DurationS
	}
	for _, m := range n.seconds {
		n.run(m)
	}
	c.Second = nil
}

// clockTolerance is the difference between the clock and the measured time from
// which on the clock has stepped.
const clockTolerance = time.Second

// measuredTime pairs the clock with the source's time axis at a tick; the zero one
// knows of no tick.
type measuredTime struct {
	clock time.Time
	axisS float64
}

// until returns the pair at the next tick, and by how much the clock was moved
// against the axis since. A tick without measurement has no axis to compare with.
func (t measuredTime) until(now time.Time, second *metering.Second) (measuredTime, time.Duration) {
	if second == nil {
		return measuredTime{}, 0
	}
	next := measuredTime{now, second.EndS}
	passedS := next.axisS - t.axisS
	if t.clock.IsZero() || !(passedS >= 0 && passedS < math.MaxInt64/1e9) {
		return next, 0
	}
	step := now.Sub(t.clock) - time.Duration(passedS*1e9)
	if step.Abs() <= clockTolerance {
		return next, 0
	}
	return next, step
}

// uptime counts the seconds that the node has run, on the source's time axis where
// something is measured and by the clock elsewhere. It never goes back, and a clock
// that is set does not move it.
type uptime struct {
	seconds float64
	axisS   float64   // at the latest measurement
	onAxis  bool      // whether the latest turn was a measurement
	clock   time.Time // at the latest turn
}

// measured is the count at a turn with a measurement that ended at axisS.
func (u *uptime) measured(now time.Time, axisS float64) float64 {
	if u.onAxis && axisS > u.axisS {
		u.seconds += axisS - u.axisS
	} else if !u.onAxis {
		u.idle(now)
	}
	u.axisS, u.onAxis, u.clock = axisS, true, now
	return u.seconds
}

// longestTurn is the longest time between turns without measurement that counts: more
// is a clock that was set.
const longestTurn = 10 * time.Second

// idle is the count at a turn without measurement.
func (u *uptime) idle(now time.Time) float64 {
	if passed := now.Sub(u.clock); !u.clock.IsZero() && passed > 0 && passed <= longestTurn {
		u.seconds += passed.Seconds()
	}
	u.onAxis, u.clock = false, now
	return u.seconds
}

// begin sets the time of what follows. What was raised while no time was known, at
// power-up, happened now.
func (n *Node) begin(now time.Time) *Context {
	if n.context.Now.IsZero() {
		for i := range n.changes.Events {
			n.changes.Events[i].Time = now.UTC()
		}
	}
	n.context.Now = now
	n.context.stampNs = now.UnixNano()
	return &n.context
}

// run gives one module its turn.
func (n *Node) run(m *module) {
	if m.offline != "" {
		return
	}
	c := n.context.enter(m)
	c.by, m.pulsedBy = m.pulsedBy, By{}
	if m.reset >= 0 && c.Pulses(m.reset) > 0 {
		if r, ok := m.behaviour.(Resetter); ok {
			r.Reset(c)
			c.Raise(PriorityReset, m.typ.Inputs[m.reset].Name, "pulsed", "", "reset")
		}
	}
	if c.enabled() {
		m.behaviour.Tick(c)
	} else if d, ok := m.behaviour.(Disabler); ok {
		d.Disabled(c)
	}
	c.by = By{}
	m.consumePulses(n)
}

// Pulse pulses the input labelled "Module/Input" by hand: the module sees it at its
// next turn, together with the pulses of its link. The events it then raises carry by.
func (n *Node) Pulse(label string, by By) error {
	m, input, err := n.findInput(label)
	if err != nil {
		return err
	}
	if !slices.Contains(m.typ.Inputs[input].Classes, Pulse) {
		return fmt.Errorf("%s takes no pulse but %s", label, classList(m.typ.Inputs[input].Classes))
	}
	if m.offline != "" {
		return fmt.Errorf("%s is offline: %s", m.label, m.offline)
	}
	m.pending[input]++
	m.pulsedBy = by
	return nil
}

// Refuses tells why Command would refuse a value for an output that clients write, as far as
// the module can tell beforehand.
func (n *Node) Refuses(label string, v Value) error {
	index, ok := n.Find(label)
	if !ok {
		return fmt.Errorf("there is no register %q", label)
	}
	m := n.modules[n.directory.Registers[index].Module]
	if r, ok := m.behaviour.(Refuser); ok {
		return r.Refuses(index-m.base, v)
	}
	return nil
}

// Command writes a value to the output labelled "Module/Output", as a client does: an
// External Boolean's Switch, a virtual input's State. v has the output's class; a Pulse
// needs no value. The events it raises carry by.
func (n *Node) Command(label string, v Value, by By, now time.Time) error {
	index, ok := n.Find(label)
	if !ok {
		return fmt.Errorf("there is no register %q", label)
	}
	m := n.modules[n.directory.Registers[index].Module]
	commander, ok := m.behaviour.(Commander)
	output := index - m.base
	if !ok || output >= len(m.typ.Outputs)-1 {
		return fmt.Errorf("%s cannot be written: it is formed by its module", label)
	}
	if class := m.typ.Outputs[output].Class; v.Class != class {
		return fmt.Errorf("%s is %s and takes no value of class %s", label, class, v.Class)
	}
	if math.IsNaN(v.Number) || math.IsInf(v.Number, 0) {
		return fmt.Errorf("%s takes no value that is not a number", label)
	}
	if m.offline != "" {
		return fmt.Errorf("%s is offline: %s", m.label, m.offline)
	}
	c := n.begin(now).enter(m)
	c.by = by
	defer func() { c.by = By{} }()
	return commander.Command(c, output, v)
}

// Find returns the dense index of the register "Module label/Register label" in the
// present layout; the case does not matter.
func (n *Node) Find(label string) (index int, ok bool) { return n.directory.Find(label) }

// Value returns what the register with the dense index holds now.
func (n *Node) Value(index int) Value {
	if index < 0 || index >= len(n.values) {
		return Value{}
	}
	return n.values[index]
}

// Setting returns the value of the setup register labelled "Module/Setup".
func (n *Node) Setting(label string) (Value, bool) {
	index, ok := n.Find(label)
	if !ok || !n.directory.Registers[index].Setup {
		return Value{}, false
	}
	return n.values[index], true
}

// Directory describes the present managers, modules and registers. It is immutable.
func (n *Node) Directory() *Directory { return n.directory }
