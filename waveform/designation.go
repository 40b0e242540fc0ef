package waveform

import (
	"strings"
	"unicode"
)

// designation is what a channel's name, phase and unit say it measures.
type designation struct {
	role Role
	// sign is -1 where the name runs against the role's direction (U21 is -V12).
	sign float64
	// scale is the unit's prefix.
	scale float64
	// stem is the name without its phase: what the channels of one bay share.
	stem string
	// residual says that the channel is a sum of phases (3U0, 3I0, Vo).
	residual bool
}

// unitOf splits a unit into its prefix and what it measures: 'V', 'A', 0 for a blank
// one, '?' for any other.
func unitOf(unit string) (scale float64, kind rune) {
	u := strings.TrimSpace(unit)
	if u == "" || u == "-" {
		return 1, 0
	}
	for _, word := range []struct {
		name string
		kind rune
	}{{"volts", 'V'}, {"volt", 'V'}, {"amperes", 'A'}, {"ampere", 'A'}, {"amps", 'A'}, {"amp", 'A'}, {"v", 'V'}, {"a", 'A'}} {
		if len(u) < len(word.name) || !strings.EqualFold(u[len(u)-len(word.name):], word.name) {
			continue
		}
		switch prefix := strings.TrimSpace(u[:len(u)-len(word.name)]); prefix {
		case "":
			return 1, word.kind
		case "k", "K", "kilo":
			return 1e3, word.kind
		case "M", "mega":
			return 1e6, word.kind
		case "m", "milli":
			return 1e-3, word.kind
		case "u", "µ", "μ", "micro":
			return 1e-6, word.kind
		}
	}
	return 1, '?'
}

// designate reads a channel's name, then its phase field, for what it measures. A
// channel that says nothing clear has NoRole.
func designate(ch Channel) designation {
	scale, kind := unitOf(ch.Unit)
	d := designation{sign: 1, scale: scale}
	if kind == '?' {
		return d
	}
	tokens := tokenize(ch.Name)
	for i, t := range tokens {
		role, sign, residual, rest := readToken(t.text)
		if role == NoRole && !residual || !agrees(role, kind) {
			continue
		}
		if residual {
			d.residual = true
			return d
		}
		d.role, d.sign = role, sign
		taken := i
		if role.IsVoltage() && i+1 < len(tokens) {
			if other := otherEnd(role, tokens[i+1]); other == NoRole && isNeutralWord(tokens[i+1].text) {
				taken = i + 1
			} else if other != NoRole {
				d.role, d.sign = lineToLine(int(role), int(other))
				taken = i + 1
			}
		}
		d.stem = stemOf(tokens, func(j int) string {
			switch j {
			case i:
				return rest
			case taken:
				return ""
			}
			return tokens[j].text
		})
		return d
	}
	if role, sign, stem := readWords(tokens, kind); role != NoRole {
		d.role, d.sign, d.stem = role, sign, stem
		return d
	}
	return d.fromPhase(ch.Phase, tokens, kind)
}

// otherEnd returns V1, V2 or V3 if next names the other phase of a voltage between
// two, as in UL1-L2, Va-Vb and U1/2.
func otherEnd(first Role, next token) Role {
	if first > V3 || next.before != "-" && next.before != "/" {
		return NoRole
	}
	u := strings.ToUpper(next.text)
	other := NoRole
	if len(u) == 1 && phaseNumber(u[0]) > 0 && phaseNumber(u[0]) < 4 {
		other = Role(phaseNumber(u[0]))
	} else if n := phaseWord(u); n > 0 {
		other = Role(n)
	} else if r, _, _, rest := readToken(next.text); r >= V1 && r <= V3 && rest == "" {
		other = r
	}
	if other == first {
		return NoRole
	}
	return other
}

func isNeutralWord(text string) bool {
	switch strings.ToUpper(text) {
	case "N", "G", "E", "PE", "GND", "GROUND", "EARTH", "NEUTRAL":
		return true
	}
	return false
}

func agrees(role Role, kind rune) bool {
	return kind == 0 || role == NoRole || kind == 'V' && role.IsVoltage() || kind == 'A' && role.IsCurrent()
}

// token is a run of letters and digits of one script in a name, and what stands
// between it and the one before.
type token struct{ text, before string }

