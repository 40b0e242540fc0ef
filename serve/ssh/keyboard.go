package ssh

import (
	"bytes"
	"context"
	"io"
	"sync"
)

// Keys that mean something outside a line.
const (
	keyInterrupt = 0x03 // Ctrl-C
	keyEraseLine = 0x15 // Ctrl-U
)

// keyboard is what a user types. While a command runs, Ctrl-C ends the command; where the
// command asks for something it gives that up; at the prompt it erases the line.
type keyboard struct {
	typed chan []byte
	rest  []byte

	mu        sync.Mutex
	interrupt context.CancelFunc // of the command that runs
	asking    bool
	givenUp   bool
}

func newKeyboard() *keyboard { return &keyboard{typed: make(chan []byte, 16)} }

// listen reads what is typed until the channel ends. What is typed far ahead is lost.
func (k *keyboard) listen(ctx context.Context, from io.Reader) {
	defer close(k.typed)
	for {
		buffer := make([]byte, 256)
		n, err := from.Read(buffer)
		if typed := k.sort(buffer[:n]); len(typed) > 0 {
			select {
			case k.typed <- typed:
			case <-ctx.Done():
				return
			default:
			}
		}
		if err != nil {
			return
		}
	}
}

// sort acts on Ctrl-C, and returns what is left for the line editor.
func (k *keyboard) sort(typed []byte) []byte {
	at := bytes.LastIndexByte(typed, keyInterrupt)
	if at < 0 {
		return typed
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.asking:
		// The line editor must see an end of the line: it would take what was typed for
		// the beginning of the next one.
		k.givenUp = true
		return []byte{keyEraseLine, '\r'}
	case k.interrupt != nil:
		k.interrupt()
		return typed[at+1:]
	}
	typed[at] = keyEraseLine
	return typed[at:]
}

// running tells what Ctrl-C ends; nil for nothing.
func (k *keyboard) running(cancel context.CancelFunc) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.interrupt = cancel
}

// ask has Ctrl-C give up what a command asks for, and done tells whether it did.
func (k *keyboard) ask() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asking, k.givenUp = true, false
}

func (k *keyboard) done() (givenUp bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asking = false
	return k.givenUp
}

// Read gives the line editor what was typed.
func (k *keyboard) Read(b []byte) (int, error) {
	if len(k.rest) == 0 {
		typed, ok := <-k.typed
		if !ok {
			return 0, io.EOF
		}
		k.rest = typed
	}
	n := copy(b, k.rest)
	k.rest = k.rest[n:]
	return n, nil
}
