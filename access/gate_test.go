package access

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

// oneRegister is a meter with a single register.
type oneRegister struct{ value Value }

func (o *oneRegister) Seq() uint64        { return 7 }
func (o *oneRegister) Layout() uint64     { return 1 }
func (o *oneRegister) Time() time.Time    { return noon }
func (o *oneRegister) Snapshot() Snapshot { return o }

func (o *oneRegister) Value(p Point) Value {
	if p != 0 {
		return Value{}
	}
	return o.value
}

func (o *oneRegister) Find(label string) Point {
	if strings.EqualFold(label, "Power Meter/Vln a") || strings.EqualFold(label, "Security Options/Security Mode") {
		return 0
	}
	return NoPoint
}

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

type auditLog []Record

func (a *auditLog) Record(r Record) { *a = append(*a, r) }

func newGate(t *testing.T, p Policy, w Writer) (*Gate, *auditLog) {
	t.Helper()
	log := new(auditLog)
	g, err := NewGate(&oneRegister{Value{Kind: KindNumber, Available: true, Number: 230}},
		Options{Policy: p, Audit: log, Now: func() time.Time { return noon }, Writer: w})
	if err != nil {
		t.Fatal(err)
	}
	return g, log
}

func TestGateReadsThroughAView(t *testing.T) {
	g, log := newGate(t, OpenRead(), nil)
	s := g.Open(Connect{Path: ModbusMap, Remote: "192.0.2.1:1000"})
	view, err := s.Registers(Readings)
	if err != nil {
		t.Fatal(err)
	}
	point := view.Find("power meter/VLN A")
	for range 3 {
		snapshot, err := view.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if v := snapshot.Value(point); v.Number != 230 || !v.Available {
			t.Errorf("value %+v, want 230", v)
		}
	}
	if got := g.Counters(); got != (Counters{Reads: 3, Sessions: 1}) {
		t.Errorf("counters %+v, want 3 reads in 1 session", got)
	}
	if len(*log) != 0 {
		t.Errorf("reading left audit records: %+v", *log)
	}
	s.Close()
	s.Close()
	if _, err := view.Snapshot(); !errors.Is(err, ErrClosed) {
		t.Errorf("reading after Close: %v, want ErrClosed", err)
	}
	if _, err := s.Registers(Readings); !errors.Is(err, ErrClosed) {
		t.Errorf("asking after Close: %v, want ErrClosed", err)
	}
	if got := g.Counters().Sessions; got != 0 {
		t.Errorf("%d open sessions after closing twice, want 0", got)
	}
	if _, err := (View{}).Snapshot(); err == nil {
		t.Error("the zero view reads; only the gate may hand out views")
	}
}

func TestViewShowsItsSetAlone(t *testing.T) {
	g, _ := newGate(t, Policy{Name: "all", Rules: []Rule{{Allow: true}}}, nil)
	s := g.Open(Connect{})
	readings, _ := s.Registers(Readings)
	security, _ := s.Registers(Security)
	for _, tc := range []struct {
		label              string
		readings, security Point
	}{
		{"Power Meter/Vln a", 0, NoPoint},
		{"Security Options/Security Mode", NoPoint, 0},
		{"No Such/Register", NoPoint, NoPoint},
	} {
		if r, s := readings.Find(tc.label), security.Find(tc.label); r != tc.readings || s != tc.security {
			t.Errorf("%s: readings %d, security %d; want %d, %d", tc.label, r, s, tc.readings, tc.security)
		}
	}
}

// A policy change reaches a session at its next read, not at its next connection.
func TestPolicyChangeMakesViewsStale(t *testing.T) {
	g, log := newGate(t, OpenRead(), nil)
	s := g.Open(Connect{Path: ModbusMap, Remote: "192.0.2.1:1000"})
	view, _ := s.Registers(Readings)
	g.SetPolicy(Policy{Name: "closed", Rules: []Rule{{Refusal: Refusal{Code: CodeNoPermission, Reason: "closed", Remedy: "open it"}}}})
	if _, err := view.Snapshot(); !errors.Is(err, ErrStale) {
		t.Errorf("old view: %v, want ErrStale", err)
	}
	var refusal *Refusal
	if _, err := s.Registers(Readings); !errors.As(err, &refusal) || refusal.Code != CodeNoPermission {
		t.Errorf("new view: %v, want a refusal", err)
	}
	want := []Record{{Time: noon, Path: ModbusMap, Remote: "192.0.2.1:1000", Operation: ReadMeasurement, Target: "registers", Code: CodeNoPermission, Policy: "closed"}}
	if !reflect.DeepEqual([]Record(*log), want) {
		t.Errorf("audit %+v, want %+v", *log, want)
	}
}

// The whole of the first policy: every path and credential may read measurements,
// and may do nothing else.
func TestOpenReadTable(t *testing.T) {
	for path := range paths {
		for credential := range credentialKinds {
			for op := range operations {
				refusal := OpenRead().Decide(Request{path, credential, op})
				if allowed := refusal == nil; allowed != (op == ReadMeasurement) {
					t.Errorf("%s, %s, %s: allowed %v", path, credential, op, allowed)
				}
				if refusal != nil && (refusal.Code != CodeNoPermission || refusal.Reason == "" || refusal.Remedy == "" || refusal.Operation != op) {
					t.Errorf("%s: refusal %+v lacks code, reason, remedy or operation", op, refusal)
				}
			}
		}
	}
}

