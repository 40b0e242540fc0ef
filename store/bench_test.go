package store

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// meterBatch is what a meter commits every second: about 100 accumulated
// registers of 40 bytes, all changed.
func meterBatch(n int) Batch {
	b := Batch{Retained: map[string][]byte{}, Alive: time.Now()}
	for i := range 100 {
		state := make([]byte, 40)
		binary.LittleEndian.PutUint64(state, uint64(n)*1e6+uint64(i))
		binary.LittleEndian.PutUint64(state[16:], uint64(n))
		b.Retained[fmt.Sprintf("Integrator %02d", i)] = state
	}
	return b
}

func openBench(b *testing.B) (*Store, string) {
	b.Helper()
	dir := filepath.Join(b.TempDir(), "meter")
	s, err := Open(dir, Options{Identity: testIdentity})
	if err != nil {
		b.Fatal(err)
	}
	return s, dir
}

// BenchmarkCommit commits as fast as the disk allows, checkpoints included, and
// reports latency, CPU time of the whole process, and the size of the files.
func BenchmarkCommit(b *testing.B) {
	s, dir := openBench(b)
	defer s.Close()
	latency := make([]time.Duration, 0, b.N)
	n := 0
	cpu := cpuTime()
	for b.Loop() {
		n++
		batch := meterBatch(n)
		start := time.Now()
		if _, err := s.Commit(batch); err != nil {
			b.Fatal(err)
		}
		latency = append(latency, time.Since(start))
	}
	cpu = cpuTime() - cpu
	slices.Sort(latency)
	b.ReportMetric(float64(latency[len(latency)/2].Microseconds()), "p50_us")
	b.ReportMetric(float64(latency[len(latency)*99/100].Microseconds()), "p99_us")
	b.ReportMetric(float64(latency[len(latency)-1].Microseconds()), "max_us")
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "commits/s")
	b.ReportMetric(float64(cpu.Microseconds())/float64(n), "cpu_us/commit")
	b.ReportMetric(fileKB(b, dir, databaseName), "db_KB")
	b.ReportMetric(fileKB(b, dir, databaseName+"-wal"), "log_KB")
}

// BenchmarkCommitEvents commits 1,000 events at a time into a full event log, so that
// what an event costs shows beside what a commit costs.
func BenchmarkCommitEvents(b *testing.B) {
	s, _ := openBench(b)
	defer s.Close()
	const events = 1000
	batch := Batch{}
	for i := range events {
		batch.Events = append(batch.Events, Event{Time: time.Now(), Priority: 30, Cause: "Power Meter", CauseValue: fmt.Sprint("PT Prim ", i),
			Effect: "Setup change", EffectValue: "120 to 480", User: "USER1", Origin: "ion 192.0.2.7:50123"})
	}
	for range DefaultEventDepth / events {
		if _, err := s.Commit(batch); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if _, err := s.Commit(batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/events, "us/event")
}

// BenchmarkOpen opens a store as a start of the meter does: create, reopen after
// a clean stop, reopen with a full log after a kill.
func BenchmarkOpen(b *testing.B) {
	b.Run("create", func(b *testing.B) {
		for b.Loop() {
			s, err := Open(filepath.Join(b.TempDir(), "meter"), Options{Identity: testIdentity})
			if err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			s.Close()
			b.StartTimer()
		}
	})
	for name, commits := range map[string]int{"closed": 1, "killed with a full log": 35} {
		b.Run(name, func(b *testing.B) {
			s, dir := openBench(b)
			for b.Loop() {
				b.StopTimer()
				for n := range commits {
					if _, err := s.Commit(meterBatch(n)); err != nil {
						b.Fatal(err)
					}
				}
				if commits == 1 {
					s.Close()
				} else {
					s.abandon()
				}
				b.StartTimer()
				var err error
				if s, err = Open(dir, Options{Identity: testIdentity}); err != nil {
					b.Fatal(err)
				}
				if _, err := s.Load(); err != nil {
					b.Fatal(err)
				}
			}
			s.Close()
		})
	}
}

func fileKB(b *testing.B, dir, name string) float64 {
	info, err := os.Stat(filepath.Join(dir, name))
	if err != nil {
		b.Fatal(err)
	}
	return float64(info.Size()) / 1024
}
