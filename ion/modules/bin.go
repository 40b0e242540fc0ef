package modules

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/hepmeter/hepmeter/ion"
)

const (
	inBinA = iota
	inBinB
	inNominalA
	inNominalB
	inEvaluate
	inBinEnable
	inBinReset
)

// Setup registers of the Bin: the evaluation modes, and then the rules.
const (
	setEvalModeA = iota
	setEvalModeB
	setRules
)

const evalPercentage = 1 // option of Eval Mode

func bin() ion.Type {
	optional := func(name, unlinked string) ion.Input {
		return ion.Input{Name: name, Classes: []ion.Class{ion.Numeric, ion.NumericBounded}, Unlinked: unlinked}
	}
	t := ion.Type{
		Number: numberBin, Name: "Bin", Kind: ion.Standard,
		Doc: "Counts into a table, such as magnitude by duration: at each Evaluate pulse the first rule that holds counts into the bin of its " +
			"number. A rule is written \"A 80..90 B 0.02..0.5\": a range of Source A, of Source B or of both, from the first number up to, " +
			"but not including, the second; an end that is left out is open (\"A 110..\"), an empty rule never holds. With Eval Mode percentage the " +
			"numbers are percents of the nominal. A range of a source, or a percentage of a nominal, that is NOT AVAILABLE does not hold. " +
			"A rule that asks for a source, or a mode that asks for a nominal, that is not linked keeps the module offline. While Enable is OFF " +
			"Evaluate is ignored and the counts stay. Reset makes all counts 0; so do another link of a source or nominal and a change of the setup: " +
			"the counts of another table would not mean anything. They survive a power cut.",
		Source: "ION Reference (7EN02-0290), Bin module; the syntax and order of the rules are ours",
		Inputs: []ion.Input{
			optional("Source A", "no rule may ask for A"), optional("Source B", "no rule may ask for B"),
			optional("Nominal A", "Eval Mode A must be magnitude"), optional("Nominal B", "Eval Mode B must be magnitude"),
			{Name: "Evaluate", Classes: []ion.Class{ion.Pulse}, Mandatory: true}, enableInput(), pulseInput("Reset"),
		},
		OneOf: []string{"Source A", "Source B"},
		Setups: []ion.Setup{
			enumerated("Eval Mode A", "magnitude", "what the numbers of A in the rules are", "magnitude", "percentage"),
			enumerated("Eval Mode B", "magnitude", "what the numbers of B in the rules are", "magnitude", "percentage"),
		},
		New: func() ion.Behaviour { return &binning{} },
	}
	for i := 1; i <= binRules; i++ {
		t.Setups = append(t.Setups, ion.Setup{Name: fmt.Sprintf("Rule %d", i), Class: ion.String, MaxLength: ruleBytes,
			Check: func(text string) error { _, err := parseBinRule(text); return err },
			Doc:   "what counts into the bin of this number"})
		t.Outputs = append(t.Outputs, ion.Output{Name: fmt.Sprintf("Bin %d", i), Class: ion.Numeric, Doc: "how often the rule of this number was the first that held"})
	}
	return t
}

// binRule is a range for each of the sources A and B that it asks for.
type binRule struct {
	asks      [2]bool
	low, high [2]float64
}

// parseBinRule reads a rule such as "A 80..90 B ..0.5".
func parseBinRule(text string) (binRule, error) {
	var r binRule
	words := strings.Fields(text)
	if len(words)%2 != 0 || len(words) > 4 {
		return binRule{}, fmt.Errorf("%q is no rule: write a range of A, of B or of both, such as A 80..90 B 0.02..0.5", text)
	}
	for ; len(words) > 0; words = words[2:] {
		source := strings.Index("AB", strings.ToUpper(words[0]))
		if len(words[0]) != 1 || source < 0 {
			return binRule{}, fmt.Errorf("%q is no source: write A or B", words[0])
		}
		if r.asks[source] {
			return binRule{}, fmt.Errorf("%q names %s twice", text, words[0])
		}
		low, high, err := parseRange(words[1])
		if err != nil {
			return binRule{}, err
		}
		r.asks[source], r.low[source], r.high[source] = true, low, high
	}
	return r, nil
}

