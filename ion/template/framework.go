package template

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hepmeter/hepmeter/ion"
)

// Bounds of a framework's text, far above what a meter has.
const (
	maxFrameworkBytes = 1 << 20
	maxFrameworkLines = 10_000
)

// ParseFramework reads a framework: one module per line, fields parted by " | ":
//
//	Integrator | kWh del | Integrand <- Power Meter/kW tot | Int Mode = forward
//	+ kWh del | Enable <- Digital Input 1/State
//
// is a type, a label, links and setup registers; a line that begins with + programs a
// module that is there already. Empty lines and lines that begin with # are skipped.
// Every faulty line is reported, by number.
func ParseFramework(text []byte) ([]ion.Change, error) {
	if len(text) > maxFrameworkBytes {
		return nil, fmt.Errorf("the text has %d bytes, at most %d", len(text), maxFrameworkBytes)
	}
	var changes []ion.Change
	var problems []error
	number := 0
	for line := range strings.Lines(string(text)) {
		if number++; number > maxFrameworkLines {
			return nil, fmt.Errorf("the text has more than %d lines", maxFrameworkLines)
		}
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		parsed, err := parseLine(line)
		if err != nil {
			problems = append(problems, fmt.Errorf("line %d: %w", number, err))
		}
		changes = append(changes, parsed...)
	}
	return changes, errors.Join(problems...)
}

func parseLine(line string) ([]ion.Change, error) {
	fields := strings.Split(line, " | ")
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	var changes []ion.Change
	label, rest := "", fields[1:]
	if existing, ok := strings.CutPrefix(fields[0], "+"); ok {
		label = strings.TrimSpace(existing)
	} else {
		if len(rest) == 0 {
			return nil, fmt.Errorf("%q: write type | label", line)
		}
		label, rest = rest[0], rest[1:]
		changes = append(changes, ion.Create{Type: fields[0], Label: label})
	}
	if label == "" {
		return nil, fmt.Errorf("%q: the label is missing", line)
	}
	for _, field := range rest {
		if input, register, ok := strings.Cut(field, " <- "); ok {
			changes = append(changes, ion.Link{Input: label + "/" + strings.TrimSpace(input), Register: strings.TrimSpace(register)})
		} else if setup, value, ok := strings.Cut(field, " = "); ok {
			changes = append(changes, ion.Set{Register: label + "/" + strings.TrimSpace(setup), Value: strings.TrimSpace(value)})
		} else {
			return nil, fmt.Errorf("%q: write Input <- Module/Register or Setup = value", field)
		}
	}
	return changes, nil
}
