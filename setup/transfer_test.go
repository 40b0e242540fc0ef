package setup

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hepmeter/hepmeter/wire/ionmodbus"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

// Where the connection breaks again and again, a file goes on where it was, both ways.
func TestTransfersGoOn(t *testing.T) {
	f := newFake()
	content := bytes.Repeat([]byte("0123456789"), 30_000) // ten blocks
	f.files["a/b"] = content
	f.breaks = 4 // a hello, two blocks, and one that is not answered
	m := f.connect(t, withPassword())
	var got bytes.Buffer
	if err := m.Fetch(t.Context(), "a/b", &got, nil); err != nil || !bytes.Equal(got.Bytes(), content) {
		t.Errorf("%d of %d bytes came, %v", got.Len(), len(content), err)
	}
	if err := m.Send(t.Context(), "a/c", content, nil); err != nil || !bytes.Equal(f.files["a/c"], content) {
		t.Errorf("%d of %d bytes are there, %v", len(f.files["a/c"]), len(content), err)
	}
}

// A transfer that makes no progress ends.
func TestTransferWithoutProgress(t *testing.T) {
	f := newFake()
	f.files["a/b"] = []byte("content")
	f.breaks = 2 // no block is answered
	m := f.connect(t, withPassword())
	if err := m.Fetch(t.Context(), "a/b", io.Discard, nil); !HasCode(err, CodeConnectionLost) {
		t.Errorf("%v", err)
	}
}

// moves is a stream that carries a byte at some times.
type moves struct {
	io.ReadWriteCloser
	began time.Time
	at    []time.Duration
}

func (m moves) Moved() (up, down uint64) {
	for _, at := range m.at {
		if time.Since(m.began) >= at {
			down++
		}
	}
	return 0, down
}

// The time-out is how long nothing comes, and not how long all of it takes.
func TestPatience(t *testing.T) {
	for _, tc := range []struct {
		name string
		at   []time.Duration
		ends time.Duration
	}{
		{"nothing comes", nil, 10 * time.Second},
		{"something comes for half a minute", []time.Duration{8 * time.Second, 16 * time.Second, 24 * time.Second, 32 * time.Second}, 42 * time.Second},
		{"what comes comes too late", []time.Duration{20 * time.Second}, 10 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				ctx, stop := patient(t.Context(), moves{began: began, at: tc.at}, 10*time.Second)
				defer stop()
				<-ctx.Done()
				if took := time.Since(began); took < tc.ends || took > tc.ends+3*time.Second || !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
					t.Errorf("it ended after %v, %v; want %v", took, context.Cause(ctx), tc.ends)
				}
			})
		})
	}
}

// slowPath is a connection that is said to be slow.
type slowPath struct {
	counted
	rate float64
}

func (s *slowPath) Path() ionmodbus.Path {
	return ionmodbus.Path{Request: 57, Answer: 57, BytesPerSecond: s.rate}
}

// slowly dials connections that are said to be slow.
type slowly float64

func (rate slowly) Dial(ctx context.Context, a Address) (io.ReadWriteCloser, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", a.hostPort())
	if err != nil {
		return nil, err
	}
	return &slowPath{counted{ReadWriteCloser: conn}, float64(rate)}, nil
}

// On a slow path it is told before long work how long it will take, and then how far it is; what
// is asked for at once comes within seconds.
func TestLongWorkIsTold(t *testing.T) {
	f := newFake()
	f.files["a/b"] = make([]byte, 100_000)
	longest := 0
	read := f.handlers[ionp.FileRead.Operation()]
	f.handlers[ionp.FileRead.Operation()] = func(r *ionp.Request) (ionp.Body, error) {
		q, err := ionp.FileRead.DecodeRequest(r.Body)
		if err != nil {
			t.Error(err)
		}
		longest = max(longest, int(q.Length))
		return read(r)
	}
	var begun []Estimate
	var told []Progress
	o := withPassword()
	o.Begin = func(e Estimate) { begun = append(begun, e) }
	o.Progress = func(p Progress) { told = append(told, p) }
	fetch := func(dialer Dialer) {
		t.Helper()
		begun, told, longest = nil, nil, 0
		o.Dialer = dialer
		if err := f.connect(t, o).Fetch(t.Context(), "a/b", io.Discard, nil); err != nil {
			t.Fatal(err)
		}
	}
	fetch(slowly(1000))
	if len(begun) != 1 || begun[0].About != 100*time.Second || begun[0].Bytes != 100_000 {
		t.Errorf("before it began: %+v", begun)
	}
	if n := len(told); n < 20 || told[n-1].Done != 100_000 || told[n-1].Total != 100_000 || longest > 4000 {
		t.Errorf("%d times told, %d bytes at once", n, longest)
	}
	fetch(slowly(1e6))
	if len(begun) != 0 || longest != fileBlock {
		t.Errorf("what takes no time: %+v, %d bytes at once", begun, longest)
	}
	fetch(nil)
	if len(begun) != 0 || len(told) != 0 || longest != fileBlock {
		t.Errorf("over TCP: %+v, %d times told, %d bytes at once", begun, len(told), longest)
	}
}
