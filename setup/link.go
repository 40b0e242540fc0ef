package setup

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/hepmeter/hepmeter/wire/ionp"
)

// link is one connection to the meter.
type link struct {
	stream moving
	client *ionp.Client
	local  string // host from which the meter sees this tool
}

// dial makes a connection and says hello.
func (m *Meter) dial(ctx context.Context) (*link, ionp.HelloReply, error) {
	a, o := m.address, m.options
	what := "connecting to " + a.String()
	dialing, stop := ctx, func() {}
	if a.Transport == TCP { // the others know themselves how long nothing was heard
		dialing, stop = context.WithTimeout(ctx, o.Timeout)
	}
	defer stop()
	stream, err := o.Dialer.Dial(dialing, a)
	if err != nil {
		var e *Error
		if errors.As(err, &e) {
			e.What = what
			return nil, ionp.HelloReply{}, e
		}
		return nil, ionp.HelloReply{}, asError(what, err)
	}
	l := &link{}
	if conn, ok := stream.(interface{ LocalAddr() net.Addr }); ok && conn.LocalAddr() != nil {
		l.local, _, _ = net.SplitHostPort(conn.LocalAddr().String())
	}
	if known, ok := stream.(moving); ok {
		l.stream = known
	} else {
		l.stream = &counted{ReadWriteCloser: stream}
	}
	l.client = ionp.NewClient(l.stream, ionp.ClientOptions{})
	limited, stop := patient(ctx, l.stream, o.Timeout)
	defer stop()
	hello, err := l.client.Hello(limited, ionp.HelloRequest{Version: uint32(o.Protocol), ClientVersion: o.Level, ClientName: ClientName})
	if err == nil {
		return l, hello, nil
	}
	l.client.Close()
	err = asError(what, err)
	var e *Error
	if errors.As(err, &e) && e.Kind == Failed && e.Code != CodeInterrupted {
		not := NewError(CodeNotAMeter, "something takes the connection and does not answer as a meter: %v", e.Reason)
		not.What, not.Err = what, err
		return nil, hello, not
	}
	return nil, hello, err
}

// Close ends the connection.
func (m *Meter) Close() error { return m.present().client.Close() }

// present is the connection that there is.
func (m *Meter) present() *link {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.link
}

// redialPause is how long the tool waits before it tries again to reach a meter that it has
// lost.
const redialPause = 500 * time.Millisecond

// resume makes a new connection where the present one is lost, for what can go on where it
// was. It returns err where it is no such error, or the meter cannot be reached within the
// time-out.
func (m *Meter) resume(ctx context.Context, err error) error {
	if !HasCode(err, CodeConnectionLost, CodeTimeout) || ctx.Err() != nil {
		return err
	}
	m.present().client.Close()
	for until := time.Now().Add(m.options.Timeout); ; {
		fresh, _, failed := m.dial(ctx)
		if failed == nil {
			m.mu.Lock()
			m.link = fresh
			m.mu.Unlock()
			return nil
		}
		if time.Now().After(until) || ctx.Err() != nil {
			return err
		}
		select {
		case <-time.After(redialPause):
		case <-ctx.Done():
			return err
		}
	}
}
