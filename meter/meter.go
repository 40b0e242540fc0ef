// Package meter assembles one meter: a source, the metering engine, the modules, and
// the store that keeps what they counted. It implements what the gate (access) needs.
//
// Three goroutines: the pump pulls samples at the pace of the clock; the engine
// goroutine owns engine and modules; the keeper makes each tick durable and then
// publishes it. No reader ever makes metering wait.
package meter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/ion/modules"
	"github.com/hepmeter/hepmeter/ion/template"
	modbusmaster "github.com/hepmeter/hepmeter/master"
	"github.com/hepmeter/hepmeter/metering"
	"github.com/hepmeter/hepmeter/store"
	"github.com/hepmeter/hepmeter/waveform"
)

// Options are what a meter is made of.
type Options struct {
	// Dir is the data directory, made if it is not there.
	Dir string
	// Model is one of template.Models, Serial the serial number: empty takes the one
	// of the data directory, or invents one for a fresh directory.
	Model, Serial string
	// Firmware is the version of this build. FixFirmware is the version that a fresh
	// data directory shows instead, from then on; empty for none.
	Firmware, FixFirmware string
	// Held says that the data directory is locked already, for longer than the meter lives.
	Held bool
	// Source delivers the samples; Open takes it over. With a waveform.Resumable the meter
	// goes on where the one before on this directory stopped. Speed is how many seconds of
	// signal pass in a second.
	Source waveform.Source
	Speed  float64
	// SourceName is what the user called the source, empty for its format.
	SourceName string
	// Limits are how many connections the gate takes; the zero Limits takes any number.
	Limits access.Limits
	// Hashing runs each check of a password (access.Options); nil runs it as it is.
	Hashing func(check func())
	// Downstream tells how the Modbus devices behind the meter answer; nil where it has none.
	Downstream func() []modbusmaster.BusStatistics
	// Endpoints tells where the services listen, by name; nil where nobody knows.
	Endpoints func() map[string]string
	// Network reaches Modbus devices downstream; nil where there is no way to any.
	Network Network
	Log     *slog.Logger
}

// Meter is one meter. Open it, Run it, Close it.
type Meter struct {
	options   Options
	identity  store.Identity
	store     *store.Store
	node      *ion.Node
	input     *input
	resumed   *resumption
	config    metering.Config
	engine    *metering.Engine
	registers registers
	keeper    *keeper
	audit     audit
	guard     guard
	// snapshot was made here last, incoming is one that a client brings.
	snapshot, incoming snapshotFile
	// held are the snapshots that are kept under a name.
	held     [heldSnapshots]snapshotFile
	holding  sync.Mutex // one is found or made at a time
	becoming sync.Mutex // held while a snapshot is taken
	scope    scope
	// restart is told when somebody has the meter start again.
	restart    chan struct{}
	restarting atomic.Bool
	// opened is when the meter was opened.
	opened time.Time
	// clockOffset is what the clock was set away from the system's, in nanoseconds.
	clockOffset atomic.Int64
	// clearEvents has the next batch erase the event log.
	clearEvents bool
	qualities   qualities
	powerUps    int64
	clock       clock
	ticked      time.Time // civil time of the latest tick
	// commands come to the engine goroutine. ended is closed when it takes no more, kept
	// when what it handed over has been to the disk.
	commands    chan command
	downstream  downstream
	ended, kept chan struct{}
	eventLog    eventLog
	// noted is when each trouble with the source was told last.
	noted   map[string]time.Time
	process process
	// logMemory is what the logs need of the model's memory as they are programmed.
	logMemory struct{ used, limit int64 }
}

// Open opens the data directory, programs the modules and restores what they
// counted. The registers can be read from then on.
func Open(o Options) (_ *Meter, err error) {
	defer func() {
		if err != nil {
			o.Source.Close()
		}
	}()
	model, err := template.Load(o.Model)
	if err != nil {
		return nil, err
	}
	input, err := connect(o.Source, model.Inputs)
	if err != nil {
		return nil, err
	}
	fresh := store.Identity{Model: model.Name, Serial: o.Serial, Firmware: o.FixFirmware}
	resumed := resumable(o.Source)
	var failed error
	s, err := store.Open(o.Dir, store.Options{Identity: fresh, NewSerial: madeUpSerial, Firmware: o.Firmware, Held: o.Held,
		Resume: func(kept store.Position) (from, to time.Time, resumes bool) {
			from, to, resumes, failed = resumed.resume(context.Background(), kept, o.Speed)
			return from, to, resumes
		}})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(failed, resumed.begin(context.Background(), o.Speed)); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	input.settle()
	if o.Endpoints == nil {
		o.Endpoints = func() map[string]string { return nil }
	}
	m := &Meter{options: o, store: s, input: input, resumed: resumed, opened: time.Now(), commands: make(chan command), downstream: downstream{answers: make(chan deviceAnswer)}, ended: make(chan struct{}), kept: make(chan struct{}), restart: make(chan struct{}, 1)}
	if err := m.powerUp(model); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return m, nil
}

