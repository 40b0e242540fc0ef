package store

import (
	"fmt"
	"testing"
	"time"
)

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
