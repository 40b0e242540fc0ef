package setup

import (
	"context"
	"io"
	"sync/atomic"
	"time"
)

// moving is a stream that tells how much it has carried.
type moving interface {
	io.ReadWriteCloser
	// Moved returns how many bytes the other side has taken, and how many have come.
	Moved() (up, down uint64)
}

// counted counts what a stream carries that does not do so itself.
type counted struct {
	io.ReadWriteCloser
	up, down atomic.Uint64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadWriteCloser.Read(p)
	c.down.Add(uint64(n))
	return n, err
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.ReadWriteCloser.Write(p)
	c.up.Add(uint64(n))
	return n, err
}

// Moved implements moving.
func (c *counted) Moved() (up, down uint64) { return c.up.Load(), c.down.Load() }

// looks is how often it is looked within a time-out whether anything has moved.
const looks = 8

// patient returns a context that ends when nothing has moved on the stream for so long: an
// answer of a megabyte takes minutes on a slow line, and is no reason to give up while it
// comes.
func patient(ctx context.Context, stream moving, within time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		ticker := time.NewTicker(max(within/looks, time.Millisecond))
		defer ticker.Stop()
		up, down := stream.Moved()
		for since := time.Now(); ; {
			select {
			case <-ctx.Done():
				return
			case now := <-ticker.C:
				if u, d := stream.Moved(); u != up || d != down {
					up, down, since = u, d, now
				} else if now.Sub(since) >= within {
					cancel(context.DeadlineExceeded)
					return
				}
			}
		}
	}()
	return ctx, func() { cancel(context.Canceled) }
}
