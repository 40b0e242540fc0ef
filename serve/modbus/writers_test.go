package modbus

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/wire/modbus"
)

const (
	writeRequest = "0001 0000 0006 01 06 D47A 0001"
	writeAnswer  = writeRequest
	readRequest  = "0002 0000 0006 01 03 0BD3 0002"
	readAnswer   = "0002 0000 0007 01 03 04 4366 4000"
)

// slowWorks is a meter whose disk takes as long as the test wants.
func slowWorks() *testWorks {
	return &testWorks{begun: make(chan struct{}, 2*writersWaiting), durable: make(chan struct{})}
}

func send(t *testing.T, conn net.Conn, frames string) {
	t.Helper()
	if _, err := conn.Write(unhex(t, frames)); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, conn net.Conn, frames string) {
	t.Helper()
	want := unhex(t, frames)
	got := make([]byte, len(want))
	if n, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("% X, %v; want % X", got[:n], err, want)
	}
}

// gone waits until the server has closed a connection.
func gone(t *testing.T, conn net.Conn) {
	t.Helper()
	if n, err := io.Copy(io.Discard, conn); n != 0 || isTimeout(err) {
		t.Errorf("%d bytes, %v; want the connection closed", n, err)
	}
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// A write is answered when it is durable and not before; what the same client asks
// meanwhile waits its turn, and other clients wait for nothing.
func TestWritesAreAnsweredWhenDurable(t *testing.T) { eachTransport(t, writesAreAnsweredWhenDurable) }

func writesAreAnsweredWhenDurable(t *testing.T, o Options) {
	works := slowWorks()
	gate, _ := newTestGate(t, newTestMeter(), openAll(t), works)
	_, address := start(t, gate, o)
	writer, reader := dial(t, address), dial(t, address)
	var durable atomic.Bool
	early := make(chan bool, 1)
	in := bufio.NewReader(writer)
	go func() {
		_, _ = in.Peek(1)
		early <- !durable.Load()
	}()
	send(t, writer, writeRequest+readRequest)
	<-works.begun
	for range 10 {
		send(t, reader, readRequest)
		expect(t, reader, readAnswer)
	}
	durable.Store(true)
	works.durable <- struct{}{}
	if <-early {
		t.Error("an answer came before the write was durable")
	}
	want := unhex(t, writeAnswer+readAnswer)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(in, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("% X, %v; want % X", got, err, want)
	}
}

// A disk that takes nothing: exception 6 when the time is up, and the connection goes on.
func TestWriteTimesOut(t *testing.T) { eachTransport(t, writeTimesOut) }

func writeTimesOut(t *testing.T, o Options) {
	works := slowWorks()
	gate, _ := newTestGate(t, newTestMeter(), openAll(t), works)
	o.ChangeTimeout = 20 * time.Millisecond
	_, address := start(t, gate, o)
	conn := dial(t, address)
	send(t, conn, writeRequest+readRequest)
	expect(t, conn, "0001 0000 0003 01 8606"+readAnswer)
}

// However many clients write, a few goroutines wait for the disk, and all get their answer.
func TestWritersAreFew(t *testing.T) { eachTransport(t, writersAreFew) }

func writersAreFew(t *testing.T, o Options) {
	const clients = 50
	works := slowWorks()
	gate, _ := newTestGate(t, newTestMeter(), openAll(t), works)
	server, address := start(t, gate, o)
	conns := make([]net.Conn, clients)
	for i := range conns {
		conns[i] = dial(t, address)
		send(t, conns[i], writeRequest)
	}
	eventually(t, "all have asked and the writers are busy", func() bool {
		return server.Counters().Requests == clients && len(works.begun) >= writersAtOnce
	})
	if n := len(works.begun); n != writersAtOnce {
		t.Errorf("%d writes are under way, want %d", n, writersAtOnce)
	}
	for range clients {
		works.durable <- struct{}{}
	}
	for _, conn := range conns {
		expect(t, conn, writeAnswer)
	}
	if n := len(works.all()); n != clients {
		t.Errorf("%d writes done, want %d", n, clients)
	}
}

// Clients that write and leave do not fill the memory.
func TestTooManyWaitingWrites(t *testing.T) {
	works := slowWorks()
	gate, _ := newTestGate(t, newTestMeter(), openAll(t), works)
	h := newHandler(gate, testMap(t), mbap{})
	c := enter(t, h)
	var running, answered sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	w := &writers{ctx: ctx, running: &running, timeout: time.Minute}
	all := make([]*writing, writersAtOnce+writersWaiting+1)
	for i := range all {
		_, _, due, _ := h.serve(c, unhex(t, writeRequest), make([]byte, 0, answerBuffer))
		all[i] = due.(*writing)
		answered.Add(1)
		w.begin(c, all[i], answered.Done)
	}
	close(works.durable)
	answered.Wait()
	running.Wait()
	for i, each := range all {
		if want := i == len(all)-1; errors.Is(each.err, errCrowded) != want {
			t.Fatalf("write %d of %d: %v", i+1, len(all), each.err)
		}
	}
	if got := all[len(all)-1].finish(h, c, make([]byte, 0, answerBuffer)); !bytes.Equal(got, unhex(t, "0001 0000 0003 01 8606")) {
		t.Errorf("% X, want exception 6", got)
	}
}

// A write whose time is up before its turn is not begun.
func TestWriteWhoseTimeIsUpIsNotBegun(t *testing.T) {
	works := new(testWorks)
	gate, _ := newTestGate(t, newTestMeter(), openAll(t), works)
	h := newHandler(gate, testMap(t), mbap{})
	c := enter(t, h)
	_, _, due, _ := h.serve(c, unhex(t, writeRequest), make([]byte, 0, answerBuffer))
	ctx, cancel := context.WithTimeout(context.Background(), 0)
	defer cancel()
	c.carryOut(ctx, due.(*writing))
	if got := due.finish(h, c, make([]byte, 0, answerBuffer)); !bytes.Equal(got, unhex(t, "0001 0000 0003 01 8606")) || len(works.all()) != 0 {
		t.Errorf("% X, done %v; want exception 6 and nothing done", got, works.all())
	}
}

// Writes between more reads than the sockets take: everything is answered, in order.
func TestWritesUnderBackpressure(t *testing.T) { eachTransport(t, writesUnderBackpressure) }

func writesUnderBackpressure(t *testing.T, o Options) {
	works := new(testWorks)
	gate, _ := newTestGate(t, newTestMeter(), openAll(t), works)
	server, address := start(t, gate, o)
	conn := dial(t, address)
	const requests, every = 60000, 997
	go func() {
		var frame []byte
		for i := range requests {
			frame = modbus.BeginFrame(frame[:0], modbus.Header{Transaction: uint16(i), Unit: 1})
			if i%every == 0 {
				frame = modbus.AppendWriteSingleRequest(frame, 54394, 1)
			} else {
				frame = modbus.AppendReadRequest(frame, modbus.ReadHoldingRegisters, 2999, 125)
			}
			modbus.EndFrame(frame, 0)
			if _, err := conn.Write(frame); err != nil {
				return // the reader sees what is missing
			}
		}
	}()
	answered := uint64(0)
	eventually(t, "the sockets are full", func() bool {
		before := answered
		time.Sleep(20 * time.Millisecond)
		answered = server.Counters().Requests
		return answered == before && answered > 0
	})
	in := bufio.NewReader(conn)
	answer := make([]byte, 259)
	for i := range requests {
		length := 259
		if i%every == 0 {
			length = 12
		}
		if _, err := io.ReadFull(in, answer[:length]); err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
		if h, pdu := modbus.ParseHeader(answer[:length]); h.Transaction != uint16(i) || (pdu[0] == 6) != (i%every == 0) {
			t.Fatalf("answer %d: % X", i, answer[:9])
		}
	}
	if n := len(works.all()); n != (requests+every-1)/every {
		t.Errorf("%d writes done", n)
	}
}

// Who vanishes while a write is under way leaves nothing behind, and what was begun is
// done.
func TestVanishingWriters(t *testing.T) { eachTransport(t, vanishingWriters) }

func vanishingWriters(t *testing.T, o Options) {
	works := slowWorks()
	gate, _ := newTestGate(t, newTestMeter(), openAll(t), works)
	server, address := start(t, gate, o)
	for _, linger := range []int{-1, 0} {
		conn := dial(t, address)
		send(t, conn, writeRequest+readRequest)
		<-works.begun
		_ = conn.(*net.TCPConn).SetLinger(linger)
		conn.Close()
		works.durable <- struct{}{}
	}
	eventually(t, "both connections are gone", func() bool {
		return server.Counters().Connections == 0 && gate.Counters().Connections == 0
	})
	if n := len(works.all()); n != 2 {
		t.Errorf("%d writes done, want 2", n)
	}
}

// The server's end waits for a write that is under way, and answers it.
func TestShutdownAnswersWrites(t *testing.T) { eachTransport(t, shutdownAnswersWrites) }

func shutdownAnswersWrites(t *testing.T, o Options) {
	works := slowWorks()
	gate, _ := newTestGate(t, newTestMeter(), openAll(t), works)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- New(gate, testMap(t), o).Serve(ctx, l) }()
	writer, idle := dial(t, l.Addr().String()), dial(t, l.Addr().String())
	send(t, idle, readRequest)
	expect(t, idle, readAnswer)
	send(t, writer, writeRequest)
	<-works.begun
	cancel()
	gone(t, idle) // the end has come
	select {
	case <-done:
		t.Error("the server ended while a write was under way")
	default:
	}
	works.durable <- struct{}{}
	expect(t, writer, writeAnswer)
	gone(t, writer)
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if n := gate.Counters().Connections; n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

// An administrator ends a connection: its socket closes, also while a write is under way.
func TestAnEndedSessionClosesTheSocket(t *testing.T) { eachTransport(t, anEndedSessionClosesTheSocket) }

func anEndedSessionClosesTheSocket(t *testing.T, o Options) {
	works := slowWorks()
	gate, _ := newTestGate(t, newTestMeter(), securitySet(t, generation2, nil, map[string]string{"Security Mode": "None"}), works)
	server, address := start(t, gate, o)
	administrator, err := gate.Open(access.Client{Path: access.ION, Remote: "192.0.2.9:1"})
	if err != nil {
		t.Fatal(err)
	}
	end := func() {
		t.Helper()
		list, err := administrator.Connections()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			if c.Path == access.ModbusMap {
				if err := administrator.EndConnection(context.Background(), c.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	reader := dial(t, address)
	send(t, reader, readRequest)
	expect(t, reader, readAnswer)
	end()
	gone(t, reader)

	writer := dial(t, address)
	send(t, writer, writeRequest)
	<-works.begun
	end()
	gone(t, writer)
	works.durable <- struct{}{}
	eventually(t, "nothing is left", func() bool {
		return server.Counters().Connections == 0 && len(works.all()) == 1
	})
}
