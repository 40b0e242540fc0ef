package setup

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/hepmeter/hepmeter/wire/ionp"
)

// DefaultTimeout is how long the tool waits while nothing of an answer comes.
const DefaultTimeout = 30 * time.Second

// Credential is what is shown to the meter. The zero value is nobody.
type Credential struct {
	// User is an account's name; empty for none.
	User string
	// Password is nil where none is given, which is not the empty one, and not 0.
	Password *string
}

// Options are how to connect; the zero value is an anonymous client.
type Options struct {
	Credential
	// Timeout is how long nothing may come until an answer is given up; 0 takes DefaultTimeout.
	Timeout time.Duration
	// Dialer makes the connection; nil takes Network.
	Dialer Dialer
	// Level and Protocol are what the tool states of itself; empty and 0 take the
	// constants of that name.
	Level    string
	Protocol int
	// Begin is told of work that takes long on this path before it begins, and Progress how far
	// it is; both may be nil.
	Begin    func(Estimate)
	Progress func(Progress)
	// Ask is asked once for a better credential when the meter wants one; nil and false
	// leave it at the refusal.
	Ask func(ctx context.Context, refusal *Error) (Credential, bool)
}

// Meter is a connection to a meter. Its methods may be called from several goroutines.
type Meter struct {
	options Options
	address Address
	hello   ionp.HelloReply

	mu         sync.Mutex // guards what follows
	link       *link
	long       int // long works that are under way, one within the other
	credential Credential
	asked      bool
	directory  *directory
}

// Connect dials a meter and says hello. Nothing is authenticated yet: the credential goes
// with each request. The error has a code: cannot-connect, not-a-meter, or
// the meter's own refusal.
func Connect(ctx context.Context, a Address, o Options) (*Meter, error) {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Dialer == nil {
		o.Dialer = Network{Patience: o.Timeout, lines: &lines{}}
	}
	if o.Level == "" {
		o.Level = Level
	}
	if o.Protocol == 0 {
		o.Protocol = Protocol
	}
	m := &Meter{options: o, address: a, credential: o.Credential}
	var err error
	if m.link, m.hello, err = m.dial(ctx); err != nil {
		return nil, err
	}
	return m, nil
}

// Address is where the meter is.
func (m *Meter) Address() Address { return m.address }

// Model and Firmware are what the meter says of itself before anyone logs in.
func (m *Meter) Model() string    { return m.hello.Model }
func (m *Meter) Firmware() string { return m.hello.Firmware }

// TakesPasswordOnly reports whether the meter takes a password without a user name now:
// under LSS and Standard.
func (m *Meter) TakesPasswordOnly() bool {
	return slices.Contains(m.hello.Credentials, credentialPassword)
}

// Takes are the kinds of credential that the meter takes now: "none", "password", "user".
func (m *Meter) Takes() []string { return m.hello.Credentials }

// credentialPassword is the hello's word for a password without a user name.
const credentialPassword = "password"

// Credential is what the tool shows now.
func (m *Meter) Credential() Credential {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.credential
}

// Use shows another credential from now on.
func (m *Meter) Use(c Credential) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.credential = c
}

func (c Credential) identity() ionp.Identity {
	if c.User == "" && c.Password == nil {
		return ionp.Identity{}
	}
	w := &ionp.Credential{}
	if c.User != "" {
		w.User = &c.User
	}
	if c.Password != nil {
		secret := ionp.Secret(*c.Password)
		w.Password = &secret
	}
	return ionp.Identity{Credential: w}
}

// ask sends a request with the credential and waits for its answer; what names it in an
// error. If the meter wants another credential, Options.Ask is asked once.
func ask[Request, Reply any](ctx context.Context, m *Meter, what string, op ionp.Exchange[Request, Reply], request Request) (Reply, error) {
	return askWithin(ctx, m, m.options.Timeout, what, op, request)
}

// askWithin is ask for what the meter takes its time for.
func askWithin[Request, Reply any](ctx context.Context, m *Meter, within time.Duration, what string, op ionp.Exchange[Request, Reply], request Request) (Reply, error) {
	for {
		link := m.present()
		limited, stop := patient(ctx, link.stream, within)
		reply, err := ionp.Do(limited, link.client, m.Credential().identity(), op, request)
		stop()
		if err == nil {
			return reply, nil
		}
		err = asError(what, err)
		if !HasCode(err, "credentials-needed", "user-needed") || !m.askUser(ctx, err) {
			return reply, err
		}
	}
}

// askUser asks for a better credential, once for each connection.
func (m *Meter) askUser(ctx context.Context, refusal error) bool {
	var e *Error
	m.mu.Lock()
	again := m.asked || m.options.Ask == nil
	m.asked = true
	m.mu.Unlock()
	if again || !errors.As(refusal, &e) {
		return false
	}
	c, ok := m.options.Ask(ctx, e)
	if ok {
		m.Use(c)
	}
	return ok
}

// again connects anew with another credential.
func (m *Meter) again(ctx context.Context, c Credential) (*Meter, error) {
	o := m.options
	o.Credential, o.Ask = c, nil
	return Connect(ctx, m.address, o)
}
