package master

import "time"

const (
	// What does not answer is left alone for firstPause, then for twice that, up to
	// lastPause; and for pauseFactor response time-outs at least, so that it takes a ninth of
	// a line at most.
	firstPause, lastPause = time.Second, 30 * time.Second
	pauseFactor           = 8
	// slowRefusal is after what time a gateway below that says that its unit does not answer
	// has held the line as that unit would.
	slowRefusal = 100 * time.Millisecond
	// settling is how long a unit is sent nothing after an answer to a request sent twice: the
	// first answer may just come too. Adapters hand over in bunches, up to 16 ms apart.
	settling = 50 * time.Millisecond
)

// unit is what is known of a unit.
type unit struct {
	counts UnitStatistics
	took   histogram
	// failures counts the requests without an answer since the last one.
	failures int
	backoff  backoff
	// guard is until when nothing is sent, because the answer to the request owed may come
	// late; owed is empty when it has come.
	guard time.Time
	owed  []byte
	// writes counts those that wait or are under way: what is read meanwhile is given to no
	// other.
	writes int
}

// backoff is for how long something that does not answer is left alone.
type backoff struct {
	until time.Time
	pause time.Duration
}

// fail begins a pause, longer than the one before.
func (o *backoff) fail(now time.Time, atLeast time.Duration) {
	o.pause = max(min(max(2*o.pause, firstPause), lastPause), atLeast)
	o.until = now.Add(o.pause)
}

func (o *backoff) active(now time.Time) bool { return now.Before(o.until) }
