package master

import (
	"context"
	"fmt"
	"time"

	"github.com/hepmeter/hepmeter/wire/modbus"
)

const (
	// lineBuffer is what is kept of a line until it falls silent.
	lineBuffer = 4 * modbus.MaxRTUFrame
	// linePatience is how long the rest of a frame is waited for. Systems and adapters hand
	// bytes over in bunches, up to 16 ms apart, however evenly they come on the line.
	linePatience = 50 * time.Millisecond
	// sendPatience is how long a port may take to take a request, beyond the time that the
	// line needs for it.
	sendPatience = 5 * time.Second
	// bitsPerCharacter are start, eight data bits, parity and stop, or two stops.
	bitsPerCharacter = 11
)

// ServeLine carries out what is asked, in RTU frames on an open port of so many bits per
// second, until ctx is done, which is no error, or the port fails. It does not close the port,
// and reads nothing from it any more when it returns.
func (b *Bus) ServeLine(ctx context.Context, port Port, baud int) error {
	if err := port.SetReadTimeout(earPatience); err != nil {
		return err
	}
	if err := b.open(); err != nil {
		return err
	}
	l := &line{
		bus: b, port: port,
		silence:   modbus.FrameSilence(baud),
		character: bitsPerCharacter * time.Second / time.Duration(max(baud, 1)),
		ear:       listen(port),
		timer:     time.NewTimer(0),
		in:        make([]byte, 0, lineBuffer+earBuffer),
		outgoing:  make(chan []byte), sent: make(chan error, 1),
		last: time.Now(),
	}
	go l.write()
	defer l.ear.close()
	defer close(l.outgoing)
	defer b.shut()
	return b.serve(ctx, l)
}

// line is a serial line.
type line struct {
	bus  *Bus
	port Port
	ear  *ear
	// silence ends a frame; character is the time of one.
	silence, character time.Duration
	timer              *time.Timer

	in []byte // heard and not yet understood
	// last is when the last byte came, or when the last request was on the line; nothing is
	// sent before free.
	last, free time.Time

	outgoing chan []byte
	sent     chan error
	out      []byte
	answer   []byte
}

func (l *line) heard() <-chan struct{} { return l.ear.heard }

func (l *line) rest() {}

// write writes what is to be sent. A port may take nothing, and cannot be told to give up:
// then only this goroutine hangs, until the port is closed.
func (l *line) write() {
	for out := range l.outgoing {
		_, err := l.port.Write(out)
		l.sent <- err
	}
}

// take takes what has come.
func (l *line) take() error {
	before := len(l.in)
	in, at, err := l.ear.take(l.in)
	l.in = in
	if len(in) > before {
		l.last = at
	}
	return err
}

// frame cuts the first frame off what has come; ok is false where none is whole.
func (l *line) frame(silent bool) (unit byte, pdu []byte, ok bool) {
	skip, n := modbus.FindRTUAnswer(l.in, silent)
	if n == 0 {
		return 0, nil, false
	}
	unit, pdu, _ = modbus.ParseRTU(l.in[skip : skip+n])
	l.answer = append(l.answer[:0], pdu...)
	l.in = l.in[:copy(l.in, l.in[skip+n:])]
	return unit, l.answer, true
}

// drop drops all frames that have come while nothing was asked, and after a silence the rest.
func (l *line) drop(silent bool) {
	silent = silent || len(l.in) >= lineBuffer
	for len(l.in) > 0 {
		unit, pdu, ok := l.frame(silent)
		if !ok {
			break
		}
		l.bus.late(unit, pdu)
	}
	if silent {
		l.in = l.in[:0]
	}
}

func (l *line) overhear() error {
	err := l.take()
	l.drop(false)
	return err
}

