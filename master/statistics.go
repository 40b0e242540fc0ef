package master

import "time"

// UnitStatistics are the counts of one unit since the bus was made.
type UnitStatistics struct {
	Unit byte // 0: broadcasts
	// Requests are the questions asked: those sent, and those answered without sending.
	Requests uint64
	// Answers are those that came in time, Exceptions those among them.
	Answers, Exceptions uint64
	// Timeouts are requests that were sent and not answered in time; CRCErrors what came
	// instead of an answer and was none; Lost requests that a port or a connection was lost
	// with.
	Timeouts, CRCErrors, Lost uint64
	// Retries are requests sent again.
	Retries uint64
	// Late are answers of the unit dropped because nothing, or another request, was waited
	// for; Foreign are answers dropped because they did not fit the unit's request.
	Late, Foreign uint64
	// Cached are questions answered from the cache or with another's answer.
	Cached uint64
	// Refused are questions answered at once with ErrNoAnswer or ErrCrowded.
	Refused uint64
	// BackingOff is until when the unit is asked nothing; zero: it is asked.
	BackingOff time.Time
	Latency    Latency
}

// Latency is how long answers took, from the sending of the request on.
type Latency struct {
	Count     uint64
	Mean, Max time.Duration
	// P95 is what 95 of 100 answers were within, up to a quarter too long.
	P95 time.Duration
}

// Statistics returns the counts of every unit that was asked, in the order of units.
func (b *Bus) Statistics() []UnitStatistics {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []UnitStatistics
	for _, u := range b.units {
		if u == nil {
			continue
		}
		s := u.counts
		if u.backoff.active(now) {
			s.BackingOff = u.backoff.until
		}
		s.Latency = u.took.latency()
		all = append(all, s)
	}
	return all
}

const (
	histogramBuckets = 64
	// firstBucket is the upper bound of the first; each of the next is a quarter higher, the
	// last above two minutes.
	firstBucket = 100 * time.Microsecond
)

// histogram counts durations.
type histogram struct {
	buckets  [histogramBuckets]uint64
	sum, max time.Duration
}

func (h *histogram) add(d time.Duration) {
	i := 0
	for bound := firstBucket; d > bound && i < histogramBuckets-1; bound += bound / 4 {
		i++
	}
	h.buckets[i]++
	h.sum += d
	h.max = max(h.max, d)
}

func (h *histogram) latency() Latency {
	l := Latency{Max: h.max}
	for _, n := range h.buckets {
		l.Count += n
	}
	if l.Count == 0 {
		return l
	}
	l.Mean = h.sum / time.Duration(l.Count)
	within, bound := uint64(0), firstBucket
	for _, n := range h.buckets {
		if within += n; 100*within >= 95*l.Count {
			l.P95 = min(bound, h.max)
			break
		}
		bound += bound / 4
	}
	return l
}
