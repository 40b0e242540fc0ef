package meter

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/ion"
)

func allowed() error { return nil }

// bring writes a snapshot into the meter's snapshot folder.
func bring(t *testing.T, m *Meter, snapshot []byte) string {
	t.Helper()
	const path = access.SnapshotFolder + "/twin.hmx"
	sum := sha256.Sum256(snapshot)
	f, at := files{m}, int64(0)
	for at < int64(len(snapshot)) {
		block := snapshot[at:min(at+50_000, int64(len(snapshot)))]
		received, err := f.Write(t.Context(), path, at, block, int64(len(snapshot)), sum[:])
		if err != nil || received != at+int64(len(block)) {
			t.Fatalf("%d of %d bytes: %v", received, len(snapshot), err)
		}
		at = received
	}
	return path
}

func (m *Meter) becomeTwin(t *testing.T, path string, permit func() error, rehearse bool) (access.Twin, error) {
	t.Helper()
	return works{m}.BecomeTwin(t.Context(), path, access.By{User: "USER1", Origin: "test"}, permit, rehearse)
}

func snapshotOf(t *testing.T, m *Meter) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := m.store.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// used is the snapshot of a meter that ran for some time with a program of its own.
func used(t *testing.T) (snapshot []byte, serial string, kWh float64) {
	t.Helper()
	runningAs(t, Options{Dir: t.TempDir(), Model: "PM8000", Serial: "T-0"}, func(t *testing.T, m *Meter) {
		if err := m.Program(t.Context(), append(recorderEverySecond(), ion.Set{Register: "Factory/Owner", Value: "Anna"}), tester); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		serial, kWh = m.identity.Serial, number(t, m, "kWh del/Result")
		snapshot = snapshotOf(t, m)
	})
	return snapshot, serial, kWh
}

// A fresh meter takes all of a snapshot but what is its own, when it starts again.
func TestAFreshMeterBecomesATwin(t *testing.T) {
	snapshot, theirs, kWh := used(t)
	dir := t.TempDir()
	var own, key, ssh string
	running(t, dir, func(t *testing.T, m *Meter) {
		time.Sleep(3 * time.Second)
		own, key, ssh = m.identity.Serial, m.Fingerprint(), m.Gate().Fingerprints()["ssh"]
		path := bring(t, m, snapshot)
		rehearsed, err := m.becomeTwin(t, path, allowed, true)
		if err != nil || rehearsed.Serial != theirs || rehearsed.Accounts != 1 || rehearsed.Logs == 0 || rehearsed.Records < 5 || rehearsed.Events == 0 {
			t.Errorf("%+v, %v", rehearsed, err)
		}
		select {
		case <-m.Restarting():
			t.Error("a rehearsal starts the meter again")
		default:
		}
		if _, err := m.becomeTwin(t, path, allowed, false); err != nil {
			t.Fatal(err)
		}
		<-m.Restarting()
	})
	running(t, dir, func(t *testing.T, m *Meter) {
		if m.identity.Serial != own || m.Fingerprint() != key || m.Gate().Fingerprints()["ssh"] != ssh || own == theirs {
			t.Errorf("serial %s, key %s, ssh %s; want its own: %s, %s, %s", m.identity.Serial, m.Fingerprint(), m.Gate().Fingerprints()["ssh"], own, key, ssh)
		}
		if got := value(t, m, "Factory/Owner").Text; got != "Anna" {
			t.Errorf("owner %q", got)
		}
		if got := number(t, m, "kWh del/Result"); got < kWh {
			t.Errorf("%v kWh, want %v at least", got, kWh)
		}
		if l, err := m.Log("My Log"); err != nil || l.Count != 5 {
			t.Errorf("log %+v, %v", l, err)
		}
		events, err := m.store.Events(0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		told := false
		for i, e := range events {
			told = told || strings.HasPrefix(e.EffectValue, "restored from a snapshot of PM8000 serial "+theirs+" made at ") && e.User == "USER1"
			if i > 0 && e.Previous != events[i-1].Hash {
				t.Errorf("the chain breaks at event %d", e.Sequence)
			}
		}
		if !told {
			t.Errorf("no event tells of it: %+v", events)
		}
		// It is fresh no more.
		_, err = m.becomeTwin(t, bring(t, m, snapshot), allowed, false)
		refusedWith(t, err, access.CodeNotFresh)
	})
}

func refusedWith(t *testing.T, err error, code access.Code) {
	t.Helper()
	var r *access.Refusal
	if !errors.As(err, &r) || r.Code != code {
		t.Errorf("%v, want %s", err, code)
	}
}

// What is refused changes nothing, and leaves nothing for the next start.
func TestTwinsThatAreRefused(t *testing.T) {
	snapshot, _, _ := used(t)
	rotten := bytes.Clone(snapshot)
	rotten[len(rotten)/2] ^= 1
	not := access.NewRefusal(access.CodeNoPermission, "not any more")
	for _, tt := range []struct {
		name     string
		snapshot []byte
		before   []ion.Change
		permit   func() error
		code     access.Code
	}{
		{"damaged", rotten, nil, allowed, access.CodeSnapshotDamaged},
		{"no snapshot", []byte("nothing of the kind"), nil, allowed, access.CodeSnapshotDamaged},
		{"a right that went meanwhile", snapshot, nil, func() error { return not }, access.CodeNoPermission},
		{"a program of its own", snapshot, []ion.Change{ion.Create{Type: "Maximum", Label: "Peak"}}, allowed, access.CodeNotFresh},
		{"setup of its own", snapshot, []ion.Change{ion.Set{Register: "Power Meter/CT Prim", Value: "400"}}, allowed, access.CodeNotFresh},
		{"an account more", snapshot, []ion.Change{ion.Create{Type: "Security User", Label: "Security User 2", Number: 2}}, allowed, access.CodeNotFresh},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			running(t, dir, func(t *testing.T, m *Meter) {
				if err := m.command(t.Context(), func(now time.Time) error {
					defer m.secure(nil)
					return m.node.Program(tt.before, tester, now)
				}); len(tt.before) > 0 && err != nil {
					t.Fatal(err)
				}
				_, err := m.becomeTwin(t, bring(t, m, tt.snapshot), tt.permit, false)
				refusedWith(t, err, tt.code)
			})
			left, err := filepath.Glob(filepath.Join(dir, "meter.db-*"))
			if err != nil || strings.Contains(strings.Join(left, " "), "twin") || strings.Contains(strings.Join(left, " "), "hmx") {
				t.Errorf("left behind: %q, %v", left, err)
			}
		})
	}
	t.Run("another model, another generation", func(t *testing.T) {
		for _, tt := range []struct {
			model, fixed string
			want         access.Code
		}{{"ION9000", "", access.CodeWrongModel}, {"PM8000", "2.1.0", access.CodeNotInThisFirmware}} {
			runningAs(t, Options{Dir: t.TempDir(), Model: tt.model, FixFirmware: tt.fixed}, func(t *testing.T, m *Meter) {
				_, err := m.becomeTwin(t, bring(t, m, snapshot), allowed, true)
				refusedWith(t, err, tt.want)
			})
		}
	})
}

