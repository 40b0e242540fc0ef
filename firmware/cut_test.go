package firmware

import (
	"errors"
	"fmt"
	"os"
	"testing"
)

// world is a host in memory: a journal of two copies, slots, copies of the data, and a meter that counts
// while it runs. Each of its writes can be the last one before the power goes.
type world struct {
	copies  [2][]byte
	journal Journal
	// kept is what the copies say, if they have been read since they were written.
	kept    *Standing
	slots   map[Slot]occupant
	data    map[Data]*records // what each copy of the data holds
	running Pair
	up      bool
	trial   bool
	counted int // records that were acknowledged
	logged  map[Result]int

	// broken executables do not come up; step counts writes, and the power goes at those of cuts.
	broken bool
	fails  string // an action that fails
	step   int
	cuts   map[int]bool
}

type occupant struct {
	sent     Hash
	verified bool
}

// records are numbers from 1 to 511.
type records [8]uint64

func (r *records) add(n int)      { r[n/64] |= 1 << (n % 64) }
func (r *records) has(n int) bool { return r[n/64]>>(n%64)&1 == 1 }
func (r *records) addAll(other *records) {
	for i := range r {
		r[i] |= other[i]
	}
}

// powerCut is what a write panics with.
type powerCut struct{}

// write is a write to the disk: it may be cut before it or after it.
func (w *world) write(effect func()) {
	w.step++
	if w.cuts[w.step] {
		panic(powerCut{})
	}
	effect()
	w.step++
	if w.cuts[w.step] {
		panic(powerCut{})
	}
	w.count()
}

// count is what the meter does all the time: it counts, and acknowledges what is durable.
func (w *world) count() {
	if !w.up {
		return
	}
	w.counted++
	w.data[w.running.Data].add(w.counted)
}

func (w *world) failing(action string) error {
	if w.fails == action {
		return errors.New(action + " does not work")
	}
	return nil
}

func (w *world) Keep(s Standing) error {
	err := w.journal.Write(s, func(place int, sector []byte) error {
		// Torn first: what a cut in the middle of the write leaves.
		torn := append(append([]byte(nil), sector[:JournalBytes/2]...), w.copies[place][JournalBytes/2:]...)
		w.write(func() { w.copies[place], w.kept = torn, nil })
		w.write(func() { w.copies[place], w.kept = sector, nil })
		return nil
	})
	if err != nil {
		return err
	}
	return w.failing("keep")
}

func (w *world) Reserve(slot Slot, sent Sending, _ int64) error {
	if slot == w.running.Slot {
		panic("the running slot is reserved")
	}
	if err := w.failing("reserve"); err != nil {
		return err
	}
	if w.slots[slot].sent != sent.Blocks {
		w.write(func() { w.slots[slot] = occupant{sent: sent.Blocks} })
	}
	return nil
}

func (w *world) Verify(slot Slot, _ Hash) error {
	if err := w.failing("verify"); err != nil {
		return err
	}
	w.write(func() { w.slots[slot] = occupant{w.slots[slot].sent, true} })
	return nil
}

func (w *world) Snapshot(from, to Data) error {
	if err := w.failing("snapshot"); err != nil {
		return err
	}
	if w.data[to] != nil {
		panic("a snapshot is made over another")
	}
	w.write(func() { w.data[to] = &records{} })
	w.write(func() { w.data[to].addAll(w.data[from]) })
	return nil
}

func (w *world) Start(pair Pair, trial bool, from Data) error {
	w.up = false
	if from != pair.Data {
		for r := 1; r <= w.counted; r++ {
			if w.data[from].has(r) && !w.data[pair.Data].has(r) {
				w.write(func() { w.data[pair.Data].add(r) })
			}
		}
	}
	w.running, w.trial = pair, trial
	w.up = !(trial && w.broken)
	w.write(func() {})
	return nil
}

func (w *world) Settle() error {
	w.trial = false
	return nil
}

func (w *world) Sweep(s Standing) error {
	for _, slot := range []Slot{SlotA, SlotB} {
		if _, there := w.slots[slot]; there && !s.Names(slot) {
			w.write(func() { delete(w.slots, slot) })
		}
	}
	for d := range Data(10) {
		if w.data[d] != nil && !s.NamesData(d) {
			w.write(func() { delete(w.data, d) })
		}
	}
	return nil
}

func (w *world) Log(o Outcome) error {
	w.write(func() { w.logged[o.Result]++ })
	return nil
}

// check holds the world against I1 (something can be started, on data that is there) and I2 to I5 (nothing
// that was acknowledged is missing where the meter goes on).
func (w *world) check() error {
	if w.kept == nil {
		_, s, err := OpenJournal(w.copies)
		if err != nil {
			return err
		}
		w.kept = &s
	}
	s := w.kept
	pairs := []Pair{s.Active}
	if s.Phase == Switching || s.Phase == Trial {
		pairs = append(pairs, s.Job.New)
	}
	for _, p := range pairs {
		if p.Slot != FactorySlot && !w.slots[p.Slot].verified || w.data[p.Data] == nil {
			return fmt.Errorf("I1: %s names %v, which is not there", s.Phase, p)
		}
	}
	have := *w.data[s.Active.Data]
	if s.Phase >= Switching {
		have.addAll(w.data[s.Job.New.Data])
	}
	for r := 1; r <= w.counted; r++ {
		if !have.has(r) {
			return fmt.Errorf("I2: record %d of %d is lost in %s", r, w.counted, s.Phase)
		}
	}
	return nil
}

// plan is what an operator and an image make of an upgrade.
type plan struct {
	name    string
	broken  bool
	fails   string
	confirm bool
	// trial is what happens in the trial.
	trial Event
	want  Result
}

