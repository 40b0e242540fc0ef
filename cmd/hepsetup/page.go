package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// page is what is written for people: lines and tables that fit the terminal. Where it is
// no terminal nothing is wrapped or coloured.
type page struct {
	file   *os.File
	width  int // 0 for no limit
	colour bool
	text   bytes.Buffer
	failed error
}

func newPage(file *os.File, env func(string) string) *page {
	p := &page{file: file}
	if term.IsTerminal(int(file.Fd())) {
		p.width, _, _ = term.GetSize(int(file.Fd()))
		p.colour = env("NO_COLOR") == "" && env("TERM") != "dumb"
	}
	return p
}

func (p *page) flush() error {
	if p.failed == nil {
		_, p.failed = p.file.Write(p.text.Bytes())
	}
	p.text.Reset()
	return p.failed
}

// json writes one object on one line.
func (p *page) json(v any) {
	encoder := json.NewEncoder(&p.text)
	encoder.SetEscapeHTML(false)
	p.failed = encoder.Encode(v)
}

// The few colours: bold for headings, red for what goes wrong or will, green for what is
// well.
func (p *page) bold(s string) string { return p.paint("1", s) }
func (p *page) bad(s string) string  { return p.paint("31", s) }
func (p *page) good(s string) string { return p.paint("32", s) }

func (p *page) paint(code, s string) string {
	if !p.colour {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// line writes a paragraph, wrapped at the terminal's width.
func (p *page) line(format string, args ...any) {
	for _, part := range p.wrap(fmt.Sprintf(format, args...), p.width) {
		p.text.WriteString(part + "\n")
	}
}

// item writes a line of the form "  name: text".
func (p *page) item(name, text string) {
	label := "  " + name + ": "
	room := p.width
	if room > 0 {
		room = max(20, room-len(label))
	}
	for i, part := range p.wrap(text, room) {
		if i > 0 {
			label = strings.Repeat(" ", len(label))
		}
		p.text.WriteString(label + part + "\n")
	}
}

// heading writes a line above a table, and an empty one before it.
func (p *page) heading(format string, args ...any) {
	if p.text.Len() > 0 {
		p.text.WriteString("\n")
	}
	p.text.WriteString(p.bold(fmt.Sprintf(format, args...)) + "\n")
}

// leastLast is how narrow the last column of a table may become.
const leastLast = 16

// table writes rows in columns; the last column takes what room is left, and wraps. A
// heading that begins with > has its column set to the right.
func (p *page) table(heads []string, rows [][]string) {
	right := make([]bool, len(heads))
	widths := make([]int, len(heads))
	for i, head := range heads {
		heads[i], right[i] = strings.CutPrefix(head, ">")
		widths[i] = visible(heads[i])
	}
	for _, row := range rows {
		for i, cell := range row {
			row[i] = clean(cell)
			widths[i] = max(widths[i], visible(row[i]))
		}
	}
	last := len(heads) - 1
	used := 0
	for _, w := range widths[:last] {
		used += w + 2
	}
	room := 0
	if p.width > 0 {
		room = max(leastLast, p.width-used)
	}
	write := func(row []string, paint func(string) string) {
		cells := p.wrap(row[last], room)
		for n, end := range cells {
			var line strings.Builder
			for i := range last {
				cell := ""
				if n == 0 {
					cell = row[i]
				}
				pad := strings.Repeat(" ", widths[i]-visible(cell))
				if right[i] {
					line.WriteString(pad + cell + "  ")
				} else {
					line.WriteString(cell + pad + "  ")
				}
			}
			if right[last] {
				line.WriteString(strings.Repeat(" ", max(0, widths[last]-visible(end))))
			}
			line.WriteString(end)
			p.text.WriteString(paint(strings.TrimRight(line.String(), " ")) + "\n")
		}
	}
	write(heads, p.bold)
	for _, row := range rows {
		write(row, func(s string) string { return s })
	}
}

// clean keeps what a meter or a client says from moving the cursor.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\x1b' || r == utf8.RuneError || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}

// visible is how many columns a text takes, without the codes of colours.
func visible(s string) int {
	n, code := 0, false
	for _, r := range s {
		switch {
		case r == '\x1b':
			code = true
		case code:
			code = r != 'm'
		default:
			n++
		}
	}
	return n
}

// wrap cuts a text at blanks into lines of at most width columns; 0 is one line.
func (p *page) wrap(s string, width int) []string {
	if width <= 0 || visible(s) <= width {
		return []string{s}
	}
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		for visible(word) > width { // a word that has no room at all is cut
			if line != "" {
				lines, line = append(lines, line), ""
			}
			runes := []rune(word)
			lines, word = append(lines, string(runes[:width])), string(runes[width:])
		}
		switch {
		case line == "":
			line = word
		case visible(line)+1+visible(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	return append(lines, line)
}
