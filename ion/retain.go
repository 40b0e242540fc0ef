package ion

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
)

// Changes is what the world must know of a node's doings: what to make durable, and
// the events. Labels are "Module label" for states and "Module label/Setup" for
// setup registers.
type Changes struct {
	Retained       map[string][]byte
	RetainedDelete []string
	Setup          map[string]string
	SetupDelete    []string
	Events         []Event
	// Programmed tells that modules, links or labels changed: Listing has the program
	// to keep.
	Programmed bool
	// Records are new records of logs. LogTrim is, by log, the first record that stays;
	// LogHeader describes the columns of a log; LogDrop are the logs that are gone.
	Records   []Record
	LogTrim   map[Handle]uint64
	LogHeader map[Handle]string
	LogDrop   []Handle

	renamed []*module
	counted bool // a setup counter grew
}

func (ch *Changes) reset() {
	*ch = Changes{Retained: map[string][]byte{}, Setup: map[string]string{}, LogTrim: map[Handle]uint64{}, LogHeader: map[Handle]string{}}
}

func (ch *Changes) set(m *module, setup int) {
	ch.Setup[m.label+"/"+m.typ.Setups[setup].Name] = m.settings[setup].String()
}

// forget deletes all that was kept under the present label of m.
func (ch *Changes) forget(m *module) {
	for _, s := range m.typ.Setups {
		label := m.label + "/" + s.Name
		delete(ch.Setup, label)
		ch.SetupDelete = append(ch.SetupDelete, label)
	}
	if _, ok := m.behaviour.(Keeper); ok {
		delete(ch.Retained, m.label)
		ch.RetainedDelete = append(ch.RetainedDelete, m.label)
	}
}

// rewriteRenamed keeps all of the renamed modules under their new labels.
func (ch *Changes) rewriteRenamed() {
	for _, m := range ch.renamed {
		for i := range m.typ.Setups {
			ch.set(m, i)
		}
		m.changed = true
	}
	ch.renamed = nil
}

// TakeChanges returns what changed since it was last called. Whoever takes it must
// keep it until it is durable.
func (n *Node) TakeChanges() Changes {
	for _, m := range n.modules {
		if m.changed {
			m.changed = false
			n.keep(m, n.changes.Retained)
		}
	}
	if n.changes.counted {
		n.changes.Retained[keptCounters] = n.keepNumbers(n.setupCounts())
	}
	if n.outbox.changed {
		n.outbox.changed = false
		n.changes.Retained[keptAlerts] = n.outbox.keep()
	}
	if len(n.changes.Records) > 0 {
		n.changes.Retained[keptRecordNumbers] = n.keepNumbers(n.records)
	}
	taken := n.changes
	n.changes.reset()
	// A label that went and came again is written, not deleted.
	taken.RetainedDelete = without(taken.RetainedDelete, taken.Retained)
	taken.SetupDelete = without(taken.SetupDelete, taken.Setup)
	return taken
}

// without returns the labels that are not written.
func without[V any](labels []string, written map[string]V) []string {
	return slices.DeleteFunc(labels, func(label string) bool { _, ok := written[label]; return ok })
}

// Export returns all setup registers and the state of all modules, for a backup or a
// new store.
func (n *Node) Export() Changes {
	var all Changes
	all.reset()
	for _, m := range n.modules {
		for i := range m.typ.Setups {
			all.set(m, i)
		}
		n.keep(m, all.Retained)
	}
	all.Retained[keptCounters] = n.keepNumbers(n.setupCounts())
	if n.outbox.next > 0 {
		all.Retained[keptAlerts] = n.outbox.keep()
	}
	if len(n.records) > 0 {
		all.Retained[keptRecordNumbers] = n.keepNumbers(n.records)
	}
	all.Programmed = true
	return all
}

// What the node itself keeps, beside its modules, under labels that no module can have.
const (
	keptCounters      = "/setup counters"
	keptRecordNumbers = "/record numbers"
	keptAlerts        = "/alerts"
)

const numbersVersion = 1

func (n *Node) keepNumbers(numbers map[Handle]uint64) []byte {
	e := &Encoder{}
	e.Uint(numbersVersion)
	for _, h := range slices.Sorted(maps.Keys(numbers)) {
		e.Uint(uint64(h))
		e.Uint(numbers[h])
	}
	return e.bytes
}

func restoreNumbers(state []byte) (map[Handle]uint64, error) {
	d := &Decoder{bytes: state}
	d.Version(numbersVersion)
	numbers := map[Handle]uint64{}
	for d.err == nil && len(d.bytes) > 0 {
		h := Handle(d.Uint())
		numbers[h] = d.Uint()
	}
	return numbers, d.Err()
}

func (n *Node) setupCounts() map[Handle]uint64 {
	counts := map[Handle]uint64{}
	for _, m := range n.modules {
		if m.setupCount > 0 {
			counts[m.handle] = m.setupCount
		}
	}
	return counts
}

// keep puts the module's state into kept: the number of its type, so that a label
// used anew for another type is noticed, and what the module writes.
func (n *Node) keep(m *module, kept map[string][]byte) {
	if k, ok := m.behaviour.(Keeper); ok {
		e := &Encoder{}
		e.Uint(uint64(m.typ.Number))
		k.Keep(e)
		kept[m.label] = e.bytes
	}
}