// parseRange reads "low..high"; an end that is left out is infinite.
func parseRange(text string) (low, high float64, err error) {
	first, last, ok := strings.Cut(text, "..")
	if !ok || first == "" && last == "" {
		return 0, 0, fmt.Errorf("%q is no range: write low..high, or leave out one of its numbers", text)
	}
	ends := [2]float64{math.Inf(-1), math.Inf(1)}
	for i, end := range [2]string{first, last} {
		if end == "" {
			continue
		}
		if ends[i], err = strconv.ParseFloat(end, 64); err != nil || math.IsNaN(ends[i]) || math.IsInf(ends[i], 0) {
			return 0, 0, fmt.Errorf("%q in the range %s is not a number", end, text)
		}
	}
	if !(ends[0] < ends[1]) {
		return 0, 0, fmt.Errorf("the range %s is empty: its first number must be less than its second", text)
	}
	return ends[0], ends[1], nil
}

// binning is the behaviour of the Bin.
type binning struct {
	rules  [binRules]binRule
	counts [binRules]int64
}

func (m *binning) Check(settings []ion.Value, linked []bool) error {
	for source, name := range [2]string{"A", "B"} {
		if settings[setEvalModeA+source].Number == evalPercentage && !linked[inNominalA+source] {
			return fmt.Errorf("the mode of %s is percentage, but Nominal %s is not linked", name, name)
		}
	}
	some := false
	for i := range binRules {
		r, err := parseBinRule(settings[setRules+i].Text)
		if err != nil {
			return fmt.Errorf("rule %d: %w", i+1, err)
		}
		for source, name := range [2]string{"A", "B"} {
			if r.asks[source] && !linked[inBinA+source] {
				return fmt.Errorf("rule %d asks for Source %s, which is not linked", i+1, name)
			}
			some = some || r.asks[source]
		}
	}
	if !some {
		return errors.New("there is no rule")
	}
	return nil
}

func (m *binning) Start(c *ion.Context) {
	for i := range m.rules {
		m.rules[i], _ = parseBinRule(c.SettingText(setRules + i)) // Check has seen them
	}
	m.show(c)
}

func (m *binning) Tick(c *ion.Context) {
	times := int64(c.Pulses(inEvaluate))
	if times == 0 {
		return
	}
	values := [2]float64{m.value(c, 0), m.value(c, 1)}
	for i := range m.rules {
		if m.rules[i].holds(values) {
			m.counts[i] += times
			c.Set(i, float64(m.counts[i]))
			c.Changed()
			return
		}
	}
}

// value returns a source as its rules see it, NaN if it is NOT AVAILABLE.
func (m *binning) value(c *ion.Context, source int) float64 {
	x, ok := c.Number(inBinA + source)
	if !ok {
		return math.NaN()
	}
	if c.Setting(setEvalModeA+source) == evalPercentage {
		nominal, ok := c.Number(inNominalA + source)
		if !ok || nominal == 0 {
			return math.NaN()
		}
		return x / nominal * 100
	}
	return x
}

func (r *binRule) holds(values [2]float64) bool {
	for source, x := range values {
		if r.asks[source] && !(r.low[source] <= x && x < r.high[source]) {
			return false
		}
	}
	return r.asks[0] || r.asks[1]
}

func (m *binning) Reset(c *ion.Context) {
	m.clear(c)
	m.show(c)
}

func (m *binning) Relinked(c *ion.Context, input int) {
	if input < inEvaluate {
		m.clear(c)
	}
}

func (m *binning) Configured(c *ion.Context, _ int) { m.clear(c) }

func (m *binning) clear(c *ion.Context) {
	m.counts = [binRules]int64{}
	c.Changed()
}

func (m *binning) show(c *ion.Context) {
	for i, count := range m.counts {
		c.Set(i, float64(count))
	}
}

const binningVersion = 1

func (m *binning) Keep(e *ion.Encoder) {
	e.Uint(binningVersion)
	for _, count := range m.counts {
		e.Int(count)
	}
}

func (m *binning) Restore(d *ion.Decoder) {
	d.Version(binningVersion)
	for i := range m.counts {
		m.counts[i] = d.Int()
	}
}
