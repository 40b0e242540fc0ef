package meter

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/store"
	"github.com/hepmeter/hepmeter/waveform/synth"
)

// victimDir names the data directory of a process that is there to be killed: this test
// program, run again, is then a meter under a heavy load of writes, logs and energy.
const victimDir = "HEPMETER_KILL_VICTIM"

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		if err := victim(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// The load of a victim: loggers recorders of 16 sources write a record every second,
// each of writers sets registers as fast as they are acknowledged.
const (
	loggers = 8
	writers = 4
)

// told is one line that a victim writes: before it tries something, after that became
// durable, or when a second was published.
type told struct {
	// Writer is who tried, or has Done, its number; -1 tells of a published snapshot.
	Writer       int
	Trying, Done int
	Snapshot     time.Time
	RecordedS    float64 // when the loggers made their latest record, in seconds since 1970
	WhQ1         int64
}

// loggingProgram adds what makes the load.
func loggingProgram() []ion.Change {
	program := []ion.Change{ion.Create{Type: "Periodic Timer", Label: "Every Second"}, ion.Set{Register: "Every Second/Period", Value: "1"}}
	for i := range loggers {
		label := fmt.Sprint("Load Log ", i)
		program = append(program, ion.Create{Type: "Data Recorder", Label: label}, ion.Set{Register: label + "/Depth", Value: "50"},
			ion.Link{Input: label + "/Record", Register: "Every Second/Trigger"})
		for s := range 16 {
			program = append(program, ion.Link{Input: fmt.Sprintf("%s/Source %d", label, s+1), Register: "kWh Q1/Result"})
		}
	}
	for w := range writers {
		program = append(program, ion.Create{Type: "External Numeric", Label: fmt.Sprint("Load Number ", w)},
			ion.Create{Type: "Setpoint", Label: fmt.Sprint("Load Setpoint ", w)})
	}
	return program
}

// victim is a meter that tells what it has acknowledged until it is killed.
func victim(dir string) error {
	source, err := synth.Default().Source(3200, time.Now())
	if err != nil {
		return err
	}
	m, err := Open(Options{Dir: dir, Model: "PM8000", Firmware: "3.0.0", Source: source, Speed: 1, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	ctx := context.Background()
	go m.Run(ctx)
	var telling sync.Mutex
	out := json.NewEncoder(os.Stdout)
	tell := func(t told) {
		telling.Lock()
		defer telling.Unlock()
		out.Encode(t)
	}
	if m.Registers().Find("Every Second/Period") < 0 {
		if err := m.Program(ctx, loggingProgram(), ion.By{User: "load"}); err != nil {
			return err
		}
	}
	for w := range writers {
		number, setpoint := fmt.Sprintf("Load Number %d/Numeric", w), fmt.Sprintf("Load Setpoint %d/High Limit", w)
		go func() {
			for n := 1 + int(m.Registers().Snapshot().Value(m.Registers().Find(number)).Number); ; n++ {
				tell(told{Writer: w, Trying: n})
				err := m.Program(ctx, []ion.Change{ion.Set{Register: setpoint, Value: strconv.Itoa(n)}}, ion.By{User: "load"})
				if err == nil {
					err = m.Write(ctx, number, ion.Value{Class: ion.Numeric, Available: true, Number: float64(n)}, ion.By{User: "load"})
				}
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				tell(told{Writer: w, Done: n})
			}
		}()
	}
	var seq uint64
	for {
		s := m.Registers().Snapshot()
		if s.Seq() == seq {
			time.Sleep(time.Millisecond)
			continue
		}
		seq = s.Seq()
		tell(told{Writer: -1, Snapshot: s.Time(), WhQ1: s.Value(m.Registers().Find("kWh Q1/Result")).Count,
			RecordedS: s.Value(m.Registers().Find("Load Log 0/Rec Complete")).Number})
	}
}

// evidence is what victims on one directory have told so far.
type evidence struct {
	trying, done [writers]int
	resumed      [writers]bool // has tried in this run
	snapshot     time.Time     // the latest that was published
	recordedS    float64       // when the latest record in it was made
	whQ1         int64
}

// hear takes over a line and finds what contradicts the runs before.
func (e *evidence) hear(t *testing.T, line told) {
	t.Helper()
	switch w := line.Writer; {
	case w < 0:
		if line.WhQ1 < e.whQ1 {
			t.Errorf("energy fell from %d to %d Wh", e.whQ1, line.WhQ1)
		}
		e.snapshot, e.whQ1, e.recordedS = line.Snapshot, line.WhQ1, max(e.recordedS, line.RecordedS)
	case line.Trying > 0:
		if n := line.Trying - 1; !e.resumed[w] && (n < e.done[w] || n > e.trying[w]) {
			t.Errorf("writer %d resumed behind %d; it had tried %d and %d was acknowledged", w, n, e.trying[w], e.done[w])
		}
		e.resumed[w], e.trying[w] = true, line.Trying
	default:
		e.done[w] = line.Done
	}
}

// TestKillUnderLoad kills a meter with SIGKILL at random moments while four clients set
// registers and eight recorders log every second, and proves from the store that nothing
// acknowledged is lost: setup, written values, their events, records, energy, and that
// the gap is on record. HEPMETER_KILLS says how many kills, 60 unless told.
func TestKillUnderLoad(t *testing.T) {
	kills := 60
	if n, err := strconv.Atoi(os.Getenv("HEPMETER_KILLS")); err == nil {
		kills = n
	}
	const meters = 4
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	var total struct{ kills, writes, snapshots, records, events atomic.Int64 }
	t.Run("meters", func(t *testing.T) {
		for meter := range meters {
			t.Run(fmt.Sprint(meter), func(t *testing.T) {
				t.Parallel()
				random := rand.New(rand.NewPCG(seed, uint64(meter)))
				dir := filepath.Join(t.TempDir(), "data")
				var e evidence
				for range (kills + meters - 1) / meters {
					heard := killOne(t, dir, &e, time.Duration(random.Float64()*2.2*float64(time.Second)))
					total.snapshots.Add(heard)
					records, events := e.check(t, dir)
					total.kills.Add(1)
					total.records.Add(records)
					total.events.Add(events)
					if t.Failed() {
						return
					}
				}
				for _, n := range e.done {
					total.writes.Add(int64(n))
				}
				if e.whQ1 == 0 || e.done[0] == 0 {
					t.Error("nothing was counted or written: the test proved nothing")
				}
			})
		}
	})
	t.Logf("%d kills; %d writes acknowledged, %d snapshots published, none lost; %d records and %d events found in place",
		total.kills.Load(), total.writes.Load(), total.snapshots.Load(), total.records.Load(), total.events.Load())
}

// killOne runs a victim, kills it after a time, and returns the snapshots it published.
func killOne(t *testing.T, dir string, e *evidence, after time.Duration) (published int64) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimDir+"="+dir)
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	e.resumed = [writers]bool{}
	lines := bufio.NewScanner(pipe)
	var kill *time.Timer
	for lines.Scan() {
		var line told
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			break // cut off by the kill
		}
		e.hear(t, line)
		if line.Writer < 0 {
			published++
		}
		if kill == nil && line.Writer >= 0 { // from the first write on
			kill = time.AfterFunc(after, func() { cmd.Process.Kill() })
		}
	}
	if kill == nil {
		t.Fatal("the victim ended before it wrote anything")
	}
	return published
}

