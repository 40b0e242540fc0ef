// Package rules reads the table of expected answers of the gate, access/rules.txt, for the
// tests that hold the gate and the servers against it. It knows words only: what they mean
// is for the gate to show.
package rules

import (
	"fmt"
	"slices"
	"strings"
)

// Allow is the answer that is no code of a refusal.
const Allow = "allow"

// Absent in the column of boxes stands for an account that is not there.
const absent = "absent"

// Rule is a line of the table.
type Rule struct {
	Line int
	// Heading is the comment line above the first rule of a group, empty for the others.
	Heading                         string
	Columns                         [6]string // as they stand there
	Answer                          string    // Allow, or a code
	Source                          string
	Generations, Modes, Credentials []string
	Paths, Operations               []Alternative
	// AnyBoxes takes every account, Absent one that is not there; else it has Boxes.
	AnyBoxes, Absent bool
	Boxes            []string
}

// Alternative is a name with the settings in brackets, none for any.
type Alternative struct {
	Name     string
	Settings []string
}

// Any is the word that takes every word.
const Any = "*"

// Parse reads the table.
func Parse(text string) (rules []*Rule, err error) {
	heading := ""
	for i, line := range strings.Split(text, "\n") {
		body, source, _ := strings.Cut(line, "#")
		if strings.TrimSpace(body) == "" {
			heading = strings.TrimSpace(source)
			continue
		}
		left, answer, ok := strings.Cut(body, "->")
		columns := strings.Split(left, "|")
		r := &Rule{Line: i + 1, Heading: heading, Answer: strings.TrimSpace(answer), Source: strings.TrimSpace(source)}
		heading = ""
		if !ok || len(columns) != 6 || r.Source == "" {
			return nil, fmt.Errorf("rules.txt line %d: want six columns, -> and an answer, and # with a source", i+1)
		}
		for c := range columns {
			r.Columns[c] = strings.TrimSpace(columns[c])
		}
		r.Generations, r.Modes, r.Credentials = names(columns[0], ","), names(columns[1], ","), names(columns[3], ",")
		r.Paths, r.Operations = alternatives(columns[2]), alternatives(columns[5])
		switch boxes := strings.TrimSpace(columns[4]); boxes {
		case Any:
			r.AnyBoxes = true
		case absent:
			r.Absent = true
		default:
			r.Boxes = names(boxes, "+")
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// alternatives splits at commas outside of brackets.
func alternatives(column string) (list []Alternative) {
	depth := 0
	for _, part := range strings.FieldsFunc(column, func(r rune) bool {
		switch r {
		case '[':
			depth++
		case ']':
			depth--
		}
		return r == ',' && depth == 0
	}) {
		name, settings, some := strings.Cut(strings.TrimSuffix(strings.TrimSpace(part), "]"), "[")
		a := Alternative{Name: name}
		if some {
			a.Settings = names(settings, ",")
		}
		list = append(list, a)
	}
	return list
}

func names(list, separator string) (all []string) {
	for part := range strings.SplitSeq(list, separator) {
		all = append(all, strings.TrimSpace(part))
	}
	return all
}

// Asked is one request in the words of the table.
type Asked struct {
	Generation, Mode, Path, Credential, Operation string
	// MapAccess, Upgrade and Broadcast are the settings that the words in brackets name.
	MapAccess, Upgrade, Broadcast string
	// Setup is "setup off" where it is switched off for the path.
	Setup string
	// Gateway and Address are what the gateway's registers let all clients do, and this one.
	Gateway, Address string
	// Absent tells that the acting account is not there, Boxes what it has ticked.
	Absent bool
	Boxes  []string
}

// String is the request in words.
func (a Asked) String() string {
	boxes := "boxes " + strings.Join(a.Boxes, ",")
	if a.Absent {
		boxes = "no account"
	}
	return fmt.Sprintf("%s %s, %s [%s %s], %s, %s, %s [%s, broadcast %s, gateway %s, %s]", a.Generation, a.Mode, a.Path, a.MapAccess, a.Setup, a.Credential, boxes, a.Operation, a.Upgrade, a.Broadcast, a.Gateway, a.Address)
}

// Decide returns the first rule that matches, which decides; nil where none does.
func Decide(rules []*Rule, a *Asked) *Rule {
	for _, r := range rules {
		if r.matches(a) {
			return r
		}
	}
	return nil
}

func (r *Rule) matches(a *Asked) bool {
	switch {
	case !has(r.Generations, a.Generation), !has(r.Modes, a.Mode), !has(r.Credentials, a.Credential):
		return false
	case r.AnyBoxes:
	case r.Absent != a.Absent:
		return false
	}
	for _, box := range r.Boxes {
		if !slices.Contains(a.Boxes, box) {
			return false
		}
	}
	return with(r.Paths, a.Path, a.MapAccess, a.Setup) && with(r.Operations, a.Operation, a.Upgrade, a.Broadcast, a.Gateway, a.Address)
}

func has(list []string, word string) bool { return list[0] == Any || slices.Contains(list, word) }

// with reports whether an alternative takes the word under one of the settings.
func with(list []Alternative, word string, settings ...string) bool {
	for i := range list {
		if (list[i].Name == Any || list[i].Name == word) && (list[i].Settings == nil || slices.ContainsFunc(settings, func(s string) bool { return slices.Contains(list[i].Settings, s) })) {
			return true
		}
	}
	return false
}
