package fault

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// connection is a client with the device behind it.
type connection struct {
	proxy          *Proxy
	number         uint64
	client, device net.Conn
	toClient       sync.Mutex // held for a write: replies and answers of the proxy meet
	silent         atomic.Bool
}

// serve carries one client until either side ends, or ctx is done.
func (p *Proxy) serve(ctx context.Context, client net.Conn) {
	defer client.Close()
	number, h := p.judgeConnection()
	if h.reset {
		reset(client)
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { client.Close() })
	defer stop()
	c := &connection{proxy: p, number: number, client: client}
	if h.silent {
		c.swallow(client)
		return
	}
	device, err := p.options.Dial(ctx)
	if err != nil {
		if ctx.Err() == nil {
			p.unreachable(err)
			reset(client)
		}
		return
	}
	c.device = device
	defer device.Close()
	stopDevice := context.AfterFunc(ctx, func() { device.Close() })
	defer stopDevice()
	var replies sync.WaitGroup
	replies.Go(func() {
		c.carry(ctx, Replies)
		if !c.silent.Load() { // a half-open connection outlives the device's
			cancel()
		}
	})
	c.carry(ctx, Requests)
	cancel()
	replies.Wait()
}

// errReset ends a connection that a fault resets.
var errReset = errors.New("reset by a fault")

// carry passes one direction on until it ends.
func (c *connection) carry(ctx context.Context, from Place) {
	in, out, lock := c.client, c.device, new(sync.Mutex)
	if from == Replies {
		in, out, lock = c.device, c.client, &c.toClient
	}
	d := &direction{connection: c, from: from, out: out, lock: lock, held: make([]byte, 0, longestFrame+maxPad)}
	r := &reader{conn: in, framing: c.proxy.scenario.Framing, from: from}
	for {
		f, err := r.next(d.until)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			err = d.release()
		case err == nil && c.silent.Load():
			continue
		case err == nil:
			err = d.pass(ctx, f)
		}
		if err != nil {
			if errors.Is(err, errReset) {
				reset(c.client)
			}
			return
		}
	}
}

// maxPad is how much a fault can add to a frame, in bytes.
const maxPad = 260

// direction is one way of a connection.
type direction struct {
	*connection
	from Place
	out  net.Conn
	lock *sync.Mutex // of out

	// held is the frame that waits for the next, why says in which way; until is when it goes
	// without one (zero: never).
	held  []byte
	why   hold
	until time.Time
}

// pass passes a frame on, as the scenario says.
func (d *direction) pass(ctx context.Context, f Frame) error {
	h, struck := d.proxy.judge(d.number, f, d.from, d.why != holdNone)
	switch {
	case !struck:
		return d.send(ctx, [][]byte{f.Bytes}, 0)
	case h.reset:
		return errReset
	case h.silent:
		d.silent.Store(true)
		return nil
	case h.answer != nil:
		d.toClient.Lock()
		defer d.toClient.Unlock()
		_, err := d.client.Write(h.answer)
		return err
	case h.hold != holdNone:
		d.held, d.why = append(d.held[:0], h.pieces[0]...), h.hold
		if h.hold == holdMerge {
			d.until = time.Now().Add(h.holdTime)
		}
		return nil
	}
	if err := wait(ctx, h.wait); err != nil {
		return err
	}
	return d.send(ctx, h.pieces, h.between)
}

// send writes pieces, and with them the frame that has waited for them.
func (d *direction) send(ctx context.Context, pieces [][]byte, between time.Duration) error {
	if len(pieces) == 0 {
		return nil
	}
	why := d.why
	if why == holdMerge {
		pieces = append([][]byte{append(d.held, pieces[0]...)}, pieces[1:]...)
	}
	d.lock.Lock()
	defer d.lock.Unlock()
	for i, piece := range pieces {
		if i > 0 {
			if err := wait(ctx, between); err != nil {
				return err
			}
		}
		if _, err := d.out.Write(piece); err != nil {
			return err
		}
	}
	if why == holdLate {
		if _, err := d.out.Write(d.held); err != nil {
			return err
		}
	}
	d.why, d.until = holdNone, time.Time{}
	return nil
}

// release sends a frame for which no next one has come in time.
func (d *direction) release() error {
	d.lock.Lock()
	defer d.lock.Unlock()
	d.why, d.until = holdNone, time.Time{}
	_, err := d.out.Write(d.held)
	return err
}

// swallow reads what a client sends until it ends, and says nothing.
func (c *connection) swallow(client net.Conn) {
	_, _ = io.Copy(io.Discard, client) // its end is the client's business
}

// wait waits, unless ctx is done before that.
func wait(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// reset closes a connection so that its other end learns of it as an error (RST), not as
// an end.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // it is closed in any case
	}
	_ = conn.Close()
}
