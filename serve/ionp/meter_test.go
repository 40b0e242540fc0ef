package ionp

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// served is a server of a meter on a port of its own.
type served struct {
	*meter
	server  *Server
	address string
}

// start serves a meter until the test ends.
func start(t testing.TB, m *meter, o Options) *served {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &served{meter: m, server: New(m.gate, o), address: l.Addr().String()}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.server.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	return s
}

// factory is a served meter of 3.x as it comes: LSS, and User1's password is 0.
func factory(t testing.TB) *served {
	return start(t, newMeter(t, generation3, access.LSS), Options{})
}

// dial connects a client that says nothing yet.
func (s *served) dial(t testing.TB) *ionp.Client {
	t.Helper()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	c := ionp.NewClient(conn, ionp.ClientOptions{})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// client connects a client and says hello.
func (s *served) client(t testing.TB) *ionp.Client {
	t.Helper()
	c := s.dial(t)
	if _, err := c.Hello(within(t), ionp.HelloRequest{ClientName: "test", ClientVersion: "3.2.20218.01"}); err != nil {
		t.Fatal(err)
	}
	return c
}

// within is a context that ends a test which hangs.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// Who asks.
var nobody = ionp.Identity{}

func password(p string) ionp.Identity { return ionp.Identity{Credential: ionp.PasswordOnly(p)} }
func named(user, p string) ionp.Identity {
	return ionp.Identity{Credential: ionp.NamedUser(user, p)}
}
func withToken(token []byte) ionp.Identity { return ionp.Identity{Token: token} }

// do asks for something that must be done.
func do[Q, S any](t testing.TB, c *ionp.Client, who ionp.Identity, e ionp.Exchange[Q, S], q Q) S {
	t.Helper()
	s, err := ionp.Do(within(t), c, who, e, q)
	if err != nil {
		t.Fatalf("%s: %v", e, err)
	}
	return s
}

// refused asks for something that must be refused with a code.
func refused[Q, S any](t testing.TB, code access.Code, c *ionp.Client, who ionp.Identity, e ionp.Exchange[Q, S], q Q) {
	t.Helper()
	_, err := ionp.Do(within(t), c, who, e, q)
	var refusal *ionp.Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("%s: got %v, want the refusal %s", e, err, code)
	}
	if refusal.Code != ionp.Code(code) || refusal.Reason == "" || refusal.Remedy == "" {
		t.Fatalf("%s: refused with %q (%s; %s), want %q with a reason and a remedy", e, refusal.Code, refusal.Reason, refusal.Remedy, code)
	}
}

// setText is a write of one register.
func setText(label, text string) ionp.WriteRequest {
	return ionp.WriteRequest{Changes: []ionp.Change{{Label: label, Text: &text}}}
}

// owner is a write that needs Full Meter Config Access.
func owner(name string) ionp.WriteRequest { return setText("Factory/Owner", name) }

// volts reads one register.
var volts = ionp.ReadRequest{Labels: []string{"Power Meter/Vln a"}}

// addUser makes an account with the permissions, in the name of User1.
func (s *served) addUser(t testing.TB, c *ionp.Client, password string, permissions ...string) string {
	t.Helper()
	return do(t, c, named("USER1", "0"), ionp.UserAdd, ionp.UserAddRequest{Permissions: permissions, Password: ionp.Secret(password)}).Name
}