// check opens the store that a killed meter left and holds it against what was told.
func (e *evidence) check(t *testing.T, dir string) (records, events int64) {
	t.Helper()
	killed := time.Now()
	s, err := store.Open(dir, store.Options{Identity: store.Identity{Model: "PM8000"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	state, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	for w := range writers {
		label := fmt.Sprintf("Load Setpoint %d/High Limit", w)
		if n, _ := strconv.Atoi(state.Setup[label]); n < e.done[w] || n > e.trying[w] {
			t.Errorf("%s is %q; %d was acknowledged and %d tried", label, state.Setup[label], e.done[w], e.trying[w])
		}
	}
	if gap, ok := s.Gap(); !ok || gap.Clean || gap.From.Before(e.snapshot.Add(-time.Second)) || gap.To.Before(killed) {
		t.Errorf("the gap is on record as %+v, %v; the meter was alive at %v", gap, ok, e.snapshot)
	}
	return e.checkRecords(t, s), e.checkEvents(t, s)
}

// checkRecords finds the records of the latest published second, and none missing before.
func (e *evidence) checkRecords(t *testing.T, s *store.Store) (found int64) {
	t.Helper()
	logs, err := s.Logs()
	if err != nil {
		t.Fatal(err)
	}
	loaded := 0
	for _, l := range logs {
		if l.Count == 0 {
			continue // a log of the factory, every 15 minutes
		}
		records, err := s.Records(l.Log, 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		found += int64(len(records))
		for i, r := range records {
			if cells, err := ion.Cells(r.Body); err != nil || i > 0 && r.Sequence != records[i-1].Sequence+1 {
				t.Errorf("log %d: record %d has %d cells, %v; before it was %d", l.Log, r.Sequence, len(cells), err, records[i-1].Sequence)
			}
		}
		if len(records) > 50 {
			t.Errorf("log %d holds %d records, more than its depth", l.Log, len(records))
		}
		if last := records[len(records)-1].Time; float64(last.UnixNano())/1e9 >= e.recordedS-1e-6 {
			loaded++
		}
	}
	if e.recordedS > 0 && loaded < loggers {
		t.Errorf("%d of %d logs have the record that was published, made at %.3f", loaded, loggers, e.recordedS)
	}
	return found
}

// checkEvents finds the setup change of each acknowledged write.
func (e *evidence) checkEvents(t *testing.T, s *store.Store) (found int64) {
	t.Helper()
	logged := map[string]int{}
	for from := uint64(0); ; {
		events, err := s.Events(from, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(events) == 0 {
			break
		}
		for _, event := range events {
			if event.User != "load" {
				continue
			}
			if n, err := strconv.Atoi(event.EffectValue); err == nil && event.Priority == ion.PrioritySetupChange {
				logged[event.Effect] = max(logged[event.Effect], n)
				found++
			}
		}
		from = events[len(events)-1].Sequence + 1
	}
	for w := range writers {
		if n := logged[fmt.Sprintf("Load Setpoint %d/High Limit", w)]; n < e.done[w] {
			t.Errorf("writer %d: the latest event in the log is of %d; %d was acknowledged", w, n, e.done[w])
		}
	}
	return found
}
