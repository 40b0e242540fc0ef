package modbus

import (
	"context"
	"crypto/rand"
	"sync"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

type auditLog struct {
	mu      sync.Mutex
	records []access.Record
}

func (a *auditLog) Record(r access.Record) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.records = append(a.records, r)
}

func (a *auditLog) all() []access.Record {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]access.Record(nil), a.records...)
}

// The two generations, as far as the map cares.
var (
	generation2 = access.Generation{Name: "2.x", Modes: []access.Mode{access.Standard, access.None, access.Advanced}, MaxAccounts: 16}
	generation3 = access.Generation{Name: "3.x", Modes: []access.Mode{access.LSS, access.Advanced}, MaxAccounts: 50}
)

// allBoxes are the permissions of User1 at the factory.
var allBoxes = []string{"Read Access", "Peak Demand Reset Access", "Time Sync Access", "Full Meter Config Access", "Test Mode Access", "Security Config Access", "Comm Config Access"}

// securitySet is security with registers set, and User1 with boxes ticked.
func securitySet(t testing.TB, g access.Generation, boxes []string, settings map[string]string) *access.Security {
	t.Helper()
	all := map[string]string{}
	for label, text := range settings {
		all["Security Options/"+label] = text
	}
	for _, box := range boxes {
		all["Security User 1/"+box] = "ON"
	}
	security, err := access.NewSecurity(g, "9000", all, nil)
	if err != nil {
		t.Fatal(err)
	}
	return security
}

// openRead is the factory's: LSS, and everyone reads the map. openAll lets everyone write,
// too, and closedMapping shows nobody the map.
func openRead(t testing.TB) *access.Security { return securitySet(t, generation3, allBoxes, nil) }
func openAll(t testing.TB) *access.Security {
	return securitySet(t, generation3, allBoxes, map[string]string{"Modbus Map Access": "Read/Write"})
}
func closedMapping(t testing.TB) *access.Security {
	return securitySet(t, generation3, allBoxes, map[string]string{"Modbus Map Access": "None"})
}

// testWorks is the meter behind the gate: it asks the judge and remembers what was done.
type testWorks struct {
	access.Works // the map asks for nothing else

	// refuse is what the meter finds wrong with a change.
	refuse func(access.Change) error
	// begun has one for each transaction that is allowed, and durable lets one be so; nil
	// where all are at once.
	begun, durable chan struct{}

	mu   sync.Mutex
	done [][]access.Change
}

func (w *testWorks) Change(ctx context.Context, t access.Transaction, _ access.By, judge access.Judge, _ bool) error {
	if err := judge(noModules{}, t.Changes); err != nil {
		return err
	}
	for _, c := range t.Changes {
		if w.refuse != nil {
			if err := w.refuse(c); err != nil {
				return err
			}
		}
	}
	if w.begun != nil {
		w.begun <- struct{}{}
		select {
		case <-w.durable:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = append(w.done, t.Changes)
	return nil
}

func (w *testWorks) Resets() []access.Reset { return nil }

// all returns the transactions that were done.
func (w *testWorks) all() [][]access.Change {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([][]access.Change(nil), w.done...)
}

// noModules knows no labels: those of the map's rows need no type.
type noModules struct{}

func (noModules) Module(string) (string, int, bool) { return "", 0, false }

func newTestGate(t testing.TB, m *testMeter, s *access.Security, w *testWorks) (*access.Gate, *auditLog) {
	t.Helper()
	return newLimitedGate(t, m, s, w, access.OpenLimits())
}

func newLimitedGate(t testing.TB, m *testMeter, s *access.Security, w *testWorks, l access.Limits) (*access.Gate, *auditLog) {
	t.Helper()
	log := new(auditLog)
	if w == nil {
		w = new(testWorks)
	}
	gate, err := access.NewGate(access.Options{Registers: m, Security: s, Audit: log, Works: w, Now: time.Now, After: time.After, Random: rand.Reader, Limits: l})
	if err != nil {
		t.Fatal(err)
	}
	return gate, log
}

// enter opens a connection at a handler.
func enter(t testing.TB, h *handler) *client {
	t.Helper()
	c, err := h.open(access.Ethernet, "192.0.2.1:99", func() {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.session.Close)
	return c
}

// exchange serves frames, and carries out at once what they write.
func (h *handler) exchange(c *client, in, out []byte) (used int, answers []byte, err error) {
	for {
		n, answers, due, err := h.serve(c, in[used:], out)
		used += n
		if due == nil || err != nil {
			return used, answers, err
		}
		c.carryOut(context.Background(), due.(*writing))
		out = due.finish(h, c, answers)
	}
}
