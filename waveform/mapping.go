package waveform

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// AutoMap chooses the channels a meter is to see by their names, phases and units,
// where these are clear. A recording may hold several bays: the first complete set
// of voltages is taken (three phase-to-neutral before phase-to-phase), then the
// first complete set of currents, one whose name begins with the same two words or
// more before others. A neutral joins if its name goes with the set. Residual sums (3U0,
// 3I0, Vo) are not taken as neutrals: a sum of three is not a measured fourth wire.
//
// notes say what was chosen where there was a choice, and what could not be placed.
func AutoMap(info Info) (m Mapping, notes []string) {
	sets := gather(info)
	voltages := best(sets, (*bay).voltageRank, "")
	if voltages != nil {
		m = append(m, voltages.voltages()...)
		notes = append(notes, others(info, sets, voltages, "voltages", (*bay).voltageRank, (*bay).voltages)...)
	} else if single, note := lone(info, 'V', V1); note != "" {
		m, notes = append(m, single...), append(notes, note)
	}
	stem := ""
	if voltages != nil {
		stem = voltages.stem
	}
	currents := best(sets, (*bay).currentRank, stem)
	if currents != nil {
		m = append(m, currents.currents()...)
		notes = append(notes, others(info, sets, currents, "currents", (*bay).currentRank, (*bay).currents)...)
	} else if single, note := lone(info, 'A', I1); note != "" {
		m, notes = append(m, single...), append(notes, note)
	}
	m = addNeutrals(m, sets, voltages, currents)
	slices.SortFunc(m, func(a, b Pick) int { return int(a.Role) - int(b.Role) })
	if len(m) == 0 {
		notes = append(notes, "no channel says clearly what it measures: name them with --channels, as in --channels V1=3,I1='Ia line'")
	}
	notes = append(notes, residuals(m, info)...)
	return m, append(notes, mixedSides(m, info)...)
}

// residuals names the sums of phases that are not taken as neutrals.
func residuals(m Mapping, info Info) []string {
	letters := letteringOf(info.Channels)
	var left []string
	for i, ch := range info.Channels {
		if letters.designate(ch).residual {
			left = append(left, fmt.Sprintf("%d (%s)", i+1, ch.Name))
		}
	}
	const most = 4
	if len(left) == 0 || len(m) == 0 {
		return nil
	}
	more := ""
	if len(left) > most {
		more = fmt.Sprintf(" and %d more", len(left)-most)
		left = left[:most]
	}
	return []string{fmt.Sprintf("sums of phases are not taken as neutrals: %s%s (a wire's own channel can be named: --channels I4=...)", strings.Join(left, ", "), more)}
}

// bay is a set of channels of one stem.
type bay struct {
	stem  string
	picks [roleCount]*Pick
}

func gather(info Info) []*bay {
	letters := letteringOf(info.Channels)
	var sets []*bay
	byStem := map[string]*bay{}
	for i, ch := range info.Channels {
		d := letters.designate(ch)
		if d.role == NoRole || ch.Unused {
			continue
		}
		s := byStem[d.stem]
		if s == nil {
			s = &bay{stem: d.stem}
			byStem[d.stem] = s
			sets = append(sets, s)
		}
		if s.picks[d.role] == nil {
			s.picks[d.role] = &Pick{Role: d.role, Channel: i, Scale: d.scale * d.sign}
		}
	}
	return joinNumbered(sets)
}

// joinNumbered joins sets whose stems differ in a number alone, where the number
// counts channels and not bays (CH1 VA, CH2 VB, CH3 VC): no set then holds two phases
// of a kind, and no two sets hold the same one.
func joinNumbered(sets []*bay) []*bay {
	family := func(stem string) string {
		letters := strings.Map(func(r rune) rune {
			if unicode.IsDigit(r) {
				return -1
			}
			return r
		}, stem)
		return strings.Join(strings.Fields(letters), " ")
	}
	joined := map[string]*bay{}
	counts := map[string]bool{} // whether the number counts channels
	for _, s := range sets {
		f := family(s.stem)
		all := joined[f]
		if all == nil {
			all = &bay{stem: f}
			joined[f], counts[f] = all, true
		}
		counts[f] = counts[f] && s.has(V1, V2, V3, V12, V23, V31) <= 1 && s.currentRank() <= 1
		for r, p := range s.picks {
			if p != nil {
				counts[f] = counts[f] && all.picks[r] == nil
				all.picks[r] = p
			}
		}
	}
	var out []*bay
	for _, s := range sets {
		f := family(s.stem)
		if !counts[f] {
			out = append(out, s)
		} else if !slices.Contains(out, joined[f]) {
			out = append(out, joined[f])
		}
	}
	return out
}