func TestPolicyRulesInOrder(t *testing.T) {
	p := Policy{Rules: []Rule{
		{Paths: []Path{Web}, Operations: []Operation{WriteSetup}, Refusal: Refusal{Code: "web"}},
		{Credentials: []CredentialKind{NamedUser}, Operations: []Operation{WriteSetup, SetClock}, Allow: true},
	}}
	for _, tc := range []struct {
		name string
		r    Request
		want Code // empty where allowed
	}{
		{"the first match decides", Request{Web, NamedUser, WriteSetup}, "web"},
		{"the next rule", Request{ION, NamedUser, WriteSetup}, ""},
		{"any of its operations", Request{Web, NamedUser, SetClock}, ""},
		{"no rule denies", Request{ION, NoCredential, SetClock}, CodeNoPermission},
	} {
		var got Code
		if refusal := p.Decide(tc.r); refusal != nil {
			got = refusal.Code
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

type writes struct {
	got []Change
	err error
}

func (w *writes) Write(c []Change) error { w.got = append(w.got, c...); return w.err }

func TestWrite(t *testing.T) {
	open := Policy{Name: "open", Rules: []Rule{{Operations: []Operation{WriteSetup}, Allow: true}}}
	setup := Change{Operation: WriteSetup, Label: "Power Meter/PT Prim", Target: "register 58002", Value: Value{Kind: KindNumber, Available: true, Number: 10000}}
	clock := Change{Operation: SetClock, Label: "Clock/Universal Time", Target: "register 58010"}
	nowhere := Change{Operation: WriteSetup, Target: "register 40000"}
	broken := errors.New("disk full")
	for _, tc := range []struct {
		name    string
		policy  Policy
		writer  *writes
		changes []Change
		code    Code // of the refusal, empty where there is none
		err     error
		written int
		audit   []Record
	}{
		{name: "read-only policy", policy: OpenRead(), writer: &writes{}, changes: []Change{setup}, code: CodeNoPermission,
			audit: []Record{{Operation: WriteSetup, Target: "register 58002", Code: CodeNoPermission, Policy: "open read"}}},
		{name: "allowed", policy: open, writer: &writes{}, changes: []Change{setup}, written: 1,
			audit: []Record{{Operation: WriteSetup, Target: "register 58002", Allowed: true, Policy: "open"}}},
		{name: "one of two refused: none written", policy: open, writer: &writes{}, changes: []Change{setup, clock}, code: CodeNoPermission,
			audit: []Record{{Operation: SetClock, Target: "register 58010", Code: CodeNoPermission, Policy: "open"}}},
		{name: "allowed but nothing there", policy: open, writer: &writes{}, changes: []Change{setup, nowhere}, code: CodeNotWritable,
			audit: []Record{{Operation: WriteSetup, Target: "register 40000", Code: CodeNotWritable, Policy: "open"}}},
		{name: "allowed but failed", policy: open, writer: &writes{err: broken}, changes: []Change{setup}, err: broken, written: 1,
			audit: []Record{{Operation: WriteSetup, Target: "register 58002", Allowed: true, Err: broken, Policy: "open"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g, log := newGate(t, tc.policy, tc.writer)
			err := g.Open(Connect{Path: ION, Remote: "192.0.2.9:7", User: "USER2", Credential: NamedUser}).Write(tc.changes...)
			var refusal *Refusal
			switch {
			case tc.code != "":
				if !errors.As(err, &refusal) || refusal.Code != tc.code {
					t.Errorf("error %v, want a refusal %s", err, tc.code)
				}
			case !errors.Is(err, tc.err):
				t.Errorf("error %v, want %v", err, tc.err)
			}
			if len(tc.writer.got) != tc.written {
				t.Errorf("%d changes written, want %d", len(tc.writer.got), tc.written)
			}
			for i := range tc.audit {
				tc.audit[i].Time, tc.audit[i].Path, tc.audit[i].Remote, tc.audit[i].User = noon, ION, "192.0.2.9:7", "USER2"
			}
			if !reflect.DeepEqual([]Record(*log), tc.audit) {
				t.Errorf("audit %+v\nwant  %+v", *log, tc.audit)
			}
		})
	}
}

func TestWriteWithoutWriterOrSession(t *testing.T) {
	g, _ := newGate(t, Policy{Rules: []Rule{{Allow: true}}}, nil)
	s := g.Open(Connect{})
	var refusal *Refusal
	if err := s.Write(Change{Label: "A/B"}); !errors.As(err, &refusal) || refusal.Code != CodeNotWritable {
		t.Errorf("no writer: %v, want not-writable", err)
	}
	s.Close()
	if err := s.Write(Change{Label: "A/B"}); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v, want ErrClosed", err)
	}
}

func TestNewGateWants(t *testing.T) {
	for _, o := range []Options{{Now: time.Now}, {Audit: new(auditLog)}} {
		if _, err := NewGate(&oneRegister{}, o); err == nil {
			t.Errorf("NewGate accepts %+v", o)
		}
	}
}

func TestReadingAllocatesNothing(t *testing.T) {
	g, _ := newGate(t, OpenRead(), nil)
	view, _ := g.Open(Connect{}).Registers(Readings)
	if n := testing.AllocsPerRun(100, func() { _, _ = view.Snapshot() }); n != 0 {
		t.Errorf("%v allocations per read, want 0", n)
	}
}
