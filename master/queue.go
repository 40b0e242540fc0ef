package master

import (
	"slices"

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
	// asked counts its questions that wait or are under way.
	asked   int
	waiting []*request // in the order of asking
}

// queue is what waits to be sent. Clients take turns; each has its own order.
type queue struct {
	clients map[uint64]*client
	// turn are the clients that have something waiting; the first comes next.
	turn  []*client
	total int // questions that wait or are under way
	// What is not in use any more.
	requests []*request
	absent   []*client
}

// client returns a client by its number.
func (q *queue) client(number uint64) *client {
	if c := q.clients[number]; c != nil {
		return c
	}
	c := new(client)
	if n := len(q.absent); n > 0 {
		c, q.absent = q.absent[n-1], q.absent[:n-1]
	}
	c.number = number
	q.clients[number] = c
	return c
}

// blank returns a request to be filled in.
func (q *queue) blank() *request {
	if n := len(q.requests); n > 0 {
		r := q.requests[n-1]
		q.requests = q.requests[:n-1]
		return r
	}
	return new(request)
}

// recycle takes a request that nobody waits for any more.
func (q *queue) recycle(r *request) {
	clear(r.askers)
	r.askers, r.client = r.askers[:0], nil
	r.attempts, r.lost = 0, false
	q.requests = append(q.requests, r)
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
	q.forget(r.client)
}

func (q *queue) leave(a asker) {
	a.client.asked--
	q.total--
	q.forget(a.client)
}

// forget gives up a client that waits for nothing and has no request in the queue.
func (q *queue) forget(c *client) {
	if c.asked == 0 && len(c.waiting) == 0 && q.clients[c.number] == c {
		delete(q.clients, c.number)
		q.absent = append(q.absent, c)
	}
}

// add puts r behind what its client has waiting.
func (q *queue) add(r *request) {
	r.client.waiting = append(r.client.waiting, r)
	if len(r.client.waiting) == 1 {
		q.turn = append(q.turn, r.client)
	}
}

// putBack puts r before what its client has waiting.
func (q *queue) putBack(r *request) {
	r.client.waiting = slices.Insert(r.client.waiting, 0, r)
	if len(r.client.waiting) == 1 {
		q.turn = append(q.turn, r.client)
	}
}

// next takes out the first request that may be sent now, of the first client that has one,
// which then comes last. It returns nil where there is none.
func (q *queue) next(may func(unit byte) bool) *request {
	for i, c := range q.turn {
		for j, r := range c.waiting {
			if !may(r.unit) {
				continue
			}
			c.waiting = slices.Delete(c.waiting, j, j+1)
			q.turn = slices.Delete(q.turn, i, i+1)
			if len(c.waiting) > 0 {
				q.turn = append(q.turn, c)
			}
			return r
		}
	}
	return nil
}

// remove takes out all requests that fit, and returns them behind those given.
func (q *queue) remove(removed []*request, fits func(*request) bool) []*request {
	for _, c := range q.turn {
		c.waiting = slices.DeleteFunc(c.waiting, func(r *request) bool {
			if !fits(r) {
				return false
			}
			removed = append(removed, r)
			return true
		})
	}
	q.turn = slices.DeleteFunc(q.turn, func(c *client) bool { return len(c.waiting) == 0 })
	return removed
}
