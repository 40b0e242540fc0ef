//go:build unix

package boot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hepmeter/hepmeter/waveform"
	wire "github.com/hepmeter/hepmeter/wire/boot"
)

// Link is what a firmware process has of its boot stage.
type Link struct {
	Hello   wire.Hello
	control control
	samples *feed
	lock    *os.File
	// over is closed when the boot stage ends, or tells to.
	over chan struct{}

	mu      sync.Mutex
	lastID  uint32
	asked   map[uint32]chan answer
	gone    error // why the boot stage says no more
	address map[Service]string
}

// answer is what the boot stage says to a question.
type answer struct {
	message    wire.Message
	descriptor int
}

// Inherit takes over what the boot stage has left to this process, and waits for its hello.
func Inherit() (*Link, error) {
	l := &Link{over: make(chan struct{}), asked: map[uint32]chan answer{}, address: map[Service]string{}}
	conn, err := connection(os.NewFile(wire.ControlDescriptor, "control"))
	if err != nil {
		return nil, fmt.Errorf("this command is for the boot stage alone, which `hepmeter run` is: %w", err)
	}
	l.control.conn = conn
	samples, err := connection(os.NewFile(wire.SamplesDescriptor, "samples"))
	if err != nil {
		return nil, err
	}
	// The lock holds until this process ends.
	l.lock = os.NewFile(wire.LockDescriptor, "lock")
	unix.CloseOnExec(wire.LockDescriptor)
	for l.Hello.Version == 0 {
		m, err := l.control.receive()
		if err != nil {
			return nil, fmt.Errorf("boot protocol: no hello: %w", err)
		}
		if m.Hello != nil {
			l.Hello = *m.Hello
		}
	}
	l.samples = &feed{link: l, conn: samples, info: described(l.Hello.Source)}
	go l.listen()
	return l, nil
}

// Over is closed when the firmware is to end in order: the boot stage has said so, or is
// gone.
func (l *Link) Over() <-chan struct{} { return l.over }

// Samples are the source of the run.
func (l *Link) Samples() waveform.Resumable { return l.samples }

// listen takes what the boot stage says.
func (l *Link) listen() {
	var ending sync.Once
	end := func() { ending.Do(func() { close(l.over) }) }
	for {
		m, err := l.control.receive()
		if err != nil {
			l.mu.Lock()
			l.gone = err
			for id, waiting := range l.asked {
				delete(l.asked, id)
				close(waiting)
			}
			l.mu.Unlock()
			end()
			return
		}
		if m.End != nil {
			end()
		}
		a := answer{m, -1}
		if m.Listener != nil && m.Listener.Error == "" {
			a.descriptor, err = l.control.descriptor()
			if err != nil {
				a.message.Listener.Error = err.Error()
			}
		}
		l.mu.Lock()
		waiting := l.asked[m.ID]
		delete(l.asked, m.ID)
		l.mu.Unlock()
		if waiting != nil {
			waiting <- a
		}
	}
}

// ask sends a question and waits for its answer.
func (l *Link) ask(m wire.Message) (answer, error) {
	waiting := make(chan answer, 1)
	l.mu.Lock()
	if l.gone != nil {
		defer l.mu.Unlock()
		return answer{}, l.gone
	}
	l.lastID++
	m.ID = l.lastID
	l.asked[m.ID] = waiting
	l.mu.Unlock()
	if err := l.control.send(&m, -1); err != nil {
		return answer{}, fmt.Errorf("boot protocol: %w", err)
	}
	a, ok := <-waiting
	if !ok {
		return answer{}, errClosed
	}
	return a, nil
}

// Listen returns a listener of the service on a port: on the socket that the boot stage
// holds, or on a new one in its place. Closing it leaves the socket open.
func (l *Link) Listen(_ context.Context, host string, service Service, port int) (net.Listener, error) {
	return l.listener(service, wire.Listen{Service: string(service), Host: host, Port: uint16(port)})
}

// Again returns a listener on the socket that is held of a service, whatever its port.
func (l *Link) Again(service Service) (net.Listener, error) {
	return l.listener(service, wire.Listen{Service: string(service), Held: true})
}

func (l *Link) listener(service Service, question wire.Listen) (net.Listener, error) {
	a, err := l.ask(wire.Message{Listen: &question})
	if err != nil {
		return nil, err
	}
	if a.message.Listener == nil {
		return nil, errAnswer
	}
	if text := a.message.Listener.Error; text != "" {
		return nil, errors.New(text)
	}
	file := os.NewFile(uintptr(a.descriptor), string(service))
	defer file.Close()
	listener, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("boot protocol: the socket of %s: %w", service, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.address[service] = a.message.Listener.Address
	return listener, nil
}

// errAnswer reports an answer to another question.
var errAnswer = errors.New("boot protocol: an answer to something else")

// Address is where a service listens, empty where it does not.
func (l *Link) Address(service Service) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.address[service]
}

// Addresses are those of all services.
func (l *Link) Addresses() map[Service]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[Service]string{}
	for service, at := range l.address {
		all[service] = at
	}
	return all
}

