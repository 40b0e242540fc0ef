package modbus

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// writersAtOnce is how many writes of one server wait for the disk at a time.
	writersAtOnce = 8
	// writersWaiting is how many more may wait for their turn. A client has one write at
	// a time, but may leave it behind and come again.
	writersWaiting = 1024
)

var errCrowded = errors.New("too many writes wait for the disk")

// writers carries out writes, each on a goroutine that may wait for the disk.
type writers struct {
	// ctx is the server's, running its goroutines: a write that has begun gets its answer
	// also where the server ends.
	ctx     context.Context
	running *sync.WaitGroup
	timeout time.Duration

	mu      sync.Mutex
	busy    int
	waiting []func()
}

// begin has w carried out and then calls done, mostly on another goroutine. It does not
// wait. The time-out counts from now.
func (s *writers) begin(c *client, w *writing, done func()) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), s.timeout)
	job := func() {
		defer cancel()
		c.carryOut(ctx, w)
		done()
	}
	if !s.queue(job) {
		cancel()
		w.err = errCrowded
		done()
	}
}

// queue has a job done now or in its turn; it reports false where too many wait.
func (s *writers) queue(job func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.busy < writersAtOnce:
		s.busy++
		s.running.Go(func() { s.work(job) })
	case len(s.waiting) < writersWaiting:
		s.waiting = append(s.waiting, job)
	default:
		return false
	}
	return true
}

// work does one job and all that came to wait meanwhile.
func (s *writers) work(job func()) {
	for job != nil {
		job()
		job = s.next()
	}
}

func (s *writers) next() func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		s.busy--
		return nil
	}
	job := s.waiting[0]
	s.waiting[0] = nil
	s.waiting = s.waiting[1:]
	return job
}
