package formula

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// SyntaxError says where a formula is wrong and what would be right there.
type SyntaxError struct {
	Position        int // of the character, from 1
	Expected, Found string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("at character %d: expected %s, found %s", e.Position, e.Expected, e.Found)
}

// Compile translates a formula. Its errors are one line; a *SyntaxError tells the place.
func Compile(text string) (*Program, error) {
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("the formula has %d bytes, at most %d", len(text), MaxBytes)
	}
	p := parser{text: text}
	p.next()
	p.disjunction()
	if p.err == nil && p.token.kind != tokenEnd {
		p.expect("an operator or the end of the formula")
	}
	if p.err != nil {
		return nil, p.err
	}
	return &Program{p.steps, make([]float64, p.highest)}, nil
}

// parser reads a formula from left to right and appends each operation after its
// operands. After the first error it sees the end everywhere.
type parser struct {
	text   string
	offset int // behind token
	token  token
	depth  int
	steps  []step
	// height is how many values the program has on its stack here, highest the most.
	height, highest int
	err             error
}

type token struct {
	kind   tokenKind
	text   string // in capitals
	number float64
	offset int
}

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenNumber
	tokenName
	tokenSymbol
)

func (p *parser) fail(err error) {
	if p.err == nil {
		p.err = err
	}
	p.token = token{kind: tokenEnd, offset: len(p.text)}
	p.offset = len(p.text)
}

