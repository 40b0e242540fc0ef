package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTables(t *testing.T) {
	heads := func() []string { return []string{"Name", ">Value", "Note"} }
	rows := func() [][]string {
		return [][]string{{"Vln a", "230.1", "a note that is longer than the others are"}, {"f", "50", ""}}
	}
	tests := []struct {
		name  string
		width int
		want  string
	}{
		{"no terminal: nothing is wrapped", 0, "Name   Value  Note\nVln a  230.1  a note that is longer than the others are\nf         50\n"},
		{"the widest column wraps", 40, "Name   Value  Note\nVln a  230.1  a note that is longer than\n              the others are\nf         50\n"},
		{"a narrow terminal leaves it some room", 10, "Name   Value  Note\nVln a  230.1  a note that\n              is longer\n              than the\n              others are\nf         50\n"},
	}
	for _, tt := range tests {
		p := &page{width: tt.width}
		p.table(heads(), rows())
		if p.text.String() != tt.want {
			t.Errorf("%s:\n%s\nwant:\n%s", tt.name, p.text.String(), tt.want)
		}
	}
}

func TestColoursTakeNoRoom(t *testing.T) {
	p := &page{colour: true}
	if s := p.bad("locked"); visible(s) != 6 || s == "locked" {
		t.Errorf("%q takes %d", s, visible(s))
	}
	if s := (&page{}).bad("locked"); s != "locked" {
		t.Errorf("%q without colours", s)
	}
}

func TestWordsWithoutRoomAreCut(t *testing.T) {
	if got := (&page{}).wrap("a abcdefghij b", 4); !slices.Equal(got, []string{"a", "abcd", "efgh", "ij b"}) {
		t.Errorf("%q", got)
	}
}

// What a client calls itself cannot move the cursor of who reads the ledger.
func TestControlCharactersAreTakenOut(t *testing.T) {
	if got := clean("a\r\nb\x07\u009bc"); strings.ContainsAny(got, "\r\n\x07\u009b") {
		t.Errorf("%q", got)
	}
}

func TestParseSince(t *testing.T) {
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{"30d": now.AddDate(0, 0, -30), "12h": now.Add(-12 * time.Hour), "2026-11-01": time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), "2026-11-01T10:00:00Z": time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC), "": {}} {
		if got, err := parseSince(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"yesterday", "-3h", "-1d", "1e99d"} {
		if got, err := parseSince(text, now); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}
