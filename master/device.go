package master

import (
	"context"
	"net"
	"time"

	"github.com/hepmeter/hepmeter/wire/modbus"
)

const (
	// unansweredLimit is after how many requests in a row without an answer a connection is
	// given up: its other end may be gone without a word.
	unansweredLimit = 2
	// lossLimit is after how many connections in a row that were lost with a request, and
	// none answered, a device is left alone.
	lossLimit = 2
)

// ServeTCP carries out what is asked, in Modbus TCP over one connection, until ctx is done. It
// dials when something is asked, and again, less and less often, when that fails.
func (b *Bus) ServeTCP(ctx context.Context, dial func(context.Context) (net.Conn, error)) error {
	if err := b.open(); err != nil {
		return err
	}
	b.carry(ctx, dial)
	return nil
}

// carry is ServeTCP of a bus that is open. What fails is dialled again.
func (b *Bus) carry(ctx context.Context, dial func(context.Context) (net.Conn, error)) {
	d := &device{bus: b, dial: dial, timer: time.NewTimer(0)}
	defer d.hangUp()
	defer b.shut()
	_ = b.serve(ctx, d) // ctx is done, which is no error
}

// device is a TCP device, or a gateway with units behind it.
type device struct {
	bus   *Bus
	dial  func(context.Context) (net.Conn, error)
	timer *time.Timer

	conn        net.Conn // nil: there is none
	ear         *ear
	transaction uint16
	// unanswered and losses count what went wrong since the last answer.
	unanswered, losses int
	// used says that something was answered on this connection.
	used bool

	in  []byte // heard; the first cut bytes are done with
	cut int
	// last is when the last frame came or went; nothing is sent before free.
	last, free time.Time
	out        []byte
}

func (d *device) heard() <-chan struct{} {
	if d.conn == nil {
		return nil
	}
	return d.ear.heard
}

// rest frees a device that may allow but one connection.
func (d *device) rest() { d.hangUp() }

func (d *device) hangUp() {
	if d.conn != nil {
		d.conn.Close()
		d.ear.close()
	}
	d.conn, d.ear, d.used, d.unanswered = nil, nil, false, 0
	d.in, d.cut = d.in[:0], 0
}

// connect dials, where there is no connection.
func (d *device) connect(ctx context.Context) error {
	if d.conn != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, d.bus.options.ConnectTimeout)
	defer cancel()
	conn, err := d.dial(ctx)
	if err != nil {
		return err
	}
	d.conn, d.ear = conn, listen(conn)
	return nil
}

// overhear drops late answers, and a connection that the device has closed.
func (d *device) overhear() error {
	if d.conn == nil {
		return nil
	}
	_, failed := d.take()
	for failed == nil {
		var header modbus.Header
		var pdu []byte
		if header, pdu, failed = d.frame(); pdu == nil {
			break
		}
		d.bus.late(header.Unit, pdu)
	}
	if failed != nil {
		d.hangUp()
	}
	return nil
}

// take takes what has come, and reports whether it is anything.
func (d *device) take() (some bool, err error) {
	left := copy(d.in, d.in[d.cut:])
	in, at, err := d.ear.take(d.in[:left])
	d.in, d.cut = in, 0
	if len(in) > left {
		d.last = at
	}
	return len(in) > left, err
}

// frame cuts the first frame off what has come; its PDU, nil where it is not whole, is valid
// until more is taken. An error says that there are no frames any more.
func (d *device) frame() (modbus.Header, []byte, error) {
	rest := d.in[d.cut:]
	n, err := modbus.FrameLength(rest)
	if err != nil || n == 0 || n > len(rest) {
		return modbus.Header{}, nil, err
	}
	d.cut += n
	header, pdu := modbus.ParseHeader(rest[:n])
	return header, pdu, nil
}

func (d *device) exchange(ctx context.Context, r *request, settings Settings) outcome {
	d.await(ctx, settings)
	_ = d.overhear()
	if ctx.Err() != nil {
		return outcome{ending: lost}
	}
	if err := d.connect(ctx); err != nil {
		return outcome{ending: unreachable, away: ctx.Err() == nil}
	}
	d.transaction++
	sent := modbus.Header{Transaction: d.transaction, Unit: r.unit}
	d.out = append(modbus.BeginFrame(d.out[:0], sent), r.pdu()...)
	modbus.EndFrame(d.out, 0)
	start := time.Now()
	_ = d.conn.SetWriteDeadline(start.Add(settings.ResponseTimeout)) // where it fails, so does Write
	if n, err := d.conn.Write(d.out); err != nil {
		stale := n == 0 && d.used
		d.hangUp()
		if stale {
			return outcome{ending: unsent}
		}
		return d.lost()
	}
	d.last = time.Now()
	if r.unit == 0 {
		d.free = d.last.Add(settings.Turnaround)
		return outcome{ending: answered}
	}
	return d.listen(ctx, r, settings, sent, start)
}

// await waits for the pauses that are set.
func (d *device) await(ctx context.Context, settings Settings) {
	from := d.free
	if next := d.last.Add(settings.FrameDelay); settings.FrameDelay > 0 && next.After(from) {
		from = next
	}
	for {
		wait := time.Until(from)
		if wait <= 0 || ctx.Err() != nil {
			return
		}
		pause(ctx, d.timer, wait, nil)
	}
}

// listen waits for the answer to a request.
func (d *device) listen(ctx context.Context, r *request, settings Settings, sent modbus.Header, start time.Time) outcome {
	deadline := start.Add(settings.ResponseTimeout)
	for {
		header, pdu, err := d.frame()
		switch {
		case err != nil:
			d.hangUp()
			return d.lost()
		case pdu == nil:
			if !time.Now().Before(deadline) {
				if d.unanswered++; d.unanswered >= unansweredLimit {
					d.hangUp()
				}
				return outcome{ending: timedOut}
			}
			pause(ctx, d.timer, time.Until(deadline), d.ear.heard)
			if ctx.Err() != nil {
				return outcome{ending: lost}
			}
			if some, err := d.take(); err != nil && !some {
				d.hangUp()
				return d.lost()
			}
		case header == sent && modbus.IsAnswer(r.pdu(), pdu):
			d.unanswered, d.losses, d.used = 0, 0, true
			return outcome{ending: answered, answer: pdu, took: d.last.Sub(start)}
		case header.Transaction == sent.Transaction || !d.bus.known(header.Unit):
			d.bus.foreign(r.unit)
		default:
			d.bus.late(header.Unit, pdu)
		}
	}
}

// lost is the outcome of a request that a connection was lost with.
func (d *device) lost() outcome {
	d.losses++
	return outcome{ending: lost, away: d.losses >= lossLimit}
}
