package ionp

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"sync"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

// Bounds of a connection.
const (
	// maxTokens is how many sessions with a token a connection may have.
	maxTokens = 16
	// unsent is how many bytes of replies wait for further ones before they are written.
	unsent = 64 << 10
)

// connection is one client's standing with the server. All but what subscriptions send
// happens on the goroutine that reads.
type connection struct {
	server *Server
	ctx    context.Context
	line   *line
	reader *ionp.Reader
	root   *access.Session

	// version is the protocol version in force, heard of in the hello.
	version uint32
	// greeted is set by a hello, trusted by a right credential: then messages may be long.
	greeted, trusted bool
	held             int64 // of the server's incomplete
	tokens           []token
	request          ionp.Request // its memory is used again
	looker           looker       // of the session that asked last
	plans            map[string]*plan
	subscriptions    subscriptions

	out    sync.Mutex // guards what follows
	writer *ionp.Writer
}

// token is a session that a client names by random bytes.
type token struct {
	bytes   [ionp.TokenLength]byte
	session *access.Session
}

func (s *Server) newConnection(ctx context.Context, conn net.Conn, session *access.Session, options Options) *connection {
	line := newLine(ctx, conn, options)
	c := &connection{server: s, ctx: ctx, line: line, root: session, version: ionp.VersionStateless,
		reader: ionp.NewReader(line), writer: ionp.NewWriter(line), plans: map[string]*plan{}}
	line.before = c.flush
	return c
}

