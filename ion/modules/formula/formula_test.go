package formula

import (
	"errors"
	"math"
	"strings"
	"testing"
)

// na is NOT AVAILABLE in these tests.
var na = math.NaN()

// sample is S1 = 2, S2 = -3, S3 = 0 and S4 not available, with S1 of 1, 2 and 3 runs
// ago 10, 20 and 30; R1 = 7, R2 not available.
func sample() *Inputs {
	in := &Inputs{}
	in.Forget()
	for _, x := range []float64{30, 20, 10, 2} {
		in.Advance()
		in.SetSource(0, x)
	}
	in.SetSource(1, -3)
	in.SetSource(2, 0)
	in.SetResult(0, 7, true)
	in.SetResult(1, 1, false)
	return in
}

func TestEvaluate(t *testing.T) {
	for _, row := range []struct {
		rule, text string
		want       float64
	}{
		{"number", "1", 1}, {"decimals", ".5 + 1.", 1.5}, {"exponent", "2e-3*1E3", 2},
		{"source", "S1", 2}, {"case does not matter", "s1 + max(1, r1)", 9}, {"not linked", "S16", na}, {"source N/A", "S4", na},
		{"previous", "S1 PREV 1", 10}, {"previous", "S1 prev 3 - S1 PREV 2", 10}, {"before the first run", "S1 PREV 16", na},
		{"result", "R1*2", 14}, {"result N/A", "R2", na}, {"result not yet formed", "R8", 0}, {"PI", "PI", math.Pi}, {"NA", "NA", na},

		{"rank: product before sum", "1+2*3", 7}, {"rank: parentheses", "(1+2)*3", 9}, {"from left to right", "10-4-3", 3},
		{"from left to right", "24/4/2*3", 9}, {"power from right to left", "2^3^2", 512}, {"power before sign", "-2^2", -4},
		{"sign in the exponent", "2^-1", 0.5}, {"signs", "- -+2", 2}, {"MOD ranks as product", "1 + 7 MOD 4", 4}, {"MOD has the sign of the first", "-7 MOD 4", -3},
		{"sum before comparison", "1+1=2", 1}, {"comparison before AND", "1<2 AND 2<3", 1}, {"AND before OR", "1 OR 0 AND 0", 1},
		{"NOT before AND", "NOT 0 AND 0", 0}, {"NOT after comparison", "NOT 1 = 2", 1}, {"NOT NOT", "NOT NOT 5", 1},
		{"compare", "S1<>2", 0}, {"compare", "S1>=2", 1}, {"compare", "S1<=1", 0}, {"compare", "S2>S1", 0},
		{"truth is not 0", "-0.5 AND 2", 1}, {"minus zero is zero", "1/(1/(-1*0+1)-1+1e300)*0", 0},

		{"ABS", "ABS(S2)", 3}, {"SQRT", "SQRT(16)", 4}, {"LOG10", "LOG10(1000)", 3}, {"LN", "LN(EXP(2))", 2},
		{"SIN", "SIN(PI/2)", 1}, {"COS", "COS(0)", 1}, {"TAN", "TAN(0)", 0}, {"ASIN", "ASIN(1)*2/PI", 1}, {"ACOS", "ACOS(1)", 0}, {"ATAN", "ATAN(1)*4/PI", 1},
		{"ATAN2 takes y, x", "ATAN2(1, 0)*2/PI", 1}, {"ATAN2 of the origin", "ATAN2(0, 0)", na},
		{"CEIL", "CEIL(-1.5)", -1}, {"FLOOR", "FLOOR(-1.5)", -2}, {"TRUNC", "TRUNC(-1.5)", -1}, {"ROUND half from zero", "ROUND(-1.5)", -2},
		{"MIN", "MIN(S1, S2, S3)", -3}, {"MAX", "MAX(S1, S2, S3)", 2}, {"AVG", "AVG(1, 2, 6)", 3}, {"SUM", "SUM(1, 2, 6)", 9},
		{"SUMSQ", "SUMSQ(3, 4)", 25}, {"RMS", "RMS(1, 7)", 5}, {"IF", "IF(S1>0, 5, 6)", 5}, {"IF", "IF(S3, 5, 6)", 6},

		{"N/A +", "S1 + S4", na}, {"N/A * 0", "0 * S4", na}, {"N/A ^ 0", "S4 ^ 0", na}, {"1 ^ N/A", "1 ^ S4", na}, {"N/A = N/A", "S4 = S4", na},
		{"N/A <> ", "S4 <> 1", na}, {"0 AND N/A", "0 AND S4", na}, {"1 OR N/A", "1 OR S4", na}, {"NOT N/A", "NOT S4", na}, {"-N/A", "-S4", na},
		{"ABS N/A", "ABS(S4)", na}, {"ATAN2 N/A", "ATAN2(S4, 1)", na},
		{"ISNA", "ISNA(S4)", 1}, {"ISNA of a value", "ISNA(S1)", 0}, {"ISNA of an error", "ISNA(1/0)", 1},
		{"IF does not need the other branch", "IF(ISNA(S4), 0, S4)", 0}, {"IF does not need the other branch", "IF(1, S1, S4)", 2},
		{"IF takes N/A", "IF(0, S1, S4)", na}, {"IF of N/A", "IF(S4, 1, 1)", na},
		{"MIN skips N/A", "MIN(S4, 5, S1)", 2}, {"MAX skips N/A", "MAX(S2, S4)", -3}, {"AVG skips N/A", "AVG(S4, 1, 3)", 2}, {"SUM skips N/A", "SUM(1, S4)", 1},
		{"SUMSQ skips N/A", "SUMSQ(S4, 3, 4)", 25}, {"RMS skips N/A", "RMS(S4, 3)", 3}, {"a list of N/A", "SUM(S4, NA)", na}, {"a list of N/A", "RMS(S4)", na},

		{"division by zero", "1/S3", na}, {"0/0", "0/0", na}, {"MOD 0", "1 MOD 0", na}, {"root of a negative", "SQRT(-1)", na}, {"power: domain", "(-8)^0.5", na},
		{"power: pole", "0^-1", na}, {"log of 0", "LN(0)", na}, {"log of a negative", "LOG10(-1)", na}, {"ASIN domain", "ASIN(2)", na}, {"ACOS domain", "ACOS(-1.1)", na},
		{"overflow", "1e308*10", na}, {"overflow inside", "1/(1e308*10)", na}, {"overflow of EXP", "EXP(1000)", na}, {"overflow of SUMSQ", "SUMSQ(1e200, S4)", na},
		{"overflow of AVG", "AVG(1e308, 1e308, 1)", na},
	} {
		p, err := Compile(row.text)
		if err != nil {
			t.Errorf("%s: %s: %v", row.rule, row.text, err)
			continue
		}
		x, ok := p.Evaluate(sample())
		if ok == math.IsNaN(row.want) || ok && math.Abs(x-row.want) > 1e-12 || ok && math.Signbit(x) && x == 0 {
			t.Errorf("%s: %s = %v (available %v), want %v", row.rule, row.text, x, ok, row.want)
		}
	}
}

