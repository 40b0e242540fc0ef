package ionmodbus

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// asker asks an endpoint directly.
type asker struct {
	t *testing.T
	*Endpoint
	now time.Time
}

func newAsker(t *testing.T, o Options) *asker {
	return &asker{t, NewEndpoint(o), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
}

func (a *asker) ask(peer string, kind Kind, session, sequence uint32, payload ...byte) (Message, *Conn) {
	a.t.Helper()
	answer, conn, err := a.Answer(a.now, peer, Append(nil, Message{Kind: kind, Session: session, Sequence: sequence, Payload: payload}), nil)
	if err != nil {
		a.t.Fatal(err)
	}
	m, err := Parse(answer)
	if err != nil || m.Session != session || m.Sequence != sequence {
		a.t.Fatalf("%+v, %v", m, err)
	}
	return m, conn
}

func (a *asker) refused(why Refusal, peer string, kind Kind, session, sequence uint32, payload ...byte) {
	a.t.Helper()
	if m, _ := a.ask(peer, kind, session, sequence, payload...); m.Kind != Refused || !bytes.Equal(m.Payload, []byte{byte(why)}) {
		a.t.Errorf("%+v, want the refusal %v", m, why)
	}
}

// What the meter says to requests that are not the next exchange of a session.
func TestEndpointRefuses(t *testing.T) {
	a := newAsker(t, Options{Sessions: 4, Idle: time.Minute})
	a.refused(RefusedVersion, "host", Open, 1, 0, Version+1)
	a.refused(RefusedUnknown, "host", Exchange, 1, 1, MaxPDU)
	_, conn := a.ask("host", Open, 1, 0, Version)
	if conn == nil {
		t.Fatal("no session was begun")
	}
	a.refused(RefusedUnknown, "other host", Exchange, 1, 1, MaxPDU) // it has guessed the number
	a.refused(RefusedCrowded, "other host", Open, 1, 0, Version)
	a.refused(RefusedSequence, "host", Exchange, 1, 0, MaxPDU)
	a.refused(RefusedSequence, "host", Exchange, 1, 2, MaxPDU)
	a.refused(RefusedBad, "host", Exchange, 1, 1)
	a.refused(RefusedBad, "host", Exchange, 1, 1, SmallestPDU-1)
	a.refused(RefusedBad, "host", Exchange, 1, 1, MaxPDU+1)
	a.refused(RefusedBad, "host", Kind(9), 1, 1)
	a.refused(RefusedBad, "host", Probe, 1, 1)
	a.refused(RefusedBad, "host", Probe, 1, 1, Overhead-1)
	a.refused(RefusedBad, "host", Probe, 1, 1, MaxPDU+1)
	if m, _ := a.ask("host", Exchange, 1, 1, MaxPDU); m.Kind != Exchange|Answer {
		t.Errorf("the session has suffered: %+v", m)
	}
	for _, pdu := range [][]byte{nil, {Function}, Append(nil, Message{Kind: Exchange | Answer, Session: 1}), {3, 0, 0, 0, 1}} {
		if answer, _, err := a.Answer(a.now, "host", pdu, nil); !errors.Is(err, ErrDamaged) || len(answer) > 0 {
			t.Errorf("% x is answered % x, %v", pdu, answer, err)
		}
	}
	// Half of the sessions are for one host.
	a.ask("host", Open, 2, 0, Version)
	a.refused(RefusedCrowded, "host", Open, 3, 0, Version)
	a.ask("other host", Open, 3, 0, Version)
	a.ask("third host", Open, 4, 0, Version)
	a.refused(RefusedCrowded, "fourth host", Open, 5, 0, Version)
	// What is idle makes room, and is ended after a while in any case.
	a.now = a.now.Add(crowdedIdle)
	a.ask("host", Exchange, 1, 2, MaxPDU)
	a.ask("third host", Exchange, 4, 1, MaxPDU)
	a.ask("host", Open, 6, 0, Version)
	a.refused(RefusedUnknown, "host", Exchange, 2, 1, MaxPDU)
	a.now = a.now.Add(30 * time.Second)
	a.ask("host", Exchange, 1, 3, MaxPDU)
	a.ask("third host", Exchange, 4, 2, MaxPDU)
	a.ask("fourth host", Open, 5, 0, Version)
	a.refused(RefusedUnknown, "other host", Exchange, 3, 1, MaxPDU)
	if m, _ := a.ask("host", Exchange, 1, 4, MaxPDU); m.Kind != Exchange|Answer {
		t.Errorf("a session that is used was ended: %+v", m)
	}
	// Closing is done once, and answered each time; nobody else can.
	a.ask("other host", Close, 1, 0)
	a.ask("host", Exchange, 1, 5, MaxPDU)
	a.ask("host", Close, 1, 0)
	a.ask("host", Close, 1, 0)
	a.refused(RefusedUnknown, "host", Exchange, 1, 6, MaxPDU)
}

// A probe is answered with the length that it asks for, without any session.
func TestEndpointProbe(t *testing.T) {
	a := newAsker(t, Options{})
	for _, want := range []int{Overhead, SmallestPDU, 100, MaxPDU} {
		answer, _, err := a.Answer(a.now, "host", Append(nil, Message{Kind: Probe, Payload: []byte{byte(want), 0, 0}}), nil)
		if err != nil || len(answer) != want {
			t.Errorf("an answer of %d bytes, want %d, %v", len(answer), want, err)
		}
	}
	if a.Len() != 0 {
		t.Errorf("%d sessions", a.Len())
	}
}

// A sequence is carried out once, however often it comes; asked again for a shorter answer, what
// has no room in it comes with the next.
func TestSequenceOnce(t *testing.T) {
	a := newAsker(t, Options{})
	_, conn := a.ask("host", Open, 1, 0, Version)
	said := bytes.Repeat([]byte("0123456789"), 30)
	if _, err := conn.Write(said); err != nil {
		t.Fatal(err)
	}
	var got []byte
	take := func(sequence uint32, room int, data string, taken int) {
		t.Helper()
		m, _ := a.ask("host", Exchange, 1, sequence, append([]byte{byte(room)}, data...)...)
		if len(m.Payload) < answerHead || int(m.Payload[0]) != room || int(m.Payload[1]) != taken || len(m.Payload) > DownRoom(room)+answerHead {
			t.Fatalf("sequence %d: %+v", sequence, m)
		}
		got = m.Payload[answerHead:]
	}
	take(1, MaxPDU, "first", 5)
	long := bytes.Clone(got)
	take(1, MaxPDU, "first", 5)
	if !bytes.Equal(got, long) {
		t.Error("the second answer is another")
	}
	take(1, SmallestPDU, "fi", 5) // the longer request was taken
	if len(got) != DownRoom(SmallestPDU) {
		t.Errorf("an answer of %d bytes", len(got))
	}
	all := bytes.Clone(got)
	// A late copy of the longer request gets the answer that is in force, which says so.
	m, _ := a.ask("host", Exchange, 1, 1, append([]byte{MaxPDU}, "first"...)...)
	if m.Payload[0] != SmallestPDU || !bytes.Equal(m.Payload[answerHead:], all) {
		t.Errorf("%+v", m)
	}
	for sequence := uint32(2); len(got) > 0; sequence++ {
		take(sequence, MaxPDU, "", 0)
		all = append(all, got...)
	}
	if !bytes.Equal(all, said) {
		t.Errorf("the client has %d bytes, the meter said %d", len(all), len(said))
	}
	heard := make([]byte, 100)
	n, err := conn.Read(heard)
	if err != nil || string(heard[:n]) != "first" {
		t.Errorf("%q, %v", heard[:n], err)
	}
}

// A client that sends more than is read, or fetches less than is written, stops only itself.
func TestBackPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsker(t, Options{})
		_, conn := a.ask("host", Open, 1, 0, Version)
		data := make([]byte, 1+UpRoom(MaxPDU))
		data[0] = SmallestPDU
		sent, sequence := 0, uint32(0)
		for taken := 1; taken > 0; {
			sequence++
			m, _ := a.ask("host", Exchange, 1, sequence, data...)
			taken = int(m.Payload[1])
			sent += taken
		}
		if sent != buffered {
			t.Errorf("%d bytes were taken without being read, want %d", sent, buffered)
		}
		written := make(chan int, 1)
		go func() {
			n, err := conn.Write(make([]byte, 2*buffered))
			if err != nil {
				t.Error(err)
			}
			written <- n
		}()
		synctest.Wait()
		if len(conn.session.out) != buffered || len(written) > 0 {
			t.Errorf("%d bytes wait for the client; the write has ended: %v", len(conn.session.out), len(written) > 0)
		}
		for fetched := 0; fetched < 2*buffered; {
			sequence++
			m, _ := a.ask("host", Exchange, 1, sequence, MaxPDU)
			fetched += len(m.Payload) - answerHead
			synctest.Wait()
		}
		if n := <-written; n != 2*buffered {
			t.Errorf("%d bytes written", n)
		}
	})
}

