package synth

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/hepmeter/hepmeter/waveform"
)

// errorAt is an error about the part of the scenario called path, with the line
// it was read from, if it was.
func (s *Scenario) errorAt(path, format string, args ...any) error {
	where := "scenario"
	if line, ok := s.lines[path]; ok {
		where = fmt.Sprintf("%s:%d", s.file, line)
	}
	return fmt.Errorf("%s: %s: %w", where, path, fmt.Errorf(format, args...))
}

// Validate checks a scenario, read or built in Go: each key against its limits,
// then what concerns several keys at once. Parse and Source call it.
func (s *Scenario) Validate() error {
	if err := s.checkLimits(reflect.ValueOf(s).Elem(), "", ""); err != nil {
		return err
	}
	sites := s.sites()
	if len(sites) == 0 {
		return s.errorAt("channels", "there is no channel: state voltage, current, channels or loads")
	}
	for role := waveform.V1; role <= waveform.I5; role++ {
		at := sites[role]
		if at == nil {
			continue
		}
		path := "channels." + role.String()
		k := &at.keys
		if k.Derive == nil {
			if err := s.checkTones(path, k.Harmonics, k.Interharmonics); err != nil {
				return err
			}
			continue
		}
		if at.rms != 0 || k.Harmonics != nil || k.Interharmonics != nil || k.NoisePercent != nil || k.DC != nil {
			return s.errorAt(path, "a derived channel takes everything from others: drop its other keys")
		}
		if len(k.Derive) == 0 {
			return s.errorAt(path, "derive names no channel")
		}
		for other := range k.Derive {
			if sites[other] == nil {
				return s.errorAt(path, "derive names %s, which the scenario does not have", other)
			}
			if sites[other].keys.Derive != nil {
				return s.errorAt(path, "derive names %s, which is itself derived: name what that one is made of", other)
			}
		}
	}
	if err := s.checkFrequency(); err != nil {
		return err
	}
	for i := range s.Loads {
		if err := s.checkLoad(i, sites); err != nil {
			return err
		}
	}
	for i := range s.Events {
		if err := s.checkEvent(i, sites); err != nil {
			return err
		}
	}
	return nil
}

// checkLimits holds every value under v against the tags of its field; the zero
// value stands for "not given".
func (s *Scenario) checkLimits(v reflect.Value, tag reflect.StructTag, path string) error {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if f.Tag.Get("yaml") == "" {
				continue
			}
			if err := s.checkLimits(v.Field(i), f.Tag, join(path, f.Tag.Get("yaml"))); err != nil {
				return err
			}
		}
	case reflect.Slice:
		if limit, err := strconv.Atoi(tag.Get("max")); err == nil && v.Len() > limit {
			return s.errorAt(path, "%d entries are more than the %d allowed", v.Len(), limit)
		}
		for i := range v.Len() {
			if err := s.checkLimits(v.Index(i), tag, fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	case reflect.Map:
		for role := waveform.V1; role <= waveform.I5; role++ {
			if e := v.MapIndex(reflect.ValueOf(role)); e.IsValid() {
				if err := s.checkLimits(e, `range:"-1000..1000"`, join(path, role.String())); err != nil {
					return err
				}
			}
		}
	case reflect.Pointer:
		if !v.IsNil() {
			return s.checkLimits(v.Elem(), tag, path)
		}
	case reflect.Float64:
		if x := v.Float(); x != 0 {
			if err := inRange(x, tag.Get("range")); err != nil {
				return s.errorAt(path, "%w", err)
			}
		}
	case reflect.Int:
		if x := v.Int(); x != 0 {
			if err := inRange(float64(x), tag.Get("range")); err != nil {
				return s.errorAt(path, "%w", err)
			}
		}
	case reflect.String:
		if allowed := tag.Get("oneof"); allowed != "" && v.String() != "" && !contains(strings.Split(allowed, "|"), v.String()) {
			return s.errorAt(path, "%q is not one of %s", v.String(), strings.ReplaceAll(allowed, "|", ", "))
		}
	}
	return nil
}

func (s *Scenario) checkTones(path string, harmonics []Harmonic, interharmonics []Interharmonic) error {
	for i, h := range harmonics {
		if h.Order == 0 {
			return s.errorAt(path, "harmonics[%d]: state its order", i)
		}
	}
	for i, t := range interharmonics {
		if (t.Ratio > 0) == (t.Hz > 0) {
			return s.errorAt(path, "interharmonics[%d]: state either ratio or hz", i)
		}
	}
	return nil
}

func (s *Scenario) checkFrequency() error {
	end := 0.0
	for i, c := range s.Frequency.Changes {
		path := fmt.Sprintf("frequency.changes[%d]", i)
		if c.Hz == 0 {
			return s.errorAt(path, "state hz, where the frequency goes")
		}
		if c.At < end {
			return s.errorAt(path, "at %g s lies before the end of the change before it (%g s)", c.At, end)
		}
		end = c.At + c.OverSeconds
	}
	if r := s.Frequency.RepeatSeconds; r > 0 && (r < end || r < 0.1) {
		return s.errorAt("frequency", "repeatSeconds %g is shorter than the changes (%g s) or than 0.1 s", r, end)
	}
	for i, w := range s.Frequency.Wander {
		if w.PeriodSeconds < 5 {
			return s.errorAt(fmt.Sprintf("frequency.wander[%d]", i), "periodSeconds must be at least 5")
		}
	}
	return nil
}

