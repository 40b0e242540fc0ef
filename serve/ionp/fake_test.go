package ionp

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// meter is a meter in memory behind a real gate: modules with setup registers and
// outputs, an event log that is its audit, files.
type meter struct {
	gate       *access.Gate
	generation access.Generation
	newest     atomic.Pointer[picture]
	// ticks is the time that has passed, in ns, beside the true one.
	ticks atomic.Int64
	// stuck holds up Template until it is closed, broken has it panic.
	stuck  chan struct{}
	broken atomic.Bool

	turn      sync.Mutex // of one change at a time
	mu        sync.Mutex
	modules   []*module
	passwords map[int]access.Verifier
	events    []access.Event
	records   []access.Record
	files     map[string]*file
	cleared   []string
	twin      string // the snapshot that was taken
	pulsed    []string
	clock     time.Time
}

type module struct {
	typeName, label string
	number          int
	inputs          map[string]string
	outputs         map[string]access.Value
	writable        string // output that a client writes
	setups          map[string]string
}

type file struct {
	bytes    []byte
	want     int64
	writable bool
}

// picture is a snapshot: labels are in lower case.
type picture struct {
	seq, layout uint64
	at          time.Time
	points      map[string]access.Point
	values      []access.Value
}

func (p *picture) Seq() uint64     { return p.seq }
func (p *picture) Layout() uint64  { return p.layout }
func (p *picture) Time() time.Time { return p.at }
func (p *picture) Value(at access.Point) access.Value {
	if at < 0 || int(at) >= len(p.values) {
		return access.Value{}
	}
	return p.values[at]
}

// The generations, as far as the gate's decisions need them here.
var (
	generation2 = access.Generation{Name: "2.x", Modes: []access.Mode{access.None, access.Standard, access.Advanced}, MaxAccounts: 50}
	generation3 = access.Generation{Name: "3.x", Modes: []access.Mode{access.LSS, access.Advanced}, MaxAccounts: 50, PanelPassword: true, Terminal: true}
)

// factoryPassword is the verifier of 0, made once: it takes some tens of milliseconds.
var factoryPassword = sync.OnceValue(func() access.Verifier {
	v, err := access.FactoryPassword(rand.Reader)
	if err != nil {
		panic(err)
	}
	return v
})

// allBoxes are the registers of a Security User module.
var allBoxes = []string{"Read Access", "Peak Demand Reset Access", "Time Sync Access", "Full Meter Config Access", "Test Mode Access", "Security Config Access", "Comm Config Access"}

// newMeter returns a meter as it comes from the factory, in a security mode: User1 has all
// permissions and the password 0, and so has the meter password.
func newMeter(t testing.TB, generation access.Generation, mode access.Mode) *meter {
	t.Helper()
	return newMeterWithin(t, generation, mode, access.OpenLimits())
}