// Restore puts back at power-up what Changes or Export had: first the setup
// registers, then the states; then every module starts. What cannot be put back is
// left as the factory made it and reported; each report is also an event of priority
// 255.
func (n *Node) Restore(setup map[string]string, retained map[string][]byte) []Problem {
	var problems []Problem
	report := func(object string, err error) {
		problems = append(problems, Problem{-1, object, err.Error()})
		n.changes.Events = append(n.changes.Events, Event{Time: n.context.Now.UTC(), Priority: PriorityFailure,
			Cause: object, CauseValue: "kept state", Effect: object, EffectValue: err.Error()})
	}
	for _, label := range slices.Sorted(maps.Keys(setup)) {
		if err := n.restoreSetting(label, setup[label]); err != nil {
			report(label, err)
		}
	}
	for _, label := range slices.Sorted(maps.Keys(retained)) {
		if err := n.restoreState(label, retained[label]); err != nil {
			report(label, err)
		}
	}
	for _, m := range n.ordered {
		n.start(m)
	}
	n.describe()
	return problems
}

func (n *Node) restoreSetting(label, text string) error {
	index, ok := n.Find(label)
	if !ok || !n.directory.Registers[index].Setup {
		return errors.New("there is no such setup register in this program")
	}
	m := n.modules[n.directory.Registers[index].Module]
	i := index - m.base - len(m.typ.Outputs)
	v, err := m.typ.Setups[i].Parse(text)
	if err != nil {
		return err
	}
	m.settings[i] = v
	n.values[index] = v
	return nil
}

func (n *Node) restoreState(label string, state []byte) (err error) {
	switch label {
	case keptCounters:
		counts, err := restoreNumbers(state)
		for _, m := range n.modules {
			m.setupCount = counts[m.handle]
		}
		return err
	case keptRecordNumbers:
		n.records, err = restoreNumbers(state)
		return err
	case keptAlerts:
		return n.outbox.restore(state)
	}
	m := n.findModule(label)
	if m == nil {
		return errors.New("there is no such module in this program")
	}
	k, ok := m.behaviour.(Keeper)
	if !ok {
		return fmt.Errorf("modules of type %s keep no state", m.typ.Name)
	}
	d := &Decoder{bytes: state}
	if number := d.Uint(); d.err == nil && number != uint64(m.typ.Number) {
		return fmt.Errorf("the state is that of a module of another type (number %d, %s has %d)", number, m.typ.Name, m.typ.Number)
	}
	k.Restore(d)
	if err := d.Err(); err != nil {
		m.behaviour = m.typ.New()
		return err
	}
	return nil
}

// Encoder writes a module's state compactly. What it writes first should be a
// version.
type Encoder struct{ bytes []byte }

// Uint writes an unsigned integer.
func (e *Encoder) Uint(x uint64) { e.bytes = binary.AppendUvarint(e.bytes, x) }

// Int writes an integer.
func (e *Encoder) Int(x int64) { e.bytes = binary.AppendVarint(e.bytes, x) }

// Int128 writes a long integer.
func (e *Encoder) Int128(x Int128) { e.bytes = x.AppendBinary(e.bytes) }

// Float writes a number.
func (e *Encoder) Float(x float64) {
	e.bytes = binary.BigEndian.AppendUint64(e.bytes, math.Float64bits(x))
}

// Bool writes a Boolean.
func (e *Encoder) Bool(b bool) {
	if b {
		e.Uint(1)
	} else {
		e.Uint(0)
	}
}

// Text writes a text.
func (e *Encoder) Text(s string) {
	e.Uint(uint64(len(s)))
	e.bytes = append(e.bytes, s...)
}

// Decoder reads what an Encoder wrote. After the first error it reads zeros.
type Decoder struct {
	bytes []byte
	err   error
}

var (
	errShort   = errors.New("the kept state is cut short")
	errTooLong = errors.New("the kept state has bytes left over")
	errNumber  = errors.New("the kept state holds something that is not a number")
)

// Err returns the first error, also if bytes are left over.
func (d *Decoder) Err() error {
	if d.err == nil && len(d.bytes) > 0 {
		return errTooLong
	}
	return d.err
}

// Fail makes the state invalid for a reason of the module's.
func (d *Decoder) Fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

func (d *Decoder) take(n int) []byte {
	if n <= 0 || n > len(d.bytes) {
		d.Fail(errShort)
	}
	if d.err != nil {
		return make([]byte, 16)
	}
	taken := d.bytes[:n]
	d.bytes = d.bytes[n:]
	return taken
}

// Uint reads an unsigned integer.
func (d *Decoder) Uint() uint64 {
	x, n := binary.Uvarint(d.bytes)
	d.take(n)
	if d.err != nil {
		return 0
	}
	return x
}

// Int reads an integer.
func (d *Decoder) Int() int64 {
	x, n := binary.Varint(d.bytes)
	d.take(n)
	if d.err != nil {
		return 0
	}
	return x
}

// Int128 reads a long integer.
func (d *Decoder) Int128() Int128 { return int128FromBinary(d.take(16)) }

// Float reads a number; NaN and infinities are errors.
func (d *Decoder) Float() float64 {
	x := math.Float64frombits(binary.BigEndian.Uint64(d.take(8)))
	if math.IsNaN(x) || math.IsInf(x, 0) {
		d.Fail(errNumber)
		return 0
	}
	return x
}

// Bool reads a Boolean.
func (d *Decoder) Bool() bool { return d.Uint() != 0 }

// Text reads a text.
func (d *Decoder) Text() string {
	n := d.Uint()
	if n == 0 || d.err != nil {
		return ""
	}
	if n > uint64(len(d.bytes)) {
		d.Fail(errShort)
		return ""
	}
	return string(d.take(int(n)))
}

// Version reads the version that the state begins with and fails if it is newer
// than newest.
func (d *Decoder) Version(newest uint64) uint64 {
	v := d.Uint()
	if d.err == nil && (v == 0 || v > newest) {
		d.Fail(fmt.Errorf("the kept state has version %d, this program knows 1 to %d", v, newest))
	}
	return v
}
