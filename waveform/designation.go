package waveform

import "strings"

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
	u := strings.Trim(unit, " []().")
	// "kV pri", "A RMS", "Vrms": which side or which figure is not part of the unit.
	for _, suffix := range []string{"primary", "secondary", "prim", "pri", "sec", "rms", "inst", "peak", "pk"} {
		if n := len(u) - len(suffix); n > 0 && strings.EqualFold(u[n:], suffix) {
			u = strings.TrimRight(u[:n], " .,;_-(")
			break
		}
	}
	if u == "" || u == "-" {
		return 1, 0
	}
	for _, word := range []struct {
		name string
		kind rune
	}{{"volts", 'V'}, {"volt", 'V'}, {"amperes", 'A'}, {"ampere", 'A'}, {"amps", 'A'}, {"amp", 'A'}, {"v", 'V'}, {"a", 'A'}, {"в", 'V'}, {"а", 'A'}} { // the last two are Cyrillic
		if len(u) < len(word.name) || !strings.EqualFold(u[len(u)-len(word.name):], word.name) {
			continue
		}
		switch prefix := strings.TrimSpace(u[:len(u)-len(word.name)]); prefix {
		case "":
			return 1, word.kind
		case "k", "K", "kilo", "к", "К":
			return 1e3, word.kind
		case "M", "mega", "М":
			return 1e6, word.kind
		case "m", "milli", "м":
			return 1e-3, word.kind
		case "u", "µ", "μ", "micro":
			return 1e-6, word.kind
		}
	}
	return 1, '?'
}

// designate reads a channel's name, then its phase field, for what it measures. A
// channel that says nothing clear has NoRole.
func (l lettering) designate(ch Channel) designation {
	scale, kind := unitOf(ch.Unit)
	d := designation{sign: 1, scale: scale}
	if kind == '?' {
		return d
	}
	tokens := l.tokens(ch.Name, false)
	if d := l.readName(tokens, d, kind); d.role != NoRole || d.residual {
		return d
	}
	if d := l.readName(l.tokens(ch.Name, true), d, kind); d.role != NoRole {
		return d
	}
	return d.fromPhase(l, ch.Phase, tokens, kind)
}

