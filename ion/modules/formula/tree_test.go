package formula

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// maybe is a value that may be NOT AVAILABLE, as the naive evaluation has it.
type maybe struct {
	x  float64
	ok bool
}

func some(x float64) maybe {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return maybe{}
	}
	return maybe{x, true}
}

func someBool(b bool) maybe { return maybe{map[bool]float64{true: 1}[b], true} }

// tree is a formula as a tree, which is printed and evaluated by rules of its own.
type tree struct {
	rank     int    // of the outermost operation: 1 (OR) to 9 (operand)
	text     string // with no more parentheses than needed
	evaluate func(in *Inputs) maybe
}

// in returns the text as an operand that must have at least a rank.
func (t tree) in(rank int) string {
	if t.rank < rank {
		return "(" + t.text + ")"
	}
	return t.text
}

// all evaluates trees; ok tells that none is NOT AVAILABLE.
func all(in *Inputs, trees []tree) (x []float64, ok bool) {
	ok = true
	for _, t := range trees {
		v := t.evaluate(in)
		x, ok = append(x, v.x), ok && v.ok
	}
	return x, ok
}

var binaries = []struct {
	symbol string
	rank   int
	value  func(a, b float64) maybe
}{
	{"OR", 1, func(a, b float64) maybe { return someBool(a != 0 || b != 0) }},
	{"AND", 2, func(a, b float64) maybe { return someBool(a != 0 && b != 0) }},
	{"=", 4, func(a, b float64) maybe { return someBool(a == b) }},
	{"<>", 4, func(a, b float64) maybe { return someBool(a != b) }},
	{"<", 4, func(a, b float64) maybe { return someBool(a < b) }},
	{">", 4, func(a, b float64) maybe { return someBool(a > b) }},
	{"<=", 4, func(a, b float64) maybe { return someBool(a <= b) }},
	{">=", 4, func(a, b float64) maybe { return someBool(a >= b) }},
	{"+", 5, func(a, b float64) maybe { return some(a + b) }},
	{"-", 5, func(a, b float64) maybe { return some(a - b) }},
	{"*", 6, func(a, b float64) maybe { return some(a * b) }},
	{"/", 6, func(a, b float64) maybe { return some(a / b) }},
	{"MOD", 6, func(a, b float64) maybe { return some(math.Mod(a, b)) }},
	{"^", 8, func(a, b float64) maybe { return some(math.Pow(a, b)) }},
}

var unaries = map[string]func(float64) float64{
	"ABS": math.Abs, "SQRT": math.Sqrt, "LOG10": math.Log10, "LN": math.Log, "EXP": math.Exp, "SIN": math.Sin, "COS": math.Cos, "TAN": math.Tan,
	"ASIN": math.Asin, "ACOS": math.Acos, "ATAN": math.Atan, "CEIL": math.Ceil, "FLOOR": math.Floor, "ROUND": math.Round, "TRUNC": math.Trunc,
}

// lists are the functions over what of a list is available, which is never nothing.
var lists = map[string]func(x []float64) float64{
	"MIN": func(x []float64) float64 {
		least := x[0]
		for _, v := range x {
			least = min(least, v)
		}
		return least
	},
	"MAX": func(x []float64) float64 {
		most := x[0]
		for _, v := range x {
			most = max(most, v)
		}
		return most
	},
	"SUM":   total,
	"AVG":   func(x []float64) float64 { return total(x) / float64(len(x)) },
	"SUMSQ": func(x []float64) float64 { return total(squares(x)) },
	"RMS":   func(x []float64) float64 { return math.Sqrt(total(squares(x)) / float64(len(x))) },
}

func total(x []float64) (sum float64) {
	for _, v := range x {
		sum += v
	}
	return sum
}

func squares(x []float64) (y []float64) {
	for _, v := range x {
		y = append(y, v*v)
	}
	return y
}