// upgraded drives one upgrade to its end, over as many power cuts as there are, and returns the world.
func upgraded(p plan, cuts map[int]bool) (*world, error) {
	w := &world{slots: map[Slot]occupant{SlotA: {Hash{7}, true}}, data: map[Data]*records{0: {}},
		logged: map[Result]int{}, broken: p.broken, fails: p.fails, cuts: cuts}
	first, err := encodeJournal(1, Standing{Active: Pair{Slot: SlotA}})
	if err != nil {
		return w, err
	}
	w.copies = [2][]byte{first, first}
	manifest := Manifest{Version: Version{3, 0, 0}}
	for restarts := 0; ; restarts++ {
		if restarts > 10 {
			return w, errors.New("it never ends")
		}
		err := func() (err error) {
			defer func() {
				if r := recover(); r != nil {
					if r != (powerCut{}) {
						panic(r)
					}
					w.up, err = false, errPowerGone
				}
			}()
			var s Standing
			if w.journal, s, err = OpenJournal(w.copies); err != nil {
				return err
			}
			u, _ := Run(Resume(s), w, Booted{testNow}, testNow)
			for range 60 {
				if err := w.check(); err != nil {
					return err
				}
				var e Event
				switch u.Phase {
				case Idle:
					if u.Last.Image == testHash && u.Last.Result != Missed {
						return nil
					}
					e = Offered{testNow, "ann", manifest, testHash, testSent, 100}
				case Receiving:
					if w.slots[u.Job.New.Slot].verified {
						e = Proved{testNow}
					} else {
						e = Completed{testNow, "ann"}
					}
				case Verified:
					switch {
					case u.snapshotting:
						e = Snapshotted{testNow}
					case u.Last.Result == Missed:
						e = Dropped{testNow, "ann"}
					default:
						e = Activated{Now: testNow, By: "ann", Confirm: p.confirm}
					}
				case Switching, Returning:
					e = Up{testNow}
					if !w.up {
						e = Ended{testNow, "crash"}
					}
				case Trial:
					e = p.trial
					if u.Job.Healthy {
						e = Confirmed{testNow, "ann"}
					}
				}
				u, _ = Run(u, w, e, testNow)
			}
			return fmt.Errorf("it stays %s", u.Phase)
		}()
		if err != errPowerGone {
			return w, err
		}
		if err := w.check(); err != nil {
			return w, err
		}
	}
}

var errPowerGone = errors.New("the power is gone")

// E2 23, 25, 43, 44, 45, 47, 48, 51, 60: the power goes before and after each write of an upgrade, and
// at each two of them (some of these; all with HEPMETER_UPGRADE_CUTS=all); then it goes on. In the end the meter runs the new firmware or the old one, and
// nothing that was acknowledged is missing.
func TestCutEverywhere(t *testing.T) {
	plans := []plan{
		{name: "a good image", trial: Passed{testNow}, want: Committed},
		{name: "a good image, confirmed", confirm: true, trial: Passed{testNow}, want: Committed},
		{name: "an image that does not start", broken: true, trial: Passed{testNow}, want: Returned},
		{name: "an image that does not measure", trial: Unfit{testNow, "no samples"}, want: Returned},
		{name: "an image that crashes in its trial", trial: Ended{testNow, "crash"}, want: Returned},
		{name: "called back", trial: CalledBack{testNow, "ann"}, want: Returned},
		{name: "no room for the image", fails: "reserve", want: Failed},
		{name: "a damaged image", fails: "verify", want: Failed},
		{name: "no room for the snapshot", fails: "snapshot", want: Cancelled},
	}
	// All pairs of cuts take a minute: make long.
	all := os.Getenv("HEPMETER_UPGRADE_CUTS") == "all"
	total, compared := 0, 0
	for _, p := range plans {
		run := func(cuts map[int]bool) *world {
			w, err := upgraded(p, cuts)
			total++
			compared += w.counted
			if err != nil {
				t.Fatalf("%s, cut at %v: %v", p.name, cuts, err)
			}
			_, s, err := OpenJournal(w.copies)
			if err != nil || s.Phase != Idle || s.Last.Result != p.want || !w.up || w.running != s.Active || w.trial {
				t.Fatalf("%s, cut at %v: %+v, running %+v (%v), %v", p.name, cuts, s, w.running, w.up, err)
			}
			if want := map[bool]Slot{true: SlotB, false: SlotA}[p.want == Committed]; s.Active.Slot != want {
				t.Fatalf("%s, cut at %v: slot %s", p.name, cuts, s.Active.Slot)
			}
			return w
		}
		steps := run(nil).step
		for i := 1; i <= steps; i++ {
			after := run(map[int]bool{i: true}).step
			for j := i + 1; j <= after; j++ {
				if all || (31*i+j)%101 == 0 {
					run(map[int]bool{i: true, j: true})
				}
			}
		}
	}
	t.Logf("%d runs with no, one and two cuts, %d records compared, 0 violations", total, compared)
}

// A journal that cannot be written stops an upgrade, and no meter.
func TestUnwritableJournal(t *testing.T) {
	w, err := upgraded(plan{fails: "keep"}, nil)
	if err == nil || !w.up || w.running != (Pair{Slot: SlotA}) {
		t.Errorf("running %+v (%v), %v", w.running, w.up, err)
	}
	u := inPhase(Trial)
	w = &world{slots: map[Slot]occupant{}, data: map[Data]*records{4: {}, 5: {}}, logged: map[Result]int{}, fails: "keep", copies: [2][]byte{make([]byte, JournalBytes), make([]byte, JournalBytes)}}
	if after, err := Run(u, w, Booted{testNow}, testNow); err == nil || after != u || !w.up || w.running != u.Active {
		t.Errorf("in a trial: running %+v (%v), %v", w.running, w.up, err)
	}
}