// newMeterWithin is newMeter with limits of connections.
func newMeterWithin(t testing.TB, generation access.Generation, mode access.Mode, limits access.Limits) *meter {
	t.Helper()
	m := &meter{generation: generation, stuck: make(chan struct{}), files: map[string]*file{}, clock: time.Now()}
	close(m.stuck)
	m.passwords = map[int]access.Verifier{0: factoryPassword(), 1: factoryPassword()}
	number := func(x float64) access.Value {
		return access.Value{Kind: access.KindNumber, Available: true, Number: x}
	}
	m.modules = []*module{
		{typeName: "Power Meter", label: "Power Meter", outputs: map[string]access.Value{"Vln a": number(230.5), "kW tot": number(12.25), "Phase Rev": {Kind: access.KindEnum, Available: true, Text: "ABC"}, "PF lag": {Kind: access.KindNumber}},
			setups: map[string]string{"PT Prim": "400", "Volts Mode": "4W-WYE"}},
		{typeName: "Integrator", label: "kWh del", number: 1, inputs: map[string]string{"Integrand": "Power Meter/kW tot"}, outputs: map[string]access.Value{"Result": {Kind: access.KindCount, Available: true, Number: 1234.567, Count: 1_234_567}}},
		{typeName: "External Boolean", label: "Lamp", number: 1, outputs: map[string]access.Value{"Switch": {Kind: access.KindBoolean}}, writable: "Switch"},
		{typeName: "External Pulse", label: "Peak Dmd Reset", number: 1, outputs: map[string]access.Value{"Trigger": {Kind: access.KindNone}}},
		{typeName: "External Pulse", label: "Horn", number: 2, outputs: map[string]access.Value{"Trigger": {Kind: access.KindNone}}},
		{typeName: "Factory", label: "Factory", setups: map[string]string{"Owner": "nobody"}},
		{typeName: "Clock", label: "Clock", setups: map[string]string{"TZ Offset": "3600"}, outputs: map[string]access.Value{
			"Universal Time": {Kind: access.KindTime, Available: true, Number: 1.7e9}, "Local Time": {Kind: access.KindTime, Available: true, Number: 1.7e9 + 7200}, "DST": {Kind: access.KindBoolean, Available: true, Number: 1}}},
		{typeName: "Ethernet", label: "Ethernet", setups: map[string]string{"Enable ION": "ON", "Enable Modbus TCP": "ON", "Web Access": "HTTPS", "Syslog Server": ""}},
		{typeName: "Security Options", label: "Security Options", setups: map[string]string{"Security Mode": mode.String(), "Modbus Map Access": "Read Only", "ION Lockout Attempts": "5", "Lockout Minutes": "15", "ION Session Timeout": "30"}},
		user(1, allBoxes...),
	}
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	works := &works{m, key}
	m.publish()
	gate, err := access.NewGate(access.Options{
		Registers: m, Security: m.security(t), Audit: m, Works: works, Logs: works, Files: works,
		Now: m.now, After: time.After, Random: rand.Reader, Limits: limits,
	})
	if err != nil {
		t.Fatal(err)
	}
	m.gate = gate
	return m
}

// user is a Security User module with some boxes ticked.
func user(number int, boxes ...string) *module {
	u := &module{typeName: "Security User", label: fmt.Sprintf("Security User %d", number), number: number, setups: map[string]string{}}
	for _, box := range allBoxes {
		u.setups[box] = "OFF"
		if slices.Contains(boxes, box) {
			u.setups[box] = "ON"
		}
	}
	return u
}

func (m *meter) now() time.Time { return time.Now().Add(time.Duration(m.ticks.Load())) }

// pass has time pass, and the gate see it.
func (m *meter) pass(t *testing.T, d time.Duration) {
	t.Helper()
	m.ticks.Add(int64(d))
	if due := m.gate.Tick(m.now()); due != nil {
		m.gate.Returned((&works{meter: m}).Change(context.Background(), *due, access.By{}, nil, false))
	}
}

// security is what the registers say. The caller holds mu or is alone.
func (m *meter) security(t testing.TB) *access.Security {
	settings := map[string]string{}
	for _, x := range m.modules {
		if x.typeName != "Security Options" && x.typeName != "Security User" && x.typeName != "Ethernet" {
			continue
		}
		for register, text := range x.setups {
			settings[x.label+"/"+register] = text
		}
	}
	s, err := access.NewSecurity(m.generation, "9000", settings, m.passwords)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// publish makes a new picture.
func (m *meter) publish() {
	next := &picture{seq: 1, layout: 1, at: m.now(), points: map[string]access.Point{}}
	add := func(label string, v access.Value) {
		next.points[strings.ToLower(label)] = access.Point(len(next.values))
		next.values = append(next.values, v)
	}
	for _, x := range m.modules {
		for _, name := range slices.Sorted(maps.Keys(x.outputs)) {
			add(x.label+"/"+name, x.outputs[name])
		}
		for _, name := range slices.Sorted(maps.Keys(x.setups)) {
			add(x.label+"/"+name, access.Value{Kind: access.KindText, Available: true, Text: x.setups[name]})
		}
	}
	if old := m.newest.Load(); old != nil {
		next.seq, next.layout = old.seq+1, old.layout
		if !maps.Equal(old.points, next.points) {
			next.layout++
		}
	}
	m.newest.Store(next)
}

// set changes outputs, as measuring does.
func (m *meter) set(label string, v access.Value) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, register, _ := strings.Cut(label, "/")
	m.find(at).outputs[register] = v
	m.publish()
}