// madeUpSerial returns a serial number of the kind the family has, for a meter that
// was never given one.
func madeUpSerial() string {
	return fmt.Sprintf("SW-%04d%04d", rand.IntN(10000), rand.IntN(10000))
}

// powerUp makes the node as it was.
func (m *Meter) powerUp(model template.Model) error {
	state, err := m.store.Load()
	if err != nil {
		return err
	}
	m.identity = state.Meta.Identity
	m.powerUps = int64(state.Meta.PowerUps)
	m.eventLog.depth = state.Meta.EventDepth
	var misfits []ion.Problem
	if m.node, misfits, err = model.Rebuild(state.Program, m.identity.Serial, m.Firmware()); err != nil {
		return err
	}
	for _, problem := range append(misfits, m.node.Restore(state.Setup, state.Retained)...) {
		m.options.Log.Warn("not restored", "what", problem.String())
	}
	if err := m.restoreClock(state.Security[keptClock]); err != nil {
		return err
	}
	m.clock = startClock(time.Now(), m.wall)
	m.ticked = m.clock.anchor
	// A meter that was killed at its first start, before anything was kept, is still to be
	// set up.
	if state.Program == "" && len(state.Setup)+len(state.Retained) == 0 {
		if err := m.commission(); err != nil {
			return err
		}
	} else {
		m.input.notes = append(m.input.notes, m.doubts()...)
	}
	if m.config, err = m.meteringConfig(); err != nil {
		return err
	}
	var misfit error
	if m.engine, misfit = metering.New(m.config); misfit != nil {
		// A setup that the source does not allow must not keep the meter from going up.
		m.config.NominalHz = m.input.nominalHz
		if m.engine, err = metering.New(m.config); err != nil {
			return fmt.Errorf("source %s: %w", m.input.info.Format, err)
		}
	}
	m.scope.configure(m.config)
	m.keeper = newKeeper(m.commit, m.registers.publish, m.options.Log)
	m.keeper.takes = m.eventLog.takes
	m.audit.note, m.audit.civil = m.keeper.note, m.civil
	if err := m.openGate(state.Security, m.options.Limits); err != nil {
		return err
	}
	if misfit != nil {
		m.note(ion.PriorityFailure, "the setup does not fit the source: "+misfit.Error(), fmt.Sprintf("measured at %g Hz", m.config.NominalHz))
	}
	m.node.SetStatus(m.status(0))
	m.node.Tick(m.clock.anchor, nil)
	// What the start changed is durable before anyone can read it.
	b := m.batch()
	if b.Program == "" && (state.Program == "" || len(misfits) > 0) {
		b.Program = string(template.Format(m.node.Listing()))
	}
	m.eventLog.configure(m.node, &b)
	m.logMemory.used, m.logMemory.limit = m.node.LogBytes()
	for _, problem := range misfits {
		b.Events = append(b.Events, store.Event{Time: m.clock.anchor, Priority: ion.PriorityFailure, Cause: "Program", CauseValue: problem.Object,
			Effect: "Program", EffectValue: eventText("left out: " + problem.Reason)})
	}
	if state.Meta.PowerUps <= 1 {
		b.Events = append(b.Events, store.Event{Time: m.clock.anchor, Priority: ion.PriorityWarning, Cause: "Power Up", CauseValue: "first start",
			Effect: "Program", EffectValue: "initialised as the factory makes a " + m.identity.Model})
	}
	if err := m.commit(b); err != nil {
		return err
	}
	m.registers.publish(&snapshot{m.node.Snapshot()})
	return nil
}

// meteringConfig is what the engine must be for the source and the setup as it is.
func (m *Meter) meteringConfig() (metering.Config, error) {
	config, err := modules.MeteringConfig(m.node)
	config.RateHz = m.input.info.RateHz
	config.Inputs = m.input.mapping.Roles()
	return config, err
}

// commit makes a batch durable and keeps count of what is logged.
func (m *Meter) commit(b store.Batch) error {
	if _, err := m.store.Commit(b); err != nil {
		return err
	}
	if b.Position != nil {
		m.resumed.durable.Store(b.Position.Sample)
	}
	if len(b.Events) == 0 && b.EventDepth == nil {
		return nil
	}
	_, _, logged, err := m.store.EventRange()
	if err == nil { // else the next commit meets the trouble and tells of it
		m.eventLog.logged.Store(uint64(logged))
	}
	return nil
}