// tokenize splits a name at blanks, punctuation and changes between ASCII and other
// scripts, which run on without a blank ("220kV母线I_Ua", "Ua对侧").
func tokenize(name string) []token {
	var tokens []token
	start, last, ascii := -1, 0, false
	flush := func(end int) {
		if start >= 0 {
			tokens = append(tokens, token{name[start:end], name[last:start]})
			last = end
		}
		start = -1
	}
	for i, r := range name {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			flush(i)
			continue
		}
		a := r < unicode.MaxASCII
		if start >= 0 && a != ascii && !unicode.IsDigit(r) {
			flush(i)
		}
		if start < 0 {
			start, ascii = i, a
		}
	}
	flush(len(name))
	return tokens
}

func stemOf(tokens []token, text func(int) string) string {
	var parts []string
	for i := range tokens {
		if t := text(i); t != "" {
			parts = append(parts, t)
		}
	}
	return strings.Join(parts, " ")
}

// phaseNumber returns 1, 2, 3 for a phase's letter or digit, 4 for the neutral's.
func phaseNumber(c byte) int {
	switch c {
	case 'A', '1', 'R':
		return 1
	case 'B', '2', 'S':
		return 2
	case 'C', '3', 'T':
		return 3
	case 'N', '4':
		return 4
	}
	return 0
}

// readToken reads a name's token such as Va, UL1, ILA, VAN, Uab, U21, I4, Ia1. rest
// is what identifies the bay within the token (the 1 of Ia1).
func readToken(text string) (role Role, sign float64, residual bool, rest string) {
	t := strings.ToUpper(text)
	switch t {
	case "3U0", "3V0", "3I0", "3UO", "3VO", "3IO", "U0", "V0", "UO", "VO", "I0", "IO":
		return NoRole, 1, true, ""
	case "UNE", "VNE", "VNG", "UNG", "VNPE", "UNPE":
		return V4, 1, false, ""
	case "I5", "IPE", "IG", "IE":
		return I5, 1, false, ""
	}
	if len(t) < 2 {
		return NoRole, 1, false, ""
	}
	kind := t[0]
	if kind != 'U' && kind != 'V' && kind != 'I' {
		return NoRole, 1, false, ""
	}
	t = t[1:]
	if t[0] == 'L' && len(t) > 1 {
		t = t[1:]
	}
	first := phaseNumber(t[0])
	if first == 0 {
		return NoRole, 1, false, ""
	}
	t = strings.TrimPrefix(t[1:], "L")
	if kind == 'I' {
		if !digits(t) || t != "" && isDigit(text[1]) {
			return NoRole, 1, false, "" // I12 is an input, not a phase
		}
		return [...]Role{NoRole, I1, I2, I3, I4}[first], 1, false, t
	}
	if t != "" && first < 4 {
		if second := phaseNumber(t[0]); second > 0 && second < 4 && second != first && isDigit(t[0]) == isDigit(text[len(text)-len(t)-1]) {
			role, sign := lineToLine(first, second)
			if digits(t[1:]) {
				return role, sign, false, t[1:]
			}
			return NoRole, 1, false, ""
		}
		switch {
		case strings.HasPrefix(t, "N"), strings.HasPrefix(t, "G"), strings.HasPrefix(t, "E"):
			t = t[1:]
		}
	}
	if !digits(t) || t != "" && isDigit(text[1]) {
		return NoRole, 1, false, ""
	}
	return [...]Role{NoRole, V1, V2, V3, V4}[first], 1, false, t
}