// serve answers requests until the connection ends, and says why it did.
func (c *connection) serve() error {
	defer c.line.close()
	defer c.subscriptions.close()
	defer func() { c.hold(0) }()
	for {
		message, err := c.reader.Next()
		if tooLong := (*ionp.TooLongError)(nil); errors.As(err, &tooLong) {
			if tooLong.Kind != ionp.KindRequest {
				return err
			}
			c.line.whole()
			err = c.reply(tooLong.ID, &ionp.Reply{}, access.NewRefusal(access.CodeTooLarge, tooLong.Error()))
		} else if err == nil {
			c.line.whole()
			err = c.answer(message)
		}
		if err == nil {
			err = c.relieve()
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// flush writes replies when no further request has come meanwhile, and accounts for what
// the client keeps the server holding.
func (c *connection) flush() (held int, err error) {
	held = c.reader.Held()
	if err := c.hold(int64(held)); err != nil {
		return held, err
	}
	c.out.Lock()
	defer c.out.Unlock()
	return held, c.writer.Flush()
}

// relieve writes replies before they become too many.
func (c *connection) relieve() error {
	c.out.Lock()
	defer c.out.Unlock()
	if c.writer.Buffered() < unsent {
		return nil
	}
	return c.writer.Flush()
}

// hold accounts for bytes of messages under way: clients that have shown no right
// credential share a bounded amount.
func (c *connection) hold(bytes int64) error {
	if c.trusted {
		bytes = 0
	}
	all := c.server.incomplete.Add(bytes - c.held)
	c.held = bytes
	if all > c.server.options.Incomplete && bytes > ionp.MessageBeforeLogin {
		return errors.New("too many long messages of clients without credentials are under way")
	}
	return nil
}

// answer carries out one request and adds its reply to what is to be written.
func (c *connection) answer(m ionp.Message) error {
	c.server.requests.Add(1)
	if m.Kind != ionp.KindRequest {
		return &ionp.FrameError{Reason: fmt.Sprintf("a client sends requests, and this is a %s", m.Kind)}
	}
	if err := ionp.DecodeRequest(m.Bytes, &c.request); err != nil {
		return c.reply(m.ID, &ionp.Reply{}, badRequest(err))
	}
	r := request{connection: c, id: m.ID, operation: c.request.Operation, credential: c.request.Credential, token: c.request.Token, body: c.request.Body}
	body, err := r.carryOut()
	if errors.Is(err, access.ErrClosed) {
		if c.root.Use() != nil {
			return err
		}
		err = access.NewRefusal(access.CodeSessionEnded, "")
	}
	if err == nil && len(body) > ionp.DefaultMaxMessage-replyHead {
		err = access.NewRefusal(access.CodeTooLarge, fmt.Sprintf("the answer would have %d bytes", len(body)))
	}
	if err == nil {
		c.line.heard = true
	}
	if err := c.reply(m.ID, &ionp.Reply{Body: body}, err); err != nil {
		return err
	}
	if r.after != nil {
		r.after()
	}
	return nil
}

// replyHead is more than what a reply has beside its body.
const replyHead = 64

// reply adds a reply, or the refusal that err is.
func (c *connection) reply(id uint32, reply *ionp.Reply, err error) error {
	if err != nil {
		c.server.refused.Add(1)
		reply = refusalOf(err).Reply()
	}
	c.out.Lock()
	defer c.out.Unlock()
	return c.writer.Reply(id, reply)
}

// notify writes a notice at once.
func (c *connection) notify(id uint32, notice *ionp.Notice) error {
	c.out.Lock()
	defer c.out.Unlock()
	c.server.notices.Add(1)
	if err := c.writer.Notice(id, notice); err != nil {
		return err
	}
	return c.writer.Flush()
}

// request is one request and who asks it.
type request struct {
	*connection
	id         uint32
	operation  ionp.Operation
	credential *ionp.Credential
	token      []byte
	body       ionp.Body
	// session is who asks: nil in hello and login, which come before.
	session *access.Session
	// after is called when the reply is on its way.
	after func()
}

// carryOut finds out who asks and does what is asked. A panic is the request's own: the
// meter goes on.
func (r *request) carryOut() (body ionp.Body, err error) {
	defer func() {
		if p := recover(); p != nil {
			r.server.failed.Add(1)
			r.server.options.Log.Error("a request of the object protocol failed within the meter", "operation", r.operation.String(), "panic", p, "stack", string(debug.Stack()))
			body, err = nil, access.NewRefusal(access.CodeFailed, "the meter failed in this request; its own log says where")
		}
	}()
	handler, ok := r.server.handlers[r.operation]
	if !ok {
		return nil, access.NewRefusal(access.CodeUnknownOperation, "there is no "+r.operation.String())
	}
	if r.operation != ionp.Hello.Operation() && r.operation != ionp.Login.Operation() {
		if r.session, err = r.who(); err != nil {
			return nil, err
		}
		r.trust(r.session)
	}
	return handler(r)
}

// who returns the session that a request's credential or token stands for.
func (r *request) who() (*access.Session, error) {
	if len(r.token) > 0 {
		i := r.tokenOf(r.token)
		if i < 0 {
			return nil, access.NewRefusal(access.CodeSessionEnded, "this connection has no such token")
		}
		session := r.tokens[i].session
		if err := session.Use(); err != nil {
			r.forget(i)
			return nil, err
		}
		return session, nil
	}
	return r.root.With(r.ctx, credentialOf(r.credential))
}

// tokenOf finds a token, taking the same time for all.
func (c *connection) tokenOf(bytes []byte) int {
	found := -1
	for i := range c.tokens {
		if subtle.ConstantTimeCompare(c.tokens[i].bytes[:], bytes) == 1 {
			found = i
		}
	}
	return found
}

// forget ends the session of a token, and the subscriptions made with it.
func (c *connection) forget(i int) {
	session := c.tokens[i].session
	c.tokens = append(c.tokens[:i], c.tokens[i+1:]...)
	session.Close()
	c.subscriptions.endOf(session)
}

// trust lifts the bounds of a client that has shown a right credential.
func (c *connection) trust(session *access.Session) {
	if c.trusted || session.Identity().Kind == access.NoCredential && c.server.gate.Security().Mode != access.None {
		return
	}
	c.trusted = true
	c.setLimits()
}

// setLimits says how long frames and messages may be.
func (c *connection) setLimits() {
	frame, message := ionp.FrameBeforeHello, ionp.MessageBeforeLogin
	if c.greeted {
		frame = ionp.LargestFrame
	}
	if c.greeted || c.trusted {
		message = ionp.DefaultMaxMessage
	}
	c.reader.SetLimits(frame, message)
}

// credentialOf is what a client shows; nil is nothing.
func credentialOf(c *ionp.Credential) access.Credential {
	if c == nil {
		return access.Credential{}
	}
	var shown access.Credential
	if c.User != nil {
		shown.User = *c.User
	}
	if c.Password != nil {
		shown.Given, shown.Password = true, string(*c.Password)
	}
	return shown
}

// refusalOf is how an error is told to the client.
func refusalOf(err error) *ionp.Refusal {
	var refusal *access.Refusal
	switch {
	case errors.As(err, &refusal):
	case errors.Is(err, access.ErrValue):
		refusal = access.NewRefusal(access.CodeBadValue, err.Error())
	default:
		refusal = access.NewRefusal(access.CodeFailed, err.Error())
	}
	return &ionp.Refusal{Code: ionp.Code(refusal.Code), Reason: refusal.Reason, Remedy: refusal.Remedy}
}

// badRequest refuses what does not follow the protocol.
func badRequest(err error) error { return access.NewRefusal(access.CodeBadRequest, err.Error()) }
