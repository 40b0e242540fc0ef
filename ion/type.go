package ion

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind is how modules of a type come and go.
type Kind uint8

// The kinds. A Core module is always there: the factory makes it, nobody deletes it
// or makes a second one. A Standard module is made, linked and deleted by the user.
// A Persistent module is made by the factory and linked by the user.
const (
	Core Kind = iota
	Standard
	Persistent
)

func (k Kind) String() string { return [...]string{"core", "standard", "persistent"}[k] }

// Rate is how often the modules of a type run.
type Rate uint8

// The rates.
const (
	EverySecond Rate = iota
	EveryHalfCycle
)

func (r Rate) String() string { return [...]string{"1 s", "half cycle"}[r] }

// Labelling is what a module of a type may be called.
type Labelling uint8

// The labellings. Free leaves the label to the user. Named is the type's name, for a type
// of which there is one. Numbered is the type's name and the module's number under its
// manager, "Security User 3": the number says whose module it is. No module of another
// type has a label that begins like a bound one.
const (
	Free Labelling = iota
	Named
	Numbered
)

// Type describes a module type. It is data, but for New.
type Type struct {
	// Number is the manager's number, stable for ever: 1 to 127.
	Number int
	Name   string
	Kind   Kind
	Rate   Rate
	Labels Labelling
	// Doc is one paragraph for the reader of docs/modules.md; Source tells where it
	// is known from.
	Doc, Source string
	Inputs      []Input
	// OneOf are inputs of which at least one must be linked before the module goes
	// online.
	OneOf   []string
	Setups  []Setup
	Outputs []Output
	// Memory is how many bytes of log memory a module takes, nil for none.
	Memory func(settings []Value, linked []bool) int64
	// Claims are the Modbus registers that a module serves, nil for none. No two modules may
	// serve the same.
	Claims func(settings []Value, linked []bool) []Claim
	// New makes the behaviour of one module.
	New func() Behaviour
}

// Input is an input of a module.
type Input struct {
	Name    string
	Classes []Class // a link must come from a register of one of these
	// Mandatory inputs keep the module offline while they are unlinked.
	Mandatory bool
	// Fixed inputs are linked by the factory and by nobody else.
	Fixed bool
	// Relays says that the link does not order the modules: the input may be linked
	// to a module that runs later, and then shows what that did at its last turn. It
	// is how a Feedback module closes a loop.
	Relays bool
	// Of is the type of module that a link must come from; empty for any. The module at the
	// far end configures this one, which sees its behaviour (Context.Behind) and starts anew
	// when it does.
	Of string
	// Unlinked tells what holds while a not mandatory input is unlinked.
	Unlinked string
}

// Setup is a setup register: part of a module's configuration. Its text form is what
// is written, stored and restored.
type Setup struct {
	Name      string
	Class     Class // NumericBounded, Enumerated, Boolean or String
	Unit      string
	Low, High float64  // bounds of a NumericBounded
	Whole     bool     // whole numbers only
	Options   []string // of an Enumerated
	MaxLength int      // of a String, in bytes
	// Form is how a person may write a NumericBounded beside as a plain number.
	Form Form
	// Check refuses a String that does not follow the register's own syntax; nil
	// takes any.
	Check func(text string) error
	// Exclusive options, the first excepted, can be taken by one module of a node
	// only: a port that is in use is not to be had.
	Exclusive bool
	Default   string
	Doc       string
}

// Form is how a number may be written.
type Form uint8

// The forms. A Number is digits; Elapsed is seconds, or days, hours, minutes and seconds
// such as "1d 2h 30m"; Instant is seconds since 1970 UTC, or a date and time of RFC 3339.
const (
	Number Form = iota
	Elapsed
	Instant
)

// Output is an output register.
type Output struct {
	Name  string
	Class Class
	Unit  string
	// Follows names the input whose unit the output has, or has its unit made from
	// (UnitNamer).
	Follows string
	Doc     string
}

// Names with a meaning to the engine.
const (
	enableInput = "Enable"
	resetInput  = "Reset"
	eventOutput = "Event"
)

// Behaviour is what a module does. Tick runs once per period of the type's rate,
// after every module that it is linked from; it is not called while the module is
// offline or disabled. The further hooks are the optional interfaces below.
type Behaviour interface {
	Tick(*Context)
}

// Starter is called when a module goes online: after it was made, linked or set, and
// at power-up after its state was restored. Outputs were made NOT AVAILABLE before.
type Starter interface{ Start(*Context) }

