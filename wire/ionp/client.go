package ionp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
)

const (
	// queuedRequests is how many encoded requests may wait for the stream.
	queuedRequests = 64
	// writtenAtOnce is how many bytes of requests are collected for one write.
	writtenAtOnce = 64 << 10
	// defaultNotices is how many notices of a subscription may wait.
	defaultNotices = 64
)

// ErrClosed is the error of a client that was closed.
var ErrClosed = errors.New("object protocol client is closed")

// ClientOptions are what a client needs to know of its stream.
type ClientOptions struct {
	// LargestFrame is the largest frame that the stream carries, in bytes; 0 for the
	// largest there is.
	LargestFrame int
	// MaxMessage is the longest reply to take, in bytes; 0 for DefaultMaxMessage.
	MaxMessage int
	// Notices is how many notices of a subscription may wait; 0 for 64.
	Notices int
}

// Identity is who asks: a credential, a token, or nobody.
type Identity struct {
	Credential *Credential
	Token      []byte
}

// Client asks a meter over a stream: a TCP connection or a tunnel. It is safe for use by
// many goroutines, whose requests are then under way at once.
type Client struct {
	stream       io.ReadWriteCloser
	options      ClientOptions
	largestFrame atomic.Int64 // of what is sent
	queue        chan *Writer
	writers      sync.Pool // *Writer
	calls        sync.Pool // *call
	running      sync.WaitGroup
	// broken is closed when err is set.
	broken chan struct{}

	mu            sync.Mutex
	err           error
	lastID        uint32
	waiting       map[uint32]*call
	subscriptions map[uint32]*Subscription
}

// call is a request that waits for its replies.
type call struct {
	results chan result
	// abandoned is closed when nobody takes results any more.
	abandoned chan struct{}
}

type result struct {
	reply *Reply
	err   error
}

// NewClient returns a client on the stream, which it closes in the end.
func NewClient(stream io.ReadWriteCloser, o ClientOptions) *Client {
	if o.LargestFrame == 0 {
		o.LargestFrame = LargestFrame
	}
	if o.MaxMessage == 0 {
		o.MaxMessage = DefaultMaxMessage
	}
	if o.Notices == 0 {
		o.Notices = defaultNotices
	}
	c := &Client{
		stream:        stream,
		options:       o,
		queue:         make(chan *Writer, queuedRequests),
		broken:        make(chan struct{}),
		waiting:       map[uint32]*call{},
		subscriptions: map[uint32]*Subscription{},
	}
	c.largestFrame.Store(int64(min(FrameBeforeHello, o.LargestFrame)))
	c.running.Go(c.read)
	c.running.Go(c.write)
	return c
}

// Close ends the client and its stream. Requests under way fail with ErrClosed.
func (c *Client) Close() error {
	err := c.fail(ErrClosed)
	c.running.Wait()
	return err
}

// Hello tells the meter who the client is and from then on sends the largest frames
// that both sides take. Version and LargestFrame are filled in where they are 0.
func (c *Client) Hello(ctx context.Context, hello HelloRequest) (HelloReply, error) {
	if hello.Version == 0 {
		hello.Version = Version
	}
	if hello.LargestFrame == 0 {
		hello.LargestFrame = uint32(c.options.LargestFrame)
	}
	reply, err := Do(ctx, c, Identity{}, Hello, hello)
	if err != nil {
		return reply, err
	}
	largest, err := AgreeFrame(reply.LargestFrame)
	if err != nil {
		return reply, fmt.Errorf("hello: the meter states %w", err)
	}
	c.largestFrame.Store(int64(min(largest, c.options.LargestFrame)))
	return reply, nil
}

// Do asks for an operation by its own structs. A refusal is a *Refusal.
func Do[Req, Res any](ctx context.Context, c *Client, who Identity, e Exchange[Req, Res], req Req) (Res, error) {
	var res Res
	body, err := e.EncodeRequest(req)
	if err != nil {
		return res, err
	}
	reply, err := c.Call(ctx, &Request{Operation: e.Operation(), Credential: who.Credential, Token: who.Token, Body: body})
	if err != nil {
		return res, err
	}
	return e.DecodeReply(reply.Body)
}

// Call sends a request and returns its one reply. A refusal is a *Refusal. Without an
// answer it returns when ctx ends; whether the meter carries the request out is then not
// known.
func (c *Client) Call(ctx context.Context, request *Request) (*Reply, error) {
	var only *Reply
	err := c.call(ctx, c.nextID(), request, func(reply *Reply) error {
		if reply.More {
			return fmt.Errorf("%s: the reply comes in parts; use CallEach", request.Operation)
		}
		only = reply
		return nil
	})
	if err != nil {
		return nil, err
	}
	return only, nil
}

// CallEach sends a request and gives each of its replies to do, until the last one or
// an error. Other replies wait while do works, so do must not use the client.
func (c *Client) CallEach(ctx context.Context, request *Request, do func(*Reply) error) error {
	return c.call(ctx, c.nextID(), request, do)
}

