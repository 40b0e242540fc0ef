package setup

import (
	"slices"
	"strings"
)

// Permission is one box of a Security User module (security.md 3.2).
type Permission struct {
	// Word is how tools write it, Register the name in the module, Grants what it allows.
	Word, Register, Grants string
	// Needs is the box without which it has no effect; empty for none.
	Needs string
}

// Permissions lists the seven boxes in their order.
func Permissions() []Permission {
	return []Permission{
		{"read", "Read Access", "read everything but security", ""},
		{"reset", "Peak Demand Reset Access", "reset the peak demand", "read"},
		{"time", "Time Sync Access", "set the clock", ""},
		{"config", "Full Meter Config Access", "change everything but security, peak demand and test mode", "read"},
		{"test", "Test Mode Access", "enter test mode", "read"},
		{"security", "Security Config Access", "change security and the other accounts", "read"},
		{"comm", "Comm Config Access", "change communications", "read"},
	}
}

// PermissionWords are the words of the seven boxes.
func PermissionWords() []string {
	var words []string
	for _, p := range Permissions() {
		words = append(words, p.Word)
	}
	return words
}

// ParsePermissions reads words parted by commas; "all" is every box, "none" and the empty
// text no box. The error has the code usage.
func ParsePermissions(text string) ([]string, error) {
	if text == "" || strings.EqualFold(text, "none") {
		return []string{}, nil
	}
	if strings.EqualFold(text, "all") {
		return PermissionWords(), nil
	}
	given := map[string]bool{}
	for word := range strings.SplitSeq(text, ",") {
		word = strings.ToLower(strings.TrimSpace(word))
		if !slices.Contains(PermissionWords(), word) {
			e := NewError(CodeUsage, "%q is no permission", word)
			if near := Nearest(word, PermissionWords(), 1); len(near) > 0 {
				return nil, e.with("did you mean %s? The permissions are %s", near[0], strings.Join(PermissionWords(), ", "))
			}
			return nil, e.with("the permissions are %s", strings.Join(PermissionWords(), ", "))
		}
		given[word] = true
	}
	words := []string{}
	for _, word := range PermissionWords() {
		if given[word] {
			words = append(words, word)
		}
	}
	return words, nil
}

// Idle returns the boxes that are ticked and have no effect, for want of another.
func Idle(boxes []string) []string {
	var idle []string
	for _, p := range Permissions() {
		if slices.Contains(boxes, p.Word) && p.Needs != "" && !slices.Contains(boxes, p.Needs) {
			idle = append(idle, p.Word)
		}
	}
	return idle
}
