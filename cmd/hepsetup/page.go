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

// leastColumn is how narrow a column may become.
const leastColumn = 12

// table writes rows in columns. Where they have no room, the widest become narrower and
// their cells wrap. A heading that begins with > has its column set to the right.
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
	p.fit(widths)
	write := func(row []string, paint func(string) string) {
		cells := make([][]string, len(row))
		height := 0
		for i, cell := range row {
			cells[i] = p.wrap(cell, widths[i])
			height = max(height, len(cells[i]))
		}
		for n := range height {
			var line strings.Builder
			for i := range row {
				cell := ""
				if n < len(cells[i]) {
					cell = cells[i][n]
				}
				pad := strings.Repeat(" ", max(0, widths[i]-visible(cell)))
				if right[i] {
					cell, pad = pad+cell, ""
				}
				line.WriteString(cell + pad + "  ")
			}
			p.text.WriteString(paint(strings.TrimRight(line.String(), " ")) + "\n")
		}
	}
	write(heads, p.bold)
	for _, row := range rows {
		write(row, func(s string) string { return s })
	}
}

// fit makes columns narrower, the widest first, until they have room.
func (p *page) fit(widths []int) {
	if p.width <= 0 {
		return
	}
	for {
		used, widest := 0, 0
		for i, w := range widths {
			used += w + 2
			if w >= widths[widest] { // of equal ones the last
				widest = i
			}
		}
		if used-2 <= p.width || widths[widest] <= leastColumn {
			return
		}
		widths[widest]--
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
