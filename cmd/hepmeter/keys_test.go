package main

import (
	"slices"
	"testing"

	"github.com/hepmeter/hepmeter/wire/panel"
)

func TestDecodeKeys(t *testing.T) {
	for _, row := range []struct {
		name, sent string
		final      bool
		want       []panel.Key
		rest       string
		leave      bool
	}{
		{"cursor keys", "\x1b[A\x1b[B\x1b[C\x1b[D", false, []panel.Key{panel.Up, panel.Down, panel.Right, panel.Left}, "", false},
		{"cursor keys in application mode", "\x1bOA\x1bOD", false, []panel.Key{panel.Up, panel.Left}, "", false},
		{"cursor keys with a modifier", "\x1b[1;5C", false, []panel.Key{panel.Right}, "", false},
		{"keys that the panel has not", "\x1b[15~\x1bOP", false, nil, "", false},
		{"Enter of each kind", "\r\n", false, []panel.Key{panel.Enter, panel.Enter}, "", false},
		{"Backspace of each kind", "\x7f\b", false, []panel.Key{panel.Backspace, panel.Backspace}, "", false},
		{"characters", "a0~ ", false, []panel.Key{"a", "0", "~", " "}, "", false},
		{"control characters and UTF-8 are no keys", "\x01\tä", false, nil, "", false},
		{"Ctrl-C leaves", "a\x03b", false, []panel.Key{"a"}, "", true},
		{"Ctrl-D leaves", "\x04", false, nil, "", true},
		{"an Esc waits for what follows", "a\x1b", false, []panel.Key{"a"}, "\x1b", false},
		{"nothing follows", "\x1b", true, []panel.Key{panel.Escape}, "", false},
		{"a sequence that is not whole waits", "\x1b[1;", false, nil, "\x1b[1;", false},
		{"a sequence that does not become whole", "\x1b[", true, []panel.Key{panel.Escape, "["}, "", false},
		{"Esc twice", "\x1b\x1b", true, []panel.Key{panel.Escape, panel.Escape}, "", false},
		{"Esc and a character", "\x1bx", false, []panel.Key{panel.Escape, "x"}, "", false},
		{"Esc and a cursor key", "\x1b\x1b[A", false, []panel.Key{panel.Escape, panel.Up}, "", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			keys, rest, leave := decodeKeys([]byte(row.sent), row.final)
			if !slices.Equal(keys, row.want) || string(rest) != row.rest || leave != row.leave {
				t.Errorf("%q, %q, %v; want %q, %q, %v", keys, rest, leave, row.want, row.rest, row.leave)
			}
		})
	}
}

func FuzzDecodeKeys(f *testing.F) {
	for _, sent := range []string{"\x1b[A", "\x1bO", "\x1b[1;5", "ab\x1b", "\x1b[999999999999999999999999999999999999"} {
		f.Add([]byte(sent))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		keys, rest, _ := decodeKeys(sent, false)
		if len(keys) > len(sent) || len(rest) > longestSequence {
			t.Errorf("%d bytes are %d keys and %d bytes that wait", len(sent), len(keys), len(rest))
		}
		if _, rest, _ := decodeKeys(rest, true); rest != nil {
			t.Errorf("%q waits for ever", rest)
		}
	})
}