func (c *Client) call(ctx context.Context, id uint32, request *Request, do func(*Reply) error) error {
	w := c.writer()
	if err := w.Request(id, request); err != nil {
		return err
	}
	waits, _ := c.calls.Get().(*call)
	if waits == nil {
		waits = &call{make(chan result, 1), make(chan struct{})}
	}
	c.mu.Lock()
	err := c.err
	if err == nil {
		c.waiting[id] = waits
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	finished := false
	defer func() {
		if finished {
			c.calls.Put(waits)
			return
		}
		c.mu.Lock()
		delete(c.waiting, id)
		c.mu.Unlock()
		close(waits.abandoned)
	}()
	select {
	case c.queue <- w:
	case <-ctx.Done():
		return fmt.Errorf("%s: not sent: %w", request.Operation, context.Cause(ctx))
	case <-c.broken:
		return c.brokenBy()
	}
	for {
		var r result
		select {
		case r = <-waits.results:
		case <-ctx.Done():
			return fmt.Errorf("%s: no answer from the meter: %w", request.Operation, context.Cause(ctx))
		case <-c.broken:
			select {
			case r = <-waits.results: // it came just before
			default:
				return c.brokenBy()
			}
		}
		if r.err != nil {
			return fmt.Errorf("%s: %w", request.Operation, r.err)
		}
		finished = !r.reply.More
		if r.reply.Code != "" {
			return &Refusal{r.reply.Code, r.reply.Reason, r.reply.Remedy}
		}
		if err := do(r.reply); err != nil || finished {
			return err
		}
	}
}

// nextID returns a request id that is not in use.
func (c *Client) nextID() uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		c.lastID++
		if c.waiting[c.lastID] == nil && c.subscriptions[c.lastID] == nil {
			return c.lastID
		}
	}
}

func (c *Client) brokenBy() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// fail ends the client: the first error is that of all who wait. It returns what closing
// the stream gave.
func (c *Client) fail(err error) error {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return nil
	}
	c.err = err
	close(c.broken)
	for id, s := range c.subscriptions {
		delete(c.subscriptions, id)
		s.end(err)
	}
	c.mu.Unlock()
	return c.stream.Close()
}

func (c *Client) writer() *Writer {
	w, _ := c.writers.Get().(*Writer)
	if w == nil {
		w = NewWriter(nil)
	}
	w.frames = w.frames[:0]
	w.SetLargestFrame(int(c.largestFrame.Load()))
	return w
}

// write puts requests on the stream, as many at once as wait.
func (c *Client) write() {
	var batch []byte
	for {
		select {
		case w := <-c.queue:
			batch = c.collect(batch[:0], w)
		case <-c.broken:
			return
		}
		// Whoever was about to ask gets the chance to go with this write.
		runtime.Gosched()
		for more := true; more && len(batch) < writtenAtOnce; {
			select {
			case w := <-c.queue:
				batch = c.collect(batch, w)
			default:
				more = false
			}
		}
		if _, err := c.stream.Write(batch); err != nil {
			_ = c.fail(fmt.Errorf("object protocol connection: %w", err))
			return
		}
		if cap(batch) > 2*writtenAtOnce {
			batch = nil
		}
	}
}

func (c *Client) collect(batch []byte, w *Writer) []byte {
	batch = append(batch, w.frames...)
	if cap(w.frames) <= keptBuffer {
		c.writers.Put(w)
	}
	return batch
}

// read hands replies and notices to those who wait for them.
func (c *Client) read() {
	r := NewReader(c.stream)
	r.SetLimits(c.options.LargestFrame, c.options.MaxMessage)
	for {
		m, err := r.Next()
		var long *TooLongError
		switch {
		case errors.As(err, &long):
			c.tooLong(long)
		case errors.Is(err, io.EOF):
			_ = c.fail(fmt.Errorf("object protocol connection: closed by the meter: %w", err))
			return
		case err != nil:
			_ = c.fail(fmt.Errorf("object protocol connection: %w", err))
			return
		case m.Kind == KindReply:
			c.reply(m)
		case m.Kind == KindNotice:
			c.notice(m)
		default:
			_ = c.fail(fmt.Errorf("object protocol connection: the meter sent a %s", m.Kind))
			return
		}
	}
}

func (c *Client) reply(m Message) {
	reply := new(Reply)
	if err := DecodeReply(m.Bytes, reply); err != nil {
		c.deliver(m.ID, result{err: err}, true)
		return
	}
	c.deliver(m.ID, result{reply: reply}, !reply.More)
}

// deliver gives a result to the one who waits for it, if it still does.
func (c *Client) deliver(id uint32, r result, last bool) {
	c.mu.Lock()
	waits := c.waiting[id]
	if last {
		delete(c.waiting, id)
	}
	c.mu.Unlock()
	if waits == nil {
		return
	}
	select {
	case waits.results <- r:
	case <-waits.abandoned:
	case <-c.broken:
	}
}

// tooLong fails what a message was for that is longer than the client takes.
func (c *Client) tooLong(err *TooLongError) {
	if err.Kind == KindReply {
		c.deliver(err.ID, result{err: err}, true)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.subscriptions[err.ID]; s != nil {
		s.missed.Add(1)
	}
}
