package panel

import (
	"context"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/access"
	wire "github.com/hepmeter/hepmeter/wire/panel"
)

// idle is how long the panel waits for a key before it goes back to the data screens and
// forgets who has logged in (security.md 2.2).
const idle = 5 * time.Minute

// display is the state of one panel: what it shows, and who has logged in. One goroutine
// has it.
type display struct {
	gate *access.Gate
	// root is the session of the connection, login that of who has logged in, nil for
	// nobody.
	root, login *access.Session
	now         func() time.Time
	// busy shows the panel as it is while something takes its time.
	busy func()

	columns, rows int
	data          data
	// open are the menus, forms and messages above the data screens, the last on top.
	open []page
	// note is what was done last, until the next key.
	note    string
	pressed time.Time
}

// page is what lies above the data screens.
type page interface {
	// draw returns the title, at most rows lines, and what the keys do.
	draw(d *display, r *reading, rows int) (title string, lines []wire.Line, help string)
	press(ctx context.Context, d *display, key wire.Key)
}

func newDisplay(gate *access.Gate, root *access.Session, o Options) *display {
	return &display{gate: gate, root: root, now: o.Now, busy: func() {}, columns: 80, rows: 24, pressed: o.Now(), data: data{screens: screens()}}
}

// data are the data screens: which is shown, and how far it is scrolled.
type data struct {
	screens      []screen
	shown, place int
	last         int // place to which the present screen scrolls
}

func (d *display) resize(q wire.Request) {
	if q.Columns > 0 {
		d.columns = q.Columns
	}
	if q.Rows > 0 {
		d.rows = q.Rows
	}
}

// reader is the session that reads: nobody's, unless only who has logged in may.
func (d *display) reader(op access.Operation) (*access.Session, error) {
	switch {
	case d.root.May(op):
		return d.root, nil
	case d.login != nil && d.login.May(op):
		return d.login, nil
	}
	// Asking the gate again and again would fill its log with refusals.
	request := access.Request{Path: access.FrontPanel, Operation: op}
	if d.login != nil {
		request.Credential, request.Account = d.login.Identity().Kind, d.login.Identity().Account
	}
	if refusal := d.gate.Security().Decide(request); refusal != nil {
		return nil, refusal
	}
	return nil, access.ErrClosed
}

// read makes the reading of the present moment.
func (d *display) read() *reading {
	s, err := d.reader(access.ReadMeasurement)
	if err != nil {
		return nothing(err)
	}
	r := readings(s)
	if log, err := d.reader(access.ReadLog); err != nil {
		r.events = func(int, int) ([]access.Event, int, error) { return nil, 0, err }
	} else {
		r.events = func(newer, n int) ([]access.Event, int, error) { return newestEvents(log, newer, n) }
	}
	return r
}

// rate is how often values change on the screen.
func (d *display) rate() time.Duration {
	if s, err := d.reader(access.ReadMeasurement); err == nil {
		if v := readings(s).value("Display Options/Update Rate"); v.Available && v.Number >= 1 && v.Number <= 6 {
			return time.Duration(v.Number * float64(time.Second))
		}
	}
	return time.Second
}

// draw returns the whole picture; note goes before the help.
func (d *display) draw(note string) []wire.Line {
	r := d.read()
	rows := d.rows - 2 // the title and the help
	title, help := "", ""
	var body []wire.Line
	if len(d.open) > 0 {
		title, body, help = d.open[len(d.open)-1].draw(d, r, rows)
	} else {
		title, body, help = d.data.draw(r, d.columns, rows)
	}
	if note == "" {
		note = d.note
	}
	clock := ""
	if !r.at.IsZero() {
		clock = r.localTime(r.at)
	}
	lines := []wire.Line{{{Text: ends(title, clock, d.columns), Style: wire.Title}}}
	for i := range rows {
		if i < len(body) {
			lines = append(lines, clipped(body[i], d.columns))
		} else {
			lines = append(lines, blank())
		}
	}
	last := wire.Line{{Text: help, Style: wire.Dim}}
	if note != "" {
		last = wire.Line{{Text: note, Style: wire.Alarm}}
	}
	return append(lines, clipped(last, d.columns))
}

func (s *data) draw(r *reading, columns, rows int) (string, []wire.Line, string) {
	screen := s.screens[s.shown]
	help := "left right: screens   enter: setup"
	if r.refused != nil {
		s.last = 0
		return screen.title, reasons(r.refused, columns), help
	}
	lines, last := screen.draw(r, columns, rows, s.place)
	s.last, s.place = last, min(s.place, last)
	if last > 0 {
		help = "arrows: screens, scroll   enter: setup"
	}
	return screen.title, lines, help
}

// ends writes one text at the left end of a line and one at the right.
func ends(left, right string, columns int) string {
	room := columns - len([]rune(left)) - len([]rune(right))
	if room < 1 {
		return string([]rune(left + " " + right)[:columns])
	}
	return left + strings.Repeat(" ", room) + right
}

// clipped cuts a line at the edge.
func clipped(line wire.Line, columns int) wire.Line {
	var out wire.Line
	for _, span := range line {
		text := []rune(wire.Printable(span.Text))
		if len(text) > columns {
			text = text[:columns]
		}
		columns -= len(text)
		if len(text) > 0 {
			out = append(out, wire.Span{Text: string(text), Style: span.Style})
		}
	}
	return out
}

// once draws one screen as text.
func (d *display) once(name string) ([]wire.Line, error) {
	screen, err := screenNamed(name)
	if err != nil {
		return nil, err
	}
	r := d.read()
	if r.refused != nil {
		return nil, r.refused
	}
	lines := []wire.Line{plain(ends(screen.title, r.localTime(r.at), d.columns))}
	for _, line := range screen.once(r, d.columns) {
		lines = append(lines, clipped(line, d.columns))
	}
	return lines, nil
}

// press does what a key does.
func (d *display) press(ctx context.Context, key wire.Key) {
	d.rest()
	d.pressed, d.note = d.now(), ""
	if d.login != nil && d.login.Use() != nil {
		d.forget()
	}
	if len(d.open) > 0 {
		d.open[len(d.open)-1].press(ctx, d, key)
		return
	}
	switch s := &d.data; key {
	case wire.Left, wire.Right:
		step := 1
		if key == wire.Left {
			step = len(s.screens) - 1
		}
		s.shown, s.place = (s.shown+step)%len(s.screens), 0
	case wire.Up:
		s.place = max(0, s.place-1)
	case wire.Down:
		s.place = min(s.last, s.place+1)
	case wire.Enter:
		d.push(setupMenu())
	case wire.Escape:
		s.shown, s.place = 0, 0
	}
}

// rest goes back to the data screens when nobody has pressed a key for long.
func (d *display) rest() {
	if d.now().Sub(d.pressed) >= idle {
		d.open, d.note = nil, ""
		d.forget()
	}
}

// forget ends the login.
func (d *display) forget() {
	if d.login != nil {
		d.login.Close()
		d.login = nil
	}
}

func (d *display) push(p page) { d.open = append(d.open, p) }

// close closes a page and what lies above it.
func (d *display) close(p page) {
	for i, open := range d.open {
		if open == p {
			d.open = d.open[:i]
			return
		}
	}
}
