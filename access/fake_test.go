package access

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The generations, as ion/template has them.
var (
	second = Generation{Name: "2.x", Modes: []Mode{Standard, None, Advanced}, MaxAccounts: 16, PanelPassword: true}
	third  = Generation{Name: "3.x", Modes: []Mode{LSS, Advanced}, MaxAccounts: 50, Terminal: true}
)

// quick stands for argon2id where a test does not need its cost.
func quick(password string, salt []byte) [hashBytes]byte {
	return sha256.Sum256(append(slices.Clone(salt), password...))
}

func verifierOf(password string) Verifier {
	v, err := newVerifier(password, rand.Reader, quick)
	if err != nil {
		panic(err)
	}
	return v
}

// meter is the least that can stand behind a gate: modules by label, their setups as text,
// and a lock for the goroutine that carries out changes.
type meter struct {
	t          *testing.T
	gate       *Gate
	generation Generation
	// clockOff is how far the civil clock is off.
	clockOff time.Duration
	limits   Limits

	mu        sync.Mutex
	modules   map[string]string // label to type
	settings  map[string]string
	passwords map[int]Verifier
	kept      map[string][]byte
	disk      error  // what the disk answers before anything is done
	late      error  // and what it answers when a change is in force already
	meanwhile func() // comes between the two

	auditMu sync.Mutex
	records []Record
}

// newMeter is a factory-fresh meter: User1 with all boxes and the password 0.
func newMeter(t *testing.T, g Generation) *meter {
	t.Helper()
	m := &meter{t: t, generation: g, modules: map[string]string{securityOptions: securityOptions, "Ethernet": "Ethernet", "COM1": "Communications", "Modbus Gateway": "Modbus Gateway", "Modbus Master Options": "Modbus Master Options", "Clock": "Clock",
		"Power Meter": "Power Meter", "Sd Demand": "Sliding Window Demand", "Peak Dmd Reset": "External Pulse"},
		settings: map[string]string{RegisterMode: g.Modes[0].String(), RegisterWebAccess: "HTTPS"}, passwords: map[int]Verifier{}, kept: map[string][]byte{}}
	if g.has(Standard) {
		m.passwords[0] = verifierOf("0")
	} else {
		m.account(1, "0", allPermissions)
	}
	m.start()
	return m
}

// account gives the meter an account, beside the gate.
func (m *meter) account(n int, password string, boxes Permissions) {
	m.modules[userModule(n)] = securityUser
	for _, c := range boxChanges(n, boxes, allPermissions) {
		m.settings[c.Object] = c.Text
	}
	if password != "" {
		m.passwords[n] = verifierOf(password)
	}
}

// start makes the gate of what is stored.
func (m *meter) start() {
	m.t.Helper()
	security, err := m.security(m.settings, m.passwords)
	if err != nil {
		m.t.Fatal(err)
	}
	m.gate, err = NewGate(Options{Registers: m, Security: security, Audit: m, Works: m, Now: m.now, After: time.After, Random: rand.Reader, Limits: m.limits, Kept: m.kept})
	if err != nil {
		m.t.Fatal(err)
	}
	m.gate.checker.hash = quick
}

// powerCycle is a stop in good order and a start.
func (m *meter) powerCycle() {
	m.t.Helper()
	m.keep(true)
	m.start()
}

func (m *meter) keep(all bool) { maps.Copy(m.kept, m.gate.Keep(m.now(), all)) }

// set puts settings in force beside the gate.
func (m *meter) set(pairs ...string) *meter {
	m.t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		m.settings[pairs[i]] = pairs[i+1]
	}
	security, err := m.security(m.settings, m.passwords)
	if err != nil {
		m.t.Fatal(err)
	}
	m.gate.SetSecurity(security)
	return m
}

func (m *meter) now() time.Time { return time.Now().Add(m.clockOff) }

func (m *meter) security(settings map[string]string, passwords map[int]Verifier) (*Security, error) {
	return NewSecurity(m.generation, "9000", maps.Clone(settings), maps.Clone(passwords))
}

func (m *meter) Restart(By) error { return nil }

func (m *meter) DownstreamUnits() []DownstreamUnit { return nil }

func (m *meter) BecomeTwin(_ context.Context, _ string, _ By, permit func() error, _ bool) (Twin, error) {
	return Twin{Serial: "F-1"}, permit()
}

func (m *meter) Record(r Record) {
	m.auditMu.Lock()
	defer m.auditMu.Unlock()
	m.records = append(m.records, r)
}

// told returns how many records of a kind there are since it was asked last.
func (m *meter) told(kind RecordKind) (n int) {
	m.auditMu.Lock()
	defer m.auditMu.Unlock()
	m.records = slices.DeleteFunc(m.records, func(r Record) bool {
		if r.Kind == kind {
			n++
		}
		return r.Kind == kind
	})
	return n
}

// Registers.

func (m *meter) Find(label string) Point {
	if m.typeOf(moduleOf(label)) == "" {
		return NoPoint
	}
	return 0
}
func (m *meter) Snapshot() Snapshot { return picture{} }

type picture struct{}

func (picture) Seq() uint64       { return 1 }
func (picture) Layout() uint64    { return 1 }
func (picture) Time() time.Time   { return time.Time{} }
func (picture) Value(Point) Value { return Value{Kind: KindNumber, Available: true, Number: 230} }

// Works.

func (m *meter) typeOf(label string) string {
	for known, typeName := range m.modules {
		if strings.EqualFold(known, label) {
			return typeName
		}
	}
	return ""
}

