// Command storebench prints the figures of a store that holds a full year: its size, how
// long it takes to open, what a commit of one second's state costs beside a bare write
// on the same disk, with and without a reader of the whole year, and what it writes in a
// day. scripts/store-bench.sh runs it.
package main

import (
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/hepmeter/hepmeter/store"
	"github.com/hepmeter/hepmeter/store/vfs"
)

const (
	logs         = 3
	yearRecords  = 365 * 24 * 4 // one every 15 minutes
	recordBytes  = 16 * 9
	yearEvents   = 5000
	fullLogBytes = 1000 * 4120 // the log is emptied a little above
)

var identity = store.Identity{Model: "ION9000"}

func main() {
	dir := flag.String("dir", "", "directory to work in; must not hold a store")
	commits := flag.Int("commits", 2000, "commits to measure")
	every := flag.Duration("every", 10*time.Millisecond, "time between commits")
	like := flag.String("like", "", "data directory of a stopped meter, whose retained state is written for the day's figure")
	fill := flag.Bool("fill", false, "only commit until the log is full, say so, and wait to be killed")
	flag.Parse()
	do := func() error { return run(*dir, *commits, *every, *like) }
	if *fill {
		do = func() error { return fillLog(*dir) }
	}
	if err := do(); err != nil {
		fmt.Fprintln(os.Stderr, "storebench:", err)
		os.Exit(1)
	}
}

func run(dir string, commits int, every time.Duration, like string) error {
	if err := year(dir); err != nil {
		return err
	}
	if err := opens(dir); err != nil {
		return err
	}
	s, err := store.Open(dir, store.Options{Identity: identity})
	if err != nil {
		return err
	}
	for _, reading := range []bool{false, true} {
		if err := latency(s, dir, commits, every, reading); err != nil {
			return err
		}
	}
	if err := copies(s); err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	return day(filepath.Join(dir, "day"), like)
}

// year fills a store with a year of logs, as a meter does: a record of each log at a time.
func year(dir string) error {
	s, err := store.Open(dir, store.Options{Identity: identity})
	if err != nil {
		return err
	}
	depth, start := yearEvents, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	b := store.Batch{EventDepth: &depth, LogHeader: map[uint32]string{}, Alive: start}
	for log := range uint32(logs) {
		b.LogHeader[log] = "16 channels"
	}
	for n := range uint64(yearRecords) {
		at := start.Add(time.Duration(n) * 15 * time.Minute)
		b.Records = append(b.Records, records(n, at)...)
		if n%7 == 0 {
			b.Events = append(b.Events, event(at))
		}
		if n%24 == 23 || n == yearRecords-1 {
			if _, err := s.Commit(b); err != nil {
				return err
			}
			b = store.Batch{Alive: at}
		}
	}
	running, err := size(dir)
	if err != nil {
		return err
	}
	_, _, events, err := s.EventRange()
	if err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	stopped, err := size(dir)
	fmt.Printf("a year: %d logs of %d records of %d bytes, %d events\n", logs, yearRecords, recordBytes, events)
	fmt.Printf("  on disk                  %8.1f MB running, %.1f MB stopped (bar 64)\n", float64(running)/1e6, float64(stopped)/1e6)
	return err
}

func records(n uint64, at time.Time) []store.Record {
	rnd := rand.New(rand.NewPCG(n, 1))
	var list []store.Record
	for log := range uint32(logs) {
		body := make([]byte, recordBytes)
		for i := 0; i+8 <= recordBytes; i += 9 {
			binary.LittleEndian.PutUint64(body[i:], rnd.Uint64())
		}
		list = append(list, store.Record{Log: log, Sequence: n, Time: at, Body: body})
	}
	return list
}

func event(at time.Time) store.Event {
	return store.Event{Time: at, Priority: 128, Cause: "Setpoint 3/Condition", CauseValue: "OVER LIMIT", Effect: "Setpoint 3/Status", EffectValue: "ON"}
}