// lone takes the only channel of a kind as phase 1 where it is called voltage or
// current and no more: the V and I of a single-phase recording.
func lone(info Info, kind rune, role Role) (m Mapping, note string) {
	of := 0
	for i, ch := range info.Channels {
		if ch.Unused {
			continue
		}
		scale, unit := unitOf(ch.Unit)
		named := rune(0)
		if tokens := tokenize(ch.Name, false); len(tokens) == 1 {
			named, _ = quantity(strings.ToUpper(tokens[0].text))
		}
		if unit != kind && (unit != 0 || named != kind) {
			continue
		}
		of++
		if named == kind {
			m = Mapping{{Role: role, Channel: i, Scale: scale}}
			note = fmt.Sprintf("channel %d (%s) is the only one of its kind: taken as %s", i+1, ch.Name, role)
		}
	}
	if of != 1 {
		return nil, "" // which is which is not clear
	}
	return m, note
}

func (s *bay) has(roles ...Role) int {
	n := 0
	for _, r := range roles {
		if s.picks[r] != nil {
			n++
		}
	}
	return n
}

func (s *bay) voltageRank() int {
	wye, delta := s.has(V1, V2, V3), s.has(V12, V23, V31)
	switch {
	case wye == 3:
		return 6
	case delta == 3:
		return 5
	case delta == 2:
		return 4
	default:
		return max(wye, delta)
	}
}

func (s *bay) currentRank() int { return s.has(I1, I2, I3) }

func (s *bay) take(roles ...Role) (m Mapping) {
	for _, r := range roles {
		if p := s.picks[r]; p != nil {
			m = append(m, *p)
		}
	}
	return m
}

func (s *bay) voltages() Mapping {
	if s.has(V1, V2, V3) >= s.has(V12, V23, V31) {
		return s.take(V1, V2, V3)
	}
	return s.take(V12, V23, V31)
}

func (s *bay) currents() Mapping { return s.take(I1, I2, I3) }

// best returns the set of the highest rank, among those the one whose stem shares
// the most leading words with like, among those the first.
func best(sets []*bay, rank func(*bay) int, like string) *bay {
	var chosen *bay
	for _, s := range sets {
		if rank(s) == 0 {
			continue
		}
		if chosen == nil || rank(s) > rank(chosen) ||
			rank(s) == rank(chosen) && commonWords(s.stem, like) > commonWords(chosen.stem, like) {
			chosen = s
		}
	}
	return chosen
}

func commonWords(a, b string) int {
	x, y := strings.Fields(a), strings.Fields(b)
	n := 0
	for n < len(x) && n < len(y) && x[n] == y[n] {
		n++
	}
	switch {
	case n == len(x) && n == len(y):
		return n + 2 // the same stem, a blank one too
	case n < 2:
		return 0 // one word, often the voltage level, says little
	}
	return n
}

// others says which set was chosen where there are several, and names the rest by
// their first channels.
func others(info Info, sets []*bay, chosen *bay, what string, rank func(*bay) int, picks func(*bay) Mapping) []string {
	name := func(p Pick) string { return info.Channels[p.Channel].Name }
	var left []string
	for _, s := range sets {
		if s != chosen && rank(s) > 1 {
			left = append(left, name(picks(s)[0]))
		}
	}
	if len(left) == 0 {
		return nil
	}
	const most = 12
	more := ""
	if len(left) > most {
		more = fmt.Sprintf(" and %d more", len(left)-most)
		left = left[:most]
	}
	var taken []string
	for _, p := range picks(chosen) {
		taken = append(taken, name(p))
	}
	return []string{fmt.Sprintf("%s %s are taken; the recording also has the sets of %s%s (choose with --channels)",
		what, strings.Join(taken, ", "), strings.Join(left, ", "), more)}
}

// addNeutrals adds V4 and I4, I5 of the chosen sets, or the only one there is if its
// name names no other bay.
func addNeutrals(m Mapping, sets []*bay, voltages, currents *bay) Mapping {
	for _, n := range []struct {
		role Role
		of   *bay
	}{{V4, voltages}, {I4, currents}, {I5, currents}} {
		if n.of == nil {
			continue
		}
		if p := n.of.picks[n.role]; p != nil {
			m = append(m, *p)
			continue
		}
		for _, s := range sets {
			if p := s.picks[n.role]; p != nil && s.stem == "" {
				m = append(m, *p)
				break
			}
		}
	}
	return m
}

func mixedSides(m Mapping, info Info) []string {
	seen := map[Side]bool{}
	for _, p := range m {
		seen[info.Channels[p.Channel].Values] = true
	}
	if seen[Primary] && seen[Secondary] {
		return []string{"some of the chosen channels hold primary values and some secondary: powers across them mean nothing"}
	}
	return nil
}

