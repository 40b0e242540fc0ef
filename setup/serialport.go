package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"go.bug.st/serial"
)

// lines are the serial devices that are open. A device can be opened once only, and who
// connects anew, to see whether that still works, needs it twice.
type lines struct {
	mu   sync.Mutex
	open map[string]*line // by the address without its unit
}

// line is an open device. Who has asked on it has it until his answer is there.
type line struct {
	serial.Port
	name  string
	lines *lines
	turn  chan struct{} // holds a token while nobody asks
	users int           // guarded by the lines' mu
}

// use opens the device of an address, or shares it.
func (l *lines) use(a Address) func(context.Context) (port, error) {
	return func(context.Context) (port, error) {
		a.Unit = 1
		l.mu.Lock()
		defer l.mu.Unlock()
		shared := l.open[a.String()]
		if shared == nil {
			mode := &serial.Mode{BaudRate: a.Baud, DataBits: 8}
			switch a.Parity {
			case "E":
				mode.Parity = serial.EvenParity
			case "O":
				mode.Parity = serial.OddParity
			}
			opened, err := serial.Open(a.Device, mode)
			if err != nil {
				return nil, fmt.Errorf("cannot open %s: %w", a.Device, err)
			}
			shared = &line{Port: opened, name: a.String(), lines: l, turn: make(chan struct{}, 1)}
			shared.turn <- struct{}{}
			if l.open == nil {
				l.open = map[string]*line{}
			}
			l.open[shared.name] = shared
		}
		shared.users++
		return &lease{line: shared}, nil
	}
}

// lease is a line as one of its users has it. It belongs to one goroutine, but for Close.
type lease struct {
	*line
	mu     sync.Mutex
	asking bool
	closed bool
}

// look bounds one wait for bytes, in which a device cannot be closed on some systems.
const look = 100 * time.Millisecond

// Receive implements port.
func (l *lease) Receive(p []byte, until time.Time) (int, error) {
	for {
		left := time.Until(until)
		if left <= 0 {
			return 0, os.ErrDeadlineExceeded
		}
		err := l.SetReadTimeout(min(max(left, time.Millisecond), look))
		n := 0
		if err == nil {
			n, err = l.Read(p)
		}
		if err != nil {
			l.gone()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// Send implements port: it waits until nobody else asks. A device that takes nothing cannot be
// told to give up: it is left.
func (l *lease) Send(p []byte) error {
	if !l.asking {
		select {
		case <-l.turn:
		case <-time.After(sendTimeout):
			return errors.New("the line is in use all the time")
		}
		l.mu.Lock()
		l.asking = true
		l.mu.Unlock()
	}
	sent := make(chan error, 1)
	go func() {
		_, err := l.Write(p)
		sent <- err
	}()
	var err error
	select {
	case err = <-sent:
	case <-time.After(sendTimeout):
		err = fmt.Errorf("the device has taken nothing for %v", sendTimeout)
	}
	if err != nil {
		l.gone()
	}
	return err
}

// Release implements port.
func (l *lease) Release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.asking {
		l.asking = false
		l.turn <- struct{}{}
	}
}

// gone keeps others from sharing a device that has failed.
func (l *line) gone() {
	l.lines.mu.Lock()
	defer l.lines.mu.Unlock()
	if l.lines.open[l.name] == l {
		delete(l.lines.open, l.name)
	}
}

// closing is how long a device may take to be closed: one that is gone may hold it for half a
// minute, and is left to the system.
const closing = time.Second

// Close implements port: the last user gives the device back.
func (l *lease) Close() error {
	l.Release()
	l.mu.Lock()
	again := l.closed
	l.closed = true
	l.mu.Unlock()
	if again {
		return nil
	}
	l.lines.mu.Lock()
	l.users--
	last := l.users == 0
	if last && l.lines.open[l.name] == l.line {
		delete(l.lines.open, l.name)
	}
	l.lines.mu.Unlock()
	if !last {
		return nil
	}
	closed := make(chan error, 1)
	go func() { closed <- l.Port.Close() }()
	select {
	case err := <-closed:
		return err
	case <-time.After(closing):
		return nil
	}
}