// setting is a setup register and what it should hold.
type setting struct{ register, value string }

// wiring is what the source says of the setup: nominal frequency, wiring, and the ratios
// that it states.
func (m *Meter) wiring() []setting {
	var list []setting
	set := func(register, value string) { list = append(list, setting{register, value}) }
	set("Factory/Nominal Frequency", fmt.Sprintf("%g Hz", m.input.nominalHz))
	if m.input.lineToLine() {
		set("Power Meter/Volts Mode", metering.Delta.String())
	}
	if r := m.input.pt; r != (ratio{1, 1}) {
		set("Power Meter/PT Prim", fmt.Sprint(r.primary))
		set("Power Meter/PT Sec", fmt.Sprint(r.secondary))
	}
	if r := m.input.ct; r != (ratio{1, 1}) {
		set("Power Meter/CT Prim", fmt.Sprint(r.primary))
		set("Power Meter/CT Sec", fmt.Sprint(r.secondary))
	}
	return list
}

// held is what a setup register holds, as text.
func held(node *ion.Node, register string) string {
	s := node.Snapshot()
	index, ok := s.Find(register)
	if !ok {
		return ""
	}
	v := s.Value(index)
	return cmp.Or(v.Text, fmt.Sprint(v.Number))
}

// commission sets a fresh meter up for its source.
func (m *Meter) commission() error {
	return m.commissionNode(m.node, m.clock.anchor)
}

func (m *Meter) commissionNode(node *ion.Node, at time.Time) error {
	var program []ion.Change
	for _, s := range m.wiring() {
		if held(node, s.register) != s.value {
			program = append(program, ion.Set{Register: s.register, Value: s.value})
		}
	}
	if len(program) == 0 {
		return nil
	}
	if err := node.Program(program, ion.By{}, at); err != nil {
		return fmt.Errorf("setting the meter up for its source: %w", err)
	}
	return nil
}

// doubts says where a meter that was set up before does not fit its source. The setup
// stays as it is: it is the owner's.
func (m *Meter) doubts() []string {
	var list []string
	doubt := func(register, holds, says string) {
		list = append(list, fmt.Sprintf("%s is %s, and the source has %s: readings will be wrong unless that is meant (another --data starts a meter set up for the source)", register, holds, says))
	}
	for _, s := range m.wiring() {
		if holds := held(m.node, s.register); holds != s.value {
			doubt(s.register, holds, s.value)
		}
	}
	if mode := held(m.node, "Power Meter/Volts Mode"); mode == metering.Delta.String() && !m.input.lineToLine() {
		doubt("Power Meter/Volts Mode", mode, "phase to neutral voltages")
	}
	return list
}

// Gap is the time before the start in which the meter did not run; ok is false for a
// fresh meter.
func (m *Meter) Gap() (gap store.Gap, ok bool) { return m.store.Gap() }

// Identity is the meter's model and serial number.
func (m *Meter) Identity() store.Identity { return m.identity }

// Firmware is the version that the meter shows: that of its data directory, where it
// was fixed, or of the build.
func (m *Meter) Firmware() string { return cmp.Or(m.identity.Firmware, m.options.Firmware) }

// Mapping describes which channel of the source feeds which input, and Notes what
// was odd about the source.
func (m *Meter) Mapping() string { return m.input.mapping.Format(m.input.info) }

// Inputs are the connected inputs.
func (m *Meter) Inputs() []waveform.Role { return m.input.mapping.Roles() }

// Source describes the source.
func (m *Meter) Source() waveform.Info { return m.input.info }

// Notes say what was odd about the source.
func (m *Meter) Notes() []string { return m.input.notes }

// Run measures until ctx is done. The end of a recording does not end the meter:
// what it counted stays, and its readings become NOT AVAILABLE. What was measured is
// durable when Run returns.
func (m *Meter) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// The time axis begins when samples begin to flow, where it does not go on.
	pump := newPump(m.input.source, m.options.Speed, m.input.info.RateHz)
	m.resumed.pace(pump)
	var running sync.WaitGroup
	pumped := make(chan error, 1)
	running.Go(func() { pumped <- pump.run(ctx) })
	keeping, stopKeeping := context.WithCancel(context.Background())
	running.Go(func() { m.keeper.run(keeping) })
	m.clock = startClock(pump.begin, m.clock.wall)
	m.ticked = m.clock.anchor
	m.downstream.ctx = ctx
	m.measure(pump)
	err := <-pumped
	switch {
	case ctx.Err() != nil:
	case err != nil:
		m.note(ion.PriorityFailure, "source failed: "+err.Error(), "readings not available, energies kept")
		m.idle(ctx)
	default:
		m.note(ion.PriorityWarning, "source ended", "readings not available, energies kept")
		m.idle(ctx)
	}
	close(m.ended)
	cancel()
	m.audit.settle(m.wall(), true)
	m.guard.keep(m.guard.gate.Keep(time.Now(), true))
	m.keeper.keep(m.batch(), &snapshot{m.node.Snapshot()}, nil)
	stopKeeping()
	m.downstream.running.Wait()
	running.Wait()
	close(m.kept)
	return nil
}

