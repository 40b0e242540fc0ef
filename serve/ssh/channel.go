package ssh

import (
	"context"
	"io"
	"sync"
	"sync/atomic"

	gossh "golang.org/x/crypto/ssh"

	"github.com/hepmeter/hepmeter/access"
)

// Exit statuses of commands.
const (
	exitDone   = 0
	exitFailed = 1 // failed, or refused
	exitUsage  = 2
)

// Bounds of what a client says of its terminal, in columns and rows.
const (
	leastWidth, mostWidth   = 20, 500
	leastHeight, mostHeight = 2, 500
)

// maxLine bounds a command line, in bytes.
const maxLine = 4096

// channel is one channel of a connection: a shell, a command, or file transfer.
type channel struct {
	conn     *connection
	wire     gossh.Channel
	out, err *stream

	terminal      atomic.Bool // the client has one
	width, height atomic.Int32
	resized       chan struct{}
	left          sync.Once
	// restarts tells that the client has had the meter start again: that is his answer, and
	// that his connection ends is no failure of it.
	restarts atomic.Bool
}

// stream is one of a channel's two streams. The library wants one writer at a time.
type stream struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *stream) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(b)
}

// accept takes the channels of a connection: sessions, and nothing that forwards.
func (c *connection) accept(ctx context.Context, incoming <-chan gossh.NewChannel, running *sync.WaitGroup) {
	var open atomic.Int32
	for offered := range incoming {
		switch {
		case offered.ChannelType() != "session":
			_ = offered.Reject(gossh.Prohibited, "the meter forwards nothing")
		case open.Load() >= maxChannels:
			_ = offered.Reject(gossh.ResourceShortage, "a connection has at most 4 channels")
		default:
			open.Add(1)
			running.Go(func() {
				defer open.Add(-1)
				c.converse(ctx, offered, running)
			})
		}
	}
}

// converse serves one channel until it is closed.
func (c *connection) converse(ctx context.Context, offered gossh.NewChannel, running *sync.WaitGroup) {
	wire, requests, err := offered.Accept()
	if err != nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	k := &channel{conn: c, wire: wire, out: &stream{w: wire}, err: &stream{w: wire.Stderr()}, resized: make(chan struct{}, 1)}
	c.mu.Lock()
	c.channels[k] = struct{}{}
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.channels, k)
		c.mu.Unlock()
	}()
	begun := false
	for request := range requests {
		ok := false
		var serve func(context.Context) int // what it begins
		switch request.Type {
		case "pty-req":
			var pty struct {
				Term                         string
				Columns, Rows, Width, Height uint32
				Modes                        string
			}
			if ok = !begun && gossh.Unmarshal(request.Payload, &pty) == nil; ok {
				k.terminal.Store(true)
				k.resize(pty.Columns, pty.Rows)
			}
		case "window-change":
			var size struct{ Columns, Rows, Width, Height uint32 }
			if ok = k.terminal.Load() && gossh.Unmarshal(request.Payload, &size) == nil; ok {
				k.resize(size.Columns, size.Rows)
			}
		case "shell":
			serve = func(ctx context.Context) int { return k.enterTerminal(ctx, "", running) }
		case "exec":
			var exec struct{ Command string }
			if gossh.Unmarshal(request.Payload, &exec) == nil {
				line := exec.Command
				if line == "" {
					line = " " // no shell, and no command
				}
				serve = func(ctx context.Context) int { return k.enterTerminal(ctx, line, running) }
			}
		case "subsystem":
			var subsystem struct{ Name string }
			if gossh.Unmarshal(request.Payload, &subsystem) == nil && subsystem.Name == "sftp" {
				serve = k.enterFiles
			}
		}
		begins := serve != nil && !begun
		_ = request.Reply(ok || begins, nil) // a client that is gone needs none
		if begins {                          // now: what is over at once must not close the channel before the reply
			begun = true
			running.Go(func() { k.exit(c.server.guarded(ctx, serve)) })
		}
	}
}

// guarded serves a channel, and survives a panic in it.
func (s *Server) guarded(ctx context.Context, serve func(context.Context) int) (status int) {
	status = exitFailed
	var err error
	defer s.rescue("channel", &err)
	status = serve(ctx)
	return status
}

// resize takes the size of the client's terminal, within bounds.
func (k *channel) resize(columns, rows uint32) {
	k.width.Store(int32(min(max(columns, leastWidth), mostWidth)))
	k.height.Store(int32(min(max(rows, leastHeight), mostHeight)))
	select {
	case k.resized <- struct{}{}:
	default:
	}
}

// enterTerminal serves a shell, or the one command in line.
func (k *channel) enterTerminal(ctx context.Context, line string, running *sync.WaitGroup) int {
	session, err := k.conn.enter(ctx, access.SSH)
	if err != nil {
		k.tell(sentence(err))
		return exitFailed
	}
	t := newTerminal(k, session)
	if k.terminal.Load() {
		t.attend(ctx, running)
	}
	if line != "" {
		return t.run(ctx, line)
	}
	return t.shell(ctx)
}

// tell writes a sentence where people read it, beside what programs read.
func (k *channel) tell(text string) {
	text += "\n"
	if k.terminal.Load() {
		text = "\r\n" + text[:len(text)-1] + "\r\n"
	}
	_, _ = io.WriteString(k.err, text) // a client that is gone reads nothing
}

// exit ends the channel with a command's exit status.
func (k *channel) exit(status int) {
	k.left.Do(func() {
		_, _ = k.wire.SendRequest("exit-status", false, gossh.Marshal(struct{ Status uint32 }{uint32(status)}))
		_ = k.wire.Close()
	})
}
