// Package panel is what a meter and its display say to each other, on one machine: the
// meter draws, the display shows whole pictures and sends keys. A message is one line of
// JSON. docs/panel.md describes it.
package panel

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Version is that of the protocol. Both sides say theirs first, and end where they differ.
const Version = 1

// Bounds of a message, in bytes with its end of line.
const (
	MaxRequest = 256
	MaxPicture = 256 << 10
)

// Bounds of a display. A smaller one shows a part of the picture, a larger one leaves room.
const (
	LeastColumns, LeastRows = 40, 16
	MostColumns, MostRows   = 200, 100
)

// Key is a key that was pressed: one of those below, or one character of ASCII 32 to 126.
type Key string

// The keys with names.
const (
	Up        Key = "up"
	Down      Key = "down"
	Left      Key = "left"
	Right     Key = "right"
	Enter     Key = "enter"
	Escape    Key = "escape"
	Backspace Key = "backspace"
)

var named = []Key{Up, Down, Left, Right, Enter, Escape, Backspace}

// Character returns the character of a key that has no name.
func (k Key) Character() (byte, bool) {
	if len(k) != 1 || k[0] < ' ' || k[0] > '~' {
		return 0, false
	}
	return k[0], true
}

func (k Key) valid() bool {
	_, character := k.Character()
	return character || slices.Contains(named, k)
}

// Request is what a display says: first its version and its size, or the one screen that it
// wants as text; then keys, and its size again when that has changed.
type Request struct {
	Version int    `json:"version,omitempty"`
	Columns int    `json:"columns,omitempty"`
	Rows    int    `json:"rows,omitempty"`
	Screen  string `json:"screen,omitempty"`
	Key     Key    `json:"key,omitempty"`
}

// Style is how a part of a line looks. A display that cannot do it shows plain text.
type Style string

// The styles.
const (
	Plain    Style = ""
	Title    Style = "title"    // the bar above
	Selected Style = "selected" // what Enter or the arrows act on
	Dim      Style = "dim"      // help
	Alarm    Style = "alarm"    // what should be seen
)

// Span is a part of a line.
type Span struct {
	Text  string `json:"text"`
	Style Style  `json:"style,omitempty"`
}

// Line is a line of a picture, without its end.
type Line []Span

// Text is the line without its looks.
func (l Line) Text() string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(s.Text)
	}
	return b.String()
}

// Picture is what a meter says: all lines that the display is to show, or why there will be
// no more.
type Picture struct {
	Version int    `json:"version,omitempty"` // in the first
	Lines   []Line `json:"lines,omitempty"`
	// End tells that this is the last one; Error is why, empty where all is done, and
	// Remedy what to do.
	End    bool   `json:"end,omitempty"`
	Error  string `json:"error,omitempty"`
	Remedy string `json:"remedy,omitempty"`
}

// ErrMalformed reports a message that is none.
var ErrMalformed = errors.New("no message of the panel's protocol")

// Requests reads what a display says.
type Requests struct{ lines *bufio.Reader }

// NewRequests reads requests from r.
func NewRequests(r io.Reader) *Requests { return &Requests{bufio.NewReaderSize(r, MaxRequest)} }

// Next returns the next request, with its size brought within the bounds; io.EOF at the
// end, or an error that wraps ErrMalformed.
func (r *Requests) Next() (Request, error) {
	var q Request
	if err := next(r.lines, &q); err != nil {
		return Request{}, err
	}
	switch {
	case q.Key != "" && !q.Key.valid():
		return Request{}, fmt.Errorf("%w: no key %.20q", ErrMalformed, string(q.Key))
	case q.Columns < 0 || q.Rows < 0 || q.Version < 0:
		return Request{}, fmt.Errorf("%w: a number below 0", ErrMalformed)
	}
	if q.Columns > 0 {
		q.Columns = min(max(q.Columns, LeastColumns), MostColumns)
	}
	if q.Rows > 0 {
		q.Rows = min(max(q.Rows, LeastRows), MostRows)
	}
	return q, nil
}

// Pictures reads what a meter says.
type Pictures struct{ lines *bufio.Reader }

// NewPictures reads pictures from r.
func NewPictures(r io.Reader) *Pictures { return &Pictures{bufio.NewReaderSize(r, MaxPicture)} }

// Next returns the next picture. Its text is fit for a terminal: it has no control
// characters, whatever the meter says.
func (r *Pictures) Next() (Picture, error) {
	var p Picture
	if err := next(r.lines, &p); err != nil {
		return Picture{}, err
	}
	p.Error, p.Remedy = Printable(p.Error), Printable(p.Remedy)
	for _, line := range p.Lines {
		for i := range line {
			line[i].Text = Printable(line[i].Text)
		}
	}
	return p, nil
}

// next reads a line, which the reader's buffer bounds.
func next(r *bufio.Reader, into any) error {
	line, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return fmt.Errorf("%w: longer than %d bytes", ErrMalformed, r.Size())
	case errors.Is(err, io.EOF) && len(line) > 0:
		return io.ErrUnexpectedEOF
	case err != nil:
		return err
	}
	if err := json.Unmarshal(line, into); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}

// Write writes a message, a Request or a Picture.
func Write[M Request | Picture](w io.Writer, message M) error {
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

// Printable replaces what would move a terminal's cursor, or worse, by question marks.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}
