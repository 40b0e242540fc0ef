package panel

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	wire "github.com/hepmeter/hepmeter/wire/panel"
)

// number is a value digit by digit: left and right choose the digit, up and down change it.
// It can be typed, too, as on a calculator.
type number struct {
	label
	whole, decimals int // places before and after the point
	signed          bool
	text, was       string
	cursor          int
	// typed is what was typed since the arrows were used last.
	typed string
}

// decimalPlaces are those of a value that need not be whole.
const decimalPlaces = 3

// newNumber returns a field for values from low to high at the value now. A value with
// more places than the panel has is shown rounded, and stays as it is unless it is edited.
func newNumber(name, unit string, low, high float64, whole bool, now float64) *number {
	n := &number{label: label{text: name}, signed: low < 0}
	n.whole = len(strconv.FormatFloat(math.Floor(max(math.Abs(low), math.Abs(high))), 'f', 0, 64))
	if !whole {
		n.decimals = decimalPlaces
	}
	n.bounds = strings.TrimSpace(fmt.Sprintf("%s to %s %s", strconv.FormatFloat(low, 'f', -1, 64), strconv.FormatFloat(high, 'f', -1, 64), unit))
	n.text = n.padded(strconv.FormatFloat(now, 'f', n.decimals, 64))
	if n.text == "" {
		n.text = n.padded("0")
	}
	n.was = n.text
	n.home()
	return n
}

// padded writes a number with all its places, empty where it has too many.
func (n *number) padded(text string) string {
	sign := ""
	if n.signed {
		sign = "+"
	}
	if rest, negative := strings.CutPrefix(text, "-"); negative {
		if !n.signed {
			return ""
		}
		sign, text = "-", rest
	}
	whole, decimals, _ := strings.Cut(text, ".")
	whole = strings.TrimLeft(whole, "0")
	if len(whole) > n.whole || len(decimals) > n.decimals {
		return ""
	}
	out := sign + strings.Repeat("0", n.whole-len(whole)) + whole
	if n.decimals > 0 {
		out += "." + decimals + strings.Repeat("0", n.decimals-len(decimals))
	}
	return out
}

func (n *number) home() {
	n.typed = ""
	n.toUnits()
}

// toUnits puts the cursor on the last digit before the point.
func (n *number) toUnits() {
	n.cursor = len(n.text) - 1
	if point := strings.IndexByte(n.text, '.'); point > 0 {
		n.cursor = point - 1
	}
}

func (n *number) draw(focused bool) wire.Line {
	if !focused {
		return plain(n.text)
	}
	return wire.Line{{Text: n.text[:n.cursor]}, {Text: n.text[n.cursor : n.cursor+1], Style: wire.Selected}, {Text: n.text[n.cursor+1:]}}
}

func (n *number) press(key wire.Key) {
	c, character := key.Character()
	switch {
	case character:
		n.enter(n.typed + string(c))
	case key == wire.Backspace && n.typed != "":
		n.enter(n.typed[:len(n.typed)-1])
	case key == wire.Left, key == wire.Right:
		n.typed = ""
		n.cursor = stepped(n.text, n.cursor, key, ".")
	case key == wire.Up, key == wire.Down:
		n.typed = ""
		n.text = changedAt(n.text, n.cursor, key)
	}
}

// enter takes what was typed as the number, if it is one that fits.
func (n *number) enter(typed string) {
	if strings.Trim(typed, "-.0123456789") != "" || strings.Count(typed, ".") > 1 || strings.LastIndexByte(typed, '-') > 0 {
		return
	}
	if n.decimals == 0 && strings.Contains(typed, ".") {
		return
	}
	if text := n.padded(typed); text != "" {
		n.typed, n.text = typed, text
		n.toUnits()
		if point := strings.IndexByte(typed, '.'); point >= 0 {
			n.cursor = min(len(n.text)-1, n.cursor+len(typed)-point)
		}
	}
}

func (n *number) value() string {
	text := strings.TrimPrefix(n.text, "+")
	sign := ""
	if rest, negative := strings.CutPrefix(text, "-"); negative {
		sign, text = "-", rest
	}
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	if text = strings.TrimLeft(text, "0"); text == "" || text[0] == '.' {
		text = "0" + text
	}
	if text == "0" {
		return text
	}
	return sign + text
}

func (n *number) changed() bool { return n.text != n.was }

// stepped moves a cursor by one over a text, and past its separators.
func stepped(text string, cursor int, key wire.Key, separators string) int {
	step := 1
	if key == wire.Left {
		step = -1
	}
	for at := cursor + step; at >= 0 && at < len(text); at += step {
		if !strings.Contains(separators, text[at:at+1]) {
			return at
		}
	}
	return cursor
}

// changedAt changes the digit at the cursor by one, or the sign.
func changedAt(text string, cursor int, key wire.Key) string {
	alphabet := digits
	if text[cursor] == '+' || text[cursor] == '-' {
		alphabet = "+-"
	}
	return text[:cursor] + string(rolled(alphabet, text[cursor], key)) + text[cursor+1:]
}

// moment is a row of digits with fixed separators: a date, a time of day.
type moment struct {
	label
	text, was  string
	separators string
	cursor     int
}

func newMoment(name, form, separators, now string) *moment {
	return &moment{label: label{name, form}, text: now, was: now, separators: separators}
}

func (m *moment) draw(focused bool) wire.Line {
	if !focused {
		return plain(m.text)
	}
	return wire.Line{{Text: m.text[:m.cursor]}, {Text: m.text[m.cursor : m.cursor+1], Style: wire.Selected}, {Text: m.text[m.cursor+1:]}}
}

func (m *moment) press(key wire.Key) {
	c, character := key.Character()
	switch {
	case character && c >= '0' && c <= '9':
		m.text = m.text[:m.cursor] + string(c) + m.text[m.cursor+1:]
		m.cursor = stepped(m.text, m.cursor, wire.Right, m.separators)
	case key == wire.Left, key == wire.Right:
		m.cursor = stepped(m.text, m.cursor, key, m.separators)
	case key == wire.Backspace:
		m.cursor = stepped(m.text, m.cursor, wire.Left, m.separators)
	case key == wire.Up, key == wire.Down:
		m.text = changedAt(m.text, m.cursor, key)
	}
}

func (m *moment) home()         { m.cursor = 0 }
func (m *moment) value() string { return m.text }
func (m *moment) changed() bool { return m.text != m.was }
