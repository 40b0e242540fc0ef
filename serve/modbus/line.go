package modbus

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/registermap"
	"github.com/hepmeter/hepmeter/wire/modbus"
)

const (
	// lineBuffer is what is kept of a line until it falls silent: a request, and what other
	// units have said just before.
	lineBuffer = 4 * modbus.MaxRTURequest
	// linePatience is how long the rest of a frame is waited for. Systems and adapters hand
	// bytes over in bunches, up to 16 ms apart, however evenly they come on the line.
	linePatience = 50 * time.Millisecond
	// lineIdle is how often a silent line is looked after: whether its settings have changed.
	lineIdle = 200 * time.Millisecond
	// A device that cannot be opened, or is gone, is tried again after firstRetry, then after
	// twice that, up to lastRetry.
	firstRetry, lastRetry = time.Second, 30 * time.Second
)

// LineSettings are how a serial port speaks.
type LineSettings struct {
	// Protocol is what is spoken: the port is open for LineProtocol alone.
	Protocol string
	Baud     int
	// Framing is data bits, parity and stop bits, as in 8E1.
	Framing string
	Unit    int // 1 to 247; others answer nobody
}

// LineProtocol is the protocol that is served on lines, as the register Protocol has it.
const LineProtocol = "Modbus RTU"

// SerialPort is an open device. A Read returns nothing, and no error, when its time is up.
type SerialPort interface {
	io.ReadWriteCloser
	SetReadTimeout(time.Duration) error
}

// Line is a serial port of the meter.
type Line struct {
	Name string // as in COM1
	// Settings tells how it is to speak now.
	Settings func() LineSettings
	Open     func(LineSettings) (SerialPort, error)
}

// ServeLine serves the register map on a line in RTU frames, until ctx is done. It follows
// the line's settings; a device that is not there is waited for. What goes wrong with it is
// told once.
func ServeLine(ctx context.Context, gate *access.Gate, layout *registermap.Map, line Line, options Options, log *slog.Logger) error {
	options = options.withDefaults()
	var running sync.WaitGroup
	defer running.Wait()
	s := &lineServer{
		line: line, log: log, options: options, retry: firstRetry,
		writers: &writers{ctx: ctx, running: &running, timeout: options.ChangeTimeout},
		handler: newHandler(gate, layout, lineFraming{rtu{func() int { return line.Settings().Unit }}}),
	}
	s.handler.tunnel = options.Tunnel
	told := LineProtocol
	for ctx.Err() == nil {
		settings := line.Settings()
		if settings.Protocol != told && settings.Protocol != LineProtocol {
			log.Warn("serial port is silent: of its protocols only "+LineProtocol+" is in this version yet", "port", line.Name, "protocol", settings.Protocol)
		}
		told = settings.Protocol
		if settings.Protocol != LineProtocol {
			pause(ctx, lineIdle)
			continue
		}
		if err := s.serve(ctx, settings); err != nil && ctx.Err() == nil {
			s.failed(ctx, err)
		}
	}
	return nil
}

// lineServer serves one line.
type lineServer struct {
	line    Line
	options Options
	handler *handler
	writers *writers
	log     *slog.Logger
	// away tells that the device is known not to work; it is tried again after retry.
	away  bool
	retry time.Duration
}

func (s *lineServer) failed(ctx context.Context, err error) {
	if !s.away {
		s.log.Warn("serial port does not work; it is tried again", "port", s.line.Name, "error", err)
	}
	s.away = true
	pause(ctx, s.retry)
	s.retry = min(2*s.retry, lastRetry)
}

func (s *lineServer) works() {
	if s.away {
		s.log.Info("serial port works again", "port", s.line.Name)
	}
	s.away, s.retry = false, firstRetry
}

// serve opens the device and serves until ctx is done, the meter ends the session or the
// settings change, which is no error, or the device fails.
func (s *lineServer) serve(ctx context.Context, settings LineSettings) error {
	port, err := s.line.Open(settings)
	if err != nil {
		return err
	}
	defer port.Close()
	ctx, end := context.WithCancel(ctx)
	defer end()
	c, err := s.handler.open(access.Serial, s.line.Name, end)
	if err != nil {
		return err
	}
	defer c.session.Close()
	in, out := make([]byte, 0, lineBuffer), make([]byte, 0, 2*largestAnswer)
	silence := modbus.FrameSilence(settings.Baud)
	for wait := lineIdle; ctx.Err() == nil && s.line.Settings().same(settings); {
		if err := port.SetReadTimeout(wait); err != nil {
			return err
		}
		n, err := port.Read(in[len(in):cap(in)])
		if err != nil {
			return err
		}
		s.works()
		in = in[:len(in)+n]
		switch {
		case n > 0 && len(in) < cap(in):
			wait = silence
			continue
		case len(in) == 0:
			continue
		}
		used, answer, due, _ := s.handler.serve(c, in, out)
		if used == 0 {
			if n == 0 && wait == silence {
				wait = linePatience // the rest of a frame may still come
				continue
			}
			s.handler.discarded.Add(1)
		}
		in, wait = in[:0], lineIdle
		if due != nil {
			done := make(chan struct{})
			s.writers.begin(c, due, func() { close(done) })
			<-done
			answer = s.handler.finish(c, due, out)
		}
		if err := s.send(port, answer); err != nil {
			return err
		}
	}
	return nil
}

// send writes an answer. A device may take nothing, and cannot be told to give up: then it
// is left.
func (s *lineServer) send(port SerialPort, answer []byte) error {
	if len(answer) == 0 {
		return nil
	}
	sent := make(chan error, 1)
	go func() {
		_, err := port.Write(answer)
		sent <- err
	}()
	select {
	case err := <-sent:
		return err
	case <-time.After(s.options.WriteTimeout):
		return fmt.Errorf("the device has taken no answer for %v", s.options.WriteTimeout)
	}
}

// same reports whether a port that was opened so need not be opened anew. The unit is looked
// at with each request.
func (s LineSettings) same(opened LineSettings) bool {
	s.Unit = opened.Unit
	return s == opened
}

// lineFraming is RTU where silences tell the frames apart.
type lineFraming struct{ rtu }

func (lineFraming) find(b []byte) (skip, n int, err error) {
	skip, n = modbus.LineRequest(b)
	return skip, n, nil
}

// pause waits for d, or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
