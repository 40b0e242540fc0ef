package formula

import (
	"errors"
	"math"
	"strings"
	"testing"
)

// Whatever text is given, compiling it ends, and says in one line what is wrong or
// makes a program within the bounds whose value is a number or NOT AVAILABLE.
func FuzzCompile(f *testing.F) {
	for _, text := range []string{"", "1", "-S1^2*3 MOD 4", "IF(ISNA(S4),0,S1 PREV 3)", "MAX(S1,S2,R1)>=1e3 AND NOT R2<>PI", "((((1", "S99", "1e999", "2..3", "ATAN2(1", "×", "NOT NOT - - 1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Compile(text)
		if err != nil {
			var syntax *SyntaxError
			if errors.As(err, &syntax) && (syntax.Position < 1 || syntax.Position > len(text)+1) {
				t.Errorf("the error is at character %d of %d", syntax.Position, len(text))
			}
			if strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("more than one line: %q", err)
			}
			return
		}
		if len(p.steps) > MaxSteps || len(p.stack) > MaxSteps {
			t.Errorf("%d steps, %d values deep", len(p.steps), len(p.stack))
		}
		in := sample()
		x, available := p.Evaluate(in)
		if available && (math.IsNaN(x) || math.IsInf(x, 0)) {
			t.Errorf("the value is %v", x)
		}
		if y, again := p.Evaluate(in); again != available || available && y != x {
			t.Errorf("evaluated twice: %v and %v", x, y)
		}
	})
}
