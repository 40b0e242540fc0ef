package textrow

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

func TestFloat(t *testing.T) {
	for text, want := range map[string]float64{
		"0": 0, "-0": math.Copysign(0, -1), "+000025": 25, " 7\t": 7, ".5": 0.5, "5.": 5, "-1.25e-3": -0.00125, "2.836798e+000": 2.836798,
		"-3.402823466e+38": -3.402823466e+38, "0.0000651041700621136": 0.0000651041700621136, "123456789012345678901234567890": 1.2345678901234568e29,
		"1e-400": 0, "4.9406564584124654e-324": 4.9406564584124654e-324, "-17780.73633\r": -17780.73633, "9007199254740993": 9007199254740992,
	} {
		if got, ok := Float([]byte(text), false); !ok || got != want || math.Signbit(got) != math.Signbit(want) {
			t.Errorf("%q: %g %v, want %g", text, got, ok, want)
		}
	}
	for _, text := range []string{"", " ", "-", ".", "e5", "1e", "1e+", "0x10", "inf", "NaN", "1 2", "1,5", "--1", "1_000", "5%"} {
		if got, ok := Float([]byte(text), false); ok {
			t.Errorf("%q read as %g", text, got)
		}
	}
	if got, ok := Float([]byte("-1,25"), true); !ok || got != -1.25 {
		t.Errorf("decimal comma: %g %v", got, ok)
	}
	if got, ok := Float([]byte("1e999"), false); !ok || !math.IsInf(got, 1) {
		t.Errorf("1e999: %g %v", got, ok)
	}
}

// TestFloatAgreesWithStrconv reads numbers in many shapes exactly.
func TestFloatAgreesWithStrconv(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		v := math.Float64frombits(rng.Uint64())
		if rng.IntN(2) == 0 {
			v = math.Round((rng.Float64()-0.5)*math.Pow(10, rng.Float64()*20)) / math.Pow10(rng.IntN(18))
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		text := strconv.FormatFloat(v, "feg"[rng.IntN(3)], rng.IntN(22)-1, 64)
		want, err := strconv.ParseFloat(text, 64)
		if err != nil {
			continue
		}
		if got, ok := Float([]byte(text), false); !ok || got != want {
			t.Fatalf("%q: %g %v, want %g", text, got, ok, want)
		}
	}
}

func FuzzFloat(f *testing.F) {
	for _, s := range []string{"1.5", "-.5e-3", "1e999", "+000025", "12345678901234567890.5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := Float([]byte(text), false)
		if !ok {
			return
		}
		want, err := strconv.ParseFloat(string(Trim([]byte(text))), 64)
		if err != nil && !math.IsInf(want, 0) || got != want {
			t.Errorf("%q: %g, want %g (%v)", text, got, want, err)
		}
	})
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", firstBuffer+10)
	for text, want := range map[string]string{
		"":                      "",
		"a\nb\r\nc":             "a@0 b@2 c@5",
		"a\n\n\r\nb\n":          "a@0 @2 @3 b@5",
		"a\n\x1ab\n":            "a@0",
		long + "\n" + "b":       fmt.Sprintf("%s@0 b@%d", long, len(long)+1),
		"é\xff\n" + long + "\n": fmt.Sprintf("é\xff@0 %s@4", long),
	} {
		var l Lines
		l.Reset(strings.NewReader(text), 0, int64(len(text)))
		var got []string
		for {
			line, offset, err := l.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%s@%d", line, offset))
			l.Unread()
			if again, _, _ := l.Next(); string(again) != string(line) {
				t.Errorf("unread %q, read %q", line, again)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%.20q...: %.60q, want %.60q", text, strings.Join(got, " "), want)
		}
	}
}

// endless is a file of one line.
type endless struct{}

func (endless) ReadAt(p []byte, _ int64) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestLinesRefusesALineWithoutEnd(t *testing.T) {
	var l Lines
	l.Reset(endless{}, 0, 1<<40)
	if _, _, err := l.Next(); !errors.Is(err, ErrLongLine) {
		t.Errorf("error %v", err)
	}
}

func TestUTF8(t *testing.T) {
	for _, row := range []struct{ text, want, encoding string }{
		{"plain", "plain", "utf-8"},
		{"\xEF\xBB\xBFUa,Спб", "Ua,Спб", "utf-8"},
		{"\xFF\xFEU\x00a\x00", "Ua", "utf-16"},
		{"U\x00a\x00", "Ua", "utf-16"},
		{"\x00U\x00a", "Ua", "utf-16"},
		{"Esta\xE7\xE3o de Medi\xE7\xE3o,Oscil\xF3grafo", "Estação de Medição,Oscilógrafo", "latin-1"},
		{"M\xFCnchen S\xFCd", "München Süd", "latin-1"},
		{"\xC4\xB8\xCF\xDFI_Ua,\xD6\xF7\xB1\xE4", "母线I_Ua,主变", "gb18030"},
		{"Ua\xB6\xD4\xB2\xE0", "Ua对侧", "gb18030"},
		{"\xCD\xE5\xE8\xE7\xE2\xE5\xF1\xF2\xED\xFB\xE9 \xF0\xE5\xE3\xE8\xF1\xF2\xF0\xE0\xF2\xEE\xF0,Ua_1\xD1\xD8-110", "Неизвестный регистратор,Ua_1СШ-110", "windows-1251"},
	} {
		got, encoding := UTF8([]byte(row.text))
		if string(got) != row.want || encoding != row.encoding {
			t.Errorf("%q: %q in %s, want %q in %s", row.text, got, encoding, row.want, row.encoding)
		}
	}
}
