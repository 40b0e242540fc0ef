package panel

import (
	"context"
	"strings"

	wire "github.com/hepmeter/hepmeter/wire/panel"
)

// form is a few fields that are filled in one after the other. Enter in the last one has
// them done together.
type form struct {
	title, help string
	// lines stand above the fields.
	lines  []string
	fields []field
	at     int
	done   func(context.Context)
}

// field is one thing to be filled in.
type field interface {
	// name says what it is, limits what it can be.
	name() string
	limits() string
	// draw writes it, with its cursor where it is the one that the keys go to.
	draw(focused bool) wire.Line
	press(wire.Key)
	// home puts the cursor where one begins, when the keys go to the field.
	home()
	// value is what is filled in, changed whether that is another value than before.
	value() string
	changed() bool
}

func (f *form) draw(d *display, _ *reading, rows int) (string, []wire.Line, string) {
	lines := []wire.Line{blank()}
	for _, text := range f.lines {
		for _, part := range wrapped(text, d.columns-2) {
			lines = append(lines, plain(" "+part))
		}
	}
	for i, each := range f.fields {
		lines = append(lines, plain(" "+each.name()), append(wire.Line{{Text: "   "}}, each.draw(i == f.at)...))
		if i == f.at && each.limits() != "" {
			lines = append(lines, wire.Line{{Text: "   " + each.limits(), Style: wire.Dim}})
		}
	}
	return f.title, lines[:min(len(lines), rows)], f.help
}

func (f *form) press(ctx context.Context, d *display, key wire.Key) {
	switch {
	case key == wire.Escape && f.at > 0:
		f.focus(f.at - 1)
	case key == wire.Escape:
		d.close(f)
	case key == wire.Enter && f.at < len(f.fields)-1:
		f.focus(f.at + 1)
	case key == wire.Enter:
		f.done(ctx)
	case len(f.fields) > 0:
		f.fields[f.at].press(key)
	}
}

// focus has the keys go to a field.
func (f *form) focus(at int) {
	f.at = at
	if at < len(f.fields) {
		f.fields[at].home()
	}
}

// label is what all fields have.
type label struct{ text, bounds string }

func (l label) name() string   { return l.text }
func (l label) limits() string { return l.bounds }

// choice is one of some texts.
type choice struct {
	label
	options []string
	at, was int
}

// newChoice returns a field at the present text.
func newChoice(name string, options []string, now string) *choice {
	c := &choice{label: label{name, "up, down: choose"}, options: options, at: -1}
	for i, option := range options {
		if strings.EqualFold(option, now) {
			c.at = i
		}
	}
	c.was = c.at
	c.at = max(0, c.at)
	return c
}

func (c *choice) draw(focused bool) wire.Line {
	style := wire.Plain
	if focused {
		style = wire.Selected
	}
	return wire.Line{{Text: c.options[c.at], Style: style}}
}

func (c *choice) press(key wire.Key) {
	switch n := len(c.options); key {
	case wire.Up, wire.Left:
		c.at = (c.at + n - 1) % n
	case wire.Down, wire.Right:
		c.at = (c.at + 1) % n
	}
}

func (c *choice) home()         {}
func (c *choice) value() string { return c.options[c.at] }
func (c *choice) changed() bool { return c.at != c.was }

// Characters that the arrows walk through.
const (
	digits = "0123456789"
	// passwords may have all of ASCII 33 to 126.
	passwords = digits + "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
	names     = "UABCDEFGHIJKLMNOPQRSTVWXYZ" + digits
)

// maxText bounds what is typed into a text, in characters.
const maxText = 16

// text is a row of characters that grows: a name or a password. Up and down walk through
// the characters, right adds one; or it is typed.
type text struct {
	label
	alphabet string
	hidden   bool
	was      string
	typed    []byte
	cursor   int
	// rolled tells that the arrows are at a hidden character, which is then seen.
	rolled bool
}

func newName(name, now string) *text {
	return &text{label: label{name, "type, or use the arrows"}, alphabet: names, was: now, typed: []byte(now), cursor: len(now)}
}

func newSecret(name, alphabet string) *text {
	bounds := "type, or use the arrows"
	if alphabet == digits {
		bounds = "0 to 99999999"
	}
	return &text{label: label{name, bounds}, alphabet: alphabet, hidden: true}
}

func (t *text) draw(focused bool) wire.Line {
	shown := []byte(t.typed)
	if t.hidden {
		shown = []byte(strings.Repeat("*", len(t.typed)))
		if t.rolled && t.cursor < len(shown) && focused {
			shown[t.cursor] = t.typed[t.cursor]
		}
	}
	if !focused {
		return plain(string(shown) + strings.Repeat("_", maxText-len(shown)))
	}
	shown = append(shown, strings.Repeat("_", maxText-len(shown)+1)...)
	return wire.Line{{Text: string(shown[:t.cursor])}, {Text: string(shown[t.cursor : t.cursor+1]), Style: wire.Selected}, {Text: string(shown[t.cursor+1:])}}
}

func (t *text) press(key wire.Key) {
	c, character := key.Character()
	switch {
	case character && t.alphabet == digits && !strings.ContainsRune(digits, rune(c)):
	case character && len(t.typed) < maxText:
		t.typed = append(t.typed[:t.cursor], append([]byte{c}, t.typed[t.cursor:]...)...)
		t.cursor++
		t.rolled = false
	case key == wire.Backspace && t.cursor > 0:
		t.typed = append(t.typed[:t.cursor-1], t.typed[t.cursor:]...)
		t.cursor--
		t.rolled = false
	case key == wire.Left:
		t.cursor = max(0, t.cursor-1)
		t.rolled = false
	case key == wire.Right:
		t.cursor = min(len(t.typed), t.cursor+1)
		t.rolled = false
	case key == wire.Up || key == wire.Down:
		t.roll(key)
	}
}

// roll walks through the characters at the cursor; a new one begins with the first.
func (t *text) roll(key wire.Key) {
	if t.cursor == len(t.typed) {
		if len(t.typed) < maxText {
			t.typed, t.rolled = append(t.typed, t.alphabet[0]), true
		}
		return
	}
	t.rolled = true
	t.typed[t.cursor] = rolled(t.alphabet, t.typed[t.cursor], key)
}

// rolled is the character after c, or with Down before it.
func rolled(alphabet string, c byte, key wire.Key) byte {
	at := strings.IndexByte(alphabet, c)
	switch {
	case at < 0:
		at = 0
	case key == wire.Up:
		at = (at + 1) % len(alphabet)
	default:
		at = (at + len(alphabet) - 1) % len(alphabet)
	}
	return alphabet[at]
}

func (t *text) home()         { t.cursor, t.rolled = len(t.typed), false }
func (t *text) value() string { return string(t.typed) }
func (t *text) changed() bool { return string(t.typed) != t.was }
