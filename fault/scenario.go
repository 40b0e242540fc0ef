package fault

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// MaxScenarioBytes is the longest text of a scenario, maxRules how many faults it has.
const (
	MaxScenarioBytes = 64 << 10
	maxRules         = 64
)

// Scenario says what happens to the traffic. Of the faults that could strike a frame the
// first strikes; the faults behind it do not see that frame.
type Scenario struct {
	Framing Framing
	Rules   []Rule
}

// Rule is one fault of a scenario and when it strikes.
type Rule struct {
	Fault string // the name of its Kind
	Line  int    // where it stands in the scenario
	On    Place  // "" for an outage, which strikes both ways

	// At most one of these says how often; without one each frame is struck.
	Probability     float64 // 0: not by chance
	Every, First    int     // 0: not so
	From, To        int     // of the frames that match, from 1; 0: not so
	Unit, Function  int     // which frames match; unstated: all
	Bytes, At, Code int
	Wait            time.Duration
	Alive, Dead     time.Duration
	Then            string
}

// unstated is the Unit, Function and At of a rule that does not say one.
const unstated = -1

// key is a key of a fault: what its value may be and means.
type key struct {
	Name    string
	Lowest  float64
	Highest float64
	Words   []string // instead of a number
	Whole   bool
	Does    string
}

func keys() []key {
	const frames = 1_000_000_000
	return []key{
		{Name: "fault", Words: names(Kinds()), Does: "the kind of fault"},
		{Name: "on", Words: []string{string(Requests), string(Replies), string(Connections)}, Does: "where it strikes; the table of faults has what each can, the default first"},
		{Name: "probability", Lowest: 1e-9, Highest: 1, Does: "the share of frames struck, by the seed"},
		{Name: "every", Lowest: 1, Highest: frames, Whole: true, Does: "each n-th frame is struck"},
		{Name: "first", Lowest: 1, Highest: frames, Whole: true, Does: "the first n frames are struck"},
		{Name: "from", Lowest: 1, Highest: frames, Whole: true, Does: "frames from the n-th on are struck"},
		{Name: "to", Lowest: 1, Highest: frames, Whole: true, Does: "frames up to the n-th are struck; with `from` those between"},
		{Name: "unit", Lowest: 0, Highest: 255, Whole: true, Does: "only frames of this unit count"},
		{Name: "function", Lowest: 1, Highest: 127, Whole: true, Does: "only frames of this function code count, exceptions to it too"},
		{Name: "bytes", Lowest: 1, Highest: 260, Whole: true, Does: "as the fault says; of `limit` at least 64"},
		{Name: "at", Lowest: 0, Highest: 259, Whole: true, Does: "as the fault says"},
		{Name: "milliseconds", Lowest: 1, Highest: 600_000, Whole: true, Does: "as the fault says"},
		{Name: "code", Lowest: 1, Highest: 255, Whole: true, Does: "the exception code"},
		{Name: "then", Words: []string{"drop", "cut", "exception", "reset"}, Does: "as the fault says"},
		{Name: "aliveSeconds", Lowest: 0, Highest: 86_400, Does: "as the fault says"},
		{Name: "deadSeconds", Lowest: 0.001, Highest: 86_400, Does: "as the fault says"},
	}
}

func names(kinds []Kind) []string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.Name)
	}
	return names
}

