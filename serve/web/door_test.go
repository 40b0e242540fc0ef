package web

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// eventually waits until something has come about.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came about that %s", what)
		}
	}
}

// TestDoor: what clients that have shown nothing can make the meter hold is bounded.
func TestDoor(t *testing.T) {
	t.Run("connections of one address", func(t *testing.T) {
		g := behindGate(t, third, access.LSS, access.OpenLimits())
		var held []net.Conn
		defer func() {
			for _, c := range held {
				c.Close()
			}
		}()
		for range tcpConnectionsOfHost {
			c, err := net.Dial("tcp", g.tls)
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, c)
		}
		eventually(t, "all are open", func() bool { return g.server.Counters().Connections == tcpConnectionsOfHost })
		c, err := net.Dial("tcp", g.tls)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if n, err := c.Read(make([]byte, 1)); err == nil {
			t.Errorf("one more gets %d bytes", n)
		}
		if n := g.gate.Counters().Connections; n != 0 {
			t.Errorf("they cost %d connections of the gate", n)
		}
		held[0].Close()
		eventually(t, "one may come for one that goes", func() bool { return g.server.Counters().Connections < tcpConnectionsOfHost })
	})
	t.Run("headers", func(t *testing.T) {
		g := behindGate(t, third, access.LSS, access.OpenLimits())
		if a := g.browser(t, true).get("/login", "X-Long", strings.Repeat("x", 2*headerBytes)); a.StatusCode != 431 {
			t.Errorf("%s", a.Status)
		}
	})
	t.Run("a connection that is read on without a login gives its place back", func(t *testing.T) {
		g := behindGate(t, second, access.Standard, access.FactoryLimits())
		c, err := net.Dial("tcp", g.plain)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, "GET /certificates HTTP/1.1\r\nHost: meter\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || response.StatusCode != 200 {
			t.Fatalf("%v %v", response, err)
		}
		response.Body.Close()
		if n := g.gate.Counters().Connections; n != 1 {
			t.Errorf("%d connections of the gate, want 1", n)
		}
		c.Close()
		eventually(t, "the gate's connection is given back", func() bool { return g.gate.Counters().Connections == 0 })
	})
	t.Run("without room the answer is 503", func(t *testing.T) {
		g := behindGate(t, second, access.Standard, access.FactoryLimits())
		for range 10 {
			if a := g.browser(t, false).get("/certificates"); a.StatusCode != 200 {
				t.Fatalf("%s", a.Status)
			}
		}
		g.browser(t, false).get("/certificates") // the one that is kept for a named user
		for _, path := range []string{"/certificates", "/api/v1/info", "/metrics"} {
			if a := g.browser(t, false).get(path); a.StatusCode != 503 || a.Header.Get("Retry-After") == "" {
				t.Errorf("%s: %s", path, a.Status)
			}
		}
	})
}

// TestStreams: what goes on for long ends with its session, and leaves nothing behind.
func TestStreams(t *testing.T) {
	g := behindGate(t, third, access.LSS, access.OpenLimits())
	ended := make(chan string, 1)
	begun := make(chan struct{}, 1)
	g.server.routes.HandleFunc("GET /stream-of-the-test", g.server.serveEndpoint(endpoint{path: "/stream-of-the-test", needs: access.ReadMeasurement, serve: func(w http.ResponseWriter, q *request) error {
		ctx, cancel := q.keepOpen(w)
		defer cancel()
		_ = http.NewResponseController(w).Flush()
		begun <- struct{}{}
		<-ctx.Done()
		ended <- context.Cause(ctx).Error()
		return nil
	}}))
	for _, row := range []struct {
		name string
		end  func(*browser, context.CancelFunc)
	}{
		{"the client leaves", func(_ *browser, leave context.CancelFunc) { leave() }},
		{"its user logs out", func(b *browser, _ context.CancelFunc) { b.post("/logout") }},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := g.browser(t, true)
			b.logIn("USER2", "0")
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.base+"/stream-of-the-test", nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := b.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			<-begun
			row.end(b, leave)
			<-ended
		})
	}
	t.Run("the server stops", func(t *testing.T) {
		b := g.browser(t, true)
		b.logIn("USER2", "0")
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.base+"/stream-of-the-test", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := b.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { response.Body.Close() })
		<-begun // the server's own cleanup fails the test if the stream holds it up
	})
}