// readName reads the tokens of a name into d, whose role stays NoRole where they say
// nothing clear.
func (l lettering) readName(tokens []token, d designation, kind rune) designation {
	for i, t := range tokens {
		role, sign, residual, rest := l.readToken(t.text)
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
			if other := l.otherEnd(role, tokens[i+1]); other == NoRole && isNeutralWord(tokens[i+1].text) {
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
	if role, sign, stem := l.readWords(tokens, kind); role != NoRole {
		d.role, d.sign, d.stem = role, sign, stem
	}
	return d
}

// otherEnd returns V1, V2 or V3 if next names the other phase of a voltage between
// two, as in UL1-L2, Va-Vb and U1/2.
func (l lettering) otherEnd(first Role, next token) Role {
	if first > V3 || next.before != "-" && next.before != "/" {
		return NoRole
	}
	u := strings.ToUpper(next.text)
	other := NoRole
	if len(u) == 1 && l.number(u[0]) > 0 && l.number(u[0]) < 4 {
		other = Role(l.number(u[0]))
	} else if n := l.phaseWord(u); n > 0 {
		other = Role(n)
	} else if r, _, _, rest := l.readToken(next.text); r >= V1 && r <= V3 && rest == "" {
		other = r
	}
	if other == first {
		return NoRole
	}
	return other
}

func isNeutralWord(text string) bool {
	switch strings.ToUpper(text) {
	case "N", "G", "E", "PE", "GND", "GROUND", "EARTH", "NEUTRAL", "NEUTRO", "NEUTRE":
		return true
	}
	return false
}

func agrees(role Role, kind rune) bool {
	return kind == 0 || role == NoRole || kind == 'V' && role.IsVoltage() || kind == 'A' && role.IsCurrent()
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

// readToken reads a name's token such as Va, UL1, ILA, VAN, Uab, U21, I4, Ia1, VPhA,
// IAW. rest is what identifies the bay within the token (the 1 of Ia1, the W of IAW).
func (l lettering) readToken(text string) (role Role, sign float64, residual bool, rest string) {
	t := strings.ToUpper(text)
	switch t {
	case "3U0", "3V0", "3I0", "3UO", "3VO", "3IO", "U0", "V0", "UO", "VO", "I0", "IO":
		return NoRole, 1, true, ""
	case "UNE", "VNE", "VNG", "UNG", "VNPE", "UNPE", "VG", "UG":
		return V4, 1, false, ""
	case "I5", "IPE", "IG", "IE":
		return I5, 1, false, ""
	case "VLN", "ULN", "VLL", "ULL", "VPHS", "IPHS":
		return NoRole, 1, false, "" // the phase follows
	}
	if len(t) < 2 {
		return NoRole, 1, false, ""
	}
	kind := t[0]
	if kind != 'U' && kind != 'V' && kind != 'I' {
		return NoRole, 1, false, ""
	}
	t = t[1:]
	if n := l.phaseWord(t); n > 0 && len(t) > 2 { // VPhA
		if kind == 'I' {
			return Role(n) - V1 + I1, 1, false, ""
		}
		return Role(n), 1, false, ""
	}
	if t[0] == 'L' && len(t) > 1 {
		t = t[1:]
	}
	letter := t[0]
	first := l.number(letter)
	if first == 0 {
		return NoRole, 1, false, ""
	}
	t = t[1:]
	if kind == 'I' {
		if first < 4 && (t == "N" || t == "G") && !isDigit(letter) {
			t = "" // IAN, beside VAN
		}
		if !suffix(t, letter) {
			return NoRole, 1, false, "" // I12 is an input, not a phase
		}
		return [...]Role{NoRole, I1, I2, I3, I4}[first], 1, false, t
	}
	if len(t) > 1 && t[0] == 'L' { // UL1L2
		t = t[1:]
	}
	if t != "" && first < 4 {
		if second := l.number(t[0]); second > 0 && second < 4 && second != first && l.alike(letter, t[0]) {
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
	if !suffix(t, letter) {
		return NoRole, 1, false, ""
	}
	return [...]Role{NoRole, V1, V2, V3, V4}[first], 1, false, t
}

// suffix reports whether t, behind a phase, says which bay it is: digits behind a
// letter, or the letter of a relay's terminal (IAW, VAY).
func suffix(t string, phase byte) bool {
	if isDigit(phase) {
		return t == ""
	}
	return digits(t) || len(t) == 1 && t[0] >= 'S' && t[0] <= 'Z' && t[0] != 'V'
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
func (l lettering) readWords(tokens []token, kind rune) (Role, float64, string) {
	var stem []string
	var phases []int
	cue := false    // the word before announces a phase
	letter := false // the kind is known from a letter alone
	earth := false
	for i, t := range tokens {
		u := strings.ToUpper(t.text)
		// In Chinese the word that announces a phase stands behind it.
		after := cue || i+1 < len(tokens) && followsPhase(tokens[i+1].text) && !isDigit(u[0]) // 3相 is three-phase
		cue = false
		if isEarthWord(u) {
			earth = true
			continue
		}
		if k, number := quantity(u); k != 0 && !(after && l.phasesIn(u, true) != nil) { // U_V is phase V
			if kind == 0 || letter && len(u) > 1 {
				kind, letter = k, len(u) == 1
			}
			if number != "" {
				stem = append(stem, number)
			}
			cue = true
			continue
		}
		switch u {
		case "LINE", "PHASE", "PHS", "PH", "L", "FASE", "FAZA", "FAZY", "ФАЗА", "ФАЗЫ", "ФАЗЕ", "Ф", "相":
			cue = true
			continue
		case "GND", "GROUND", "EARTH", "PE":
			if kind == 0 {
				kind = 'V'
			}
			continue
		case "N", "NEUTRAL", "NEUTRO", "NEUTRE":
			if len(phases) == 0 {
				phases = append(phases, 4)
			} else if kind == 0 {
				kind = 'V'
			}
			continue
		}
		if p := l.phasesIn(u, after || len(phases) > 0); p != nil {
			phases = append(phases, p...)
			continue
		}
		stem = append(stem, t.text)
	}
	if earth && kind == 0 {
		kind = 'V'
	}
	s := strings.Join(stem, " ")
	switch {
	case earth && kind == 'A': // it flows in no phase
		return NoRole, 1, ""
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
// is announced, A, 1, AB, 12, AN.
func (l lettering) phasesIn(u string, announced bool) []int {
	if n := l.phaseWord(u); n > 0 {
		return []int{n}
	}
	if len(u) == 4 && u[0] == 'L' && u[2] == 'L' {
		u, announced = string(u[1])+string(u[3]), true
	}
	if !announced || len(u) > 2 {
		return nil
	}
	if len(u) == 2 && strings.IndexByte("NGE", u[1]) >= 0 && l.number(u[0]) < 4 {
		u = u[:1] // AN: A to neutral
	}
	var phases []int
	for i := range len(u) {
		n := l.number(u[i])
		if n == 0 || n > 3 {
			return nil
		}
		phases = append(phases, n)
	}
	return phases
}

// phaseWord reads L1, Line1, Phase2, PhA, phsA.
func (l lettering) phaseWord(u string) int {
	for _, prefix := range []string{"LINE", "PHASE", "PHS", "PH", "L"} {
		if rest, ok := strings.CutPrefix(u, prefix); ok && len(rest) == 1 {
			if n := l.number(rest[0]); n > 0 && n < 4 {
				return n
			}
		}
	}
	return 0
}

// fromPhase takes the role from the phase field where the unit says what is
// measured. Digits alone are not taken: recorders number their inputs there. Neither
// is N: it may be a residual sum.
func (d designation) fromPhase(l lettering, phase string, tokens []token, kind rune) designation {
	p := strings.ToUpper(strings.TrimSpace(phase))
	if latin, _ := latinPhases(p); l.cyrillic && latin != "" {
		p = latin
	}
	if kind == 0 || p == "" || isDigit(p[0]) || p == "AC" {
		return d // AC means alternating current as often as a voltage from A to C
	}
	p = strings.ReplaceAll(p, "-", "")
	if kind == 'V' && len(p) == 2 && strings.IndexByte("NGE", p[1]) >= 0 {
		p = p[:1] // AN: A to neutral
	}
	switch {
	case len(p) == 1 || len(p) == 2 && p[0] == 'L':
		n := l.number(p[len(p)-1])
		if n == 0 || n > 3 {
			return d
		}
		d.role = [...]Role{NoRole, V1, V2, V3}[n]
		if kind == 'A' {
			d.role = [...]Role{NoRole, I1, I2, I3}[n]
		}
	case len(p) == 2 && kind == 'V' && l.number(p[0]) > 0 && l.number(p[1]) > 0:
		d.role, d.sign = lineToLine(l.number(p[0]), l.number(p[1]))
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
