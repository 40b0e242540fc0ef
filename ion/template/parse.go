package template

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hepmeter/hepmeter/ion"
)

// Bounds of a program's text, far above what a meter has.
const (
	maxBytes = 16 << 20
	maxLines = 1 << 16
)

// formatVersion is the version of the text format; versionLine begins what Format writes.
const (
	formatVersion = "1"
	versionLine   = "# hepmeter template "
)

// What parts a line.
const (
	bar    = " | "
	arrow  = " <- "
	equals = " = "
)

// Parse reads a program: one module per line, fields parted by " | ":
//
//	Integrator 3 | kWh del | Integrand <- Power Meter/kW tot | Int Mode = forward
//	+ kWh del | Enable <- Digital Input 1/State
//
// is a type and the number under its manager, which may be left out; a label; links; setup
// registers. A line that begins with + programs a module further that another line or the
// meter has. Labels, registers and values may stand in quotation marks, with the escapes
// of Go. Empty lines and lines that begin with # are skipped. The order of the lines does
// not matter: the changes are all modules, then all links, then all setup registers.
//
// Every faulty line is reported, by number.
func Parse(text []byte) ([]ion.Change, error) {
	changes, faults := parse(text)
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return changes, nil
}

// parse also returns what the lines without a fault say.
func parse(text []byte) (changes []ion.Change, faults []error) {
	if len(text) > maxBytes {
		return nil, []error{fmt.Errorf("the text has %d bytes, at most %d", len(text), maxBytes)}
	}
	var creates, links, settings []ion.Change
	number := 0
	for line := range strings.Lines(string(text)) {
		if number++; number > maxLines {
			return nil, []error{fmt.Errorf("the text has more than %d lines", maxLines)}
		}
		parsed, err := parseLine(strings.TrimSpace(line))
		if err != nil {
			faults = append(faults, fmt.Errorf("line %d: %w", number, err))
			continue
		}
		for _, c := range parsed {
			switch c.(type) {
			case ion.Create:
				creates = append(creates, c)
			case ion.Link:
				links = append(links, c)
			default:
				settings = append(settings, c)
			}
		}
	}
	return slices.Concat(creates, links, settings), faults
}

func parseLine(line string) (changes []ion.Change, err error) {
	if version, ok := strings.CutPrefix(line, versionLine); ok && version != formatVersion {
		return nil, fmt.Errorf("the format has version %.20s, this program reads version %s", version, formatVersion)
	}
	if line == "" || line[0] == '#' {
		return nil, nil
	}
	rest, further := strings.CutPrefix(line, "+")
	var c ion.Create
	if !further {
		var head string
		if head, rest, _ = strings.Cut(line, bar); rest == "" {
			return nil, fmt.Errorf("%.60q: write Type | Label", line)
		}
		if c.Type, c.Number, err = parseType(strings.TrimSpace(head)); err != nil {
			return nil, err
		}
	}
	label, separator, rest, err := token(rest, bar)
	if err == nil && (label == "" || strings.Contains(label, "/")) {
		err = fmt.Errorf("%.60q is no label: it is empty or has a slash", label)
	}
	if err != nil {
		return nil, err
	}
	if c.Label = label; !further {
		changes = append(changes, c)
	}
	for separator == bar {
		var name, value, kind string
		name, kind, rest, err = token(rest, arrow, equals, bar)
		if err == nil && kind != arrow && kind != equals {
			err = fmt.Errorf(`%.60q: write Input <- Module/Register or Setup = value, and "" for an empty value`, name)
		}
		if err == nil {
			value, separator, rest, err = token(rest, bar)
		}
		switch {
		case err != nil:
			return nil, err
		case kind == equals:
			changes = append(changes, ion.Set{Register: label + "/" + name, Value: value})
		case value != "" && !strings.Contains(value, "/"):
			return nil, fmt.Errorf("%.60q is no register: write Module/Register", value)
		default:
			changes = append(changes, ion.Link{Input: label + "/" + name, Register: value})
		}
	}
	return changes, nil
}

// parseType reads a type and the number that may follow it.
func parseType(head string) (name string, number int, err error) {
	at := strings.LastIndexByte(head, ' ')
	last := head[at+1:]
	if at < 0 || strings.Trim(last, "0123456789") != "" {
		return head, 0, nil
	}
	if number, err = strconv.Atoi(last); err != nil || number < 1 {
		return "", 0, fmt.Errorf("%.60q: the number of a module is 1 to %d", head, ion.MaxModulesPerType)
	}
	return strings.TrimSpace(head[:at]), number, nil
}

// token takes the text in quotation marks that text begins with, or what stands before
// the first of the separators, and returns it with that separator, empty at the end of
// the line, and the rest.
func token(text string, separators ...string) (word, separator, rest string, err error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, `"`) {
		quoted, err := strconv.QuotedPrefix(text)
		if err != nil {
			return "", "", "", fmt.Errorf("%.60q: the quotation marks are not closed, or an escape is not Go's", text)
		}
		word, _ = strconv.Unquote(quoted)
		rest = strings.TrimLeft(text[len(quoted):], " \t")
		if rest == "" {
			return word, "", "", nil
		}
		for _, s := range separators {
			if after, ok := strings.CutPrefix(rest, s[1:]); ok {
				return word, s, after, nil
			}
		}
		return "", "", "", fmt.Errorf("%.60q: nothing may follow quotation marks in a field", rest)
	}
	at := len(text)
	for _, s := range separators {
		if i := strings.Index(text, s); i >= 0 && i < at {
			at, separator = i, s
		}
	}
	word, rest = strings.TrimSpace(text[:at]), text[at+len(separator):]
	if word == "" || strings.HasPrefix(word, "|") || strings.HasSuffix(word, "|") {
		return "", "", "", fmt.Errorf(`%.60q: a field or value is empty: write "" for an empty value`, text)
	}
	return word, separator, rest, nil
}
