//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"syscall"
	"time"

	"github.com/hepmeter/hepmeter/wire/ionp"
)

const (
	// niceness of the thread that makes the load, above the process's own.
	niceness = 10
	turn     = time.Millisecond
	// placeholders of what is made anew for each login.
	freeName, freePassword = "NNNNNNNN", "PPPPPP"
	characters             = "abcdefghijklmnopqrstuvwxyz234567"
)

// flood offers wrong logins at a fixed pace, whether they are answered or not.
type flood struct {
	sources           []*source
	forms             []form
	offered, answered int
	took              time.Duration
}

// form is the encoded frame of a login with the places that change.
type form struct {
	bytes          []byte
	name, password int // -1: none
}

// source is one connection. It is read when it is its turn to write, so that nothing
// wakes for an answer.
type source struct {
	conn    net.Conn
	fd      int
	unsent  []byte // the end of a frame that the socket did not take whole
	heard   []byte // the start of a reply
	logins  int
	answers int
}

func newFlood(address string, accounts []account) (*flood, error) {
	f := &flood{}
	credentials := []*ionp.Credential{}
	for _, a := range accounts { // a third each
		credentials = append(credentials, ionp.NamedUser(freeName, freePassword), ionp.NamedUser(a.name, freePassword), ionp.PasswordOnly(freePassword))
	}
	for _, c := range credentials {
		var frame bytes.Buffer
		w := ionp.NewWriter(&frame)
		if err := errors.Join(w.Request(1, &ionp.Request{Operation: ionp.Login.Operation(), Credential: c}), w.Flush()); err != nil {
			return nil, err
		}
		b := frame.Bytes()
		f.forms = append(f.forms, form{b, bytes.Index(b, []byte(freeName)), bytes.Index(b, []byte(freePassword))})
	}
	for range connections {
		s, err := newSource(address)
		if err != nil {
			f.close()
			return nil, err
		}
		f.sources = append(f.sources, s)
	}
	return f, nil
}

// newSource says hello first: who says nothing with a meaning is closed after a while.
func newSource(address string) (*source, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	w, r := ionp.NewWriter(conn), ionp.NewReader(conn)
	if err := errors.Join(w.Request(1, &ionp.Request{Operation: ionp.Hello.Operation()}), w.Flush()); err != nil {
		return nil, err
	}
	if _, err := r.Next(); err != nil {
		return nil, err
	}
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &source{conn: conn, heard: make([]byte, 0, 64<<10)}
	return s, raw.Control(func(fd uintptr) { s.fd = int(fd) }) // it does not block, and is closed after the last use
}

func (f *flood) close() {
	for _, s := range f.sources {
		s.conn.Close()
	}
}

// run offers logins for so long, on a thread of its own at a low priority.
func (f *flood) run(length time.Duration) error {
	runtime.LockOSThread() // and never unlocked: the thread ends with its niceness
	own, err := syscall.Getpriority(syscall.PRIO_PROCESS, syscall.Gettid())
	if err != nil {
		return err
	}
	// The kernel answers 20 less the niceness (getpriority(2)).
	if err := syscall.Setpriority(syscall.PRIO_PROCESS, syscall.Gettid(), 20-own+niceness); err != nil {
		return err
	}
	began := time.Now()
	random := rand.New(rand.NewPCG(uint64(began.UnixNano()), 1))
	next := 0
	for {
		passed := time.Since(began)
		for due := int(min(passed, length).Seconds() * loginsPerSecond); f.offered < due; f.offered++ {
			s := f.sources[next%len(f.sources)]
			if err := s.hear(); err != nil {
				return err
			}
			// The length of the forms has no divisor with the number of connections but 4:
			// stepping each round lets every connection send each form.
			if err := s.say(f.forms[(next+next/len(f.sources))%len(f.forms)], random); err != nil {
				return err
			}
			next++
		}
		if passed >= length {
			break
		}
		time.Sleep(turn)
	}
	f.took = time.Since(began)
	for _, s := range f.sources {
		if err := s.hear(); err != nil {
			return err
		}
		f.answered += s.answers
	}
	return nil
}

// say sends a login with a fresh name and password.
func (s *source) say(f form, random *rand.Rand) error {
	b := f.bytes
	for _, at := range [...]struct{ start, length int }{{f.name, len(freeName)}, {f.password, len(freePassword)}} {
		if at.start < 0 {
			continue
		}
		for i, bits := 0, random.Uint64(); i < at.length; i, bits = i+1, bits>>5 {
			b[at.start+i] = characters[bits&31]
		}
	}
	if len(s.unsent) > 0 {
		b = append(s.unsent, b...)
	}
	n, err := syscall.Write(s.fd, b)
	if err == syscall.EAGAIN {
		n, err = 0, nil
	}
	if err != nil {
		return fmt.Errorf("a connection of the flood: %w", err)
	}
	s.unsent = append(s.unsent[:0], b[n:]...)
	s.logins++
	return nil
}

// hear takes the answers that are there.
func (s *source) hear() error {
	for {
		n, err := syscall.Read(s.fd, s.heard[len(s.heard):cap(s.heard)])
		switch {
		case err == syscall.EAGAIN:
			return nil
		case err != nil:
			return fmt.Errorf("a connection of the flood: %w", err)
		case n == 0:
			return errors.New("the meter closed a connection of the flood")
		}
		s.heard = s.heard[:len(s.heard)+n]
		rest := s.heard
		for {
			frame, length, err := ionp.ParseFrame(rest, ionp.LargestFrame)
			if err != nil {
				return err
			}
			if length == 0 {
				break
			}
			if len(frame.Payload) > 1 && frame.Payload[1] != codeKey {
				return fmt.Errorf("a wrong login was not refused: % x", frame.Payload)
			}
			if !frame.More {
				s.answers++
			}
			rest = rest[length:]
		}
		whole := len(s.heard) < cap(s.heard)
		s.heard = s.heard[:copy(s.heard, rest)]
		if whole { // less than there was room for: that was all
			return nil
		}
	}
}

// codeKey is the first key of a reply that is a refusal.
const codeKey = 1

// login is a valid one during the flood.
type login struct {
	user string
	took time.Duration
	err  error
}

// logInEach logs in with one account after the other, from another address.
func logInEach(ctx context.Context, address string, accounts []account, length time.Duration) (done []login) {
	every := time.NewTicker(loginEvery)
	defer every.Stop()
	for end := time.Now().Add(length); ; {
		select {
		case <-every.C:
		case <-ctx.Done():
			return done
		}
		if time.Now().After(end) || len(accounts) == 0 {
			return done
		}
		began := time.Now()
		err := logIn(ctx, address, accounts[0])
		done = append(done, login{accounts[0].name, time.Since(began), err})
		accounts = accounts[1:]
	}
}

func logIn(ctx context.Context, address string, a account) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	client := ionp.NewClient(conn, ionp.ClientOptions{})
	defer client.Close()
	_, err = ionp.Do(ctx, client, ionp.Identity{Credential: ionp.NamedUser(a.name, a.password)}, ionp.Login, ionp.LoginRequest{})
	return err
}
