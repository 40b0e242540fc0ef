package ionmodbus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Carrier brings PDUs to one device and its answers back: a connection of Modbus TCP, one that
// carries RTU frames, or a line. It belongs to one goroutine, but for Close.
type Carrier interface {
	// Send sends a request. Where there is no connection, or none any more, it makes one.
	Send(pdu []byte) error
	// Receive returns the next answer of the device that is of the function 70; an exception only
	// if it answers the request sent last. The error is os.ErrDeadlineExceeded when none has come
	// in time; after another one the connection is gone. The answer is valid until the next call.
	Receive(until time.Time) ([]byte, error)
	// Done tells that nothing is waited for until the next Send: others may use the line.
	Done()
	// Close gives up the connection for good, also while another goroutine waits for it.
	Close() error
}

// StreamOptions are what a stream needs to know.
type StreamOptions struct {
	// Session is a random number.
	Session uint32
	// Patience is how long nothing may be heard until the stream fails; 0 for a minute.
	Patience time.Duration
	// PerByte is what a byte takes on a line of known speed; 0 otherwise.
	PerByte time.Duration
}

const (
	defaultPatience = time.Minute
	// farewell is how long the end of a stream may take.
	farewell = time.Second
)

// Stream is the client's end of a session, on a carrier. Reading and writing may be done by two
// goroutines.
type Stream struct {
	carrier Carrier

	mu     sync.Mutex
	client *Client
	closed bool
	// ready is closed when the session is there, done when all is over.
	ready, done chan struct{}
	// readable, writable and stirred hold a token when something may have changed.
	readable, writable, stirred chan struct{}
}

// Dial begins a session on a carrier, which it closes in the end, and finds out what passes.
func Dial(ctx context.Context, carrier Carrier, o StreamOptions) (*Stream, error) {
	if o.Patience <= 0 {
		o.Patience = defaultPatience
	}
	token := func() chan struct{} { return make(chan struct{}, 1) }
	s := &Stream{carrier: carrier, client: NewClient(o.Session, o.Patience, o.PerByte),
		ready: make(chan struct{}), done: make(chan struct{}), readable: token(), writable: token(), stirred: token()}
	go s.run()
	select {
	case <-s.ready:
		return s, nil
	case <-s.done:
		return nil, s.failure()
	case <-ctx.Done():
		err := fmt.Errorf("beginning a session of ION over Modbus: %w", context.Cause(ctx))
		s.mu.Lock()
		if cause := s.client.cause; cause != nil {
			err = fmt.Errorf("%w (%w)", err, cause)
		}
		s.mu.Unlock()
		s.Close()
		return nil, err
	}
}

// run carries the session until it is over.
func (s *Stream) run() {
	defer close(s.done)
	defer s.carrier.Close()
	ready := s.ready
	var buffer [MaxPDU]byte
	for {
		s.mu.Lock()
		pdu, wait, ask := s.client.Ask(time.Now(), buffer[:0])
		due, ended := s.client.Due(), s.client.state == over
		if ready != nil && s.client.Opened() {
			close(ready)
			ready = nil
		}
		s.mu.Unlock()
		switch {
		case ask:
			s.ask(pdu, wait)
			s.tell()
		case ended:
			s.tell()
			return
		default:
			s.await(due)
		}
	}
}

// ask sends a request and waits for what becomes of it.
func (s *Stream) ask(pdu []byte, wait time.Duration) {
	defer s.carrier.Done()
	err := s.carrier.Send(pdu)
	until := time.Now().Add(wait)
	for waited := false; !waited; {
		var answer []byte
		if err == nil {
			answer, err = s.carrier.Receive(until)
		}
		now := time.Now()
		s.mu.Lock()
		waited = true
		switch {
		case err == nil && len(answer) > 1 && answer[0] == Function|exceptionBit:
			s.client.Excepted(now, answer[1])
		case err == nil:
			waited = s.client.Heard(now, answer)
		case errors.Is(err, os.ErrDeadlineExceeded):
			s.client.Silent(now)
		default:
			s.client.Unreachable(now, err)
		}
		s.mu.Unlock()
	}
}

// exceptionBit is set in the function code of an exception.
const exceptionBit = 0x80

// await waits until it is time to ask, or something is written or read.
func (s *Stream) await(due time.Time) {
	timer := time.NewTimer(max(time.Until(due), firstPause))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.stirred:
	}
}

// tell has readers and writers look again.
func (s *Stream) tell() {
	give(s.readable)
	give(s.writable)
}

func give(token chan struct{}) {
	select {
	case token <- struct{}{}:
	default:
	}
}

// failure is why the stream has ended.
func (s *Stream) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.client.err
	switch {
	case s.closed:
		return net.ErrClosed
	case errors.Is(err, RefusedEnded):
		return io.EOF
	case err == nil:
		return net.ErrClosed
	}
	return fmt.Errorf("ION over Modbus: %w", err)
}

// Read returns what has come from the meter. The error is io.EOF where the meter has ended the
// session.
func (s *Stream) Read(p []byte) (int, error) {
	for {
		s.mu.Lock()
		n := s.client.Read(p)
		s.mu.Unlock()
		if n > 0 || len(p) == 0 {
			give(s.stirred) // there is room again
			return n, nil
		}
		select {
		case <-s.readable:
		case <-s.done:
			s.mu.Lock()
			left := len(s.client.in)
			s.mu.Unlock()
			if left == 0 {
				return 0, s.failure()
			}
		}
	}
}

// Write waits until there is room for all of p; its way to the meter begins then.
func (s *Stream) Write(p []byte) (written int, err error) {
	for {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return written, net.ErrClosed
		}
		written += s.client.Write(p[written:])
		s.mu.Unlock()
		give(s.stirred)
		if written == len(p) {
			return written, nil
		}
		select {
		case <-s.writable:
		case <-s.done:
			return written, s.failure()
		}
	}
}

// Close ends the session, and tells the meter so where it can be reached at once.
func (s *Stream) Close() error {
	s.mu.Lock()
	s.closed = true
	s.client.Close()
	s.mu.Unlock()
	give(s.stirred)
	select {
	case <-s.done:
	case <-time.After(farewell):
		s.carrier.Close() // which ends what it waits for
		<-s.done
	}
	return nil
}

// Path returns what is known of the way to the meter.
func (s *Stream) Path() Path {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.client.Path()
}

// Moved returns how many bytes were taken by the meter and have come from it.
func (s *Stream) Moved() (up, down uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.client.sent, s.client.received
}