// second is what a meter keeps every second: 100 values of 40 bytes, all changed, and
// here also a record of each log and three events.
func second(n uint64, at time.Time) store.Batch {
	b := store.Batch{Retained: map[string][]byte{}, Alive: at, Records: records(yearRecords+n, at), LogTrim: map[uint32]uint64{}}
	for i := range uint64(100) {
		state := make([]byte, 40)
		binary.LittleEndian.PutUint64(state, n*1e6+i)
		b.Retained[fmt.Sprintf("Integrator %02d", i)] = state
	}
	for log := range uint32(logs) {
		b.LogTrim[log] = n + 1
	}
	for range 3 {
		b.Events = append(b.Events, event(at))
	}
	return b
}

// opens measures starts after a clean stop and after a kill with a full log.
func opens(dir string) error {
	for _, kill := range []bool{false, true} {
		var took []time.Duration
		for range 5 {
			if kill {
				if err := killWithFullLog(dir); err != nil {
					return err
				}
			}
			begin := time.Now()
			s, err := store.Open(dir, store.Options{Identity: identity})
			if err != nil {
				return err
			}
			if _, err := s.Load(); err != nil {
				return err
			}
			took = append(took, time.Since(begin))
			if err := s.Close(); err != nil {
				return err
			}
		}
		name := "open and load, stopped"
		if kill {
			name = "  after SIGKILL, log full"
		}
		slices.Sort(took)
		fmt.Printf("  %-24s %8.1f ms, the longest of %d %.1f ms (bar 300)\n", name, ms(took[len(took)/2]), len(took), ms(took[len(took)-1]))
	}
	return nil
}

func killWithFullLog(dir string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	child := exec.Command(self, "-fill", "-dir", dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		return err
	}
	if err := child.Start(); err != nil {
		return err
	}
	_, err = io.ReadFull(out, make([]byte, 1))
	child.Process.Kill()
	_ = child.Wait() // It was killed.
	return err
}

func fillLog(dir string) error {
	s, err := store.Open(dir, store.Options{Identity: identity})
	if err != nil {
		return err
	}
	for n := uint64(0); ; n++ {
		b := second(n, time.Now())
		b.Records, b.LogTrim = nil, nil
		if _, err := s.Commit(b); err != nil {
			return err
		}
		info, err := os.Stat(filepath.Join(dir, "meter.db-wal"))
		if err != nil {
			return err
		}
		if info.Size() >= fullLogBytes {
			fmt.Print("!")
			time.Sleep(time.Hour)
		}
	}
}

// latency measures commits, and between them a bare write with sync to a file beside.
func latency(s *store.Store, dir string, commits int, every time.Duration, reading bool) error {
	infos, err := s.Logs()
	if err != nil {
		return err
	}
	first := infos[0].Next - yearRecords
	bare, err := vfs.OS().Open(filepath.Join(dir, "bare"), os.O_RDWR|os.O_CREATE)
	if err != nil {
		return err
	}
	defer os.Remove(filepath.Join(dir, "bare"))
	defer bare.Close()
	stop, failed := make(chan struct{}), make(chan error, 1)
	var reader sync.WaitGroup
	var read, years int
	if reading {
		reader.Go(func() { read, years = readYears(s, stop, failed) })
	}
	var commit, write []time.Duration
	page := make([]byte, 4096)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := range uint64(commits) {
		b := second(first+n, time.Now())
		begin := time.Now()
		if _, err := s.Commit(b); err != nil {
			return err
		}
		commit = append(commit, time.Since(begin))
		begin = time.Now()
		if _, err := bare.WriteAt(page, int64(n%256)*4096); err != nil {
			return err
		}
		if err := bare.Sync(); err != nil {
			return err
		}
		write = append(write, time.Since(begin))
		<-tick.C
	}
	close(stop)
	reader.Wait()
	select {
	case err := <-failed:
		return err
	default:
	}
	what := "alone"
	if reading {
		what = fmt.Sprintf("while another reads the year in pages (%d records, %.1f years)", read, float64(years)+float64(read%(logs*yearRecords))/(logs*yearRecords))
	}
	fmt.Printf("%d commits of 100 values, 3 records and 3 events, one every %v, %s:\n", commits, every, what)
	fmt.Printf("  commit p50 / p99 / max   %s ms (bar p99 3)\n", spread(commit))
	fmt.Printf("  bare 4 KiB write + sync  %s ms\n", spread(write))
	return s.Trouble()
}