// expect fails at the present token.
func (p *parser) expect(what string) {
	found := "the end"
	if p.token.kind != tokenEnd {
		found = strconv.Quote(p.text[p.token.offset:p.offset])
	}
	p.fail(&SyntaxError{p.token.offset + 1, what, found})
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' }

// next reads a token.
func (p *parser) next() {
	for p.offset < len(p.text) && (p.text[p.offset] == ' ' || p.text[p.offset] == '\t') {
		p.offset++
	}
	start := p.offset
	take := func(more func(byte) bool) {
		for p.offset < len(p.text) && more(p.text[p.offset]) {
			p.offset++
		}
	}
	p.token = token{kind: tokenEnd, offset: start}
	if start == len(p.text) {
		return
	}
	switch c := p.text[start]; {
	case isDigit(c) || c == '.':
		take(isDigit)
		if p.offset < len(p.text) && p.text[p.offset] == '.' {
			p.offset++
			take(isDigit)
		}
		p.exponent()
		p.token.kind = tokenNumber
		x, err := strconv.ParseFloat(p.text[start:p.offset], 64)
		if p.token.number = x; err != nil {
			p.expect("a number such as 1, 0.5 or 2e-3, below 1.8e308")
			return
		}
	case isLetter(c):
		take(func(c byte) bool { return isLetter(c) || isDigit(c) })
		p.token.kind = tokenName
	default:
		p.offset++
		if two := p.text[start:min(start+2, len(p.text))]; two == "<>" || two == "<=" || two == ">=" {
			p.offset++
		}
		p.token.kind = tokenSymbol
		if c >= 0x80 {
			_, width := utf8.DecodeRuneInString(p.text[start:])
			p.offset = start + width // the whole character, for the message
		}
	}
	p.token.text = strings.ToUpper(p.text[start:p.offset])
}

// exponent reads the exponent of a number, if it has one.
func (p *parser) exponent() {
	rest := p.text[p.offset:]
	if rest == "" || rest[0] != 'e' && rest[0] != 'E' {
		return
	}
	i := 1
	if i < len(rest) && (rest[i] == '+' || rest[i] == '-') {
		i++
	}
	if i == len(rest) || !isDigit(rest[i]) {
		return
	}
	for i < len(rest) && isDigit(rest[i]) {
		i++
	}
	p.offset += i
}

// is reports whether the present token is the symbol or word.
func (p *parser) is(text string) bool {
	return (p.token.kind == tokenSymbol || p.token.kind == tokenName) && p.token.text == text
}

// operator returns the operation among those given that the present token names.
func (p *parser) operator(operations []operation) (operation, bool) {
	i := slices.IndexFunc(operations, func(o operation) bool { return p.is(o.name) })
	if i < 0 {
		return operation{}, false
	}
	return operations[i], true
}

// emit appends a step, which takes operands from the stack and leaves one value.
func (p *parser) emit(s step) {
	if len(p.steps) == MaxSteps {
		p.fail(fmt.Errorf("the formula has more than %d operands and operations", MaxSteps))
		return
	}
	p.steps = append(p.steps, s)
	p.height += 1 - s.operands
	p.highest = max(p.highest, p.height)
}

func (p *parser) apply(o operation, operands int) {
	p.emit(step{kind: stepApply, operands: operands, apply: o.apply})
}

// nested parses something inside something else.
func (p *parser) nested(parse func()) {
	if p.depth == MaxDepth {
		p.fail(fmt.Errorf("at character %d: nested deeper than %d", p.token.offset+1, MaxDepth))
		return
	}
	p.depth++
	parse()
	p.depth--
}

// binary parses operands of the next higher rank, joined from left to right.
func (p *parser) binary(operations []operation, operand func()) {
	operand()
	for p.err == nil {
		o, ok := p.operator(operations)
		if !ok {
			return
		}
		p.next()
		operand()
		p.apply(o, 2)
	}
}

// The ranks, lowest first.

func (p *parser) disjunction() { p.binary(disjunctions, p.conjunction) }

func (p *parser) conjunction() { p.binary(conjunctions, p.negation) }

func (p *parser) negation() {
	if !p.is(not.name) {
		p.comparison()
		return
	}
	p.next()
	p.nested(p.negation)
	p.apply(not, 1)
}

func (p *parser) comparison() {
	p.sum()
	o, ok := p.operator(comparisons)
	if !ok {
		return
	}
	p.next()
	p.sum()
	p.apply(o, 2)
	if _, again := p.operator(comparisons); again {
		p.expect("AND or OR, for comparisons do not follow each other")
	}
}

func (p *parser) sum() { p.binary(terms, p.product) }

func (p *parser) product() { p.binary(factors, p.signed) }

func (p *parser) signed() {
	switch {
	case p.is("-"):
		p.next()
		p.nested(p.signed)
		p.apply(negate, 1)
	case p.is("+"):
		p.next()
		p.nested(p.signed)
	default:
		p.power()
	}
}

// power parses a power. It binds more than the sign before it and less than the sign
// in its exponent, and joins from right to left.
func (p *parser) power() {
	p.operand()
	if p.is(power.name) {
		p.next()
		p.nested(p.signed)
		p.apply(power, 2)
	}
}

const aValue = `a value: a number, S1 to S16, R1 to R8, PI, NA, a function or "("`

func (p *parser) operand() {
	t := p.token
	switch {
	case t.kind == tokenNumber:
		p.next()
		p.emit(step{kind: stepConstant, constant: t.number})
	case p.is("("):
		p.next()
		p.nested(p.disjunction)
		p.close(`an operator or ")"`)
	case t.kind == tokenName:
		p.named(t.text)
	default:
		p.expect(aValue)
	}
}

// close reads a closing parenthesis.
func (p *parser) close(expected string) {
	if !p.is(")") {
		p.expect(expected)
		return
	}
	p.next()
}

// named parses what begins with a name.
func (p *parser) named(name string) {
	if name[0] == 'S' || name[0] == 'R' {
		if n, err := strconv.Atoi(name[1:]); err == nil {
			p.register(name[0], n)
			return
		}
	}
	if name == "PI" || name == "NA" {
		x := math.Pi
		if name == "NA" {
			x = notAvailable()
		}
		p.next()
		p.emit(step{kind: stepConstant, constant: x})
		return
	}
	if f, ok := find(functions, name); ok {
		p.next()
		p.call(f)
		return
	}
	if strings.HasPrefix(strings.TrimLeft(p.text[p.offset:], " \t"), "(") {
		p.expect("one of the functions " + strings.Join(Functions(), ", "))
		return
	}
	p.expect(aValue)
}

// register parses a source, with the word PREV after it, or a result.
func (p *parser) register(letter byte, n int) {
	s, count := step{kind: stepSource, index: n - 1}, Sources
	if letter == 'R' {
		s.kind, count = stepResult, Results
	}
	if n < 1 || n > count {
		p.expect(fmt.Sprintf("%c1 to %c%d", letter, letter, count))
		return
	}
	p.next()
	if s.kind == stepSource && p.is("PREV") {
		p.next()
		x := p.token.number
		if p.token.kind != tokenNumber || x != math.Trunc(x) || x < 1 || x > Previous {
			p.expect(fmt.Sprintf("a whole number from 1 to %d after PREV", Previous))
			return
		}
		s.previous = int(x)
		p.next()
	}
	p.emit(s)
}

// call parses the arguments of a function.
func (p *parser) call(f operation) {
	if !p.is("(") {
		p.expect(`"(" after ` + f.name)
		return
	}
	for n := 1; p.err == nil; n++ {
		p.next()
		p.nested(p.disjunction)
		switch {
		case p.is(",") && n == f.most:
			p.expect(fmt.Sprintf(`")", for %s takes %d`, f.name, f.most))
		case p.is(","):
		case n < f.least:
			p.expect(fmt.Sprintf(`"," and a further value, for %s takes %d`, f.name, f.least))
		default:
			p.close(`an operator, "," or ")"`)
			p.apply(f, n)
			return
		}
	}
}
