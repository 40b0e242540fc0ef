package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hepmeter/hepmeter/boot"
	"github.com/hepmeter/hepmeter/fault"
)

// dialTime is how long the device may take to accept a connection.
const dialTime = 10 * time.Second

// terminalPrefix stands before the path of a pseudo terminal.
const terminalPrefix = "pty:"

// faultEnds are what a fault proxy stands between.
type faultEnds struct {
	// address is where clients connect; terminal is where a serial master finds its line.
	address, terminal string
	// to is the address of the device; device is a serial one, with how it speaks.
	to, device   string
	terminalBaud int
	baud         int
	framing      string
	busy         atomic.Bool // somebody has the device
}

// endsOf reads --listen and --to.
func endsOf(f faultProxyFlags) (*faultEnds, error) {
	e := &faultEnds{address: f.listen, to: f.to}
	if path, ok := strings.CutPrefix(f.listen, terminalPrefix); ok {
		var err error
		if e.terminal, e.terminalBaud, _, err = boot.ParseDevice(path); err != nil {
			return nil, fmt.Errorf("--listen: %w", err)
		}
	}
	if strings.HasPrefix(f.to, terminalPrefix) {
		return nil, fmt.Errorf("--to %s: the proxy makes terminals for masters alone: give the path of the device, as in --to /dev/pts/7", f.to)
	}
	if _, _, err := net.SplitHostPort(f.to); err == nil {
		return e, nil
	}
	if !strings.HasPrefix(f.to, "/") && !strings.HasPrefix(strings.ToUpper(f.to), "COM") {
		return nil, fmt.Errorf("--to %s: want HOST:PORT, for example --to 192.168.1.20:502, or a serial device, as in --to /dev/ttyUSB0", f.to)
	}
	var err error
	if e.device, e.baud, e.framing, err = boot.ParseDevice(f.to); err != nil {
		return nil, fmt.Errorf("--to: %w", err)
	}
	return e, nil
}

// carry is an error where a scenario asks for what a serial end does not have.
func (e *faultEnds) carry(s *fault.Scenario) error {
	if e.terminal == "" && e.device == "" {
		return nil
	}
	return s.OnLine(e.terminal != "")
}

// dial reaches the device. A serial one is one client's at a time.
func (e *faultEnds) dial(ctx context.Context) (net.Conn, error) {
	if e.device == "" {
		return (&net.Dialer{Timeout: dialTime}).DialContext(ctx, "tcp", e.to)
	}
	if e.busy.Swap(true) {
		return nil, errors.New(e.device + " is in use by another client")
	}
	port, err := boot.OpenSerial(e.device, e.baud, e.framing)
	if err != nil {
		e.busy.Store(false)
		return nil, err
	}
	return fault.NewConn(&heldPort{port, e}, e.device, e.baud), nil
}

// heldPort is the device while a client has it.
type heldPort struct {
	*boot.Serial
	ends *faultEnds
}

func (p *heldPort) Close() error {
	defer p.ends.busy.Store(false)
	return p.Serial.Close()
}

// listen makes the end of the clients: it returns where that is, what serves it, and what
// takes it away.
func (e *faultEnds) listen() (at string, serve func(context.Context, *fault.Proxy) error, closing func(), err error) {
	if e.terminal == "" {
		l, err := net.Listen("tcp", e.address)
		if err != nil {
			return "", nil, nil, err
		}
		return l.Addr().String(), func(ctx context.Context, p *fault.Proxy) error { return p.Serve(ctx, l) }, func() { l.Close() }, nil
	}
	terminal, err := fault.NewTerminal()
	if err != nil {
		return "", nil, nil, err
	}
	if old, err := os.Readlink(e.terminal); err == nil && strings.HasPrefix(old, "/dev/pts/") {
		os.Remove(e.terminal) // left by one that was killed; what cannot be removed is told next
	}
	if err := os.Symlink(terminal.Path, e.terminal); err != nil {
		terminal.Close()
		return "", nil, nil, err
	}
	closing = func() {
		os.Remove(e.terminal)
		terminal.Close()
	}
	return e.terminal, func(ctx context.Context, p *fault.Proxy) error { return p.ServeTerminal(ctx, terminal, e.terminalBaud) }, closing, nil
}
