package store

import (
	"errors"
	"testing"
	"time"
)

// A position is of the state that it was committed with: it is there after a stop and after a
// kill, and gone once a program has committed a state without one.
func TestPosition(t *testing.T) {
	dir := t.TempDir()
	want := Position{Axis: 1 << 63, Sample: 1 << 40, Time: 90 * time.Second, Done: 91 * time.Second}
	var asked *Position
	from, to := time.Unix(1000, 5), time.Unix(1000, 7)
	open := func(resumes bool) *Store {
		t.Helper()
		asked = nil
		s, err := Open(dir, Options{Identity: Identity{Model: "ION9000"}, Resume: func(p Position) (time.Time, time.Time, bool) {
			asked = &p
			return from, to, resumes
		}})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	commit := func(s *Store, p *Position) {
		t.Helper()
		if _, err := s.Commit(Batch{Alive: time.Now(), Position: p}); err != nil {
			t.Fatal(err)
		}
	}
	killed := func(s *Store) {
		t.Helper()
		s.background.Wait()
		if err := s.release(); err != nil {
			t.Fatal(err)
		}
	}
	finds := func(what string, p *Position) {
		t.Helper()
		if (asked == nil) != (p == nil) || p != nil && *asked != *p {
			t.Errorf("%s: found %+v, want %+v", what, asked, p)
		}
	}

	s := open(true)
	finds("a fresh store", nil)
	commit(s, &want)
	killed(s)

	s = open(true)
	finds("after a kill", &want)
	if gap, ok := s.Gap(); !ok || gap.Clean || !gap.From.Equal(from) || !gap.To.Equal(to) {
		t.Errorf("the gap is %+v", gap)
	}
	killed(s)
	s = open(true)
	finds("killed before anything was committed", &want)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(false)
	finds("after a stop", &want)
	if gap, _ := s.Gap(); !gap.Clean || gap.From.Equal(from) || time.Since(gap.To) > time.Minute {
		t.Errorf("who does not resume has a gap of %+v", gap)
	}
	killed(s)
	s = open(true)
	finds("after a start that did not resume", nil)
	commit(s, &want)
	commit(s, nil)
	killed(s)
	s = open(true)
	finds("after a commit without one", nil)
	if _, err := s.Commit(Batch{Position: &Position{Sample: -1}}); !errors.Is(err, ErrInvalidBatch) {
		t.Errorf("sample -1: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// Hold waits for a lock that is about to be free, and tells who holds one that is not.
func TestHold(t *testing.T) {
	dir := t.TempDir()
	first, err := Hold(t.Context(), dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Hold(t.Context(), dir, 0); !errors.Is(err, ErrHeld) {
		t.Errorf("a lock that is held: %v", err)
	}
	if _, err := Open(dir, Options{Identity: Identity{Model: "ION9000"}}); !errors.Is(err, ErrHeld) {
		t.Errorf("a store in it: %v", err)
	}
	s, err := Open(dir, Options{Identity: Identity{Model: "ION9000"}, Held: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Hold(t.Context(), dir, 0); !errors.Is(err, ErrHeld) {
		t.Errorf("after the store is closed: %v", err)
	}
	time.AfterFunc(20*time.Millisecond, func() { first.Close() })
	second, err := Hold(t.Context(), dir, 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	second.Close()
}
