package formula

import (
	"math"
	"slices"
	"strings"
)

// operation is an operator or a function. apply is called with NaN for operands that
// are NOT AVAILABLE and returns NaN for such a result; an infinite result becomes one.
type operation struct {
	name string
	// least and most bound the number of operands; most 0 is no bound.
	least, most int
	apply       func(x []float64) float64
}

// Operators, by what is written.
var (
	negate = operation{"-", 1, 1, func(x []float64) float64 { return -x[0] }}
	not    = operation{"NOT", 1, 1, func(x []float64) float64 { return truth(x[0] == 0, x...) }}
	power  = operation{"^", 2, 2, func(x []float64) float64 { return strict(math.Pow(x[0], x[1]), x...) }}

	factors = []operation{
		{"*", 2, 2, func(x []float64) float64 { return x[0] * x[1] }},
		{"/", 2, 2, func(x []float64) float64 { return x[0] / x[1] }},
		{"MOD", 2, 2, func(x []float64) float64 { return math.Mod(x[0], x[1]) }},
	}
	terms = []operation{
		{"+", 2, 2, func(x []float64) float64 { return x[0] + x[1] }},
		{"-", 2, 2, func(x []float64) float64 { return x[0] - x[1] }},
	}
	comparisons = []operation{
		{"=", 2, 2, func(x []float64) float64 { return truth(x[0] == x[1], x...) }},
		{"<>", 2, 2, func(x []float64) float64 { return truth(x[0] != x[1], x...) }},
		{"<=", 2, 2, func(x []float64) float64 { return truth(x[0] <= x[1], x...) }},
		{">=", 2, 2, func(x []float64) float64 { return truth(x[0] >= x[1], x...) }},
		{"<", 2, 2, func(x []float64) float64 { return truth(x[0] < x[1], x...) }},
		{">", 2, 2, func(x []float64) float64 { return truth(x[0] > x[1], x...) }},
	}
	conjunctions = []operation{{"AND", 2, 2, func(x []float64) float64 { return truth(x[0] != 0 && x[1] != 0, x...) }}}
	disjunctions = []operation{{"OR", 2, 2, func(x []float64) float64 { return truth(x[0] != 0 || x[1] != 0, x...) }}}
)

// functions is every function, in the order in which messages and docs list them.
var functions = []operation{
	{"ABS", 1, 1, of(math.Abs)},
	{"SQRT", 1, 1, of(math.Sqrt)},
	{"LOG10", 1, 1, of(math.Log10)},
	{"LN", 1, 1, of(math.Log)},
	{"EXP", 1, 1, of(math.Exp)},
	{"SIN", 1, 1, of(math.Sin)},
	{"COS", 1, 1, of(math.Cos)},
	{"TAN", 1, 1, of(math.Tan)},
	{"ASIN", 1, 1, of(math.Asin)},
	{"ACOS", 1, 1, of(math.Acos)},
	{"ATAN", 1, 1, of(math.Atan)},
	{"ATAN2", 2, 2, direction},
	{"CEIL", 1, 1, of(math.Ceil)},
	{"FLOOR", 1, 1, of(math.Floor)},
	{"ROUND", 1, 1, of(math.Round)},
	{"TRUNC", 1, 1, of(math.Trunc)},
	{"MIN", 1, 0, func(x []float64) float64 { return fold(x, math.Min) }},
	{"MAX", 1, 0, func(x []float64) float64 { return fold(x, math.Max) }},
	{"SUM", 1, 0, func(x []float64) float64 { return fold(x, add) }},
	{"AVG", 1, 0, func(x []float64) float64 { return fold(x, add) / count(x) }},
	{"SUMSQ", 1, 0, sumOfSquares},
	{"RMS", 1, 0, func(x []float64) float64 { return math.Sqrt(sumOfSquares(x) / count(x)) }},
	{"IF", 3, 3, choose},
	{"ISNA", 1, 1, func(x []float64) float64 { return number(math.IsNaN(x[0])) }},
}

// Functions returns the names of all functions.
func Functions() []string {
	names := make([]string, len(functions))
	for i, f := range functions {
		names[i] = f.name
	}
	return names
}

func find(operations []operation, name string) (operation, bool) {
	i := slices.IndexFunc(operations, func(o operation) bool { return strings.EqualFold(o.name, name) })
	if i < 0 {
		return operation{}, false
	}
	return operations[i], true
}

func of(f func(float64) float64) func([]float64) float64 {
	return func(x []float64) float64 { return f(x[0]) }
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// strict is result unless an operand is NOT AVAILABLE, for what would not pass a NaN on.
func strict(result float64, operands ...float64) float64 {
	if slices.ContainsFunc(operands, math.IsNaN) {
		return notAvailable()
	}
	return result
}

func truth(b bool, operands ...float64) float64 { return strict(number(b), operands...) }

// direction is the angle of the point (x[1], x[0]); that of the origin is none.
func direction(x []float64) float64 {
	if x[0] == 0 && x[1] == 0 {
		return notAvailable()
	}
	return math.Atan2(x[0], x[1])
}

func choose(x []float64) float64 {
	switch condition := x[0]; {
	case math.IsNaN(condition):
		return condition
	case condition != 0:
		return x[1]
	}
	return x[2]
}

func add(a, b float64) float64 { return a + b }

// fold joins the operands that are available, NOT AVAILABLE if none is.
func fold(operands []float64, join func(a, b float64) float64) float64 {
	joined := notAvailable()
	for _, x := range operands {
		switch {
		case math.IsNaN(x):
		case math.IsNaN(joined):
			joined = x
		default:
			joined = join(joined, x)
		}
	}
	return joined
}

// count is the number of operands that are available.
func count(operands []float64) float64 {
	n := 0
	for _, x := range operands {
		if !math.IsNaN(x) {
			n++
		}
	}
	return float64(n)
}

func sumOfSquares(operands []float64) float64 {
	sum := notAvailable()
	for _, x := range operands {
		switch {
		case math.IsNaN(x):
		case math.IsNaN(sum):
			sum = x * x
		default:
			sum += x * x
		}
	}
	return sum
}
