package sv

import (
	"fmt"
	"strings"
	"testing"
)

// TestOrder feeds counts to a sequence of 4000 samples a second and reads what comes
// out: indices, lost ones in brackets.
func TestOrder(t *testing.T) {
	type sample struct {
		count int
		// afterMS is the time since the first.
		afterMS float64
	}
	run := func(from, to int) (list []sample) {
		for c := from; c < to; c++ {
			list = append(list, sample{(c + 4000) % 4000, float64(c) / 4})
		}
		return list
	}
	join := func(parts ...[]sample) (list []sample) {
		for _, p := range parts {
			list = append(list, p...)
		}
		return list
	}
	shift := func(ms float64, counts int, list []sample) []sample {
		out := make([]sample, len(list))
		for i, s := range list {
			out[i] = sample{(s.count + counts + 4000) % 4000, s.afterMS + ms}
		}
		return out
	}
	for name, row := range map[string]struct {
		in       []sample
		want     string
		counters Counters
	}{
		"in order":              {run(0, 5), "0-4", Counters{Delivered: 5}},
		"wrap at the rate":      {run(-2, 3), "0-4", Counters{Delivered: 5}},
		"one lost":              {join(run(0, 3), run(4, 80)), "0-2 [3] 4-79", Counters{Delivered: 79, Lost: 1}},
		"lost across the wrap":  {join(run(-3, -1), run(1, 80)), "0-1 [2-3] 4-82", Counters{Delivered: 81, Lost: 2}},
		"lost at the end":       {join(run(0, 3), run(5, 6)), "0-2 [3-4] 5", Counters{Delivered: 4, Lost: 2}},
		"two swapped":           {join(run(0, 3), run(4, 5), run(3, 4), run(5, 8)), "0-7", Counters{Delivered: 8, Reordered: 1}},
		"frames swapped":        {join(run(0, 8), run(16, 24), run(8, 16)), "0-23", Counters{Delivered: 24, Reordered: 8}},
		"duplicates (PRP)":      {join(run(0, 3), run(2, 5), run(4, 5)), "0-4", Counters{Delivered: 5, Duplicates: 2}},
		"too late":              {join(run(0, 3), run(4, 90), run(3, 4)), "0-2 [3] 4-89", Counters{Delivered: 89, Lost: 1, Late: 1}},
		"half a second lost":    {join(run(0, 3), run(2003, 2006)), "0-2 2003-2005", Counters{Delivered: 6, Lost: 2000}},
		"more than a second":    {join(run(0, 3), shift(1000, 0, run(3, 6))), "0-2 4003-4005", Counters{Delivered: 6, Lost: 4000}},
		"counter reset":         {join(run(0, 3), shift(0, 2500, run(3, 6))), "0-5", Counters{Delivered: 6, Jumps: 1}},
		"restart after silence": {join(run(0, 3), shift(2500, 0, run(3, 6))), "0-2 10003-10005", Counters{Delivered: 6, Jumps: 1}},
		"coarse time stamps":    {join(shift(0, 0, run(0, 3)), shift(40, 0, run(3, 9)), shift(3, 0, run(9, 12))), "0-11", Counters{Delivered: 12}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSequence(4000, 4000, 4)
			var got []string
			from, last, wasLost := int64(0), int64(-1), false
			flush := func() {
				if last < from {
					return
				}
				text := fmt.Sprint(from)
				if last > from {
					text = fmt.Sprintf("%d-%d", from, last)
				}
				if wasLost {
					text = "[" + text + "]"
				}
				got = append(got, text)
			}
			pull := func() {
				for r := s.pull(); r != nil; r = s.pull() {
					if r.index != last+1 || wasLost != (r.state == lost) {
						flush()
						from = r.index
					}
					last, wasLost = r.index, r.state == lost
				}
			}
			for _, in := range row.in {
				a := ASDU{Count: uint16(in.count), Data: make([]byte, 4)}
				for !s.add(&a, 1e18+int64(in.afterMS*1e6)) {
					pull()
				}
				pull()
			}
			s.draining = true
			pull()
			flush()
			if text := strings.Join(got, " "); text != row.want {
				t.Errorf("got %s, want %s", text, row.want)
			}
			if s.counters != row.counters {
				t.Errorf("counters %+v, want %+v", s.counters, row.counters)
			}
		})
	}
}

// TestOrderWithoutTimeStamps: the count alone tells, within one wrap.
func TestOrderWithoutTimeStamps(t *testing.T) {
	s := newSequence(4000, 4000, 4)
	var got []int64
	for _, count := range []uint16{3998, 3999, 1, 0, 2, 2} {
		s.add(&ASDU{Count: count, Data: make([]byte, 4)}, 0)
		for r := s.pull(); r != nil; r = s.pull() {
			got = append(got, r.index)
		}
	}
	if fmt.Sprint(got) != "[0 1 2 3 4]" || s.counters.Duplicates != 1 {
		t.Errorf("%v, %+v", got, s.counters)
	}
}
