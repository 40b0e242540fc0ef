package master

import (
	"slices"
	"time"

	"github.com/hepmeter/hepmeter/wire/modbus"
)

// request is what is sent to a unit, for one asker or for several who ask the same.
type request struct {
	unit     byte
	function byte
	// reads says that sending it twice does no harm.
	reads  bool
	length int
	bytes  [modbus.MaxPDU]byte
	askers []asker
	since  time.Time // when it was asked
	// client is whose turn it takes.
	client *client
	// attempts is how often it was sent and not answered; lost, that a connection was lost
	// with it.
	attempts int
	lost     bool
	// joined says that it is found by its key, for others to join.
	joined bool
}

func (r *request) pdu() []byte { return r.bytes[:r.length] }

// asker is one who waits for an answer.
type asker struct {
	client *client
	ticket uint64
	done   func(answer []byte, err error)
}

// client is one that has asked something.
type client struct {
	number uint64
	// served is when it last had its turn, as the queue counts turns.
	served uint64
	// asked counts its questions that wait or are under way.
	asked   int
	waiting []*request // in the order of asking
}

// queue is what waits to be sent. Clients take turns; each has its own order.
type queue struct {
	clients map[uint64]*client
	// waiting are the clients that have something waiting.
	waiting []*client
	turns   uint64
	total   int // questions that wait or are under way
	free    []*request
}

// remembered is how many clients at most are known that ask nothing at present, so that one
// with a single request at a time has the same turns as one with many.
const remembered = 1024

// client returns a client by its number. A new one comes after all who wait.
func (q *queue) client(number uint64) *client {
	if c := q.clients[number]; c != nil {
		return c
	}
	if len(q.clients) >= remembered {
		for n, c := range q.clients {
			if c.asked == 0 && len(c.waiting) == 0 {
				delete(q.clients, n)
			}
		}
	}
	c := &client{number: number, served: q.turns}
	q.clients[number] = c
	return c
}

// blank returns a request to be filled in.
func (q *queue) blank() *request {
	if n := len(q.free); n > 0 {
		r := q.free[n-1]
		q.free = q.free[:n-1]
		return r
	}
	return new(request)
}

// recycle takes a request that nobody waits for any more.
func (q *queue) recycle(r *request) {
	clear(r.askers)
	r.askers, r.client = r.askers[:0], nil
	r.attempts, r.lost = 0, false
	q.free = append(q.free, r)
}

// join adds one who waits for r.
func (q *queue) join(r *request, a asker) {
	r.askers = append(r.askers, a)
	a.client.asked++
	q.total++
}

// release gives back the places of all who wait for r.
func (q *queue) release(r *request) {
	for _, a := range r.askers {
		q.leave(a)
	}
}

func (q *queue) leave(a asker) {
	a.client.asked--
	q.total--
}

// add puts r behind what its client has waiting.
func (q *queue) add(r *request) {
	r.client.waiting = append(r.client.waiting, r)
	if len(r.client.waiting) == 1 {
		q.waiting = append(q.waiting, r.client)
	}
}

// putBack puts r before what its client has waiting.
func (q *queue) putBack(r *request) {
	r.client.waiting = slices.Insert(r.client.waiting, 0, r)
	if len(r.client.waiting) == 1 {
		q.waiting = append(q.waiting, r.client)
	}
}

// next takes out the first request that may be sent now, of the client whose turn was the
// longest ago. It returns nil where there is none.
func (q *queue) next(may func(unit byte) bool) *request {
	of, at := -1, 0
	for i, c := range q.waiting {
		if of >= 0 && c.served >= q.waiting[of].served {
			continue
		}
		if j := slices.IndexFunc(c.waiting, func(r *request) bool { return may(r.unit) }); j >= 0 {
			of, at = i, j
		}
	}
	if of < 0 {
		return nil
	}
	c := q.waiting[of]
	r := c.waiting[at]
	if c.waiting = slices.Delete(c.waiting, at, at+1); len(c.waiting) == 0 {
		q.waiting = slices.Delete(q.waiting, of, of+1)
	}
	q.turns++
	c.served = q.turns
	return r
}

// remove takes out all requests that fit, and returns them.
func (q *queue) remove(fits func(*request) bool) (removed []*request) {
	for _, c := range q.waiting {
		c.waiting = slices.DeleteFunc(c.waiting, func(r *request) bool {
			if !fits(r) {
				return false
			}
			removed = append(removed, r)
			return true
		})
	}
	q.waiting = slices.DeleteFunc(q.waiting, func(c *client) bool { return len(c.waiting) == 0 })
	return removed
}
