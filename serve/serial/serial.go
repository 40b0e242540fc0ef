// Package serial is what all that speaks on a serial port of the meter has in common: it
// follows the port's registers, opens its device, and runs the server of the protocol that
// the port is to speak.
package serial

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// Glance is how often the settings of a port are looked at, and the longest that a server
	// should wait for bytes at once: it ends no sooner than its Read returns.
	Glance = 200 * time.Millisecond
	// writePatience is how long a device may take nothing of what is written to it.
	writePatience = 5 * time.Second
	// A device that cannot be opened, or is gone, is tried again after firstRetry, then after
	// twice that, up to lastRetry.
	firstRetry, lastRetry = time.Second, 30 * time.Second
)

// Settings are how a serial port speaks.
type Settings struct {
	// Protocol is what is spoken, as the register Protocol has it.
	Protocol string
	Baud     int
	// Framing is data bits, parity and stop bits, as in 8E1.
	Framing   string
	Handshake Handshake

	// Unit is the address of the meter on the line, 1 to 247 for Modbus; ResponseDelay is how
	// long after a request its answer begins, at the least. Servers look at them with each
	// request.
	Unit          int
	ResponseDelay time.Duration
}

// sameDevice reports whether a port that was opened so need not be opened anew.
func (s Settings) sameDevice(opened Settings) bool {
	s.Unit, s.ResponseDelay = opened.Unit, opened.ResponseDelay
	return s == opened
}

// Port is an open device. A Read returns nothing, and no error, when its time is up.
type Port interface {
	io.ReadWriteCloser
	SetReadTimeout(time.Duration) error
}

// Line is a serial port of the meter.
type Line struct {
	Name string // as in COM1
	// Settings tells how it is to speak now.
	Settings func() Settings
	Open     func(Settings) (Port, error)
}

// Server speaks one protocol on an open port. It returns nil soon after ctx is done, or an
// error where the port has failed; the port is closed by who has opened it. A Write gives up
// on a device that takes nothing, and what it was given must not be changed after that.
type Server func(ctx context.Context, port Port, opened Settings) error

// Serve runs on a line the server of the protocol that it is to speak, until ctx is done. It
// follows the line's settings; a device that is not there is waited for. What goes wrong with
// it, and a protocol that nobody serves, is told once.
func Serve(ctx context.Context, line Line, servers map[string]Server, log *slog.Logger) error {
	a := &attendant{line: line, log: log, retry: firstRetry}
	told := ""
	for ctx.Err() == nil {
		settings := line.Settings()
		server, served := servers[settings.Protocol]
		if !served {
			if settings.Protocol != told {
				log.Warn("serial port is silent: its protocol is none that it serves", "port", line.Name, "protocol", settings.Protocol,
					"serves", strings.Join(slices.Sorted(maps.Keys(servers)), ", "))
			}
			told = settings.Protocol
			pause(ctx, Glance)
			continue
		}
		told = ""
		if err := a.serve(ctx, settings, server); err != nil && ctx.Err() == nil {
			a.failed(ctx, err)
		}
	}
	return nil
}

// attendant looks after the device of one line.
type attendant struct {
	line Line
	log  *slog.Logger
	// away tells that the device is known not to work; it is tried again after retry.
	away  atomic.Bool
	retry time.Duration
}

// serve opens the device and has it served until ctx is done or the settings change, which
// is no error, or the device fails.
func (a *attendant) serve(ctx context.Context, settings Settings, server Server) error {
	port, err := a.line.Open(settings)
	if err != nil {
		return err
	}
	watched := &watchedPort{Port: settings.Handshake.around(port), works: a.works}
	defer watched.Close()
	ctx, end := context.WithCancel(ctx)
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		for ctx.Err() == nil && a.line.Settings().sameDevice(settings) {
			pause(ctx, Glance)
		}
		end()
	}()
	err = server(ctx, watched, settings)
	end()
	<-followed
	if watched.read.Load() {
		a.retry = firstRetry
	}
	return err
}

func (a *attendant) failed(ctx context.Context, err error) {
	if !a.away.Swap(true) {
		a.log.Warn("serial port does not work; it is tried again", "port", a.line.Name, "error", err)
	}
	pause(ctx, a.retry)
	a.retry = min(2*a.retry, lastRetry)
}

func (a *attendant) works() {
	if a.away.Swap(false) {
		a.log.Info("serial port works again", "port", a.line.Name)
	}
}

// watchedPort tells when its device is first read, which an absent one is not, and gives up
// on one that takes nothing.
type watchedPort struct {
	Port
	works func()
	read  atomic.Bool
}

func (p *watchedPort) Read(b []byte) (int, error) {
	n, err := p.Port.Read(b)
	if err == nil && !p.read.Swap(true) {
		p.works()
	}
	return n, err
}

// Write writes b. A device cannot be told to give up: then it is left.
func (p *watchedPort) Write(b []byte) (int, error) {
	type written struct {
		n   int
		err error
	}
	done := make(chan written, 1)
	go func() {
		n, err := p.Port.Write(b)
		done <- written{n, err}
	}()
	patience := time.NewTimer(writePatience)
	defer patience.Stop()
	select {
	case w := <-done:
		return w.n, w.err
	case <-patience.C:
		return 0, fmt.Errorf("the device has taken nothing for %v", writePatience)
	}
}

// pause waits for d, or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	wait := time.NewTimer(d)
	defer wait.Stop()
	select {
	case <-ctx.Done():
	case <-wait.C:
	}
}