func TestSyntaxErrors(t *testing.T) {
	const value = aValue
	for _, row := range []struct {
		text     string
		position int
		expected string
		found    string
	}{
		{"", 1, value, "the end"},
		{"S1 +", 5, value, "the end"},
		{"S1 S2", 4, "an operator or the end of the formula", `"S2"`},
		{"(S1", 4, `an operator or ")"`, "the end"},
		{"S1)", 3, "an operator or the end of the formula", `")"`},
		{"1 + * 2", 5, value, `"*"`},
		{"S17", 1, "S1 to S16", `"S17"`},
		{"R0", 1, "R1 to R8", `"R0"`},
		{"R9 + 1", 1, "R1 to R8", `"R9"`},
		{"S1 PREV", 8, "a whole number from 1 to 16 after PREV", "the end"},
		{"S1 PREV 0", 9, "a whole number from 1 to 16 after PREV", `"0"`},
		{"S1 PREV 1.5", 9, "a whole number from 1 to 16 after PREV", `"1.5"`},
		{"S1 PREV 17", 9, "a whole number from 1 to 16 after PREV", `"17"`},
		{"R1 PREV 1", 4, "an operator or the end of the formula", `"PREV"`},
		{"FOO(1)", 1, "one of the functions " + strings.Join(Functions(), ", "), `"FOO"`},
		{"kW", 1, value, `"kW"`},
		{"ABS", 4, `"(" after ABS`, "the end"},
		{"ABS()", 5, value, `")"`},
		{"ABS(1, 2)", 6, `")", for ABS takes 1`, `","`},
		{"IF(1, 2)", 8, `"," and a further value, for IF takes 3`, `")"`},
		{"MAX(1 2)", 7, `an operator, "," or ")"`, `"2"`},
		{"MAX(1,)", 7, value, `")"`},
		{"1 < 2 < 3", 7, "AND or OR, for comparisons do not follow each other", `"<"`},
		{"1 == 2", 4, value, `"="`},
		{"1.2.3", 4, "an operator or the end of the formula", `".3"`},
		{"1,5", 2, "an operator or the end of the formula", `","`},
		{".", 1, "a number such as 1, 0.5 or 2e-3, below 1.8e308", `"."`},
		{"1e999", 1, "a number such as 1, 0.5 or 2e-3, below 1.8e308", `"1e999"`},
		{"2e", 2, "an operator or the end of the formula", `"e"`},
		{"S1 × 2", 4, "an operator or the end of the formula", `"×"`},
		{"\xff", 1, value, `"\xff"`},
		{"NOT", 4, value, "the end"},
		{"2 ^ NOT 1", 5, value, `"NOT"`},
	} {
		_, err := Compile(row.text)
		var got *SyntaxError
		if !errors.As(err, &got) {
			t.Errorf("%q: %v, want a syntax error", row.text, err)
			continue
		}
		if want := (SyntaxError{row.position, row.expected, row.found}); *got != want {
			t.Errorf("%q:\n got %+v\nwant %+v", row.text, *got, want)
		}
		if strings.ContainsAny(got.Error(), "\r\n") {
			t.Errorf("%q: the message has more than one line", row.text)
		}
	}
}

