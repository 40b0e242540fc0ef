package waveform

import "strings"

// lettering is the letters by which a recording names phases 1, 2 and 3. B is the
// second phase of A, B, C and the third of R, Y, B, and T is a phase beside R and S
// but a transformer in VT and CT: only all names of a recording together tell.
type lettering [3]string

// letterings are the usual ones. One that explains as many inputs as another, and
// stands before it, is preferred.
var letterings = [...]lettering{
	{"A", "B", "C"},
	{"AR", "BS", "CT"}, // one side may be named A, B, C and the other R, S, T
	{"R", "Y", "B"},
	{"U", "V", "W"},
}

// letteringOf returns the lettering by which the channels name the most inputs.
func letteringOf(channels []Channel) lettering {
	best, most := letterings[0], -1
	for _, l := range letterings {
		var seen [roleCount]bool
		inputs := 0
		for _, ch := range channels {
			if r := l.designate(ch).role; r != NoRole && !seen[r] {
				seen[r] = true
				inputs++
			}
		}
		if inputs > most {
			best, most = l, inputs
		}
	}
	return best
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
	for i, letters := range l {
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
	return i >= 0 && i < 3 && j >= 0 && j < 3 && strings.IndexByte(l[i], a) == strings.IndexByte(l[j], b)
}
