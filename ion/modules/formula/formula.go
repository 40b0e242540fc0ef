// Package formula is the formula language of the Arithmetic module: one line of text,
// compiled to a short program that evaluates without allocating. docs/formulas.md
// teaches it.
//
// NOT AVAILABLE is a value of the language: an operator or function with such an
// operand gives NOT AVAILABLE, but for ISNA, for IF in the branch that it does not
// take, and for the functions over a list, which leave it out. What has no value (a
// division by zero, the root of a negative number, an overflow) is NOT AVAILABLE, too.
package formula

import "math"

// The bounds of a formula.
const (
	MaxBytes = 240 // of its text
	MaxSteps = 120 // operands and operations
	MaxDepth = 24  // parentheses, functions and prefix operators within each other
)

// The sizes of a module's Inputs.
const (
	Sources  = 16 // S1 to S16
	Results  = 8  // R1 to R8
	Previous = 16 // S1 PREV 1 to S1 PREV 16
)

// Program is a compiled formula. It holds its own working space and so belongs to one
// goroutine.
type Program struct {
	steps []step
	stack []float64
}

// step pushes one value: an operand, or what an operation makes of the values on top.
// Inside a program NOT AVAILABLE is NaN; it never leaves one.
type step struct {
	kind     stepKind
	constant float64
	index    int // of the source or result, from 0
	previous int // runs ago
	operands int
	apply    func(operands []float64) float64
}

type stepKind uint8

const (
	stepConstant stepKind = iota
	stepSource
	stepResult
	stepApply
)

// Evaluate returns the value of the formula, and false if it is NOT AVAILABLE.
func (p *Program) Evaluate(in *Inputs) (x float64, available bool) {
	top := 0
	for i := range p.steps {
		s := &p.steps[i]
		switch s.kind {
		case stepConstant:
			x = s.constant
		case stepSource:
			x = in.source(s.index, s.previous)
		case stepResult:
			x = in.results[s.index]
		case stepApply:
			top -= s.operands
			if x = s.apply(p.stack[top : top+s.operands]); math.IsInf(x, 0) {
				x = notAvailable()
			}
		}
		p.stack[top] = x
		top++
	}
	return x + 0, !math.IsNaN(x) // -0 becomes 0
}

func notAvailable() float64 { return math.NaN() }
