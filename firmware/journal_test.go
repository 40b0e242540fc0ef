package firmware

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// standing is one with a value in every field.
func standing(n int) Standing {
	s := inPhase(Trial).Standing
	s.Trusted, s.Job.At, s.Job.Failures, s.Job.Cuts, s.Job.Healthy, s.Job.Confirm, s.Job.Reason = testBuilt, testBuilt, n, 3, true, true, "reason"
	s.Last = Outcome{testHash, Version{2, 1, 0}, Committed, "why", testBuilt}
	return s
}

// on writes a standing over two copies, cut after so many bytes in all.
func on(t testing.TB, copies [2][]byte, s Standing, cut int) [2][]byte {
	t.Helper()
	j, _, err := OpenJournal(copies)
	if err != nil {
		t.Fatal(err)
	}
	err = j.Write(s, func(place int, sector []byte) error {
		n := min(cut, len(sector))
		cut -= n
		copies[place] = append(slices.Clone(sector[:n]), copies[place][min(n, len(copies[place])):]...)
		if n < len(sector) {
			return errBroken
		}
		return nil
	})
	if err != nil && !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	return copies
}

const whole = 2 * JournalBytes

// E2 38, 43: the standing is the one before or the new one, wherever its writing is cut, and
// also where the writing after that is cut.
func TestJournalCutAnywhere(t *testing.T) {
	old := on(t, [2][]byte{}, standing(1), whole)
	for cut := 0; cut <= whole; cut += 256 {
		once := on(t, old, standing(2), cut)
		_, s, err := OpenJournal(once)
		// What counts is that the first copy is whole; the last bytes of a sector are its hash.
		want := standing(1)
		if cut >= JournalBytes {
			want = standing(2)
		}
		if err != nil || s != want {
			t.Fatalf("cut after %d bytes: %+v, %v", cut, s, err)
		}
		for again := 0; again <= whole; again += 512 {
			_, s, err := OpenJournal(on(t, once, standing(3), again))
			if err != nil || s != want && s != standing(3) || again >= JournalBytes && s != standing(3) {
				t.Fatalf("cut after %d, then %d bytes: %+v, %v", cut, again, s, err)
			}
		}
	}
}

func TestJournalOfANewMeter(t *testing.T) {
	for cut := range JournalBytes {
		if cut > 100 && cut < JournalBytes-100 && cut%97 != 0 {
			continue
		}
		copies := on(t, [2][]byte{}, standing(1), cut)
		_, s, err := OpenJournal(copies)
		if err != nil || s != (Standing{}) {
			t.Fatalf("cut after %d bytes: %+v, %v", cut, s, err)
		}
		if _, s, err = OpenJournal(on(t, copies, standing(2), whole)); err != nil || s != standing(2) {
			t.Fatalf("cut after %d bytes, then whole: %+v, %v", cut, s, err)
		}
	}
}

// A bit that flips in a copy later on takes nothing back: the other one says the same.
func TestJournalFlippedBits(t *testing.T) {
	copies := on(t, on(t, [2][]byte{}, standing(1), whole), standing(2), whole)
	for place := range copies {
		for at := 0; at < JournalBytes; at += 37 {
			damaged := copies
			damaged[place] = slices.Clone(copies[place])
			damaged[place][at] ^= 4
			if _, s, err := OpenJournal(damaged); err != nil || s != standing(2) {
				t.Fatalf("copy %d, byte %d: %+v, %v", place, at, s, err)
			}
		}
	}
	copies[0] = slices.Clone(copies[0])
	copies[0][50] ^= 1
	copies[1] = slices.Clone(copies[1])
	copies[1][60] ^= 1
	if _, s, err := OpenJournal(copies); !errors.Is(err, ErrJournal) || s != (Standing{}) {
		t.Errorf("both damaged: %+v, %v", s, err)
	}
}

func TestJournalRefusesWhatCannotBe(t *testing.T) {
	for name, edit := range map[string]func(*Standing){
		"a phase that is none":  func(s *Standing) { s.Phase = 200 },
		"a slot that is none":   func(s *Standing) { s.Active.Slot = 3 },
		"a job that is nowhere": func(s *Standing) { s.Job.New.Slot = 9 },
		"one slot for both":     func(s *Standing) { s.Job.New.Slot = s.Active.Slot },
	} {
		s := standing(1)
		edit(&s)
		b, err := encodeJournal(1, s)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := OpenJournal([2][]byte{b, b}); !errors.Is(err, ErrJournal) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The longest texts that the machine lets in fit into a sector.
func TestJournalHasRoom(t *testing.T) {
	long := strings.Repeat("<", 1000)
	u := inPhase(Idle)
	far := Now{Clock: time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC)}
	m := Manifest{Version: Version{65535, 65535, 65535}, SecurityCounter: 1<<32 - 1, Built: far.Clock}
	for _, e := range []Event{Offered{far, long, m, testHash, deltaSent, MaxExecutableBytes}, Dropped{far, long}, Offered{far, long, m, testHash, deltaSent, MaxExecutableBytes}, Proved{far},
		Activated{Now: far, By: long}, Snapshotted{far}, Up{far}, Unfit{far, long}} {
		after, actions, err := u.Do(e)
		if err != nil {
			t.Fatal(err)
		}
		u = after
		for _, a := range actions {
			if k, ok := a.(Keep); ok {
				if _, err := encodeJournal(1<<64-1, k.Standing); err != nil {
					text, _ := json.Marshal(k.Standing)
					t.Fatalf("%T: %v: %s", e, err, text)
				}
			}
		}
	}
}

func TestBitmap(t *testing.T) {
	for _, blocks := range []int{0, 1, 7, 8, 64, 65, 612} {
		b, err := NewBitmap(blocks)
		if err != nil || b.Missing() != blocks || b.Next(0) != 0 && blocks > 0 {
			t.Fatalf("%d blocks: %+v, %v", blocks, b, err)
		}
		for i := 0; i < blocks; i += 3 {
			if !b.Add(i) || b.Add(i) || !b.Has(i) {
				t.Fatalf("%d blocks: block %d", blocks, i)
			}
		}
		if b.Add(-1) || b.Add(blocks) || b.Has(-1) || b.Has(blocks) {
			t.Errorf("%d blocks: one that is not there is taken", blocks)
		}
		again, err := ParseBitmap(blocks, b.Bytes())
		if err != nil || again.Missing() != b.Missing() || !slices.Equal(again.words, b.words) {
			t.Errorf("%d blocks: read again %+v, %v", blocks, again, err)
		}
		missing := 0
		for i := b.Next(-5); i < blocks; i = b.Next(i + 1) {
			if b.Has(i) {
				t.Errorf("%d blocks: %d is there", blocks, i)
			}
			missing++
			again.Add(i)
		}
		if missing != b.Missing() || again.Missing() != 0 || again.Next(0) != blocks {
			t.Errorf("%d blocks: %d found missing, want %d", blocks, missing, b.Missing())
		}
		again.Remove(0)
		again.Remove(0)
		if blocks > 0 && (again.Missing() != 1 || again.Next(0) != 0) {
			t.Errorf("%d blocks: one taken out: %d missing", blocks, again.Missing())
		}
	}
	for blocks, bytes := range map[int][]byte{-1: nil, MaxBlocks + 1: nil, 9: {0}, 8: {0, 0}, 3: {8}} {
		if _, err := ParseBitmap(blocks, bytes); err == nil {
			t.Errorf("%d blocks in %v: no error", blocks, bytes)
		}
	}
}