// await waits until the line is free: silent for long enough, and nobody is in the middle of
// a frame. It reports false where that does not happen for as long as an answer is waited for.
func (l *line) await(ctx context.Context, settings Settings) (free bool, err error) {
	gap := max(l.silence, settings.FrameDelay)
	limit := time.Now()
	if l.free.After(limit) {
		limit = l.free
	}
	limit = limit.Add(settings.FrameDelay + settings.ResponseTimeout + linePatience)
	for ctx.Err() == nil {
		if err := l.overhear(); err != nil {
			return false, err
		}
		from := l.last.Add(gap)
		if len(l.in) > 0 {
			from = l.last.Add(max(gap, linePatience))
		}
		if l.free.After(from) {
			from = l.free
		}
		now := time.Now()
		if !now.Before(from) {
			l.drop(true)
			return true, nil
		}
		if now.After(limit) {
			return false, nil
		}
		pause(ctx, l.timer, from.Sub(now), l.ear.heard)
	}
	return false, nil
}

// send hands a request to the port.
func (l *line) send(ctx context.Context, frame []byte) error {
	l.outgoing <- frame
	patience := sendPatience + time.Duration(len(frame))*l.character
	l.timer.Reset(patience)
	select {
	case err := <-l.sent:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-l.timer.C:
		return fmt.Errorf("the port has taken no request for %v", patience)
	}
}

func (l *line) exchange(ctx context.Context, r *request, settings Settings) outcome {
	free, err := l.await(ctx, settings)
	if err != nil {
		return outcome{ending: lost, err: err}
	}
	if !free {
		// Somebody talks all the time, whom no unit is to blame for.
		l.bus.broken(r.unit)
		return outcome{ending: damaged}
	}
	l.out = modbus.EndRTU(append(modbus.BeginRTU(l.out[:0], r.unit), r.pdu()...), 0)
	start := time.Now()
	if err := l.send(ctx, l.out); err != nil {
		return outcome{ending: lost, err: err}
	}
	// A port takes a request at once, and is still sending.
	l.last = start.Add(time.Duration(len(l.out)) * l.character)
	if r.unit == 0 {
		l.free = l.last.Add(settings.Turnaround)
		return outcome{ending: answered}
	}
	return l.listen(ctx, r, settings, start)
}

// listen waits for the answer to a request that was sent at start.
func (l *line) listen(ctx context.Context, r *request, settings Settings, start time.Time) outcome {
	deadline := l.last.Add(settings.ResponseTimeout)
	limit := deadline.Add(2*modbus.MaxRTUFrame*l.character + linePatience)
	for silent := false; ; {
		for {
			unit, pdu, ok := l.frame(silent)
			if !ok {
				break
			}
			switch {
			case unit == r.unit && modbus.IsAnswer(r.pdu(), pdu):
				return outcome{ending: answered, answer: pdu, took: l.last.Sub(start)}
			case unit == r.unit || !l.bus.known(unit):
				l.bus.foreign(r.unit)
			default:
				l.bus.late(unit, pdu)
			}
		}
		if silent && len(l.in) > 0 {
			l.bus.broken(r.unit)
			its := len(l.in) > 1 && l.in[0] == r.unit && l.in[1]&^exceptionBit == r.function
			l.in = l.in[:0]
			if its {
				return outcome{ending: damaged}
			}
		}
		until := deadline
		if len(l.in) > 0 {
			until = l.last.Add(l.gap())
		}
		now := time.Now()
		switch silent = !now.Before(until) || len(l.in) >= lineBuffer || now.After(limit); {
		case silent && len(l.in) == 0:
			return outcome{ending: timedOut, guard: l.guard(settings)}
		case silent:
			continue
		}
		pause(ctx, l.timer, until.Sub(now), l.ear.heard)
		if ctx.Err() != nil {
			return outcome{ending: lost}
		}
		if err := l.take(); err != nil {
			return outcome{ending: lost, err: err}
		}
	}
}

// gap is how long a silence ends what has come. Frames whose length is not known end at once
// where their CRC holds.
func (l *line) gap() time.Duration {
	if _, known := modbus.RTUAnswerLength(l.in); !known {
		if _, _, whole := modbus.ParseRTU(l.in); whole {
			return l.silence
		}
	}
	return max(linePatience, l.silence)
}

// guard is for how long after a time-out the answer may still come.
func (l *line) guard(settings Settings) time.Duration {
	if guard := l.bus.options.Guard; guard > 0 {
		return guard
	}
	return max(settings.ResponseTimeout, leastGuard)
}
