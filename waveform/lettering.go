package waveform

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// lettering is the letters by which a recording names phases 1, 2 and 3. B is the
// second phase of A, B, C and the third of R, Y, B, and T is a phase beside R and S
// but a transformer in VT and CT: only all names of a recording together tell.
type lettering struct {
	letters [3]string
	// cyrillic says that the Cyrillic А, В and С stand for A, B and C.
	cyrillic bool
}

// letterings are the usual ones. One that explains as many inputs as another, and
// stands before it, is preferred.
var letterings = [...]lettering{
	{letters: [3]string{"A", "B", "C"}},
	{letters: [3]string{"AR", "BS", "CT"}}, // one side may be named A, B, C and the other R, S, T
	{letters: [3]string{"R", "Y", "B"}},
	{letters: [3]string{"U", "V", "W"}},
	{letters: [3]string{"A", "B", "C"}, cyrillic: true},
}

// letteringOf returns the lettering by which the channels name the most inputs.
func letteringOf(channels []Channel) lettering {
	best, most := letterings[0], -1
	for _, l := range letterings {
		if l.cyrillic && !slices.ContainsFunc(channels, hasCyrillicPhase) {
			continue
		}
		var seen, added [roleCount]bool
		inputs := 0
		for _, ch := range channels {
			r := l.designate(ch).role
			if r == NoRole {
				continue
			}
			if !seen[r] {
				seen[r] = true
				inputs++
			}
			added[r] = added[r] || l.cyrillic && letterings[0].designate(ch).role == NoRole
		}
		// In Russian А is also ampere, В volt and "in", С "with": one alone names no phase.
		if l.cyrillic && !completes(added, seen) {
			continue
		}
		if l.letters[1] == "V" && inputs == 1 {
			continue // "Voltage V" tells its unit
		}
		if inputs > most {
			best, most = l, inputs
		}
	}
	return best
}

func hasCyrillicPhase(ch Channel) bool {
	const letters = "АВСавс"
	return strings.ContainsAny(ch.Name, letters) || strings.ContainsAny(ch.Phase, letters)
}

// completes reports whether the roles added are among three phases that are all seen.
func completes(added, seen [roleCount]bool) bool {
	for _, first := range []Role{V1, V12, I1} {
		of := [3]Role{first, first + 1, first + 2}
		if seen[of[0]] && seen[of[1]] && seen[of[2]] && (added[of[0]] || added[of[1]] || added[of[2]]) {
			return true
		}
	}
	return false
}

// latin returns the tokens of a name with A, B and C for the Cyrillic letters of phases:
// in a token of these alone, which joins a U or I just before it (Uа). In small letters,
// with a blank before it, such a token is a word unless it is the last.
func (l lettering) latin(tokens []token) []token {
	if !l.cyrillic {
		return tokens
	}
	var out []token
	for i, t := range tokens {
		text, small := latinPhases(t.text)
		switch {
		case text == "" || strings.ContainsAny(t.before, ",([{"): // a unit is no phase
			out = append(out, t)
		case t.before == "" && len(out) > 0 && announces(out[len(out)-1].text):
			out[len(out)-1].text += text
		case small && i+1 < len(tokens):
			out = append(out, t)
		default:
			out = append(out, token{text, t.before})
		}
	}
	return out
}

// announces reports whether a phase may follow text without a blank.
func announces(text string) bool {
	switch strings.ToUpper(text) {
	case "U", "V", "I", "UL", "VL", "IL":
		return true
	}
	return false
}

// latinPhases writes one or two Cyrillic letters of phases, and digits behind them, in
// Latin ones; blank if the text is anything else. small says that they are small.
func latinPhases(text string) (latin string, small bool) {
	letters := strings.TrimRight(text, "0123456789")
	if n := utf8.RuneCountInString(letters); n < 1 || n > 2 {
		return "", false
	}
	for _, r := range letters {
		i := strings.IndexRune("АВСавс", r) / utf8.RuneLen('А')
		if !strings.ContainsRune("АВСавс", r) {
			return "", false
		}
		latin += "ABCABC"[i : i+1]
		small = small || i > 2
	}
	return latin + text[len(letters):], small
}

// number returns 1, 2, 3 for a phase's upper-case letter or digit, 4 for the
// neutral's, 0 for any other.
func (l lettering) number(c byte) int {
	switch c {
	case '1', '2', '3', '4':
		return int(c - '0')
	case 'N':
		return 4
	}
	for i, letters := range l.letters {
		if strings.IndexByte(letters, c) >= 0 {
			return i + 1
		}
	}
	return 0
}

// alike reports whether two characters name phases in the same way: both as digits,
// or both by letters of one alphabet.
func (l lettering) alike(a, b byte) bool {
	if isDigit(a) || isDigit(b) {
		return isDigit(a) && isDigit(b)
	}
	i, j := l.number(a)-1, l.number(b)-1
	return i >= 0 && i < 3 && j >= 0 && j < 3 && strings.IndexByte(l.letters[i], a) == strings.IndexByte(l.letters[j], b)
}
