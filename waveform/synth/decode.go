package synth

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/hepmeter/hepmeter/waveform"
	"go.yaml.in/yaml/v3"
)

const maxFileBytes = 1 << 20

// Parse reads a scenario from YAML text; name stands for it in errors. It is
// strict: an unknown key, a value out of range or of the wrong kind is an error
// that names the line and the key, and a misspelt key the nearest one there is.
// Anchors and aliases are refused.
func Parse(text []byte, name string) (*Scenario, error) {
	if len(text) > maxFileBytes {
		return nil, fmt.Errorf("%s: %d bytes are more than a scenario may have (%d)", name, len(text), maxFileBytes)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("%s: not YAML: %w", name, err)
	}
	s := &Scenario{file: name, lines: map[string]int{}}
	if len(document.Content) == 0 {
		return nil, fmt.Errorf("%s: the scenario is empty: state at least voltage or channels", name)
	}
	d := decoder{file: name, lines: s.lines}
	if err := d.value(document.Content[0], reflect.ValueOf(s).Elem(), "", ""); err != nil {
		return nil, err
	}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	return s, nil
}

// decoder fills structs from YAML by their tags: yaml (key), range (inclusive
// limits of a number), max (length of a list), oneof (allowed words).
type decoder struct {
	file  string
	lines map[string]int
}

func (d *decoder) errorf(n *yaml.Node, path, format string, args ...any) error {
	if path == "" {
		path = "scenario"
	}
	return fmt.Errorf("%s:%d: %s: %w", d.file, n.Line, path, fmt.Errorf(format, args...))
}

func (d *decoder) value(n *yaml.Node, v reflect.Value, tag reflect.StructTag, path string) error {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return d.errorf(n, path, "anchors and aliases (& and *) are not supported: write the value out")
	}
	switch v.Kind() {
	case reflect.Struct:
		return d.structure(n, v, path)
	case reflect.Map:
		return d.roleMap(n, v, path)
	case reflect.Slice:
		return d.list(n, v, tag, path)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return d.value(n, v.Elem(), tag, path)
	}
	return d.scalar(n, v, tag, path)
}

func (d *decoder) structure(n *yaml.Node, v reflect.Value, path string) error {
	return d.pairs(n, path, func(key, value *yaml.Node) error {
		t := v.Type()
		keys := make([]string, 0, t.NumField())
		for i := range t.NumField() {
			name := t.Field(i).Tag.Get("yaml")
			if name == "" {
				continue
			}
			if name == key.Value {
				return d.value(value, v.Field(i), t.Field(i).Tag, join(path, name))
			}
			keys = append(keys, name)
		}
		return d.errorf(key, path, "unknown key %q: did you mean %q?", key.Value, nearest(key.Value, keys))
	})
}

func (d *decoder) roleMap(n *yaml.Node, v reflect.Value, path string) error {
	v.Set(reflect.MakeMap(v.Type()))
	return d.pairs(n, path, func(key, value *yaml.Node) error {
		role, err := waveform.ParseRole(key.Value)
		if err != nil {
			return d.errorf(key, path, "%w", err)
		}
		if v.MapIndex(reflect.ValueOf(role)).IsValid() {
			return d.errorf(key, path, "key %q is there twice", key.Value)
		}
		element := reflect.New(v.Type().Elem()).Elem()
		if err := d.value(value, element, `range:"-1000..1000"`, join(path, role.String())); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(role), element)
		return nil
	})
}

// pairs calls each for every key of a mapping and records where it stands.
func (d *decoder) pairs(n *yaml.Node, path string, each func(key, value *yaml.Node) error) error {
	if n.Kind != yaml.MappingNode {
		return d.errorf(n, path, "want keys and values here, found %s", describe(n))
	}
	d.lines[path] = n.Line
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			return d.errorf(key, path, "a key must be a word, found %s", describe(key))
		}
		if seen[key.Value] {
			return d.errorf(key, path, "key %q is there twice", key.Value)
		}
		seen[key.Value] = true
		if err := each(key, value); err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) list(n *yaml.Node, v reflect.Value, tag reflect.StructTag, path string) error {
	if n.Kind != yaml.SequenceNode {
		return d.errorf(n, path, "want a list here, found %s", describe(n))
	}
	if limit, err := strconv.Atoi(tag.Get("max")); err == nil && len(n.Content) > limit {
		return d.errorf(n, path, "%d entries are more than the %d allowed", len(n.Content), limit)
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, item := range n.Content {
		if err := d.value(item, v.Index(i), tag, fmt.Sprintf("%s[%d]", path, i)); err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) scalar(n *yaml.Node, v reflect.Value, tag reflect.StructTag, path string) error {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return d.errorf(n, path, "want a single value here, found %s", describe(n))
	}
	switch v.Kind() {
	case reflect.String:
		if allowed := tag.Get("oneof"); allowed != "" {
			words := strings.Split(allowed, "|")
			if !contains(words, n.Value) {
				return d.errorf(n, path, "%q is not one of %s: did you mean %q?", n.Value, strings.Join(words, ", "), nearest(n.Value, words))
			}
		}
		v.SetString(n.Value)
		return nil
	case reflect.Bool:
		var b bool
		if n.Tag != "!!bool" || n.Decode(&b) != nil {
			return d.errorf(n, path, "want true or false, found %q", n.Value)
		}
		v.SetBool(b)
		return nil
	}
	var x float64
	if (n.Tag != "!!int" && n.Tag != "!!float") || n.Decode(&x) != nil {
		return d.errorf(n, path, "want a number, found %q", n.Value)
	}
	if err := inRange(x, tag.Get("range")); err != nil {
		return d.errorf(n, path, "%w", err)
	}
	switch v.Kind() {
	case reflect.Float64:
		v.SetFloat(x)
		return nil
	case reflect.Int:
		if x != math.Trunc(x) {
			return d.errorf(n, path, "want a whole number, found %q", n.Value)
		}
		v.SetInt(int64(x))
		return nil
	case reflect.Uint64:
		if x != math.Trunc(x) {
			return d.errorf(n, path, "want a whole number, found %q", n.Value)
		}
		v.SetUint(uint64(x))
		return nil
	}
	return errors.New("scenario: a field of kind " + v.Kind().String() + " cannot be read")
}

// inRange checks x against "low..high"; infinities and NaN are never in range.
func inRange(x float64, limits string) error {
	low, high, ok := strings.Cut(limits, "..")
	if !ok {
		return fmt.Errorf("no range is stated for %g", x)
	}
	lowest, err := strconv.ParseFloat(low, 64)
	if err != nil {
		return err
	}
	highest, err := strconv.ParseFloat(high, 64)
	if err != nil {
		return err
	}
	if !(x >= lowest && x <= highest) {
		return fmt.Errorf("%g is outside %s to %s", x, low, high)
	}
	return nil
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func contains(words []string, word string) bool {
	for _, w := range words {
		if w == word {
			return true
		}
	}
	return false
}

func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys and values"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			return "nothing"
		}
		return strconv.Quote(n.Value)
	}
	return "something else"
}

// nearest returns the word with the smallest edit distance to key.
func nearest(key string, words []string) string {
	if len(key) > 100 {
		key = key[:100]
	}
	best, bestDistance := "", math.MaxInt
	for _, w := range words {
		if d := distance(strings.ToLower(key), strings.ToLower(w)); d < bestDistance {
			best, bestDistance = w, d
		}
	}
	return best
}

// distance is the Levenshtein distance of a and b in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