// Resetter is called before Tick when the input Reset was pulsed, also while the
// module is disabled.
type Resetter interface{ Reset(*Context) }

// Disabler is called instead of Tick while the input Enable is OFF. A module without
// it keeps its outputs.
type Disabler interface{ Disabled(*Context) }

// Relinker is called after an input was linked elsewhere.
type Relinker interface{ Relinked(c *Context, input int) }

// Configurer is called after a setup register was changed.
type Configurer interface{ Configured(c *Context, setup int) }

// WindowReader is called with every basic window (10 or 12 cycles).
type WindowReader interface{ Window(*Context) }

// Checker says what is wrong with a configuration whose registers are each right by
// themselves; the module is then offline for that reason. settings are the setup
// registers, linked tells which inputs are linked.
type Checker interface {
	Check(settings []Value, linked []bool) error
}

// Commander takes values that a client writes to one of the module's outputs (an
// External Boolean's Switch). It is called between turns; an error refuses the write.
type Commander interface {
	Command(c *Context, output int, v Value) error
}

// Refuser is a Commander that can tell beforehand why it would refuse a value.
type Refuser interface {
	Refuses(output int, v Value) error
}

// Keeper has state that survives a power cut. Keep appends it; Restore is called at
// power-up with what Keep wrote. A Keeper calls Context.Changed when its state changed.
type Keeper interface {
	Keep(*Encoder)
	Restore(*Decoder)
}

// complete checks the description and adds the Event output that every module has.
func (t Type) complete() (*Type, error) {
	var problems []error
	wrong := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("module type %q: "+format, append([]any{t.Name}, args...)...))
	}
	if t.Name == "" || t.New == nil || t.Doc == "" {
		wrong("needs a name, a description and a constructor")
	}
	if t.Number < 1 || t.Number > MaxManagers {
		wrong("manager number %d must be 1 to %d", t.Number, MaxManagers)
	}
	t.Outputs = append(slices.Clip(t.Outputs), Output{Name: eventOutput, Class: EventRecord, Doc: "the latest event that the module raised"})
	if n := len(t.Outputs) + len(t.Setups); n > MaxRegisters {
		wrong("has %d registers, at most %d", n, MaxRegisters)
	}
	registers, inputs := map[string]bool{}, map[string]bool{}
	for _, o := range t.Outputs {
		if registers[fold(o.Name)] {
			wrong("register %q twice", o.Name)
		}
		registers[fold(o.Name)] = true
		if o.Follows != "" && t.input(o.Follows) < 0 {
			wrong("output %q follows the unit of %q, which is no input", o.Name, o.Follows)
		}
	}
	for _, s := range t.Setups {
		if registers[fold(s.Name)] {
			wrong("register %q twice", s.Name)
		}
		registers[fold(s.Name)] = true
		if _, err := s.Parse(s.Default); err != nil {
			wrong("setup %q: default: %w", s.Name, err)
		}
	}
	for _, name := range t.OneOf {
		if t.input(name) < 0 {
			wrong("at least one of its inputs must be linked, of which %q is none", name)
		}
	}
	for _, in := range t.Inputs {
		if inputs[fold(in.Name)] {
			wrong("input %q twice", in.Name)
		}
		inputs[fold(in.Name)] = true
		if !in.Mandatory && in.Unlinked == "" {
			wrong("input %q must say what holds while it is unlinked", in.Name)
		}
	}
	return &t, errors.Join(problems...)
}

// bound reports whether the labels of the type's modules are not the user's to choose.
func (t *Type) bound() bool { return t.Labels != Free }

// labelOf is the bound label of the module with the number.
func (t *Type) labelOf(number int) string {
	if t.Labels == Numbered {
		return t.Name + " " + strconv.Itoa(number)
	}
	return t.Name
}

// numberIn is the number in the label of a Numbered module, 0 if it has none.
func (t *Type) numberIn(label string) int {
	digits, ok := strings.CutPrefix(label, t.Name+" ")
	if number, err := strconv.Atoi(digits); ok && t.Labels == Numbered && err == nil && number >= 1 && label == t.labelOf(number) {
		return number
	}
	return 0
}

func (t *Type) input(name string) int {
	return slices.IndexFunc(t.Inputs, func(in Input) bool { return strings.EqualFold(in.Name, name) })
}

func (t *Type) setup(name string) int {
	return slices.IndexFunc(t.Setups, func(s Setup) bool { return strings.EqualFold(s.Name, name) })
}

