//go:build unix

package boot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/hepmeter/hepmeter/waveform"
	wire "github.com/hepmeter/hepmeter/wire/boot"
)

// Stage is the boot stage: it holds what outlives a firmware process, and keeps one running.
type Stage struct {
	// Program is the executable of the firmware, which is started with Arguments.
	Program   string
	Arguments []string
	// Directory is the data directory, Lock its lock.
	Directory string
	Lock      *os.File
	Options   wire.Options
	Samples   *Samples
	// Ready is the file to write once the meter serves, empty for none.
	Ready string
	Log   *slog.Logger

	sockets Sockets
}

// Run keeps a firmware process running until ctx is done, and then ends it in order; or
// until one says that it cannot run.
func (s *Stage) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, s.sockets.Close()) }()
	falls := 0 // of firmware processes, one soon after the other
	for starts := uint32(0); ; starts++ {
		begun := time.Now()
		l := &life{stage: s}
		ended, err := l.live(ctx, starts)
		switch {
		case l.failed != "":
			return errors.New(l.failed)
		case err != nil:
			return err
		case ctx.Err() != nil:
			return nil
		case l.restart:
			falls = 0
			continue
		}
		if time.Since(begun) > settled {
			falls = 0
		}
		wait := min(firstPause<<min(falls, 16), longestPause)
		falls++
		s.Log.Error("the firmware process has ended by itself and is started again", "end", ended, "after", wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
	}
}

const (
	// firstPause is how long the boot stage waits before it starts a firmware again that has
	// fallen; each fall doubles it, up to longestPause.
	firstPause   = 50 * time.Millisecond
	longestPause = 10 * time.Second
	// settled is how long a firmware runs whose fall is the first one again.
	settled = time.Minute
)

// life is that of one firmware process.
type life struct {
	stage   *Stage
	control control
	samples *net.UnixConn
	feeding sync.WaitGroup
	// What it said last.
	restart bool
	failed  string
}

// live runs a firmware process until it ends, and tells how it ended.
func (l *life) live(ctx context.Context, starts uint32) (ended string, err error) {
	s := l.stage
	conn, control, err := pair("control")
	if err != nil {
		return "", err
	}
	defer conn.Close()
	defer control.Close()
	l.control.conn = conn
	samplesConn, samples, err := pair("samples")
	if err != nil {
		return "", err
	}
	defer samplesConn.Close()
	defer samples.Close()
	l.samples = samplesConn
	_ = samplesConn.SetWriteBuffer(underwayBytes / 2) // of which the system makes twice as much at most
	feeding, unfeed := context.WithCancel(context.Background())
	defer l.feeding.Wait()
	defer samplesConn.Close()
	defer unfeed()

	command := exec.Command(s.Program, s.Arguments...)
	command.Args[0] = os.Args[0] // what lists of processes show
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	command.ExtraFiles = []*os.File{control, samples, s.Lock}
	command.SysProcAttr = dieWithParent()
	gone, err := start(command)
	if err != nil {
		return "", fmt.Errorf("the firmware process cannot be started: %w", err)
	}
	control.Close()
	samples.Close()
	hello := wire.Message{Hello: &wire.Hello{Version: wire.Version, Directory: s.Directory, Options: s.Options, Source: s.Samples.describe(), Slot: "factory", Starts: starts}}
	_ = l.control.send(&hello, -1) // a process that takes none is gone, which is told below
	stop := context.AfterFunc(ctx, func() { _ = l.control.send(&wire.Message{End: &wire.End{}}, -1) })
	defer stop()
	for {
		m, err := l.control.receive()
		if err != nil {
			if !errors.Is(err, errClosed) {
				s.Log.Error("the firmware process is not understood", "error", err)
				_ = command.Process.Kill()
			}
			break
		}
		l.obey(ctx, feeding, m)
	}
	if err := <-gone; err != nil {
		return err.Error(), nil
	}
	return "exit code 0", nil
}

// start starts a command from a thread of its own, which lasts as long as the process: it
// is this thread's end that the system takes for the parent's.
func start(command *exec.Cmd) (gone <-chan error, err error) {
	started, ended := make(chan error), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := command.Start()
		started <- err
		if err == nil {
			ended <- command.Wait()
		}
	}()
	return ended, <-started
}

