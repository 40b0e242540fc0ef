package main

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/wire/eventchain"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

// tried is a value that a client sets again and again: what it has sent last, and what the
// meter has acknowledged last.
type tried struct{ sent, acknowledged string }

func (v *tried) holds(now string) bool { return now == v.sent || now == v.acknowledged }

// securityChanges is a client that changes security until the meter is killed.
type securityChanges struct {
	n                    int
	comm, mode, password tried
}

// admin may do everything, USER3 is what is changed, USER4 is locked out.
var (
	admin      = as("USER2", "22")
	everything = []string{"read", "reset", "time", "config", "test", "security", "comm"}
)

// set has the meter make one change; false is the end of the meter.
func set[Q, S any](c *ionp.Client, v *tried, value string, e ionp.Exchange[Q, S], q Q) bool {
	v.sent = value
	if outcome(c, admin, e, q) != "" {
		return false
	}
	v.acknowledged = value
	return true
}

// change makes changes until one fails.
func (s *securityChanges) change(c *ionp.Client) {
	for running := true; running; {
		s.n++
		switch comm := []string{"comm"}; {
		case s.n%7 == 0:
			next := map[string]string{"LSS": "Advanced", "Advanced": "LSS"}[s.mode.acknowledged]
			running = set(c, &s.mode, next, ionp.SecuritySet, securityMode(next))
		case s.n%3 == 0:
			next := strconv.Itoa(s.n)
			running = set(c, &s.password, next, ionp.UserPassword, ionp.UserPasswordRequest{Number: 3, Password: ionp.Secret(next)})
		case s.comm.acknowledged == "on":
			running = set(c, &s.comm, "off", ionp.UserSet, ionp.UserSetRequest{Number: 3, Revoke: comm})
		default:
			running = set(c, &s.comm, "on", ionp.UserSet, ionp.UserSetRequest{Number: 3, Grant: comm})
		}
	}
}

// check holds a meter that has been killed against what it had acknowledged, and takes what
// is there as acknowledged.
func (s *securityChanges) check(t *testing.T, c *ionp.Client) {
	t.Helper()
	status, err := ionp.Do(context.Background(), c, admin, ionp.SecurityStatus, ionp.SecurityStatusRequest{})
	if err != nil {
		t.Fatalf("the administrator is not taken any more: %v", err)
	}
	if len(status.Accounts) != 4 {
		t.Errorf("%d accounts, want 4: %+v", len(status.Accounts), status.Accounts)
	}
	comm := "off"
	for _, a := range status.Accounts {
		if a.Number == 3 && slices.Contains(a.Permissions, "comm") {
			comm = "on"
		}
		if !a.HasPassword {
			t.Errorf("%s has no password", a.Name)
		}
	}
	if !s.comm.holds(comm) || !s.mode.holds(status.Mode) {
		t.Errorf("comm %s, mode %s; tried %+v, %+v", comm, status.Mode, s.comm, s.mode)
	}
	s.comm, s.mode = tried{comm, comm}, tried{status.Mode, status.Mode}
	right := ""
	for _, password := range []string{s.password.acknowledged, s.password.sent} {
		if outcome(c, as("USER3", password), ionp.Info, ionp.InfoRequest{}) == "" {
			right = password
		}
	}
	if right == "" {
		t.Errorf("neither password of USER3 is right: %+v", s.password)
	}
	s.password = tried{right, right}
	if !slices.ContainsFunc(status.Lockouts, func(l ionp.Lockout) bool { return l.User == "USER4" && l.Locked && l.RemainingSeconds > 0 }) {
		t.Errorf("USER4 is locked out no more: %+v", status.Lockouts)
	}
}

