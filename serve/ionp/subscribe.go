package ionp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

const (
	// maxSubscriptions is how many a connection may have.
	maxSubscriptions = 16
	// lookEvery is how often it is looked whether the meter has a new snapshot.
	lookEvery = 50 * time.Millisecond
)

// subscriptions are those of one connection. A goroutine serves them while there are any.
type subscriptions struct {
	mu      sync.Mutex
	list    []*subscription
	stop    context.CancelFunc // nil while none is served
	running sync.WaitGroup
}

// subscription sends the values of registers each time that they are new.
type subscription struct {
	id      uint32
	plan    *plan
	looker  looker          // of a session of its own
	owner   *access.Session // that of the token with which it was made
	every   time.Duration
	changes bool

	due      time.Time
	seq      uint64
	sent     bool
	readings []ionp.Reading // the latest
}

// subscribe begins to send notices, after its reply.
func (r *request) subscribe(q *ionp.SubscribeRequest) (s ionp.SubscribeReply, err error) {
	sub := &subscription{id: r.id, plan: newPlan(q.Labels), every: time.Duration(q.IntervalMS) * time.Millisecond, changes: q.ChangesOnly}
	if len(r.token) > 0 {
		sub.owner = r.session
	}
	if _, err := sub.plan.look(r.looked()); err != nil { // refused at once
		return s, err
	}
	if err := r.subscriptions.room(r.id); err != nil {
		return s, err
	}
	session, err := r.session.Stay()
	if err != nil {
		return s, err
	}
	sub.looker.session = session
	c := r.connection
	r.after = func() { c.subscriptions.begin(c, sub) }
	return s, nil
}

// unsubscribe ends a subscription: no notice of it follows the reply.
func (r *request) unsubscribe(q *ionp.UnsubscribeRequest) (s ionp.UnsubscribeReply, err error) {
	if !r.subscriptions.end(func(sub *subscription) bool { return sub.id == q.ID }) {
		return s, access.NewRefusal(access.CodeNotFound, fmt.Sprintf("this connection has no subscription %d", q.ID))
	}
	return s, nil
}

// room refuses one more than can be, and an id that is taken.
func (l *subscriptions) room(id uint32) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.list) >= maxSubscriptions {
		return access.NewRefusal(access.CodeBusy, fmt.Sprintf("this connection has %d subscriptions: end one", len(l.list)))
	}
	if slices.ContainsFunc(l.list, func(sub *subscription) bool { return sub.id == id }) {
		return access.NewRefusal(access.CodeBadRequest, fmt.Sprintf("the request id %d is that of a subscription", id))
	}
	return nil
}

// begin adds a subscription, and has the list served.
func (l *subscriptions) begin(c *connection, sub *subscription) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, sub)
	if l.stop == nil {
		ctx, stop := context.WithCancel(c.ctx)
		l.stop = stop
		l.running.Go(func() { l.run(ctx, c) })
	}
}

// end ends the subscriptions that match, and reports whether there were any.
func (l *subscriptions) end(match func(*subscription) bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := len(l.list)
	l.list = slices.DeleteFunc(l.list, func(sub *subscription) bool {
		if match(sub) {
			sub.looker.session.Close()
			return true
		}
		return false
	})
	return len(l.list) < before
}

// endOf ends the subscriptions that were made with a token: their last notices say so.
func (l *subscriptions) endOf(owner *access.Session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, sub := range l.list {
		if sub.owner == owner {
			sub.looker.session.Close()
		}
	}
}

// close ends all, and waits until nothing is sent any more.
func (l *subscriptions) close() {
	l.mu.Lock()
	if l.stop != nil {
		l.stop()
	}
	l.mu.Unlock()
	l.running.Wait()
	l.end(func(*subscription) bool { return true })
}

// run sends what is due until ctx is done. A client that does not take notices is closed.
func (l *subscriptions) run(ctx context.Context, c *connection) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		if err := l.push(c, time.Now()); err != nil {
			c.server.count(err)
			c.line.conn.Close() // which ends the reading goroutine, too
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// push sends the notices that are due.
func (l *subscriptions) push(c *connection, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var failed error
	l.list = slices.DeleteFunc(l.list, func(sub *subscription) bool {
		if failed != nil || now.Before(sub.due) {
			return false
		}
		notice, err := sub.look(now)
		if err != nil { // it may not read any more
			refusal := refusalOf(err)
			notice = &ionp.Notice{Ended: refusal.Code, Reason: refusal.Reason}
			sub.looker.session.Close()
		}
		if notice != nil {
			failed = c.notify(sub.id, notice)
		}
		return err != nil
	})
	return failed
}

// look returns what is to be sent, nil where there is nothing new.
func (s *subscription) look(now time.Time) (*ionp.Notice, error) {
	snapshot, err := s.plan.look(&s.looker)
	if errors.Is(err, access.ErrClosed) {
		err = access.NewRefusal(access.CodeSessionEnded, "")
	}
	if err != nil {
		return nil, err
	}
	if s.sent && snapshot.Seq() == s.seq {
		return nil, nil
	}
	fresh := s.plan.readings(make([]ionp.Reading, 0, len(s.plan.points)), snapshot)
	notice := &ionp.Notice{Sequence: snapshot.Seq(), Time: snapshot.Time().UnixNano(), Readings: fresh}
	if s.changes && s.sent {
		notice.Readings = nil
		for i := range fresh {
			if fresh[i] != s.readings[i] {
				notice.Readings = append(notice.Readings, fresh[i])
			}
		}
	}
	s.seq, s.due, s.readings = snapshot.Seq(), now.Add(s.every), fresh
	if s.sent && s.changes && len(notice.Readings) == 0 {
		return nil, nil
	}
	s.sent = true
	return notice, nil
}