func readYears(s *store.Store, stop <-chan struct{}, failed chan<- error) (read, years int) {
	for {
		for log := range uint32(logs) {
			for from := uint64(0); ; {
				select {
				case <-stop:
					return read, years
				default:
				}
				page, err := s.Records(log, from, store.MaxReadRows)
				if err != nil {
					failed <- err
					return read, years
				}
				if len(page) == 0 {
					break
				}
				read += len(page)
				from = page[len(page)-1].Sequence + 1
			}
		}
		years++
	}
}

// copies measures the snapshot, and how long it holds a commit up.
func copies(s *store.Store) error {
	done := make(chan error, 1)
	begin := time.Now()
	var took time.Duration
	go func() {
		err := s.Snapshot(io.Discard)
		took = time.Since(begin)
		done <- err
	}()
	var worst time.Duration
	for {
		start := time.Now()
		if _, err := s.Commit(store.Batch{Alive: start}); err != nil {
			return err
		}
		worst = max(worst, time.Since(start))
		select {
		case err := <-done:
			fmt.Printf("snapshot of the year       %8.0f ms, the longest commit meanwhile %.1f ms\n", ms(took), ms(worst))
			return err
		default:
		}
	}
}

// day counts what an hour of commits, one a second, writes, for a day of them.
func day(dir, like string) error {
	what := "100 values of 40 bytes"
	state := second(0, time.Now()).Retained
	if like != "" {
		s, err := store.Open(like, store.Options{Identity: identity})
		if err != nil {
			return err
		}
		loaded, err := s.Load()
		if err != nil {
			return err
		}
		if err := s.Close(); err != nil {
			return err
		}
		bytes := 0
		for label, value := range loaded.Retained {
			bytes += len(label) + len(value)
		}
		state, what = loaded.Retained, fmt.Sprintf("the default meter's %d values, %d bytes with labels", len(loaded.Retained), bytes)
	}
	counted := vfs.Counted(vfs.Unsynced(vfs.OS()))
	s, err := store.Open(dir, store.Options{Identity: identity, FS: counted})
	if err != nil {
		return err
	}
	const commits = 3600
	before := counted.Wear()
	for n := range commits {
		for _, value := range state {
			if len(value) > 0 {
				value[len(value)-1]++
			}
		}
		if _, err := s.Commit(store.Batch{Retained: state, Alive: time.Unix(int64(n), 0)}); err != nil {
			return err
		}
	}
	after := counted.Wear()
	daily := func(n int64) float64 { return float64(n) * 86400 / commits }
	fmt.Printf("written by one commit a second of %s, all changed:\n", what)
	fmt.Printf("  %.2f GB a day in %.0f blocks of 4 KiB (%.2f GB) and %.0f syncs; %.1f KB a commit\n",
		daily(after.Bytes-before.Bytes)/1e9, daily(after.Blocks-before.Blocks), daily(after.Blocks-before.Blocks)*4096/1e9,
		daily(after.Syncs-before.Syncs), float64(after.Bytes-before.Bytes)/commits/1000)
	return s.Close()
}

func size(dir string) (total int64, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return 0, err
		}
		total += info.Size()
	}
	return total, nil
}

func spread(d []time.Duration) string {
	slices.Sort(d)
	return fmt.Sprintf("%.2f / %.2f / %.2f", ms(d[len(d)/2]), ms(d[len(d)*99/100]), ms(d[len(d)-1]))
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
