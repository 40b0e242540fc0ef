package master

import (
	"context"
	"errors"
	"io"
	"net"
	"time"
)

// Settings are how a bus speaks. They are looked at for each request.
type Settings struct {
	// ResponseTimeout is how long after its request an answer must begin; 0 is 1 s.
	ResponseTimeout time.Duration
	// Turnaround is how long nothing is sent after a broadcast.
	Turnaround time.Duration
	// FrameDelay is how long nothing is sent after a frame, where that is more than the
	// silence t3.5 of the line.
	FrameDelay time.Duration
	// Cache is how old an answer to the same read may be that is given again; 0 is none, and
	// every read is sent.
	Cache time.Duration
	// Retries is how often a read that was not answered is sent again. Writes are sent once.
	Retries int
}

// Options are those of a bus. Their zero values are the defaults.
type Options struct {
	Settings func() Settings
	// PerClient and Total bound the questions that wait or are under way: 16 and 512.
	PerClient, Total int
	// Guard is for how long after a time-out a unit of a line is sent nothing, in which its
	// late answer is waited for and dropped: by default the response time-out, and 500 ms at
	// least.
	Guard time.Duration
	// ConnectTimeout is how long a TCP device is dialled: 3 s.
	ConnectTimeout time.Duration
	// Idle is after how long without a question a connection is closed: 60 s.
	Idle time.Duration
}

// The errors of a question. An exception that the device answers is none: it is an answer.
var (
	// ErrNoAnswer says that the unit did not answer, or is known not to (exception 0x0B). A
	// write may have been done.
	ErrNoAnswer = errors.New("the unit does not answer")
	// ErrNoPath says that the line is not there, or is not a master's (exception 0x0A).
	// Nothing was sent.
	ErrNoPath = errors.New("there is no line to the unit")
	// ErrCrowded says that too much is waiting (exception 0x06). Nothing was sent.
	ErrCrowded = errors.New("too many requests are waiting; ask again later")
	// ErrLeft says that the client left, or gave up, before its request was sent.
	ErrLeft = errors.New("the client has left")
	// ErrQuestion says that a request can not be sent: its PDU has not 1 to 253 bytes, or it is
	// a broadcast that only reads.
	ErrQuestion = errors.New("this request cannot be sent")
)

// Question is a request of a client to a unit.
type Question struct {
	// Client says whose it is: clients are served in turn.
	Client uint64
	// Unit is 1 to 255, or 0: a broadcast, which is sent, answered by nobody, and Done with an
	// empty answer.
	Unit byte
	// PDU is the request from its function code on. Begin copies it.
	PDU []byte
	// Done is called once, from another goroutine than the caller of Begin, with the PDU of
	// the answer or one of the errors above. It must not block. The answer is valid until Done
	// returns, and not to be changed.
	Done func(answer []byte, err error)
}

// Port is an open serial port. A Read returns nothing, and no error, when its time is up.
type Port interface {
	io.ReadWriter
	SetReadTimeout(time.Duration) error
}

// Bus is the queue before one serial line or one TCP device. All methods may be called from
// many goroutines.
type Bus struct {
	options Options
}

// New returns a bus. It has no path until it is served.
func New(options Options) *Bus { return &Bus{options: options} }

// ServeLine carries out what is asked, in RTU frames on an open port of so many bits per
// second, until ctx is done, which is no error, or the port fails. It does not close the port.
func (b *Bus) ServeLine(ctx context.Context, port Port, baud int) error {
	<-ctx.Done()
	return nil
}

// ServeTCP carries out what is asked, in Modbus TCP over one connection, until ctx is done. It
// dials when something is asked, and again, less and less often, when that fails.
func (b *Bus) ServeTCP(ctx context.Context, dial func(context.Context) (net.Conn, error)) error {
	<-ctx.Done()
	return nil
}

// Begin takes a question and never blocks.
func (b *Bus) Begin(q Question) { go q.Done(nil, ErrNoPath) }

// Ask asks and waits for the answer, which belongs to the caller. When ctx is done its error
// is returned; a request that has not been sent by then is not sent.
func (b *Bus) Ask(ctx context.Context, client uint64, unit byte, pdu []byte) ([]byte, error) {
	return nil, ErrNoPath
}

// Leave drops what a client has waiting: it is done with ErrLeft.
func (b *Bus) Leave(client uint64) {}