// lineToLine returns the voltage from phase a to phase b.
func lineToLine(a, b int) (Role, float64) {
	switch {
	case a == 1 && b == 2:
		return V12, 1
	case a == 2 && b == 3:
		return V23, 1
	case a == 3 && b == 1:
		return V31, 1
	case a == 2 && b == 1:
		return V12, -1
	case a == 3 && b == 2:
		return V23, -1
	case a == 1 && b == 3:
		return V31, -1
	}
	return NoRole, 1
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// readWords reads names in words: "Line1-GND", "L1-N", "L1-L2", "Phase A Voltage",
// "Current L2", "U_AB".
func readWords(tokens []token, kind rune) (Role, float64, string) {
	var stem []string
	var phases []int
	cue := false // the word before announces a phase
	for _, t := range tokens {
		u := strings.ToUpper(t.text)
		after := cue
		cue = false
		switch u {
		case "VOLTAGE", "VOLTAGES", "VOLT", "VOLTS", "SPANNUNG", "TENSION", "U", "V":
			if kind == 0 {
				kind = 'V'
			}
			cue = true
			continue
		case "CURRENT", "CURRENTS", "CURR", "AMPS", "STROM", "COURANT", "I":
			if kind == 0 {
				kind = 'A'
			}
			cue = true
			continue
		case "LINE", "PHASE", "PH", "L":
			cue = true
			continue
		case "GND", "GROUND", "EARTH", "PE":
			if kind == 0 {
				kind = 'V'
			}
			continue
		case "N", "NEUTRAL":
			if len(phases) == 0 {
				phases = append(phases, 4)
			} else if kind == 0 {
				kind = 'V'
			}
			continue
		}
		if p := phasesIn(u, after || len(phases) > 0); p != nil {
			phases = append(phases, p...)
			continue
		}
		stem = append(stem, t.text)
	}
	s := strings.Join(stem, " ")
	switch {
	case len(phases) == 0 || kind == 0:
		return NoRole, 1, ""
	case kind == 'A' && len(phases) == 1:
		return [...]Role{NoRole, I1, I2, I3, I4}[phases[0]], 1, s
	case kind == 'V' && len(phases) == 1:
		return [...]Role{NoRole, V1, V2, V3, V4}[phases[0]], 1, s
	case kind == 'V' && len(phases) == 2:
		role, sign := lineToLine(phases[0], phases[1])
		return role, sign, s
	}
	return NoRole, 1, ""
}

// phasesIn reads the phases a word names: L1, Line2, PhA, L1L2; and, where a phase
// is announced, A, 1, AB, 12.
func phasesIn(u string, announced bool) []int {
	if n := phaseWord(u); n > 0 {
		return []int{n}
	}
	if len(u) == 4 && u[0] == 'L' && u[2] == 'L' {
		u, announced = string(u[1])+string(u[3]), true
	}
	if !announced || len(u) > 2 {
		return nil
	}
	var phases []int
	for i := range len(u) {
		n := phaseNumber(u[i])
		if n == 0 || n > 3 {
			return nil
		}
		phases = append(phases, n)
	}
	return phases
}

// phaseWord reads L1, Line1, Phase2, PhA.
func phaseWord(u string) int {
	for _, prefix := range []string{"LINE", "PHASE", "PH", "L"} {
		if rest, ok := strings.CutPrefix(u, prefix); ok && len(rest) == 1 {
			if n := phaseNumber(rest[0]); n > 0 && n < 4 {
				return n
			}
		}
	}
	return 0
}

// fromPhase takes the role from the phase field where the unit says what is
// measured. Digits alone are not taken: recorders number their inputs there. Neither
// is N: it may be a residual sum.
func (d designation) fromPhase(phase string, tokens []token, kind rune) designation {
	p := strings.ToUpper(strings.TrimSpace(phase))
	if kind == 0 || p == "" || isDigit(p[0]) || p == "AC" {
		return d // AC means alternating current as often as a voltage from A to C
	}
	p = strings.ReplaceAll(p, "-", "")
	switch {
	case len(p) == 1 || len(p) == 2 && p[0] == 'L':
		n := phaseNumber(p[len(p)-1])
		if n == 0 || n > 3 {
			return d
		}
		d.role = [...]Role{NoRole, V1, V2, V3}[n]
		if kind == 'A' {
			d.role = [...]Role{NoRole, I1, I2, I3}[n]
		}
	case len(p) == 2 && kind == 'V' && phaseNumber(p[0]) > 0 && phaseNumber(p[1]) > 0:
		d.role, d.sign = lineToLine(phaseNumber(p[0]), phaseNumber(p[1]))
	default:
		return d
	}
	d.stem = stemOf(tokens, func(i int) string {
		u := strings.ToUpper(tokens[i].text)
		if u == p {
			return ""
		}
		// FAULTA, FAULTB, FAULTC share FAULT.
		if len(u) > len(p) && strings.HasSuffix(u, p) {
			return tokens[i].text[:len(u)-len(p)]
		}
		return tokens[i].text
	})
	return d
}
