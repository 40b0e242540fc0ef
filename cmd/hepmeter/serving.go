package main

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// serving runs the doors of one life of the meter.
type serving struct {
	house *house
	gate  *access.Gate
	doors []door
	// attendants run beside the doors until their context is done.
	attendants []func(context.Context) error
	ctx        context.Context
	cancel     context.CancelFunc
	// failed is told of a server that ended by itself.
	failed  chan error
	running sync.WaitGroup

	mu      sync.Mutex
	errs    []error
	stopped bool
}

func newServing(ctx context.Context, h *house, gate *access.Gate, doors []door, attendants []func(context.Context) error) *serving {
	s := &serving{house: h, gate: gate, doors: doors, attendants: attendants, failed: make(chan error, 1)}
	s.ctx, s.cancel = context.WithCancel(ctx)
	return s
}

// start opens every door.
func (s *serving) start() error {
	for _, attend := range s.attendants {
		s.running.Go(func() {
			if err := attend(s.ctx); err != nil || s.ctx.Err() == nil {
				s.fail(err)
			}
		})
	}
	// A door that a register has moved comes after those that are where the port set has them:
	// it must not take the port of one of these.
	var moved []door
	for _, d := range s.doors {
		port := s.house.ports.of(d, s.gate)
		if port != s.house.ports.Ports[d.service] {
			moved = append(moved, d)
			continue
		}
		listener, err := s.house.sockets.Listen(s.ctx, s.house.flags.host, d.service, port)
		if err != nil {
			return err
		}
		s.running.Go(func() { s.keep(d, port, listener) })
	}
	for _, d := range moved {
		port := s.house.ports.of(d, s.gate)
		listener, err := s.house.sockets.Listen(s.ctx, s.house.flags.host, d.service, port)
		if err != nil {
			listener = s.stay(d, port, err)
		}
		s.running.Go(func() { s.keep(d, port, listener) })
	}
	return nil
}

// keep serves at a door, and moves it when its port changes. Without a listener the door is
// shut until then.
func (s *serving) keep(d door, port int, listener net.Listener) {
	for {
		here, leave := context.WithCancel(s.ctx)
		var ended chan error
		if listener != nil {
			ended = make(chan error, 1)
			go func() { ended <- d.serve(here, listener) }()
		}
		moves := s.moved(d, port, ended)
		leave()
		if !moves {
			return
		}
		if ended != nil {
			s.note(<-ended)
		}
		port = s.house.ports.of(d, s.gate)
		listener = s.move(d, port)
	}
}

// move opens a door on another port.
func (s *serving) move(d door, port int) net.Listener {
	listener, err := s.house.sockets.Listen(s.ctx, s.house.flags.host, d.service, port)
	if err == nil {
		s.house.log.Info("service moved", "service", d.service, "address", s.house.sockets.Address(d.service))
		return listener
	}
	return s.stay(d, port, err)
}

// stay leaves a door where it is, or shut, when it cannot be opened on the port of its
// register: that must neither end the meter nor keep it from starting. Nobody will confirm
// the change, and the gate takes it back.
func (s *serving) stay(d door, port int, err error) net.Listener {
	s.house.log.Error("service not moved", "service", d.service, "port", port, "error", err)
	listener, err := s.house.sockets.Again(d.service)
	if err != nil {
		s.house.log.Error("service shut", "service", d.service, "error", err)
		return nil
	}
	return listener
}

// moved waits until the port of a door is to be another, and returns false where its
// server, or the meter, has ended before. ended is nil for a door that is shut.
func (s *serving) moved(d door, port int, ended chan error) bool {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	over := s.ctx.Done()
	if ended != nil {
		over = nil // its server ends then
	}
	for {
		select {
		case err := <-ended:
			if err != nil || s.ctx.Err() == nil {
				s.fail(err)
			}
			return false
		case <-over:
			return false
		case <-ticker.C:
			if s.house.ports.of(d, s.gate) != port {
				return true
			}
		}
	}
}

// fail tells live that the meter no longer serves as it should.
func (s *serving) fail(err error) {
	select {
	case s.failed <- err:
	default:
		s.note(err)
	}
}

func (s *serving) note(err error) {
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.errs = append(s.errs, err)
	}
}

// stop ends all servers, and returns what went wrong with them. Stopping twice does no
// harm.
func (s *serving) stop() error {
	s.cancel()
	s.running.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil
	}
	s.stopped = true
	return errors.Join(s.errs...)
}
