package panel

import (
	"fmt"
	"slices"
	"strings"

	wire "github.com/hepmeter/hepmeter/wire/panel"
)

// screen is a data screen. What it draws depends on its arguments only.
type screen struct {
	name, title string
	// draw returns at most rows lines, from the place to which the display is scrolled,
	// and the last such place.
	draw func(r *reading, columns, rows, at int) (lines []wire.Line, last int)
	// parts tells that each place of the screen is a page of its own.
	parts bool
}

// screens are the data screens, in the order in which the arrows walk through them.
func screens() []screen {
	return []screen{
		{name: "volts", title: "VOLTS", draw: listed(volts)},
		{name: "amps", title: "AMPS", draw: listed(amps)},
		{name: "power", title: "POWER", draw: listed(power)},
		{name: "energy", title: "ENERGY", draw: listed(energy)},
		{name: "demand", title: "DEMAND", draw: listed(demand)},
		{name: "phasors", title: "PHASORS", draw: listed(phasors)},
		{name: "harmonics", title: "HARMONICS", draw: harmonics, parts: true},
		{name: "events", title: "EVENT LOG", draw: events},
		{name: "nameplate", title: "NAMEPLATE", draw: listed(nameplate)},
		{name: "network", title: "NETWORK", draw: listed(network)},
	}
}

// listed is a screen whose lines scroll one by one.
func listed(draw func(r *reading, columns int) []wire.Line) func(*reading, int, int, int) ([]wire.Line, int) {
	return func(r *reading, columns, rows, at int) ([]wire.Line, int) {
		lines := draw(r, columns)
		last := max(0, len(lines)-rows)
		at = min(at, last)
		return lines[at:min(len(lines), at+rows)], last
	}
}

// plain is a line without looks.
func plain(text string) wire.Line { return wire.Line{{Text: text}} }

// blank is an empty line.
func blank() wire.Line { return nil }

// once draws a screen whole, for who does not look at a display.
func (s screen) once(r *reading, columns int) []wire.Line {
	lines, last := s.draw(r, columns, wire.MostRows, 0)
	for at := 1; s.parts && at <= last; at++ {
		part, _ := s.draw(r, columns, wire.MostRows, at)
		lines = append(append(lines, blank()), part...)
	}
	return lines
}

// screenNamed finds a screen; the error lists what there is.
func screenNamed(name string) (screen, error) {
	list := screens()
	if i := slices.IndexFunc(list, func(s screen) bool { return strings.EqualFold(s.name, name) }); i >= 0 {
		return list[i], nil
	}
	names := make([]string, len(list))
	for i, s := range list {
		names[i] = s.name
	}
	return screen{}, fmt.Errorf("no screen %.20q: there are %s", name, strings.Join(names, ", "))
}

// wrapped breaks a text at spaces into lines of at most columns characters; a word that is
// longer is cut.
func wrapped(text string, columns int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		for {
			room := columns - len([]rune(line))
			if line != "" {
				room--
			}
			if len([]rune(word)) <= room {
				break
			}
			if line != "" {
				lines, line = append(lines, line), ""
				continue
			}
			cut := []rune(word)
			lines, word = append(lines, string(cut[:columns])), string(cut[columns:])
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
