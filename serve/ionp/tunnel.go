package ionp

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/wire/ionmodbus"
)

// Limits of sessions through Modbus. The path is slow, and a message on it takes minutes; who
// holds a session that does nothing is ended by the tunnel.
const (
	tunnelFirst   = time.Minute
	tunnelMessage = time.Hour
	// tunnelSweep is how often sessions are looked for that were idle for too long.
	tunnelSweep = 5 * time.Second
)

// Tunnel serves the object protocol to sessions of ION over Modbus. Requests come from the
// Modbus server, whatever its framing.
type Tunnel struct {
	server   *Server
	options  Options
	endpoint *ionmodbus.Endpoint

	mu      sync.Mutex
	running *sync.WaitGroup // nil while Run does not serve
	ctx     context.Context
}

// NewTunnel returns a tunnel to the server. It takes sessions while Run serves.
func NewTunnel(s *Server, bounds ionmodbus.Options) *Tunnel {
	o := s.options
	o.FirstMessage, o.WholeMessage, o.WriteTimeout = max(o.FirstMessage, tunnelFirst), max(o.WholeMessage, tunnelMessage), max(o.WriteTimeout, tunnelMessage)
	return &Tunnel{server: s, options: o, endpoint: ionmodbus.NewEndpoint(bounds)}
}

// Run serves sessions until ctx is done, then ends them, and returns nil when that is done.
func (t *Tunnel) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.WaitGroup
	t.mu.Lock()
	t.ctx, t.running = ctx, &running
	t.mu.Unlock()
	ticker := time.NewTicker(tunnelSweep)
	defer ticker.Stop()
	for ctx.Err() == nil {
		select {
		case now := <-ticker.C:
			t.endpoint.Sweep(now)
		case <-ctx.Done():
		}
	}
	t.mu.Lock()
	t.running = nil
	t.mu.Unlock()
	t.endpoint.End()
	running.Wait()
	return nil
}

// Answer appends the answer to a request of ION over Modbus that came from a client of the Modbus
// server. It never waits. ok is false where the request is damaged.
func (t *Tunnel) Answer(now time.Time, from access.Client, pdu, dst []byte) (answer []byte, ok bool) {
	peer := from.Remote
	if host, _, err := net.SplitHostPort(peer); err == nil {
		peer = host
	}
	answer, begun, err := t.endpoint.Answer(now, peer, pdu, dst)
	if begun != nil {
		t.serve(begun, from)
	}
	return answer, err == nil
}

// serve has a session served, on a goroutine of its own.
func (t *Tunnel) serve(conn *ionmodbus.Conn, from access.Client) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running == nil {
		conn.Close()
		return
	}
	ctx := t.ctx
	from = access.Client{Path: access.IONOverModbus, Medium: from.Medium, Remote: remoteOf(from.Remote, conn.Number())}
	t.running.Go(func() { t.server.converse(ctx, conn, from, t.options) })
}

// remoteOf tells sessions from one place apart, in a form of which the gate finds the host.
func remoteOf(remote string, number uint64) string {
	if _, _, err := net.SplitHostPort(remote); err == nil {
		return fmt.Sprintf("%s/%d", remote, number)
	}
	return fmt.Sprintf("%s:%d", remote, number)
}
