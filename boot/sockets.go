package boot

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Sockets are the listening sockets of a run. They stay open while the meter restarts:
// ports that the system picked stay the same, and who connects meanwhile waits in the
// queue instead of being refused. The zero Sockets has none.
type Sockets struct {
	mu   sync.Mutex
	held map[Service]*socket
}

type socket struct {
	port     int // as it was asked for: 0 is any
	listener net.Listener
}

// Listen returns a listener of the service on a port: on the socket that is held, or on a
// new one in its place. Closing it leaves the socket open. One at a time of a service may
// be in use.
func (s *Sockets) Listen(ctx context.Context, host string, service Service, port int) (net.Listener, error) {
	held, err := s.on(ctx, host, service, port)
	if err != nil {
		return nil, err
	}
	return lend(held)
}

// on returns the socket of a service on a port: the one that is held, or a new one in its
// place.
func (s *Sockets) on(ctx context.Context, host string, service Service, port int) (net.Listener, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if held := s.held[service]; held != nil && held.port == port {
		return held.listener, nil
	}
	fresh, err := Ports{service: port}.Listen(ctx, host, service)
	if err != nil {
		return nil, err
	}
	if held := s.held[service]; held != nil {
		held.listener.Close()
	}
	if s.held == nil {
		s.held = map[Service]*socket{}
	}
	s.held[service] = &socket{port, fresh}
	return fresh, nil
}

// Again returns a listener on the socket that is held of a service, whatever its port.
func (s *Sockets) Again(service Service) (net.Listener, error) {
	held, err := s.of(service)
	if err != nil {
		return nil, err
	}
	return lend(held)
}

// of returns the socket that is held of a service.
func (s *Sockets) of(service Service) (net.Listener, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.held[service]
	if held == nil {
		return nil, fmt.Errorf("%s has no socket", service)
	}
	return held.listener, nil
}

// Address is where a service listens, empty where it does not.
func (s *Sockets) Address(service Service) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if held := s.held[service]; held != nil {
		return held.listener.Addr().String()
	}
	return ""
}

// Addresses are those of all services.
func (s *Sockets) Addresses() map[Service]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[Service]string{}
	for service, held := range s.held {
		all[service] = held.listener.Addr().String()
	}
	return all
}

// Close closes all sockets.
func (s *Sockets) Close() (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, held := range s.held {
		err = errors.Join(err, held.listener.Close())
	}
	s.held = nil
	return err
}

// lent is a listener whose Close ends its accepting and leaves the socket open.
type lent struct {
	net.Listener
	closing sync.Mutex // held by Close
	closed  atomic.Bool
}

type deadliner interface{ SetDeadline(time.Time) error }

func lend(l net.Listener) (net.Listener, error) {
	if d, ok := l.(deadliner); ok {
		if err := d.SetDeadline(time.Time{}); err != nil {
			return nil, err
		}
	}
	return &lent{Listener: l}, nil
}

func (l *lent) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	switch {
	case !l.closed.Load():
	case err == nil:
		conn.Close()
		return nil, net.ErrClosed
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, net.ErrClosed
	}
	return conn, err
}

// Close wakes Accept. A second one returns when the first has: then nothing touches the
// socket any more, and it can be lent anew.
func (l *lent) Close() error {
	l.closing.Lock()
	defer l.closing.Unlock()
	if l.closed.Swap(true) {
		return net.ErrClosed
	}
	if d, ok := l.Listener.(deadliner); ok {
		return d.SetDeadline(time.Unix(1, 0))
	}
	return nil
}