// obey does what the firmware asks for.
func (l *life) obey(ctx, feeding context.Context, m wire.Message) {
	s := l.stage
	switch {
	case m.Listen != nil:
		l.lend(ctx, m.ID, m.Listen)
	case m.Take != nil:
		l.take(feeding, m.ID, m.Take)
	case m.Serving != nil:
		noted := wire.Noted{}
		if err := s.serving(m.Serving); err != nil {
			noted.Error = err.Error()
		}
		_ = l.control.send(&wire.Message{ID: m.ID, Noted: &noted}, -1)
	case m.Restart != nil:
		l.restart = true
	case m.Failed != nil:
		l.failed = m.Failed.Text
	}
}

// lend answers with a socket.
func (l *life) lend(ctx context.Context, id uint32, question *wire.Listen) {
	refuse := func(err error) {
		_ = l.control.send(&wire.Message{ID: id, Listener: &wire.Listener{Error: err.Error()}}, -1)
	}
	service := Service(question.Service)
	held, err := l.stage.sockets.of(service)
	if !question.Held {
		held, err = l.stage.sockets.on(ctx, question.Host, service, int(question.Port))
	}
	if err != nil {
		refuse(err)
		return
	}
	socket, ok := held.(syscall.Conn)
	if !ok {
		refuse(fmt.Errorf("%s has a socket that cannot be handed over", service))
		return
	}
	raw, err := socket.SyscallConn()
	if err == nil {
		err = raw.Control(func(descriptor uintptr) {
			_ = l.control.send(&wire.Message{ID: id, Listener: &wire.Listener{Address: held.Addr().String()}}, int(descriptor))
		})
	}
	if err != nil {
		refuse(err)
	}
}

// take answers with where the samples begin, and sends them.
func (l *life) take(feeding context.Context, id uint32, question *wire.Take) {
	reader := l.stage.Samples.Reader()
	first, begun, err := reader.From(feeding, question.From)
	taken := wire.Taken{First: first}
	if err != nil {
		taken.Error = err.Error()
	} else {
		taken.BegunNanos = onSystemClock(begun)
	}
	_ = l.control.send(&wire.Message{ID: id, Taken: &taken}, -1)
	if err != nil {
		return
	}
	l.feeding.Go(func() { l.feed(feeding, reader, int(min(max(1, question.Most), wire.MaxBlockSamples))) })
}

// feed sends samples until the firmware process is gone, or there are no more.
func (l *life) feed(ctx context.Context, reader waveform.Source, most int) {
	b, text := new(waveform.Block), []byte(nil)
	for {
		n, err := reader.Next(ctx, b, most)
		if ctx.Err() != nil {
			return
		}
		head := wire.Block{First: b.First, Samples: uint32(n), Channels: uint32(len(b.Samples)), StartS: b.Start, RateHz: b.RateHz, Gap: b.Gap}
		for _, q := range b.Quality {
			head.Quality = append(head.Quality, byte(q))
		}
		samples := b.Samples
		if err != nil {
			head, samples = ending(err), nil
		}
		if text, err = wire.AppendBlock(text[:0], &head, samples); err != nil { // the protocol has no words for it
			head = ending(err)
			text, _ = wire.AppendBlock(text[:0], &head, nil)
		}
		if _, err := l.samples.Write(text); err != nil || head.Samples == 0 {
			return
		}
	}
}

// ending is the head that tells why no more samples come.
func ending(err error) wire.Block {
	if errors.Is(err, io.EOF) {
		return wire.Block{Ended: true}
	}
	return wire.Block{Error: err.Error()}
}

// serving writes the ready file.
func (s *Stage) serving(m *wire.Serving) error {
	if s.Ready == "" {
		return nil
	}
	ready := Ready{Model: m.Model, Serial: m.Serial, Firmware: m.Firmware, Fingerprints: map[Service]string{}}
	for service, print := range m.Fingerprints {
		ready.Fingerprints[Service(service)] = print
	}
	return ready.Complete(s.Directory, &s.sockets).WriteFile(s.Ready)
}