// Parse reads a scenario from YAML text; name stands for it in errors, which say the line.
// It is strict: an unknown key, a key that its fault does not have and a value out of range
// are errors. Anchors and aliases are refused.
func Parse(text []byte, name string) (*Scenario, error) {
	if len(text) > MaxScenarioBytes {
		return nil, fmt.Errorf("%s: %d bytes are more than a scenario may have (%d)", name, len(text), MaxScenarioBytes)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("%s: not YAML: %w", name, err)
	}
	if len(document.Content) == 0 {
		return nil, fmt.Errorf("%s: the scenario is empty: state at least one fault, as in\nfaults:\n  - {fault: drop, every: 10}", name)
	}
	s := &Scenario{Framing: TCP}
	var list *yaml.Node
	err := pairs(document.Content[0], func(k, value *yaml.Node) error {
		switch k.Value {
		case "framing":
			word, err := wordOf(k.Value, value, []string{string(TCP), string(RTU)})
			s.Framing = Framing(word)
			return err
		case "faults":
			list = value
			return nil
		}
		return at(k, "unknown key %q: a scenario has framing and faults", k.Value)
	})
	if err == nil {
		err = s.readRules(document.Content[0], list)
	}
	if err != nil {
		var placed placedError
		if errors.As(err, &placed) {
			return nil, fmt.Errorf("%s:%d: %w", name, placed.line, placed.error)
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// placedError is an error of one line of a scenario.
type placedError struct {
	line int
	error
}

func at(n *yaml.Node, format string, args ...any) error {
	return placedError{n.Line, fmt.Errorf(format, args...)}
}

// pairs calls each for the keys of a mapping.
func pairs(n *yaml.Node, each func(key, value *yaml.Node) error) error {
	if n.Kind != yaml.MappingNode {
		return at(n, "want keys and values here, as in {fault: drop, every: 10}")
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if value.Anchor != "" || value.Kind == yaml.AliasNode || n.Anchor != "" {
			return at(value, "anchors and aliases (& and *) are not supported: write the value out")
		}
		if key.Kind != yaml.ScalarNode {
			return at(key, "a key must be a word")
		}
		if seen[key.Value] {
			return at(key, "key %q is there twice", key.Value)
		}
		seen[key.Value] = true
		if err := each(key, value); err != nil {
			return err
		}
	}
	return nil
}

func wordOf(key string, n *yaml.Node, allowed []string) (string, error) {
	if n.Kind != yaml.ScalarNode || !slices.Contains(allowed, n.Value) {
		return "", at(n, "%s: %q is not one of %s", key, n.Value, strings.Join(allowed, ", "))
	}
	return n.Value, nil
}

func numberOf(k key, n *yaml.Node) (float64, error) {
	var x float64
	if n.Kind != yaml.ScalarNode || (n.Tag != "!!int" && n.Tag != "!!float") || n.Decode(&x) != nil {
		return 0, at(n, "%s: want a number, found %q", k.Name, n.Value)
	}
	if !(x >= k.Lowest && x <= k.Highest) {
		return 0, at(n, "%s: %g is outside %g to %g", k.Name, x, k.Lowest, k.Highest)
	}
	if k.Whole && x != math.Trunc(x) {
		return 0, at(n, "%s: want a whole number, found %q", k.Name, n.Value)
	}
	return x, nil
}

func (s *Scenario) readRules(root, list *yaml.Node) error {
	if list == nil || list.Kind != yaml.SequenceNode || len(list.Content) == 0 {
		return at(root, "faults: want a list of at least one fault, as in\nfaults:\n  - {fault: drop, every: 10}")
	}
	if list.Anchor != "" {
		return at(list, "anchors and aliases (& and *) are not supported: write the value out")
	}
	if len(list.Content) > maxRules {
		return at(list, "%d faults are more than a scenario may have (%d)", len(list.Content), maxRules)
	}
	for _, n := range list.Content {
		rule, err := readRule(n, s.Framing)
		if err != nil {
			return err
		}
		s.Rules = append(s.Rules, rule)
	}
	return nil
}

// readRule reads one fault.
func readRule(n *yaml.Node, framing Framing) (Rule, error) {
	numbers, words := map[string]float64{}, map[string]string{}
	all := keys()
	err := pairs(n, func(name, value *yaml.Node) (err error) {
		i := slices.IndexFunc(all, func(k key) bool { return k.Name == name.Value })
		switch {
		case i < 0:
			return at(name, "unknown key %q: a fault has %s", name.Value, keyNames(all))
		case all[i].Words != nil:
			words[name.Value], err = wordOf(name.Value, value, all[i].Words)
		default:
			numbers[name.Value], err = numberOf(all[i], value)
		}
		return err
	})
	if err != nil {
		return Rule{}, err
	}
	kind, ok := kindOf(words["fault"])
	if !ok {
		return Rule{}, at(n, "a fault needs its kind, as in {fault: drop}")
	}
	if err := kind.admits(n, framing, numbers, words); err != nil {
		return Rule{}, err
	}
	number := func(name string, otherwise float64) float64 {
		if x, ok := numbers[name]; ok {
			return x
		}
		return otherwise
	}
	whole := func(name string, otherwise int) int { return int(number(name, float64(otherwise))) }
	rule := Rule{
		Fault: kind.Name, Line: n.Line, On: Place(words["on"]), Then: words["then"],
		Probability: numbers["probability"], Every: whole("every", 0), First: whole("first", 0),
		From: whole("from", 0), To: whole("to", 0), Unit: whole("unit", unstated), Function: whole("function", unstated),
		Bytes: whole("bytes", 1), At: whole("at", unstated), Code: whole("code", 11),
		Wait:  time.Duration(number("milliseconds", 1000)) * time.Millisecond,
		Alive: time.Duration(number("aliveSeconds", 60) * float64(time.Second)),
		Dead:  time.Duration(number("deadSeconds", 5) * float64(time.Second)),
	}
	if rule.On == "" && kind.Places != nil {
		rule.On = kind.Places[0]
	}
	if rule.Then == "" && slices.Contains(kind.Keys, "then") {
		rule.Then = "drop"
	}
	switch kind.Name {
	case "limit":
		rule.Bytes = whole("bytes", shortestLimit)
	case "split":
		rule.Wait = time.Duration(number("milliseconds", 5)) * time.Millisecond
	}
	if rule.On == Connections && (rule.Unit != unstated || rule.Function != unstated) {
		return Rule{}, at(n, "%s on connections: a new connection has no unit and no function: take them away, or state on: requests", kind.Name)
	}
	return rule, nil
}

// shortestLimit is the shortest frame that every gateway passes, in bytes.
const shortestLimit = 64

// admits says what of a fault its kind does not allow.
func (k Kind) admits(n *yaml.Node, framing Framing, numbers map[string]float64, words map[string]string) error {
	common := []string{"fault", "unit", "function"}
	if k.Places != nil {
		common = append(common, "on", "probability", "every", "first", "from", "to")
	}
	for _, each := range keys() {
		_, isNumber := numbers[each.Name]
		_, isWord := words[each.Name]
		if (isNumber || isWord) && !slices.Contains(common, each.Name) && !slices.Contains(k.Keys, each.Name) {
			return at(n, "%s has no key %q: it has %s", k.Name, each.Name, strings.Join(append(common, k.Keys...), ", "))
		}
	}
	if on := Place(words["on"]); on != "" && !slices.Contains(k.Places, on) {
		return at(n, "%s does not strike %s, only %s", k.Name, on, join(k.Places))
	}
	var ways []string
	for _, way := range []string{"probability", "every", "first", "from", "to"} {
		if _, ok := numbers[way]; ok {
			ways = append(ways, way)
		}
	}
	if len(ways) > 1 && !slices.Equal(ways, []string{"from", "to"}) {
		return at(n, "%s: %s together: state one of probability, every, first, or from and to", k.Name, strings.Join(ways, " and "))
	}
	if from, to := numbers["from"], numbers["to"]; to != 0 && from > to {
		return at(n, "%s: from %g is after to %g", k.Name, from, to)
	}
	switch {
	case k.Name == "wrongCRC" && framing != RTU:
		return at(n, "wrongCRC: Modbus TCP has no CRC: state framing: rtu, or take corrupt")
	case k.Name == "wrongTransaction" && framing != TCP:
		return at(n, "wrongTransaction: RTU has no transactions: take wrongUnit or wrongFunction")
	case k.Name == "limit" && numbers["bytes"] != 0 && numbers["bytes"] < shortestLimit:
		return at(n, "limit: bytes %g: every gateway passes %d", numbers["bytes"], shortestLimit)
	case k.Name == "limit" && words["then"] == "reset", k.Name == "outage" && (words["then"] == "cut" || words["then"] == "exception"):
		return at(n, "%s has no then: %s", k.Name, words["then"])
	}
	return nil
}

func keyNames(all []key) string {
	var names []string
	for _, k := range all {
		names = append(names, k.Name)
	}
	return strings.Join(names, ", ")
}

func join(places []Place) string {
	var words []string
	for _, p := range places {
		words = append(words, string(p))
	}
	return strings.Join(words, ", ")
}