// Deadlines, the end of the client and the meter's own end wake what waits.
func TestConnEnds(t *testing.T) {
	begin := func(t *testing.T) (*asker, *Conn) {
		a := newAsker(t, Options{Idle: time.Minute})
		_, conn := a.ask("host", Open, 1, 0, Version)
		return a, conn
	}
	for _, tc := range []struct {
		name string
		end  func(*asker, *Conn)
		read error
	}{
		{"deadline", func(_ *asker, c *Conn) { c.SetDeadline(time.Now().Add(time.Second)) }, os.ErrDeadlineExceeded},
		{"deadline moved", func(_ *asker, c *Conn) {
			c.SetDeadline(time.Now().Add(time.Hour))
			c.SetDeadline(time.Now().Add(-1))
		}, os.ErrDeadlineExceeded},
		{"the client closes", func(a *asker, _ *Conn) { a.ask("host", Close, 1, 0) }, io.EOF},
		{"the client is silent", func(a *asker, _ *Conn) { a.Sweep(a.now.Add(time.Minute)) }, io.EOF},
		{"the endpoint ends", func(a *asker, _ *Conn) { a.End() }, io.EOF},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, conn := begin(t)
				failed := make(chan error, 2)
				go func() {
					_, err := conn.Read(make([]byte, 10))
					failed <- err
				}()
				go func() {
					_, err := conn.Write(make([]byte, buffered+1))
					failed <- err
				}()
				synctest.Wait()
				tc.end(a, conn)
				one, other := <-failed, <-failed
				if !errors.Is(one, tc.read) && !errors.Is(other, tc.read) {
					t.Errorf("%v and %v", one, other)
				}
				conn.SetDeadline(time.Time{})
			})
		})
	}
	t.Run("the meter closes", func(t *testing.T) {
		a, conn := begin(t)
		if _, err := conn.Write([]byte("goodbye")); err != nil {
			t.Fatal(err)
		}
		conn.Close()
		if m, _ := a.ask("host", Exchange, 1, 1, MaxPDU); string(m.Payload[answerHead:]) != "goodbye" {
			t.Errorf("%+v", m)
		}
		a.refused(RefusedEnded, "host", Exchange, 1, 2, MaxPDU)
		a.refused(RefusedEnded, "host", Exchange, 1, 2, MaxPDU)
	})
}