func (m *meter) Find(label string) access.Point {
	if p, ok := m.newest.Load().points[strings.ToLower(label)]; ok {
		return p
	}
	return access.NoPoint
}

func (m *meter) Snapshot() access.Snapshot { return m.newest.Load() }

// Record is the audit: it keeps all.
func (m *meter) Record(r access.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records = append(m.records, r)
}

// recorded counts the records of a kind.
func (m *meter) recorded(kind access.RecordKind) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, r := range m.records {
		if r.Kind == kind {
			n++
		}
	}
	return n
}

func (m *meter) find(label string) *module {
	for _, x := range m.modules {
		if strings.EqualFold(x.label, label) {
			return x
		}
	}
	return nil
}

// works is what the meter does for the gate.
type works struct {
	*meter
	key ed25519.PrivateKey
}

// Module is called while mu is held.
func (w *works) Module(label string) (string, int, bool) {
	if x := w.find(label); x != nil {
		return x.typeName, x.number, true
	}
	return "", 0, false
}

func (w *works) Change(_ context.Context, t access.Transaction, by access.By, judge access.Judge, rehearse bool) error {
	w.turn.Lock()
	defer w.turn.Unlock()
	// The judge records, which takes mu.
	if judge != nil {
		if err := judge(&copied{w.copyModules()}, t.Changes); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.modules
	w.modules = clone(before)
	for _, c := range t.Changes {
		if err := w.change(c); err != nil {
			w.modules = before
			return err
		}
	}
	if rehearse {
		w.modules = before
		return nil
	}
	for n, v := range t.Passwords {
		w.passwords[n] = v
	}
	for _, c := range t.Changes {
		w.log("change", c.String(), by)
	}
	w.publish()
	if w.gate != nil {
		s, err := access.NewSecurity(w.generation, "9000", w.settings(), maps.Clone(w.passwords))
		if err != nil {
			return err
		}
		w.gate.SetSecurity(s)
	}
	return nil
}

// copied are the modules of one moment.
type copied struct{ modules []*module }

func (c *copied) Module(label string) (string, int, bool) {
	for _, x := range c.modules {
		if strings.EqualFold(x.label, label) {
			return x.typeName, x.number, true
		}
	}
	return "", 0, false
}

func (m *meter) copyModules() []*module {
	m.mu.Lock()
	defer m.mu.Unlock()
	return clone(m.modules)
}

func clone(modules []*module) []*module {
	fresh := make([]*module, len(modules))
	for i, x := range modules {
		y := *x
		y.inputs, y.outputs, y.setups = maps.Clone(x.inputs), maps.Clone(x.outputs), maps.Clone(x.setups)
		fresh[i] = &y
	}
	return fresh
}

func (m *meter) settings() map[string]string {
	settings := map[string]string{}
	for _, x := range m.modules {
		if x.typeName == "Security Options" || x.typeName == "Security User" || x.typeName == "Ethernet" {
			for register, text := range x.setups {
				settings[x.label+"/"+register] = text
			}
		}
	}
	return settings
}

// change carries out one change; the caller holds mu.
func (m *meter) change(c access.Change) error {
	label, register, _ := strings.Cut(c.Object, "/")
	x := m.find(label)
	if c.Kind == access.Create {
		if x != nil {
			return access.NewRefusal(access.CodeBadRequest, c.Object+" is there already")
		}
		fresh := &module{typeName: c.Text, label: c.Object, number: c.Number, inputs: map[string]string{"Source": ""}, outputs: map[string]access.Value{"Result": {Kind: access.KindNumber}}, setups: map[string]string{"EvPriority": "0"}}
		if c.Text == "Security User" {
			fresh = user(c.Number)
		}
		m.modules = append(m.modules, fresh)
		return nil
	}
	switch c.Kind {
	case access.ResetNamed:
		m.pulsed = append(m.pulsed, c.Object)
		return nil
	case access.SetTime:
		m.clock = c.Time
		return nil
	}
	if x == nil {
		return access.NewRefusal(access.CodeNotFound, "there is no module "+label)
	}
	switch c.Kind {
	case access.Set:
		name, ok := keyOf(x.setups, register)
		if !ok {
			return access.NewRefusal(access.CodeNotFound, "there is no setup register "+c.Object)
		}
		if strings.Contains(c.Text, "*") {
			return fmt.Errorf("%s cannot be %q: %w", c.Object, c.Text, access.ErrValue)
		}
		x.setups[name] = c.Text
	case access.Delete:
		m.modules = slices.DeleteFunc(m.modules, func(y *module) bool { return y == x })
	case access.Rename:
		x.label = c.Text
	case access.Link:
		name, ok := keyOf(x.inputs, register)
		if !ok {
			return access.NewRefusal(access.CodeNotFound, "there is no input "+c.Object)
		}
		x.inputs[name] = c.Text
	case access.Write:
		if !strings.EqualFold(x.writable, register) {
			return access.NewRefusal(access.CodeNotWritable, c.Object+" is not written by clients")
		}
		v := c.Value
		if v.Kind == access.KindNone {
			v = access.Value{Kind: access.KindBoolean, Available: true}
			if strings.EqualFold(c.Text, "ON") {
				v.Number = 1
			}
		}
		x.outputs[x.writable] = v
	case access.Pulse:
		m.pulsed = append(m.pulsed, c.Object)
	}
	return nil
}

func keyOf[V any](of map[string]V, name string) (string, bool) {
	for key := range of {
		if strings.EqualFold(key, name) {
			return key, true
		}
	}
	return "", false
}

// log puts an event into the log; the caller holds mu.
func (m *meter) log(cause, effect string, by access.By) {
	e := access.Event{Sequence: uint64(len(m.events) + 1), Time: m.now(), Priority: 128, Cause: cause, Effect: effect, User: by.User, Origin: by.Origin}
	e.Hash = sha256.Sum256([]byte(fmt.Sprint(e.Sequence, effect)))
	m.events = append(m.events, e)
}

func (w *works) Template(ctx context.Context) ([]byte, error) {
	if w.broken.Load() {
		panic("the template is broken")
	}
	select {
	case <-w.stuck:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var b bytes.Buffer
	for _, x := range w.modules {
		if strings.HasPrefix(x.typeName, "Security") {
			continue
		}
		fmt.Fprintf(&b, "module %s %s\n", x.typeName, x.label)
	}
	return b.Bytes(), nil
}

func (w *works) LoadTemplate(ctx context.Context, text []byte, by access.By, judge access.Judge, rehearse bool) ([]string, error) {
	var changes []access.Change
	var lines []string
	for line := range strings.Lines(string(text)) {
		label, value, ok := strings.Cut(strings.TrimSpace(line), " = ")
		if !ok {
			return nil, access.NewRefusal(access.CodeBadRequest, "no template: "+line)
		}
		changes = append(changes, access.Change{Kind: access.Set, Object: label, Text: value})
		lines = append(lines, label+" becomes "+value)
	}
	return lines, w.Change(ctx, access.Transaction{Changes: changes}, by, judge, rehearse)
}

func (w *works) Restart(access.By) error                  { return nil }
func (w *works) DownstreamUnits() []access.DownstreamUnit { return nil }

func (w *works) BecomeTwin(_ context.Context, path string, _ access.By, permit func() error, rehearse bool) (access.Twin, error) {
	if err := permit(); err != nil {
		return access.Twin{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if f := w.files[path]; f == nil || string(f.bytes) != "everything" {
		return access.Twin{}, access.NewRefusal(access.CodeNotFound, "there is no snapshot "+path)
	}
	if !rehearse {
		w.twin = path
	}
	return access.Twin{Model: "ION9000", Serial: "S-1", Made: time.Unix(7, 0), Accounts: 2, Events: 3, Records: 4}, nil
}

func (w *works) Resets() []access.Reset {
	return []access.Reset{{Name: "Demand", Doc: "peak demand", Demand: true}, {Name: "Harmonics", Doc: "harmonics extremes"}}
}

func (w *works) Managers() []access.Manager {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []access.Manager
	for _, x := range w.modules {
		if n := len(list); n > 0 && list[n-1].Type == x.typeName {
			list[n-1].Modules++
			continue
		}
		list = append(list, access.Manager{Type: x.typeName, Number: len(list) + 1, Kind: "core", Rate: "1 s", Doc: "as it says", Modules: 1})
	}
	return list
}

func (w *works) ModuleList(manager string) ([]access.ModuleEntry, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []access.ModuleEntry
	for _, x := range w.modules {
		if manager == "" || strings.EqualFold(manager, x.typeName) {
			list = append(list, access.ModuleEntry{Label: x.label, Type: x.typeName, Number: x.number})
		}
	}
	if manager != "" && list == nil {
		return nil, access.NewRefusal(access.CodeNotFound, "there is no manager "+manager)
	}
	return list, nil
}

func (w *works) Describe(label string) (access.ModuleDescription, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	x := w.find(label)
	if x == nil {
		return access.ModuleDescription{}, access.NewRefusal(access.CodeNotFound, "there is no module "+label)
	}
	d := access.ModuleDescription{ModuleEntry: access.ModuleEntry{Label: x.label, Type: x.typeName, Number: x.number}}
	for _, name := range slices.Sorted(maps.Keys(x.inputs)) {
		d.Inputs = append(d.Inputs, access.InputDescription{Name: name, Link: x.inputs[name], Classes: []string{"Numeric"}, Mandatory: true})
	}
	for _, name := range slices.Sorted(maps.Keys(x.outputs)) {
		unit := map[string]string{"Vln a": "V", "kW tot": "kW", "Result": "kWh"}[name]
		d.Outputs = append(d.Outputs, access.OutputDescription{Name: name, Class: "Numeric", Unit: unit, Writable: name == x.writable, Owners: []string{"kWh del/Integrand"}})
	}
	for _, name := range slices.Sorted(maps.Keys(x.setups)) {
		d.Setups = append(d.Setups, access.SetupDescription{Name: name, Class: "Numeric Bounded", Low: 1, High: 999, Whole: true, Default: "1", Value: x.setups[name], Options: []string{"ON", "OFF"}, MaxLength: 10})
	}
	return d, nil
}

func (w *works) Info() access.Info {
	return access.Info{Model: "ION9000", Serial: "SW-1", Firmware: w.generation.Name, Generation: w.generation.Name, DeviceName: "test", Owner: "nobody", Tag1: "one", Tag2: "two",
		Fingerprint: "aa:bb", Template: "factory", Source: "synth", Modules: len(w.copyModules()), PowerUps: 3, Time: w.now(), Uptime: time.Minute, Endpoints: map[string]string{"ion": ":7700"}}
}

func (w *works) Events(from uint64, limit int) (access.Events, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	log := access.Events{First: 1, Next: uint64(len(w.events) + 1)}
	for _, e := range w.events {
		if e.Sequence < from {
			log.Previous = e.Hash
			continue
		}
		if len(log.Events) < limit {
			log.Events = append(log.Events, e)
		}
	}
	return log, nil
}

func (w *works) EventHead() (access.EventHead, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	head := access.EventHead{Serial: "SW-1", Time: w.now(), PublicKey: w.key.Public().(ed25519.PublicKey)}
	if n := len(w.events); n > 0 {
		head.Sequence, head.Hash = w.events[n-1].Sequence, w.events[n-1].Hash
	}
	head.Signature = ed25519.Sign(w.key, head.Hash[:])
	return head, nil
}

// recorder is a log of 10,000 records.
var recorder = access.Recorder{Label: "Data Rec 1", First: 1, Next: 10_001, Count: 10_000, Columns: []access.Column{{Register: "Power Meter/kW tot", Unit: "kW"}}}

func (w *works) Recorders() ([]access.Recorder, error) { return []access.Recorder{recorder}, nil }

func (w *works) Records(label string, from uint64, limit int) (access.Recorder, []access.LogRecord, error) {
	if !strings.EqualFold(label, recorder.Label) {
		return access.Recorder{}, nil, access.NewRefusal(access.CodeNotFound, "there is no Data Recorder "+label)
	}
	var records []access.LogRecord
	for n := max(from, recorder.First); n < recorder.Next && len(records) < limit; n++ {
		v := access.Value{Kind: access.KindNumber, Available: n%3 != 0, Number: float64(n)}
		records = append(records, access.LogRecord{Sequence: n, Time: time.Unix(int64(n), 0), Values: []access.Value{v}})
	}
	return recorder, records, nil
}

func (w *works) Gaps() ([]access.Gap, error) {
	return []access.Gap{{From: time.Unix(1, 0), To: time.Unix(2, 0), Clean: true}}, nil
}

func (w *works) Clear(_ context.Context, name string, _ access.By) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if name != access.EventLogName && !strings.EqualFold(name, recorder.Label) {
		return access.NewRefusal(access.CodeNotFound, "there is no log "+strconv.Quote(name))
	}
	w.cleared = append(w.cleared, name)
	return nil
}

func (w *works) Folders() []string { return []string{"upload", "snapshot"} }

func (w *works) List(folder string) ([]access.File, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []access.File
	for _, path := range slices.Sorted(maps.Keys(w.files)) {
		if strings.HasPrefix(path, folder+"/") {
			list = append(list, w.files[path].info(path))
		}
	}
	return list, nil
}

func (f *file) info(path string) access.File {
	sum := sha256.Sum256(f.bytes)
	return access.File{Path: path, Bytes: int64(len(f.bytes)), Modified: time.Unix(1, 0), SHA256: sum[:], Writable: f.writable}
}

func (w *works) Read(path string, offset int64, length int) ([]byte, access.File, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.files[path]
	if f == nil || int64(len(f.bytes)) < f.want {
		return nil, access.File{}, access.NewRefusal(access.CodeNotFound, "there is no file "+path)
	}
	rest := f.bytes[min(offset, int64(len(f.bytes))):]
	return bytes.Clone(rest[:min(length, len(rest))]), f.info(path), nil
}

func (w *works) Write(_ context.Context, path string, offset int64, block []byte, total int64, sum []byte) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.files[path]
	if f == nil {
		f = &file{want: total, writable: true}
		w.files[path] = f
	}
	if offset != int64(len(f.bytes)) {
		return int64(len(f.bytes)), nil // where to go on
	}
	f.bytes = append(f.bytes, block...)
	if have := sha256.Sum256(f.bytes); int64(len(f.bytes)) == total && !bytes.Equal(have[:], sum) {
		delete(w.files, path)
		return 0, access.NewRefusal(access.CodeBadValue, "the hash is another one")
	}
	return int64(len(f.bytes)), nil
}

func (w *works) Delete(_ context.Context, path string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.files[path] == nil {
		return access.NewRefusal(access.CodeNotFound, "there is no file "+path)
	}
	delete(w.files, path)
	return nil
}

func (w *works) Snapshot(context.Context, string) (access.File, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := &file{bytes: []byte("everything")}
	w.files["snapshot/now.hmx"] = f
	return f.info("snapshot/now.hmx"), nil
}