// measure hands blocks to the engine until the pump ends, then closes the open
// window, so that its energy counts, unless the meter starts again and reads it again. While the source is silent, readings are not
// available: an old value must not pass for a new one.
func (m *Meter) measure(p *pump) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	patience := silence + time.Duration(2*blockSeconds/p.speed*float64(time.Second))
	last, silent, refused := time.Now(), false, false
	endS := m.resumed.from.Time.Seconds() // of the last block
	for {
		select {
		case b, ok := <-p.full:
			if !ok {
				// Samples that are read again by the meter to come go on in the same windows.
				if !m.restarting.Load() || m.resumed.source == nil {
					m.engine.Flush(m)
				}
				return
			}
			if missing := b.Start - endS; missing > blockSeconds {
				m.note(ion.PriorityWarning, fmt.Sprintf("no samples for %.1f s", missing), "time not measured")
			}
			endS = b.Start + float64(b.Len())/b.RateHz
			m.resumed.remember(b)
			m.scope.take(b, time.Now(), m.clock.civil(endS))
			err := m.engine.Process(b, m)
			p.free <- b
			if err == nil {
				last, silent, refused = time.Now(), false, false
				continue
			}
			// A stretch that cannot be metered, a slow rate in a recording of several,
			// is time without measurement.
			if !refused {
				refused = true
				m.engine.Flush(m)
				m.note(ion.PriorityWarning, "not metered: "+err.Error(), "readings not available, energies kept")
			}
		case c := <-m.commands:
			m.obey(c)
		case a := <-m.downstream.answers:
			m.heard(a)
		case <-ticker.C:
			if time.Since(last) < patience {
				continue
			}
			if !silent && !refused {
				silent = true
				m.note(ion.PriorityWarning, "no samples from the source", "readings not available, energies kept")
			}
			m.blank()
		}
	}
}

// silence is how long a source may deliver nothing before its readings are taken away.
const silence = 3 * time.Second

// sameAgain is how long the same trouble with the source is not told again: a recording
// that is played over and over has it in every round. Beyond maxNoted
// different ones all are told anew.
const (
	sameAgain = time.Hour
	maxNoted  = 64
)

// note keeps an event about the source.
func (m *Meter) note(priority uint8, cause, effect string) {
	now := time.Now()
	if told, ok := m.noted[cause]; ok && now.Sub(told) < sameAgain {
		return
	}
	if m.noted == nil || len(m.noted) >= maxNoted {
		m.noted = map[string]time.Time{}
	}
	m.noted[cause] = now
	m.keeper.note(store.Event{Time: m.now(), Priority: priority, Cause: "Source", CauseValue: cause, Effect: "Power Meter", EffectValue: effect})
}

// idle ticks a meter without samples once a second.
func (m *Meter) idle(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	m.blank()
	for {
		select {
		case <-ticker.C:
			m.blank()
		case c := <-m.commands:
			m.obey(c)
		case a := <-m.downstream.answers:
			m.heard(a)
		case <-ctx.Done():
			return
		}
	}
}

// blank is a second without measurement.
func (m *Meter) blank() {
	m.node.SetStatus(m.status(0))
	now := m.now()
	if m.options.Speed != 1 {
		now = now.Add(time.Duration(m.options.Speed * float64(time.Second)))
	}
	m.tick(now, nil)
}

// now is the civil time of what no sample dates: in real time the system's clock; at
// another speed, where time passes with the samples, that of the latest tick.
func (m *Meter) now() time.Time {
	if m.options.Speed == 1 {
		return m.clock.wall().Round(0).UTC()
	}
	return m.ticked
}

// HalfCycle, Window and Second make the meter the engine's sink.

// HalfCycle runs the high-speed modules.
func (m *Meter) HalfCycle(hc *metering.HalfCycle) {
	if m.resumed.fresh(hc.EndS) {
		m.node.HalfCycle(m.clock.civil(hc.EndS), hc)
	}
}