// ParseChannels reads a mapping as on the command line: "V1=3,I1='Ia line'". What
// follows the = is a channel's number, counted from 1 in the order of the recording,
// or its name, in quotes if it holds a comma or looks like a number. A minus before
// it reverses the channel. The channel's unit sets the scale, and a name that runs
// against the role (U21 for V12) reverses it.
func ParseChannels(spec string, info Info) (Mapping, error) {
	letters := letteringOf(info.Channels)
	var m Mapping
	for rest := strings.TrimSpace(spec); rest != ""; {
		name, after, found := strings.Cut(rest, "=")
		if !found {
			return nil, fmt.Errorf("channels %q: want INPUT=CHANNEL, as in V1=3,I1='Ia line'", rest)
		}
		role, err := ParseRole(strings.TrimSpace(name))
		if err != nil {
			return nil, fmt.Errorf("channels: %w", err)
		}
		if _, twice := m.Of(role); twice {
			return nil, fmt.Errorf("channels: %s is given twice", role)
		}
		var value string
		var quoted bool
		if value, quoted, rest, err = cutValue(after); err != nil {
			return nil, fmt.Errorf("channels: %s: %w", role, err)
		}
		channel, sign, err := findChannel(value, quoted, info)
		if err != nil {
			return nil, fmt.Errorf("channels: %s: %w", role, err)
		}
		p := Pick{Role: role, Channel: channel, Scale: sign}
		scale, kind := unitOf(info.Channels[channel].Unit)
		if kind == 'V' || kind == 'A' {
			p.Scale *= scale
		}
		if !agrees(role, kind) && kind != '?' {
			return nil, fmt.Errorf("channels: %s: channel %d (%s) is in %s", role, channel+1, info.Channels[channel].Name, info.Channels[channel].Unit)
		}
		if d := letters.designate(info.Channels[channel]); d.role == role {
			p.Scale *= d.sign
		}
		m = append(m, p)
	}
	if len(m) == 0 {
		return nil, fmt.Errorf("channels: none given: want INPUT=CHANNEL, as in V1=3,I1='Ia line'")
	}
	slices.SortFunc(m, func(a, b Pick) int { return int(a.Role) - int(b.Role) })
	return m, nil
}

// cutValue cuts a value, quoted or not, and the comma behind it off the front of s.
func cutValue(s string) (value string, quoted bool, rest string, err error) {
	s = strings.TrimLeft(s, " ")
	if s != "" && (s[0] == '\'' || s[0] == '"') {
		end := strings.IndexByte(s[1:], s[0])
		if end < 0 {
			return "", false, "", fmt.Errorf("the quote in %s is not closed", s)
		}
		value, rest = s[1:1+end], strings.TrimSpace(s[end+2:])
		if rest != "" && rest[0] != ',' {
			return "", false, "", fmt.Errorf("%q after the quoted name: want a comma", rest)
		}
		return value, true, strings.TrimPrefix(rest, ","), nil
	}
	value, rest, _ = strings.Cut(s, ",")
	if value = strings.TrimSpace(value); value == "" {
		return "", false, "", fmt.Errorf("no channel given")
	}
	return value, false, strings.TrimSpace(rest), nil
}

// findChannel finds a channel by number or name.
func findChannel(value string, quoted bool, info Info) (channel int, sign float64, err error) {
	if !quoted {
		if n, err := strconv.Atoi(value); err == nil {
			sign := 1.0
			if n < 0 {
				n, sign = -n, -1
			}
			if n < 1 || n > len(info.Channels) {
				return 0, 0, fmt.Errorf("there is no channel %d: the recording has channels 1 to %d", n, len(info.Channels))
			}
			return n - 1, sign, nil
		}
	}
	equal := []func(a, b string) bool{
		func(a, b string) bool { return a == b },
		func(a, b string) bool {
			return strings.EqualFold(strings.Join(strings.Fields(a), " "), strings.Join(strings.Fields(b), " "))
		},
	}
	reversed, minus := strings.CutPrefix(value, "-")
	for _, eq := range equal {
		for _, try := range []struct {
			name string
			sign float64
			on   bool
		}{{value, 1, true}, {reversed, -1, minus && !quoted}} {
			if !try.on {
				continue
			}
			var found []int
			for i, ch := range info.Channels {
				if eq(ch.Name, strings.TrimSpace(try.name)) {
					found = append(found, i)
				}
			}
			if len(found) == 1 {
				return found[0], try.sign, nil
			}
			if len(found) > 1 {
				return 0, 0, fmt.Errorf("channels %d and %d are both called %q: give the number", found[0]+1, found[1]+1, value)
			}
		}
	}
	var names []string
	for i, ch := range info.Channels {
		if i == 20 {
			names = append(names, "...")
			break
		}
		names = append(names, fmt.Sprintf("%d %s", i+1, ch.Name))
	}
	return 0, 0, fmt.Errorf("there is no channel %q: the recording has %s", value, strings.Join(names, ", "))
}

// Format describes the mapping, one line a role: role, channel number and name, and
// what is done to its samples.
func (m Mapping) Format(info Info) string {
	var text strings.Builder
	for _, p := range m {
		ch := info.Channels[p.Channel]
		fmt.Fprintf(&text, "%-3s = channel %d %q", p.Role, p.Channel+1, ch.Name)
		if ch.Unit != "" {
			fmt.Fprintf(&text, " in %s", ch.Unit)
		}
		switch scale := p.Scale; {
		case scale == -1:
			text.WriteString(", reversed")
		case scale < 0:
			fmt.Fprintf(&text, ", times %g and reversed", -scale)
		case scale != 1:
			fmt.Fprintf(&text, ", times %g", scale)
		}
		text.WriteByte('\n')
	}
	return text.String()
}
