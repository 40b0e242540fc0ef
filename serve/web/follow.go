package web

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

const (
	// lookEvery is how often it is looked whether the meter has a new snapshot, and whether
	// the session may still see it.
	lookEvery = 100 * time.Millisecond
	// aliveEvery is how often something is sent where nothing is new, so that both ends
	// find out when the other is gone.
	aliveEvery = 10 * time.Second
)

// notice is what a live page is told: all values of a snapshot, null for NOT AVAILABLE.
type notice struct {
	Time   string             `json:"time"`
	Values map[string]*string `json:"values"`
}

// follow sends each new picture of labels, and of what more tells, until ctx ends, the page is gone, or the session
// has ended or may no longer read: then it returns true. Following is not use of the
// owner's session: a page that is only looked at does not keep it.
func follow(ctx context.Context, owner, watcher *access.Session, labels []string, scales func(string) scale, more func(*access.Session) ([]shownReading, error), send func([]byte) error) (ended bool) {
	l := looker{session: watcher}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var seen uint64
	var sent time.Time
	for first := true; ; first = false {
		if !owner.May(access.ReadMeasurement) {
			return true
		}
		_, snapshot, err := l.snapshot()
		if err != nil { // its views go with a change of the own password, and the session stays
			return over(err) && !owner.May(access.ReadMeasurement)
		}
		switch {
		case first || snapshot.Seq() != seen:
			r, err := read(&l, labels, scales)
			if err != nil {
				return over(err) && !owner.May(access.ReadMeasurement)
			}
			if more != nil {
				others, err := more(watcher)
				if err != nil {
					return over(err) && !owner.May(access.ReadMeasurement)
				}
				r.list = append(r.list, others...)
			}
			seen = snapshot.Seq()
			if send(r.notice()) != nil {
				return false
			}
			sent = time.Now()
		case time.Since(sent) >= aliveEvery:
			if send(nil) != nil {
				return false
			}
			sent = time.Now()
		}
		select {
		case <-tick.C:
		case <-ctx.Done(): // with the session, too
			return !owner.May(access.ReadMeasurement)
		}
	}
}

// over reports whether an error ends a session for good: that of who has too much open
// goes on.
func over(err error) bool {
	var refusal *access.Refusal
	return !errors.As(err, &refusal) || refusal.Code != access.CodeBusy
}

// notice is the readings as a page takes them.
func (r *readings) notice() []byte {
	n := notice{Time: stamp(r.Time), Values: make(map[string]*string, len(r.list))}
	for i := range r.list {
		n.Values[r.list[i].Label] = nil
		if text := r.list[i].Text; text != "" {
			n.Values[r.list[i].Label] = &text
		}
	}
	data, err := json.Marshal(n)
	if err != nil {
		panic(err) // texts always become JSON
	}
	return data
}