func (s *Scenario) checkLoad(i int, sites map[waveform.Role]*site) error {
	l := &s.Loads[i]
	path := fmt.Sprintf("loads[%d]", i)
	phases := l.phases(s.Connection)
	seen := [4]bool{}
	for _, p := range phases {
		if p < 1 || p > 3 || seen[p] {
			return s.errorAt(path, "phases must be different ones of 1, 2 and 3")
		}
		seen[p] = true
		u := sites[starRoles[p-1]]
		if u == nil || u.rms < 0.001 || u.keys.Derive != nil {
			return s.errorAt(path, "a load on phase %d needs a voltage %s to take its current from (it may be hidden)", p, starRoles[p-1])
		}
	}
	for _, role := range lineRoles {
		if at := sites[role]; at != nil && at.keys.Derive != nil {
			return s.errorAt(path, "%s is derived and cannot carry a load", role)
		}
	}
	if len(l.SplitPercent) > 0 && len(l.SplitPercent) != len(phases) {
		return s.errorAt(path, "splitPercent has %d entries for %d phases", len(l.SplitPercent), len(phases))
	}
	if l.PF != 0 && l.KVAR != 0 {
		return s.errorAt(path, "state either pf or kvar")
	}
	if l.PF < 0 || l.PF > 1 {
		return s.errorAt(path, "pf %g is outside 0 to 1", l.PF)
	}
	if err := s.checkTones(path, l.Harmonics, nil); err != nil {
		return err
	}
	p := &l.Profile
	path += ".profile"
	if p.Hours != nil && len(p.Hours) != 24 {
		return s.errorAt(path, "hours has %d entries: state 24", len(p.Hours))
	}
	if p.Kind == "cycle" && (p.EverySeconds < 0.1 || p.OnSeconds < 0.02 || p.OnSeconds > p.EverySeconds) {
		return s.errorAt(path, "a cycle needs everySeconds of at least 0.1 and onSeconds from 0.02 up to everySeconds")
	}
	if p.SunsetHour < p.SunriseHour || (p.SunsetHour == p.SunriseHour && p.SunsetHour != 0) {
		return s.errorAt(path, "sunsetHour must be after sunriseHour")
	}
	return nil
}

func (s *Scenario) checkEvent(i int, sites map[waveform.Role]*site) error {
	e := &s.Events[i]
	path := fmt.Sprintf("events[%d]", i)
	seen := map[waveform.Role]bool{}
	for k, name := range append(append([]string(nil), e.Channels...), e.PhaseOf) {
		if name == "" {
			continue
		}
		role, err := waveform.ParseRole(name)
		if err != nil {
			return s.errorAt(path, "%w", err)
		}
		at := sites[role]
		if at == nil {
			return s.errorAt(path, "the scenario has no channel %s", role)
		}
		if k == len(e.Channels) {
			continue // phaseOf may be derived
		}
		if at.keys.Derive != nil {
			return s.errorAt(path, "%s is derived: name the channels it is made of", role)
		}
		if seen[role] {
			return s.errorAt(path, "%s is named twice", role)
		}
		seen[role] = true
	}
	if e.DurationSeconds > 0 && e.DurationCycles > 0 {
		return s.errorAt(path, "state either durationSeconds or durationCycles")
	}
	duration := e.DurationSeconds + e.DurationCycles/s.nominalHz()
	if e.Load != "" {
		found := false
		for k := range s.Loads {
			found = found || s.Loads[k].Name == e.Load
		}
		if !found {
			return s.errorAt(path, "there is no load called %q", e.Load)
		}
		if e.Type != "step" || len(e.Channels) > 0 {
			return s.errorAt(path, "load goes with type step and without channels")
		}
	}
	switch e.Type {
	case "dip", "swell", "interruption":
		if duration == 0 {
			return s.errorAt(path, "a %s needs durationSeconds or durationCycles", e.Type)
		}
		if e.Type == "swell" && e.Percent <= 100 {
			return s.errorAt(path, "a swell needs percent above 100: it is what is left, not what is added")
		}
		if e.Type != "swell" && e.Percent >= 100 {
			return s.errorAt(path, "percent of a %s is what is left: below 100", e.Type)
		}
	case "step":
		if duration > 0 && e.RampSeconds > duration {
			return s.errorAt(path, "rampSeconds is longer than the step")
		}
	case "phaseJump":
		if duration > 0 {
			return s.errorAt(path, "a phase jump stays: end it with another one")
		}
	case "modulation":
		if (e.Hz > 0) == (e.ChangesPerMinute > 0) {
			return s.errorAt(path, "a modulation needs either hz or changesPerMinute")
		}
	case "oscillatory", "impulse":
		if e.DecaySeconds <= 0 {
			return s.errorAt(path, "an %s transient needs decaySeconds", e.Type)
		}
		if e.Type == "oscillatory" && e.Hz <= 0 {
			return s.errorAt(path, "an oscillatory transient needs hz")
		}
		if e.RiseSeconds > 0.99*e.DecaySeconds {
			return s.errorAt(path, "riseSeconds must be at most 0.99 of decaySeconds")
		}
		if duration == 0 {
			duration = 20 * e.DecaySeconds
		}
	default:
		return s.errorAt(path, "type %q is not one of dip, swell, interruption, step, phaseJump, modulation, oscillatory, impulse", e.Type)
	}
	if e.EverySeconds > 0 {
		if e.Type != "phaseJump" && duration == 0 {
			return s.errorAt(path, "what repeats needs a duration")
		}
		if e.EverySeconds < duration || e.EverySeconds < 0.001 {
			return s.errorAt(path, "everySeconds is shorter than the event or than 1 ms")
		}
	} else if e.Times > 1 {
		return s.errorAt(path, "times needs everySeconds")
	}
	return nil
}
