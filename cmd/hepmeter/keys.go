package main

import (
	"time"

	"github.com/hepmeter/hepmeter/wire/panel"
)

// escapeAlone is how long an Esc is waited on: what follows at once makes it the key of an
// escape sequence.
const escapeAlone = 50 * time.Millisecond

// longestSequence bounds an escape sequence, in bytes; a longer one is none.
const longestSequence = 32

// decodeKeys reads keys from what a terminal sent (ECMA-48 5.4, and the cursor keys of a
// VT100 in both of its modes). rest is the beginning of a sequence that is not whole; with
// final nothing will follow. leave tells that the user wants to leave.
func decodeKeys(sent []byte, final bool) (keys []panel.Key, rest []byte, leave bool) {
	for len(sent) > 0 {
		c := sent[0]
		n := 1
		switch {
		case c == 3 || c == 4: // Ctrl-C, Ctrl-D
			return keys, nil, true
		case c == '\r' || c == '\n':
			keys = append(keys, panel.Enter)
		case c == 8 || c == 127:
			keys = append(keys, panel.Backspace)
		case c >= ' ' && c <= '~':
			keys = append(keys, panel.Key(string(rune(c))))
		case c == 0x1b:
			key, length := sequence(sent)
			switch {
			case length > 0:
				n = length
			case final || len(sent) > longestSequence:
				key = panel.Escape
			default:
				return keys, sent, false
			}
			if key != "" {
				keys = append(keys, key)
			}
		}
		sent = sent[n:]
	}
	return keys, nil, false
}

// sequence reads what begins with Esc: its key, empty for one that the panel has not, and
// its length, 0 while it may go on.
func sequence(sent []byte) (key panel.Key, length int) {
	if len(sent) == 1 {
		return "", 0
	}
	switch sent[1] {
	case 'O': // SS3
		if len(sent) < 3 {
			return "", 0
		}
		return arrow(sent[2]), 3
	case '[': // CSI: parameters, then a final byte
		for i, c := range sent[2:] {
			switch {
			case c >= '@' && c <= '~':
				return arrow(c), i + 3
			case c < ' ' || c > '?':
				return panel.Escape, 1
			}
		}
		return "", 0
	}
	return panel.Escape, 1
}

func arrow(c byte) panel.Key {
	switch c {
	case 'A':
		return panel.Up
	case 'B':
		return panel.Down
	case 'C':
		return panel.Right
	case 'D':
		return panel.Left
	}
	return ""
}