func drawTree(t *rapid.T, depth int) tree {
	kind := 0
	if depth > 0 {
		kind = rapid.IntRange(0, 6).Draw(t, "kind")
	}
	child := func() tree { return drawTree(t, depth-1) }
	switch kind {
	case 0:
		return drawOperand(t)
	case 1:
		a, b := child(), child()
		o := rapid.SampledFrom(binaries).Draw(t, "operator")
		left, right := o.rank, o.rank+1 // from left to right
		switch o.rank {
		case 4: // comparisons do not follow each other
			left = o.rank + 1
		case 8: // from right to left, and a sign may stand in the exponent
			left, right = o.rank+1, 7
		}
		return tree{o.rank, a.in(left) + " " + o.symbol + " " + b.in(right), func(in *Inputs) maybe {
			x, ok := all(in, []tree{a, b})
			if !ok {
				return maybe{}
			}
			return o.value(x[0], x[1])
		}}
	case 2:
		a := child()
		if rapid.Bool().Draw(t, "sign") {
			return tree{7, "-" + a.in(7), func(in *Inputs) maybe { v := a.evaluate(in); return maybe{-v.x, v.ok} }}
		}
		return tree{3, "NOT " + a.in(3), func(in *Inputs) maybe {
			v := a.evaluate(in)
			return maybe{someBool(v.x == 0).x, v.ok}
		}}
	case 3:
		a, name := child(), rapid.SampledFrom([]string{"ABS", "SQRT", "LOG10", "LN", "EXP", "SIN", "COS", "TAN", "ASIN", "ACOS", "ATAN", "CEIL", "FLOOR", "ROUND", "TRUNC"}).Draw(t, "function")
		return tree{9, name + "(" + a.text + ")", func(in *Inputs) maybe {
			v := a.evaluate(in)
			if !v.ok {
				return v
			}
			return some(unaries[name](v.x))
		}}
	case 4:
		name := rapid.SampledFrom([]string{"MIN", "MAX", "SUM", "AVG", "SUMSQ", "RMS"}).Draw(t, "list")
		text, items := name+"(", []tree{}
		for i := range rapid.IntRange(1, 3).Draw(t, "length") {
			item := child()
			if items = append(items, item); i > 0 {
				text += ", "
			}
			text += item.text
		}
		return tree{9, text + ")", func(in *Inputs) maybe {
			var x []float64
			for _, item := range items {
				if v := item.evaluate(in); v.ok {
					x = append(x, v.x)
				}
			}
			if len(x) == 0 {
				return maybe{}
			}
			return some(lists[name](x))
		}}
	case 5:
		c, a, b := child(), child(), child()
		return tree{9, fmt.Sprintf("IF(%s, %s, %s)", c.text, a.text, b.text), func(in *Inputs) maybe {
			switch v := c.evaluate(in); {
			case !v.ok:
				return v
			case v.x != 0:
				return a.evaluate(in)
			}
			return b.evaluate(in)
		}}
	}
	a := child()
	if rapid.Bool().Draw(t, "test") {
		return tree{9, "ISNA(" + a.text + ")", func(in *Inputs) maybe { return someBool(!a.evaluate(in).ok) }}
	}
	b := child()
	return tree{9, "ATAN2(" + a.text + ", " + b.text + ")", func(in *Inputs) maybe {
		x, ok := all(in, []tree{a, b})
		if !ok || x[0] == 0 && x[1] == 0 {
			return maybe{}
		}
		return some(math.Atan2(x[0], x[1]))
	}}
}

func drawOperand(t *rapid.T) tree {
	constant := func(text string, v maybe) tree { return tree{9, text, func(*Inputs) maybe { return v }} }
	switch n := rapid.IntRange(0, 6).Draw(t, "operand"); n {
	case 0:
		return constant("NA", maybe{})
	case 1:
		return constant("PI", some(math.Pi))
	case 2:
		x := rapid.SampledFrom([]float64{0, 1, 2, 0.5, 10, 1e200, 1e-200}).Draw(t, "number")
		return constant(strconv.FormatFloat(x, 'g', -1, 64), some(x))
	case 3:
		r := rapid.IntRange(0, Results-1).Draw(t, "result")
		return tree{9, fmt.Sprintf("R%d", r+1), func(in *Inputs) maybe { return some(in.results[r]) }}
	case 4:
		s, previous := rapid.IntRange(0, 3).Draw(t, "source"), rapid.IntRange(1, Previous).Draw(t, "runs ago")
		return tree{9, fmt.Sprintf("S%d PREV %d", s+1, previous), func(in *Inputs) maybe { return some(in.source(s, previous)) }}
	}
	s := rapid.IntRange(0, 3).Draw(t, "source")
	return tree{9, fmt.Sprintf("S%d", s+1), func(in *Inputs) maybe { return some(in.source(s, 0)) }}
}

// A compiled formula has the value that its tree has when it is evaluated naively,
// whatever the ranks of its operators and whatever is NOT AVAILABLE.
func TestCompiledAgreesWithTheTree(t *testing.T) {
	compared := 0
	rapid.Check(t, func(t *rapid.T) {
		in := &Inputs{}
		in.Forget()
		value := rapid.SampledFrom([]float64{0, 1, -1, 2, -3.5, 230, 1e-9, 1e200, -1e308, na})
		for range rapid.IntRange(1, 20).Draw(t, "runs") {
			in.Advance()
			for s := range 3 {
				in.SetSource(s, value.Draw(t, "value"))
			}
		}
		for r := range Results {
			x := value.Draw(t, "result")
			in.SetResult(r, x, !math.IsNaN(x))
		}
		tree := drawTree(t, 4)
		p, err := Compile(tree.text)
		if err != nil {
			if syntax := new(SyntaxError); errors.As(err, &syntax) {
				t.Fatalf("%s: %v", tree.text, err)
			}
			return // beyond the bounds
		}
		compared++
		want := tree.evaluate(in)
		x, ok := p.Evaluate(in)
		if ok != want.ok || ok && x != want.x {
			t.Fatalf("%s = %v (available %v), the tree says %v (available %v)", tree.text, x, ok, want.x, want.ok)
		}
	})
	if compared == 0 {
		t.Error("no formula was compared")
	}
}