func (m *meter) Module(label string) (string, int, bool) {
	typeName := m.typeOf(label)
	return typeName, 1, typeName != ""
}

// Change reads values as the real meter does: modes by name or number, booleans in many
// words.
func (m *meter) Change(_ context.Context, t Transaction, _ By, judge Judge, rehearse bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if judge != nil {
		if err := judge(m, t.Changes); err != nil {
			return err
		}
	}
	if m.disk != nil {
		return m.disk
	}
	modules, settings, passwords := maps.Clone(m.modules), maps.Clone(m.settings), maps.Clone(m.passwords)
	labelled := func(label string) string {
		for known := range modules {
			if strings.EqualFold(known, label) {
				return known
			}
		}
		return ""
	}
	for _, c := range t.Changes {
		module, register, _ := strings.Cut(c.Object, "/")
		known := labelled(module)
		switch c.Kind {
		case Create:
			if known != "" {
				return NewRefusal(CodeAccountExists, "")
			}
			modules[module] = c.Text
		case Delete:
			if known == "" {
				return NewRefusal(CodeNotFound, "")
			}
			delete(modules, known)
			maps.DeleteFunc(settings, func(label, _ string) bool { return moduleOf(label) == known })
		case Rename:
			modules[c.Text] = modules[known]
			delete(modules, known)
			for label, text := range maps.Clone(settings) {
				if moduleOf(label) == known {
					delete(settings, label)
					settings[c.Text+label[len(known):]] = text
				}
			}
		case Set:
			if known == "" {
				return NewRefusal(CodeNotFound, "")
			}
			text := strings.TrimSpace(c.Text)
			if n, err := strconv.Atoi(text); err == nil && strings.EqualFold(register, "Security Mode") && n < len(modeNames) {
				text = modeNames[n]
			}
			if b, ok := map[string]string{"yes": "ON", "1": "ON", "true": "ON", "no": "OFF", "false": "OFF"}[strings.ToLower(text)]; ok && modules[known] == securityUser {
				text = b
			}
			label := known + "/" + register
			for other := range settings {
				if strings.EqualFold(other, label) {
					label = other
				}
			}
			settings[label] = text
		}
	}
	for n, v := range t.Passwords {
		passwords[n] = v
		if !v.Set() {
			delete(passwords, n)
		}
	}
	security, err := m.security(settings, passwords)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrValue, err)
	}
	if rehearse {
		return nil
	}
	m.modules, m.settings, m.passwords = modules, settings, passwords
	for name, text := range t.Keep {
		m.kept[name] = bytes.Clone(text)
		if len(text) == 0 {
			delete(m.kept, name)
		}
	}
	m.gate.SetSecurity(security)
	m.keep(false)
	if m.meanwhile != nil {
		m.meanwhile()
	}
	return m.late
}

func (m *meter) Template(context.Context) ([]byte, error) { return nil, nil }

// LoadTemplate takes lines such as Module/Register = text.
func (m *meter) LoadTemplate(ctx context.Context, text []byte, by By, judge Judge, rehearse bool) ([]string, error) {
	var changes []Change
	var lines []string
	for line := range strings.Lines(string(text)) {
		label, value, _ := strings.Cut(strings.TrimSpace(line), " = ")
		changes = append(changes, Change{Kind: Set, Object: label, Text: value})
		lines = append(lines, label)
	}
	return lines, m.Change(ctx, Transaction{Changes: changes}, by, judge, rehearse)
}

func (m *meter) Resets() []Reset {
	return []Reset{{Name: "Peak demand", Demand: true}, {Name: "Energy"}}
}
func (m *meter) Managers() []Manager { return nil }
func (m *meter) ModuleList(string) (list []ModuleEntry, err error) {
	for label, typeName := range m.modules {
		list = append(list, ModuleEntry{Label: label, Type: typeName})
	}
	return list, nil
}
func (m *meter) Describe(label string) (ModuleDescription, error) {
	return ModuleDescription{ModuleEntry: ModuleEntry{Label: label, Type: m.typeOf(label)}}, nil
}
func (m *meter) Info() Info { return Info{Model: "ION9000", Firmware: "3.0.0"} }

// Clients.

// client is a connection on a path, from an address of its own for each name.
func (m *meter) client(p Path, address string) *Session {
	m.t.Helper()
	s, err := m.gate.Open(Client{Path: p, Remote: address + ":1000"})
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(s.Close)
	return s
}

func named(user, password string) Credential {
	return Credential{User: user, Given: true, Password: password}
}
func passwordOnly(password string) Credential { return Credential{Given: true, Password: password} }

// as is a session of a request with a credential that must be right.
func (m *meter) as(p Path, c Credential) *Session {
	m.t.Helper()
	s, err := m.client(p, "192.0.2.1").With(m.t.Context(), c)
	if err != nil {
		m.t.Fatalf("%s as %q: %v", p, c.User, err)
	}
	return s
}

// codeOf is the code of a refusal, "" for no error, and the error's text for another one.
func codeOf(err error) Code {
	if refused, ok := asRefusal(err); ok {
		return refused.Code
	}
	if err != nil {
		return Code(err.Error())
	}
	return ""
}

func want(t *testing.T, what string, err error, code Code) {
	t.Helper()
	if got := codeOf(err); got != code {
		t.Errorf("%s: %q (%v), want %q", what, got, err, code)
	}
}

var errDisk = errors.New("the disk is full")

// zeros are random numbers where it does not matter.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

func never(time.Duration) <-chan time.Time { return nil }
