package modbus

import (
	"context"
	"sync"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/registermap"
	"github.com/hepmeter/hepmeter/serve/serial"
	"github.com/hepmeter/hepmeter/wire/modbus"
)

const (
	// lineBuffer is what is kept of a line until it falls silent: a request, and what other
	// units have said just before.
	lineBuffer = 4 * modbus.MaxRTURequest
	// linePatience is how long the rest of a frame is waited for. Systems and adapters hand
	// bytes over in bunches, up to 16 ms apart, however evenly they come on the line.
	linePatience = 50 * time.Millisecond
)

// LineProtocol is what is spoken on lines here, as the register Protocol has it.
const LineProtocol = "Modbus RTU"

// NewLine returns a server of the register map on a line, in RTU frames. The unit and the
// response delay are looked at with each request.
func NewLine(gate *access.Gate, layout *registermap.Map, line serial.Line, options Options) serial.Server {
	options = options.withDefaults()
	h := newHandler(gate, layout, lineFraming{rtu{func() int { return line.Settings().Unit }}})
	h.tunnel = options.Tunnel
	return func(ctx context.Context, port serial.Port, opened serial.Settings) error {
		var running sync.WaitGroup
		defer running.Wait()
		s := &lineServer{handler: h, line: line, writers: &writers{ctx: ctx, running: &running, timeout: options.ChangeTimeout}}
		return s.serve(ctx, port, modbus.FrameSilence(opened.Baud))
	}
}

// lineServer serves one open port.
type lineServer struct {
	handler *handler
	line    serial.Line
	writers *writers
}

// serve serves until ctx is done or the meter ends the session, which is no error, or the
// device fails. Silence is what ends a frame.
func (s *lineServer) serve(ctx context.Context, port serial.Port, silence time.Duration) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	c, err := s.handler.open(access.Serial, s.line.Name, end)
	if err != nil {
		return err
	}
	defer c.session.Close()
	in, out := make([]byte, 0, lineBuffer), make([]byte, 0, 2*largestAnswer)
	heard := time.Now() // when the last byte has come
	for wait := serial.Glance; ctx.Err() == nil; {
		if err := port.SetReadTimeout(wait); err != nil {
			return err
		}
		n, err := port.Read(in[len(in):cap(in)])
		if err != nil {
			return err
		}
		in = in[:len(in)+n]
		switch {
		case n > 0 && len(in) < cap(in):
			wait, heard = silence, time.Now()
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
		in, wait = in[:0], serial.Glance
		if due != nil {
			if !await(ctx, c, due, s.writers) {
				return nil
			}
			answer = due.finish(s.handler, c, out)
		}
		if len(answer) == 0 {
			continue
		}
		s.delay(ctx, heard)
		if _, err := port.Write(answer); err != nil {
			return err
		}
	}
	return nil
}

// delay waits until a request, whose last byte came at heard, may be answered.
func (s *lineServer) delay(ctx context.Context, heard time.Time) {
	rest := time.Until(heard.Add(s.line.Settings().ResponseDelay))
	if rest <= 0 {
		return
	}
	timer := time.NewTimer(rest)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// lineFraming is RTU where silences tell the frames apart.
type lineFraming struct{ rtu }

func (lineFraming) find(b []byte) (skip, n int, err error) {
	skip, n = modbus.LineRequest(b)
	return skip, n, nil
}