// Window shows a basic window to the modules that read windows.
func (m *Meter) Window(w *metering.Window) {
	if !m.resumed.fresh(w.StartS + w.DurationS) {
		return
	}
	for _, text := range m.qualities.follow(w.Flags, w.StartS+w.DurationS) {
		m.note(ion.PriorityWarning, text, "windows counted in Diagnostics")
	}
	m.node.Window(m.clock.civil(w.StartS+w.DurationS), w)
}

// Second runs the one-second modules and hands on what they made. In real time, civil
// time follows the system's clock; at another speed it passes with the samples.
func (m *Meter) Second(s *metering.Second) {
	if !m.resumed.fresh(s.EndS) && s.DurationS == 0 {
		return // its energy was counted, and its modules have run
	}
	if m.options.Speed == 1 {
		m.clock.follow()
	}
	m.node.SetStatus(m.status(max(0, m.clock.lag(s.EndS, m.options.Speed).Seconds())))
	m.resumed.count(s.EnergyEndS)
	m.tick(m.clock.civil(s.EndS), s)
}

// tick runs the modules and gives the keeper what to keep and to publish.
func (m *Meter) tick(now time.Time, s *metering.Second) {
	m.node.Tick(now, s)
	m.ticked = now
	m.askDevices()
	m.guardTick(time.Now())
	m.audit.settle(m.wall(), false)
	if m.keeper.keep(m.batch(), &snapshot{m.node.Snapshot()}, nil) {
		m.keeper.note(store.Event{Time: m.clock.wall().UTC(), Priority: ion.PriorityWarning, Cause: "Storage", CauseValue: "slower than a second",
			Effect: "Storage", EffectValue: "readings are published before they are durable"})
	}
}

// batch is what the node has changed since it was last asked. The sign of life is the
// system's clock, also where a recording is played faster.
func (m *Meter) batch() store.Batch {
	changes := m.node.TakeChanges()
	b := store.Batch{
		Retained: changes.Retained, RetainedDelete: changes.RetainedDelete,
		Setup: changes.Setup, SetupDelete: changes.SetupDelete,
		LogHeader: logs(changes.LogHeader), LogTrim: logs(changes.LogTrim),
		Alive: m.clock.wall().UTC(), Position: m.resumed.position(),
	}
	for _, r := range changes.Records {
		b.Records = append(b.Records, store.Record{Log: uint32(r.Log), Sequence: r.Sequence, Time: r.Time, Body: r.Body})
	}
	for _, log := range changes.LogDrop {
		b.LogDrop = append(b.LogDrop, uint32(log))
	}
	if changes.Programmed {
		b.Program = string(template.Format(m.node.Listing()))
	}
	// What the gate has made of a command becomes durable with it.
	m.guard.keep(m.guard.gate.Keep(time.Now(), false))
	b.Security, b.SecurityDelete = m.guard.take()
	m.erase(&b)
	if changes.Programmed || len(changes.Setup) > 0 {
		m.eventLog.configure(m.node, &b)
		m.logMemory.used, m.logMemory.limit = m.node.LogBytes()
	}
	for _, e := range changes.Events {
		if m.eventLog.takes(e.Priority) {
			b.Events = append(b.Events, store.Event{
				Time: e.Time, Priority: e.Priority,
				Cause: e.Cause, CauseValue: e.CauseValue, Effect: e.Effect, EffectValue: e.EffectValue,
				User: e.User, Origin: e.Origin,
			})
		}
	}
	return b
}

// logs are a node's logs by the store's names for them.
func logs[V any](byHandle map[ion.Handle]V) map[uint32]V {
	if len(byHandle) == 0 {
		return nil
	}
	named := make(map[uint32]V, len(byHandle))
	for log, v := range byHandle {
		named[uint32(log)] = v
	}
	return named
}

// Measured is the number of the first sample of a waveform.Resumable that is not counted
// durably.
func (m *Meter) Measured() int64 { return m.resumed.durable.Load() }

// Restarting is told when somebody has the meter start again: whoever runs it ends Run,
// closes the meter and opens it anew.
func (m *Meter) Restarting() <-chan struct{} { return m.restart }

// Restart implements access.Works.
func (m *Meter) Restart(by access.By) error {
	m.restarting.Store(true)
	select {
	case m.restart <- struct{}{}:
	default: // it is about to
	}
	return nil
}

// Close ends a meter that does not run: the store notes a clean stop.
func (m *Meter) Close() error {
	for _, s := range (files{m}).snapshots() {
		s.mu.Lock()
		s.remove()
		s.mu.Unlock()
	}
	return errors.Join(m.input.source.Close(), m.store.Close())
}