// A client that goes away while the snapshot is staged leaves nothing half done: a meter that
// went on with a staged snapshot would lose at some later start all that it counts until then.
func TestATwinWhoseClientIsGone(t *testing.T) {
	snapshot, _, _ := used(t)
	runningAs(t, Options{Dir: t.TempDir(), Model: "PM8000"}, func(t *testing.T, m *Meter) {
		path := bring(t, m, snapshot)
		ctx, leave := context.WithCancel(t.Context())
		permit := func() error {
			leave()
			time.Sleep(time.Millisecond) // whoever waits no more goes on before it is staged
			return nil
		}
		if _, err := (works{m}).BecomeTwin(ctx, path, access.By{}, permit, false); err != nil {
			t.Errorf("the snapshot is staged, and the client is told %v", err)
		}
		synctest.Wait()
		select {
		case <-m.Restarting():
		default:
			t.Error("the meter goes on, and takes the snapshot at some later start")
		}
	})
}

// runningAs is running for a meter of some kind.
func runningAs(t *testing.T, o Options, body func(t *testing.T, m *Meter)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		_, source := steady(t, site)
		o.Source, o.Speed, o.Firmware, o.Log = source, 1, "3.0.0", slog.New(slog.DiscardHandler)
		m, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- m.Run(ctx) }()
		body(t, m)
		stop()
		if err := errors.Join(<-ended, m.Close()); err != nil {
			t.Error(err)
		}
	})
}

// A snapshot comes in blocks like a file: it goes on where it was interrupted, and is there
// whole or not at all.
func TestSnapshotsComeInBlocks(t *testing.T) {
	running(t, t.TempDir(), func(t *testing.T, m *Meter) {
		const path = access.SnapshotFolder + "/a.hmx"
		f, content := files{m}, []byte("0123456789")
		sum := sha256.Sum256(content)
		write := func(at int64, block string, sum []byte) (int64, error) {
			return f.Write(t.Context(), path, at, []byte(block), 10, sum)
		}
		if n, err := write(0, "01234", sum[:]); n != 5 || err != nil {
			t.Fatal(n, err)
		}
		if list, err := f.List(access.SnapshotFolder); err != nil || len(list) != 0 {
			t.Errorf("half of it is listed: %v, %v", list, err)
		}
		if _, err := m.becomeTwin(t, path, allowed, true); err == nil {
			t.Error("half of it was taken")
		}
		if n, err := write(8, "89", sum[:]); n != 5 || err != nil {
			t.Errorf("%d, %v, want to go on at 5", n, err)
		}
		if n, err := write(0, "", sum[:]); n != 5 || err != nil {
			t.Errorf("asked where to go on: %d, %v", n, err)
		}
		if n, err := write(5, "56789", sum[:]); n != 10 || err != nil {
			t.Fatal(n, err)
		}
		if block, info, err := f.Read(path, 2, 3); string(block) != "234" || info.Bytes != 10 || err != nil {
			t.Errorf("%q, %+v, %v", block, info, err)
		}
		wrong := sha256.Sum256([]byte("else"))
		if _, err := write(0, "0123456789", wrong[:]); err == nil {
			t.Error("another hash")
		}
		if _, err := f.Write(t.Context(), path, 0, []byte("0"), maxSnapshotBytes+1, sum[:]); err == nil {
			t.Error("too large")
		}
		if n, err := write(0, "0123456789", sum[:]); n != 10 || err != nil {
			t.Fatal(n, err)
		}
		if err := f.Delete(t.Context(), path); err != nil {
			t.Error(err)
		}
		if left, err := filepath.Glob(filepath.Join(m.options.Dir, "*.hmx")); err != nil || len(left) != 0 {
			t.Errorf("%q, %v", left, err)
		}
	})
}