// Serving tells that the meter serves, and returns what the boot stage could not do with
// that.
func (l *Link) Serving(r Ready) error {
	prints := map[string]string{}
	for service, print := range r.Fingerprints {
		prints[string(service)] = print
	}
	a, err := l.ask(wire.Message{Serving: &wire.Serving{Model: r.Model, Serial: r.Serial, Firmware: r.Firmware, Fingerprints: prints}})
	switch {
	case err != nil:
		return err
	case a.message.Noted == nil:
		return errAnswer
	case a.message.Noted.Error != "":
		return errors.New(a.message.Noted.Error)
	}
	return nil
}

// Measuring tells which sample is the first that is not counted durably.
func (l *Link) Measuring(next int64) error {
	return l.control.send(&wire.Message{Measuring: &wire.Measuring{Next: next}}, -1)
}

// Restart tells that this process ends in order and is to be started again.
func (l *Link) Restart(reason string) error {
	return l.control.send(&wire.Message{Restart: &wire.Restart{Reason: reason}}, -1)
}

// Failed tells that this process ends, and why starting it again would not help.
func (l *Link) Failed(err error) error {
	return l.control.send(&wire.Message{Failed: &wire.Failed{Text: err.Error()}}, -1)
}

// feed is the source of a firmware process: blocks that the boot stage sends.
type feed struct {
	link  *Link
	conn  *net.UnixConn
	info  waveform.Info
	asked bool
	text  []byte // of the block that is coming
	whole int    // bytes of text that a block before has used up
	head  wire.Block
	body  []byte // the samples of head, in text
	used  int    // samples of head that have been delivered
	ended error
}

func (f *feed) Info() waveform.Info { return f.info }
func (f *feed) Axis() uint64        { return f.link.Hello.Source.Axis }
func (f *feed) Close() error        { return nil }

func (f *feed) From(_ context.Context, sample int64) (int64, time.Time, error) {
	if f.asked {
		return 0, time.Time{}, errAskedAgain
	}
	f.asked = true
	most := max(1, int(f.info.RateHz*readSeconds))
	a, err := f.link.ask(wire.Message{Take: &wire.Take{From: sample, Most: uint32(most)}})
	taken := a.message.Taken
	switch {
	case err != nil:
		return 0, time.Time{}, err
	case taken == nil:
		return 0, time.Time{}, errAnswer
	case taken.Error != "":
		return 0, time.Time{}, errors.New(taken.Error)
	}
	return taken.First, ofSystemClock(taken.BegunNanos), nil
}

// Next waits for a block; what has come of one when ctx is done is kept.
func (f *feed) Next(ctx context.Context, b *waveform.Block, most int) (int, error) {
	if !f.asked {
		if _, _, err := f.From(ctx, -1); err != nil {
			return 0, err
		}
	}
	if f.used == int(f.head.Samples) {
		if err := f.receive(ctx); err != nil {
			b.Resize(len(f.info.Channels), 0)
			return 0, err
		}
	}
	n := min(most, int(f.head.Samples)-f.used)
	b.Resize(int(f.head.Channels), n)
	for c := range b.Samples {
		f.head.Channel(f.body, c, f.used, b.Samples[c])
	}
	b.First, b.Start, b.RateHz, b.Gap = f.head.First+int64(f.used), f.head.StartS, f.head.RateHz, f.head.Gap && f.used == 0
	if f.used > 0 {
		b.Start += float64(f.used) / b.RateHz
	}
	b.Origin = b.First
	b.Quality = b.Quality[:0]
	for _, q := range f.head.Quality {
		b.Quality = append(b.Quality, waveform.Quality(q))
	}
	f.used += n
	return n, nil
}

// leastRoom is the room that is made for bytes of a block whose length is not known yet.
const leastRoom = 256

// receive takes the next block from the stream.
func (f *feed) receive(ctx context.Context) error {
	if f.ended != nil {
		return f.ended
	}
	if err := f.conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(woken)
		f.conn.SetReadDeadline(time.Unix(1, 0)) // a connection that is closed wakes by itself
	})
	defer func() {
		if !stop() {
			<-woken // or it would wake who reads next
		}
	}()
	f.text = f.text[:copy(f.text, f.text[f.whole:])]
	f.whole = 0
	for {
		head, body, n, err := wire.ParseBlock(f.text)
		if err != nil {
			f.ended = err
			return err
		}
		if n > 0 && n <= len(f.text) {
			f.head, f.body, f.used, f.whole = head, body, 0, n
			break
		}
		if need := max(n, len(f.text)+leastRoom); cap(f.text) < need {
			f.text = append(make([]byte, 0, need+need/4), f.text...)
		}
		got, err := f.conn.Read(f.text[len(f.text):cap(f.text)])
		f.text = f.text[:len(f.text)+got]
		if got == 0 && err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			f.ended = fmt.Errorf("the boot stage sends no samples any more: %w", err)
			return f.ended
		}
	}
	switch {
	case f.head.Error != "":
		f.ended = errors.New(f.head.Error)
	case f.head.Ended:
		f.ended = io.EOF
	case f.head.Samples == 0 || int(f.head.Channels) != len(f.info.Channels):
		f.ended = fmt.Errorf("boot protocol: a block of %d samples of %d channels, where the source has %d", f.head.Samples, f.head.Channels, len(f.info.Channels))
	}
	return f.ended
}