// register returns the number of the output or setup called name: outputs count
// first, setups follow; -1 if there is none.
func (t *Type) register(name string) int {
	if i := slices.IndexFunc(t.Outputs, func(o Output) bool { return strings.EqualFold(o.Name, name) }); i >= 0 {
		return i
	}
	if i := t.setup(name); i >= 0 {
		return len(t.Outputs) + i
	}
	return -1
}

func (t *Type) registers() int { return len(t.Outputs) + len(t.Setups) }

func (t *Type) registerName(register int) string {
	if register < len(t.Outputs) {
		return t.Outputs[register].Name
	}
	return t.Setups[register-len(t.Outputs)].Name
}

func (t *Type) registerClass(register int) Class {
	if register < len(t.Outputs) {
		return t.Outputs[register].Class
	}
	return t.Setups[register-len(t.Outputs)].Class
}

// Parse returns the value that text means for the setup register. An enumeration is
// written by name or by number from 0.
func (s Setup) Parse(text string) (Value, error) {
	v := Value{Class: s.Class, Available: true}
	switch s.Class {
	case NumericBounded:
		x, err := s.Form.parse(strings.TrimSpace(text))
		switch {
		case err != nil:
			return Value{}, err
		case x < s.Low || x > s.High:
			return Value{}, fmt.Errorf("%s is outside %s to %s", text, number(s.Low), number(s.High))
		case s.Whole && x != math.Trunc(x):
			return Value{}, fmt.Errorf("%s is not a whole number", text)
		}
		v.Number = x + 0 // -0 becomes 0
	case Enumerated:
		i := slices.IndexFunc(s.Options, func(o string) bool { return strings.EqualFold(o, strings.TrimSpace(text)) })
		if i < 0 {
			if n, err := strconv.Atoi(text); err == nil && n >= 0 && n < len(s.Options) {
				i = n
			}
		}
		if i < 0 {
			return Value{}, fmt.Errorf("%q is none of %s", text, strings.Join(s.Options, ", "))
		}
		v.Number, v.Text = float64(i), s.Options[i]
	case Boolean:
		switch fold(strings.TrimSpace(text)) {
		case "on", "true", "yes", "1":
			v.Number = 1
		case "off", "false", "no", "0":
		default:
			return Value{}, fmt.Errorf("%q is neither ON nor OFF", text)
		}
	case String:
		if len(text) > s.MaxLength {
			return Value{}, fmt.Errorf("the text has %d bytes, at most %d", len(text), s.MaxLength)
		}
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }) {
			return Value{}, fmt.Errorf("%q has characters that cannot be shown", text)
		}
		if s.Check != nil {
			if err := s.Check(text); err != nil {
				return Value{}, err
			}
		}
		v.Text = text
	default:
		return Value{}, fmt.Errorf("a setup register cannot be of class %v", s.Class)
	}
	return v, nil
}

// parse reads a number in one of its forms.
func (f Form) parse(text string) (float64, error) {
	x, err := strconv.ParseFloat(text, 64)
	if err == nil && !math.IsNaN(x) {
		return x, nil
	}
	switch f {
	case Elapsed:
		if x, ok := parseElapsed(text); ok {
			return x, nil
		}
		return 0, fmt.Errorf("%q is no time: write seconds, or days, hours, minutes and seconds such as 1d 2h 30m", text)
	case Instant:
		if t, err := time.Parse(time.RFC3339, text); err == nil {
			return float64(t.Unix()), nil
		}
		return 0, fmt.Errorf("%q is no date: write seconds since 1970, or a date such as 2027-03-28T01:00:00Z", text)
	}
	return 0, fmt.Errorf("%q is not a number", text)
}

// parseElapsed reads days, hours, minutes and seconds, each at most once, in this order.
func parseElapsed(text string) (seconds float64, ok bool) {
	next := 0
	units := [...]struct {
		letter  string
		seconds float64
	}{{"d", 86_400}, {"h", 3600}, {"m", 60}, {"s", 1}}
	for _, word := range strings.Fields(text) {
		for ; next < len(units) && !strings.HasSuffix(word, units[next].letter); next++ {
		}
		if next == len(units) {
			return 0, false
		}
		x, err := strconv.ParseFloat(strings.TrimSuffix(word, units[next].letter), 64)
		if err != nil || math.IsNaN(x) {
			return 0, false
		}
		seconds += x * units[next].seconds
		next++
		ok = true
	}
	return seconds, ok
}

func number(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// fold is the form of a label in which its case does not matter.
func fold(label string) string { return strings.ToLower(label) }
