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

// listen reads what is typed until the channel ends. What is typed far ahead of a command
// that runs is lost: only so is Ctrl-C seen.
func (k *keyboard) listen(ctx context.Context, from io.Reader) {
	defer close(k.typed)
	for {
		buffer := make([]byte, 256)
		n, err := from.Read(buffer)
		if typed, wait := k.sort(buffer[:n]); len(typed) > 0 {
			select {
			case k.typed <- typed:
			default:
				if !wait {
					break
				}
				select {
				case k.typed <- typed:
				case <-ctx.Done():
					return
				}
			}
		}
		if err != nil {
			return
		}
	}
}

// sort acts on Ctrl-C, and returns what is left for the line editor, and whether that is
// reading.
func (k *keyboard) sort(typed []byte) (left []byte, reads bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	reads = k.asking || k.interrupt == nil
	at := bytes.LastIndexByte(typed, keyInterrupt)
	switch {
	case at < 0:
		return typed, reads
	case k.asking:
		// The line editor must see an end of the line: it would take what was typed for
		// the beginning of the next one.
		k.givenUp = true
		return []byte{keyEraseLine, '\r'}, true
	case k.interrupt != nil:
		k.interrupt()
		return typed[at+1:], reads
	}
	typed[at] = keyEraseLine
	return typed[at:], reads
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
