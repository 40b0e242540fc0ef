package master

import (
	"testing"
	"time"
)

func TestLatency(t *testing.T) {
	ms := time.Millisecond
	many := func(n int, d time.Duration) (all []time.Duration) {
		for range n {
			all = append(all, d)
		}
		return all
	}
	for _, tc := range []struct {
		name string
		took []time.Duration
		want Latency // P95 is the least that it may be
	}{
		{"nothing", nil, Latency{}},
		{"one", many(1, 20*ms), Latency{1, 20 * ms, 20 * ms, 20 * ms}},
		{"19 of 20 are fast", append(many(19, 10*ms), 1000*ms), Latency{20, 59500 * time.Microsecond, 1000 * ms, 10 * ms}},
		{"18 of 20 are fast", append(many(18, 10*ms), many(2, 1000*ms)...), Latency{20, 109 * ms, 1000 * ms, 1000 * ms}},
		{"faster than the first bucket", many(3, time.Microsecond), Latency{3, time.Microsecond, time.Microsecond, time.Microsecond}},
		{"slower than the last", many(1, time.Hour), Latency{1, time.Hour, time.Hour, 2 * time.Minute}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var h histogram
			for _, d := range tc.took {
				h.add(d)
			}
			got := h.latency()
			if p95 := got.P95; p95 < tc.want.P95 || p95 > tc.want.P95*5/4 {
				t.Errorf("95 of 100 within %v, want %v or up to a quarter more", p95, tc.want.P95)
			}
			if got.P95 = tc.want.P95; got != tc.want {
				t.Errorf("%+v, want %+v", got, tc.want)
			}
		})
	}
}

// What a unit answered counts from the sending of the request to the end of its answer.
func TestStatisticsOfABus(t *testing.T) {
	onLine(t, func() *testPort { return newTestPort(all) }, fixed(settings), func(t *testing.T, b *Bus, p *testPort) {
		for range 3 {
			for _, unit := range []byte{9, 7} {
				if _, err := b.Ask(t.Context(), 1, unit, read(1, 1)); err != nil {
					t.Fatal(err)
				}
			}
		}
		s := b.Statistics()
		if len(s) != 2 || s[0].Unit != 7 || s[1].Unit != 9 {
			t.Fatalf("%+v, want units 7 and 9", s)
		}
		if l, want := s[0].Latency, think+15*p.character(); l.Count != 3 || l.Mean != want || l.Max != want || l.P95 != want {
			t.Errorf("%+v, want 3 of %v", l, want)
		}
	})
}