// eventLog reads the whole log, proves it, and returns the hash of each event.
func eventLog(t *testing.T, c *ionp.Client) map[uint64]eventchain.Hash {
	t.Helper()
	ask := func() (ionp.InfoReply, []ionp.Event, ionp.EventHeadReply, eventchain.Hash) {
		info, err := ionp.Do(context.Background(), c, admin, ionp.Info, ionp.InfoRequest{})
		if err != nil {
			t.Fatal(err)
		}
		var list []ionp.Event
		var previous eventchain.Hash
		for from, more := uint64(0), true; more; {
			page, err := ionp.Do(context.Background(), c, admin, ionp.Events, ionp.EventsRequest{From: from})
			if err != nil {
				t.Fatal(err)
			}
			if len(list) == 0 {
				copy(previous[:], page.PreviousHash)
			}
			list, from, more = append(list, page.Events...), page.Next, len(page.Events) > 0
		}
		head, err := ionp.Do(context.Background(), c, admin, ionp.EventHead, ionp.EventHeadRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return info, list, head, previous
	}
	// An event that comes meanwhile is signed for and not in what was read: once more.
	for range 20 {
		info, list, head, previous := ask()
		if len(list) == 0 || list[len(list)-1].Sequence != head.Sequence {
			continue
		}
		header := eventchain.Header{Model: info.Model, Serial: head.Serial, Firmware: info.Firmware, First: list[0].Sequence, Previous: previous, Key: eventchain.PublicKey(head.PublicKey)}
		var out bytes.Buffer
		w, err := eventchain.NewWriter(&out, header)
		if err != nil {
			t.Fatal(err)
		}
		hashes := map[uint64]eventchain.Hash{}
		for _, e := range list {
			hashes[e.Sequence] = eventchain.Hash(e.Hash)
			if err := w.Event(eventchain.Event{Sequence: e.Sequence, Time: time.Unix(0, e.Time), Priority: uint8(e.Priority), Cause: e.Cause, CauseValue: e.CauseValue,
				Effect: e.Effect, EffectValue: e.EffectValue, User: e.User, Origin: e.Origin}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.End(time.Unix(0, head.Time), eventchain.Signature(head.Signature)); err != nil {
			t.Fatal(err)
		}
		if _, err := eventchain.Verify(&out, info.Fingerprint); err != nil {
			t.Error(err)
		}
		return hashes
	}
	t.Fatal("the log never stood still")
	return nil
}

// TestKillSecurity kills the real process at random moments while a client changes
// permissions, passwords and the mode, and proves that every acknowledged change is there,
// none is half written, lockouts and the chain of events go on, and what was not confirmed
// returns. HEPMETER_KILLS says how many kills; a tenth of it are done, 5 unless told.
func TestKillSecurity(t *testing.T) {
	kills := 5
	if n, err := strconv.Atoi(os.Getenv("HEPMETER_KILLS")); err == nil {
		kills = max(1, n/10)
	}
	binary, data := buildHepmeter(t), filepath.Join(t.TempDir(), "data")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	start := func() (*process, *ionp.Client) {
		p := startMeter(t, binary, data, "--model", "PM8000", "--port", "ion=0")
		return p, p.ionClient(t)
	}
	must := func(code string) {
		t.Helper()
		if code != "" {
			t.Fatal(code)
		}
	}
	attempts := func(c *ionp.Client, n string) {
		t.Helper()
		must(outcome(c, admin, ionp.SecuritySet, ionp.SecuritySetRequest{Options: map[string]string{"Security Options/ION Lockout Attempts": n}}))
	}

	p, c := start()
	must(outcome(c, as("USER1", "0"), ionp.UserAdd, ionp.UserAddRequest{Number: 2, Password: "22", Permissions: everything}))
	must(outcome(c, admin, ionp.UserAdd, ionp.UserAddRequest{Number: 3, Password: "33", Permissions: []string{"read"}}))
	must(outcome(c, admin, ionp.UserAdd, ionp.UserAddRequest{Number: 4, Password: "44", Permissions: []string{"read"}}))
	attempts(c, "1")
	if code := outcome(c, as("USER4", "1"), ionp.Info, ionp.InfoRequest{}); code != "bad-credentials" {
		t.Fatalf("a wrong password: %q", code)
	}
	attempts(c, "200")
	// Lockouts are durable with the second.
	seconds := func() uint64 {
		r, err := ionp.Do(context.Background(), c, admin, ionp.Read, ionp.ReadRequest{Labels: []string{"Power Meter/Vln a"}})
		if err != nil {
			t.Fatal(err)
		}
		return r.Sequence
	}
	for first := seconds(); seconds() < first+3; time.Sleep(20 * time.Millisecond) {
	}

	s := &securityChanges{comm: tried{"off", "off"}, mode: tried{"LSS", "LSS"}, password: tried{"33", "33"}}
	var before map[uint64]eventchain.Hash
	for range kills {
		kill := time.AfterFunc(time.Duration(random.Float64()*1.5*float64(time.Second)), func() { p.cmd.Process.Kill() })
		s.change(c)
		if !kill.Stop() {
			<-p.exited
		} else {
			t.Fatalf("a change failed before the kill: %+v", s)
		}
		p, c = start()
		s.check(t, c)
		now := eventLog(t, c)
		for sequence, hash := range before {
			if again, kept := now[sequence]; kept && again != hash {
				t.Errorf("event %d is another one than before the kill", sequence)
			}
		}
		if before = now; t.Failed() {
			return
		}
	}
	if s.n < 10 {
		t.Errorf("only %d changes: the test proved little", s.n)
	}

	// What nobody confirmed returns, with the process killed in between.
	must(outcome(c, admin, ionp.ProvisionalBegin, ionp.ProvisionalBeginRequest{WithinSeconds: 3}))
	must(outcome(c, admin, ionp.UserRemove, ionp.UserRemoveRequest{Number: 1}))
	p.kill()
	p, c = start()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		status, err := ionp.Do(context.Background(), c, admin, ionp.SecurityStatus, ionp.SecurityStatusRequest{})
		if err == nil && !status.Provisional.Active && len(status.Accounts) == 4 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("it does not return: %v, %+v", err, status)
		}
	}
	must(outcome(c, as("USER1", "0"), ionp.Info, ionp.InfoRequest{}))
	t.Logf("%d kills, %d changes of security", kills+1, s.n)
	p.kill()
}