func TestBounds(t *testing.T) {
	nest := func(open, middle, closing string, n int) string {
		return strings.Repeat(open, n) + middle + strings.Repeat(closing, n)
	}
	sum := func(operands int) string { return "1" + strings.Repeat("+1", operands-1) }
	for _, row := range []struct {
		rule, text string
		refused    string // empty: accepted
	}{
		{"bytes", strings.Repeat(" ", MaxBytes-1) + "1", ""},
		{"bytes", strings.Repeat(" ", MaxBytes) + "1", "the formula has 241 bytes, at most 240"},
		{"steps", sum((MaxSteps + 1) / 2), ""},
		{"steps", sum((MaxSteps+1)/2 + 1), "the formula has more than 120 operands and operations"},
		{"depth of parentheses", nest("(", "1", ")", MaxDepth), ""},
		{"depth of parentheses", nest("(", "1", ")", MaxDepth+1), "at character 26: nested deeper than 24"},
		{"depth of functions", nest("ABS(", "1", ")", MaxDepth+1), "at character 101: nested deeper than 24"},
		{"depth of signs", nest("-", "1", "", MaxDepth+1), "at character 26: nested deeper than 24"},
		{"depth of NOT", nest("NOT ", "1", "", MaxDepth+1), "at character 101: nested deeper than 24"},
		{"depth of powers", nest("1^", "1", "", MaxDepth+1), "at character 51: nested deeper than 24"},
	} {
		_, err := Compile(row.text)
		if row.refused == "" && err != nil || row.refused != "" && (err == nil || err.Error() != row.refused) {
			t.Errorf("%s of %d bytes: %v, want %q", row.rule, len(row.text), err, row.refused)
		}
	}
}

func TestForgetSourceForgetsItsPastOnly(t *testing.T) {
	in := sample()
	in.ForgetSource(0)
	for text, want := range map[string]float64{"ISNA(S1)": 1, "ISNA(S1 PREV 1)": 1, "S2": -3, "R1": 7} {
		p, err := Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		if x, _ := p.Evaluate(in); x != want {
			t.Errorf("%s = %v, want %v", text, x, want)
		}
	}
}

func TestThePastIsARing(t *testing.T) {
	in := &Inputs{}
	in.Forget()
	oldest, err := Compile("S1 PREV 16")
	if err != nil {
		t.Fatal(err)
	}
	for run := range 100 {
		in.Advance()
		in.SetSource(0, float64(run))
		x, ok := oldest.Evaluate(in)
		if ok != (run >= Previous) || ok && x != float64(run-Previous) {
			t.Errorf("in run %d the source %d runs ago is %v (available %v)", run, Previous, x, ok)
		}
	}
}

func BenchmarkEvaluate(b *testing.B) {
	p, err := Compile("IF(ISNA(S4), SQRT(S1^2 + S2^2), MAX(S1, S2, S3)) * 100 / (R1 + 1) AND S1 PREV 1 < 20")
	if err != nil {
		b.Fatal(err)
	}
	in := sample()
	b.ReportAllocs()
	for b.Loop() {
		p.Evaluate(in)
	}
}
