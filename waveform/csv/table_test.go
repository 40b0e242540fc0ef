package csv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/waveform"
)

// show writes what a table delivers: "names; rate@start: row row; gap rate@start: ..".
func show(r *Reader) (string, error) {
	var out strings.Builder
	for i, ch := range r.Info().Channels {
		if i > 0 {
			out.WriteByte(' ')
		}
		out.WriteString(ch.Name)
		if ch.Unit != "" {
			out.WriteString("[" + ch.Unit + "]")
		}
	}
	var b waveform.Block
	for first := true; ; first = false {
		n, err := r.Next(context.Background(), &b, 4)
		if errors.Is(err, io.EOF) {
			return out.String(), nil
		}
		if err != nil {
			return "", err
		}
		if first || b.Gap {
			fmt.Fprintf(&out, "; %.6g Hz from %.6g:", b.RateHz, b.Start)
		}
		for k := range n {
			var row []string
			for c := range b.Samples {
				s := fmt.Sprintf("%.6g", b.Samples[c][k])
				if waveform.IsMissing(b.Samples[c][k]) {
					s = "-"
				}
				row = append(row, s)
			}
			out.WriteString(" " + strings.Join(row, ","))
		}
	}
}

func TestTables(t *testing.T) {
	for name, row := range map[string]struct {
		text string
		o    Options
		want string
		warn string
	}{
		"comma":                      {"Time (s),Va,Ia\n0,1,2\n0.001,3,4\n0.002,5,6\n", Options{}, "Va Ia; 1000 Hz from 0: 1,2 3,4 5,6", ""},
		"BOM, CR LF, blank lines":    {"\xEF\xBB\xBFTime,Va\r\n\r\n0,1\r\n1,2\r\n\r\n", Options{}, "Va; 1 Hz from 0: 1 2", ""},
		"remarks":                    {"# scope export\nTime,Va\n0,1\n% half\n1,2\n", Options{}, "Va; 1 Hz from 0: 1 2", ""},
		"preamble":                   {"Model,X100\nOwner,me\nTime,Va,Ib\ns,V,A\n0,1,7\n1,2,8\n", Options{}, "Va[V] Ib[A]; 1 Hz from 0: 1,7 2,8", ""},
		"semicolon, decimal comma":   {"Zeit (ms);UL1 (kV);IL1 [A]\n0,5;1,25;-3\n1,0;2,5;1e3\n", Options{}, "UL1[kV] IL1[A]; 2000 Hz from 0: 1.25,-3 2.5,1000", ""},
		"tab":                        {"t\tVa\n0\t1\n1\t2\n", Options{}, "Va; 1 Hz from 0: 1 2", ""},
		"quotes":                     {"\"Time\",\"Va, phase \"\"A\"\"\",\"Ia\"\n\"0\",\"1\",2\n\"1\", \"3\" ,4\n", Options{}, `Va, phase "A" Ia; 1 Hz from 0: 1,2 3,4`, ""},
		"blank and NaN cells":        {"Time,Va,Ia\n0,,1\n1,NaN,\n2,n/a,3\n3,4\n", Options{}, "Va Ia; 1 Hz from 0: -,1 -,- -,3 4,-", ""},
		"negative start":             {"Time,Va\n-0.5,1\n0,2\n0.5,3\n", Options{}, "Va; 2 Hz from 0: 1 2 3", ""},
		"a rate and no time":         {"Va,Ia\n1,2\n3,4\n", Options{RateHz: 50}, "Va Ia; 50 Hz from 0: 1,2 3,4", ""},
		"a rate beats the time":      {"Time,Va\n0,1\n9,3\n", Options{RateHz: 50}, "Va; 50 Hz from 0: 1 3", ""},
		"names given":                {"0;1;2\n1;3;4\n", Options{Names: []string{"t", "Va", "Ia"}}, "Va Ia; 1 Hz from 0: 1,2 3,4", ""},
		"no names at all":            {"0,1,2\n0.5,3,4\n", Options{}, "column 2 column 3; 2 Hz from 0: 1,2 3,4", ""},
		"time named":                 {"Va,when\n1,0\n2,4\n", Options{Time: "WHEN"}, "Va; 0.25 Hz from 0: 1 2", ""},
		"time by number":             {"Va,when\n1,0\n2,4\n", Options{Time: "2"}, "Va; 0.25 Hz from 0: 1 2", ""},
		"delimiter given":            {"Time|Va\n0|1\n1|2\n", Options{Delimiter: '|'}, "Va; 1 Hz from 0: 1 2", ""},
		"trailing delimiter":         {"Time,Va,\n0,1,\n1,2,\n", Options{}, "Va; 1 Hz from 0: 1 2", ""},
		"time_ms":                    {"time_ms,Va\n0,1\n20,2\n", Options{}, "Va; 50 Hz from 0: 1 2", ""},
		"t/s and Va/kV":              {"t/s,Va/kV,Ia/A,Ib\n0,1,2,3\n1,3,4,5\n", Options{}, "Va[kV] Ia[A] Ib; 1 Hz from 0: 1,2,3 3,4,5", ""},
		"unit within the name":       {"Time in us,Va_kV,U_A,I_mA\n0,1,2,3\n10,3,4,5\n", Options{}, "Va_kV[kV] U_A I_mA[mA]; 100000 Hz from 0: 1,2,3 3,4,5", ""},
		"a column called ms":         {"ms,Va\n0,1\n20,2\n", Options{}, "Va; 50 Hz from 0: 1 2", ""},
		"t1, t2":                     {"t1,Va,t2,Vb\n0,1,0,5\n1,2,1,6\n", Options{}, "Va Vb; 1 Hz from 0: 1,5 2,6", ""},
		"t1 beside a time":           {"time,t1,t2\n0,1,5\n1,2,6\n", Options{}, "t1 t2; 1 Hz from 0: 1,5 2,6", ""},
		"bars":                       {"t|Va\n0|1,5\n1|2\n", Options{}, "Va; 1 Hz from 0: 1.5 2", ""},
		"blanks":                     {" t   Va  Ib \n 0   1   2 \n 1   3   4 \n", Options{}, "Va Ib; 1 Hz from 0: 1,2 3,4", ""},
		"CR alone":                   {"t,Va\r0,1\r1,2\r", Options{}, "Va; 1 Hz from 0: 1 2", ""},
		"date and time of day":       {"Date,Time,Va\n31.12.2020,23:59:59.5,1\n01.01.2021,00:00:00,2\n", Options{}, "Va; 2 Hz from 0: 1 2", ""},
		"half past noon":             {"Time,Va\n3/5/2024 11:59:59 AM,1\n3/5/2024 12:00:00 PM,2\n", Options{}, "Va; 1 Hz from 0: 1 2", ""},
		"time of day past midnight":  {"Time,Va\n23:59:59.5,1\n00:00:00,2\n00:00:00.5,3\n", Options{}, "Va; 2 Hz from 0: 1 2 3", "line 3: the time of day passes midnight"},
		"two midnights":              {"Time,Va\n12:00:00,0\n00:00:00,1\n12:00:00,2\n23:59:59,3\n", Options{}, "Va; 0 Hz from 0: 0 1 2 3", "no sampling rate"},
		"day first by a later row":   {"Time,Va\n12/03/2023 23:59:59,1\n13/03/2023 00:00:00,2\n13/03/2023 00:00:01,3\n", Options{}, "Va; 1 Hz from 0: 1 2 3", ""},
		"month first by a later row": {"Time;Va\n03.12.2023 23:59:59;1\n03.13.2023 00:00:00;2\n", Options{}, "Va; 1 Hz from 0: 1 2", ""},
		"dots are day first":         {"Time;Va\n01.02.2023 23:59:59,5;1\n02.02.2023 00:00:00,0;2\n", Options{}, "Va; 2 Hz from 0: 1 2", ""},
		"slashes do not tell":        {"Time,Va\n03/05/2023 12:00:00,1\n03/05/2023 12:00:01,2\n", Options{}, "Va; 1 Hz from 0: 1 2", "the first number is taken as the month"},
		"a date column of slashes":   {"Date,Time,Va\n12/03/2023,23:59:59,1\n13/03/2023,00:00:00,2\n", Options{}, "Va; 1 Hz from 0: 1 2", ""},
		"a month's name":             {"Time,Va\n30-Sep-2023 23:59:59.500,1\n01-OCT-2023 00:00:00.000,2\n", Options{}, "Va; 2 Hz from 0: 1 2", ""},
		"compact ISO 8601":           {"Time,Va\n20230326T120000.000,1\n20230326T120000.500,2\n", Options{}, "Va; 2 Hz from 0: 1 2", ""},
		"date and minutes":           {"Time,Va\n2023/03/26 12:00,1\n2023/03/26 12:01,2\n", Options{}, "Va; 0.0166667 Hz from 0: 1 2", ""},
		"a column of words":          {"t,Va,note\n0,1,ok\n1,2,bad\n", Options{}, "Va; 1 Hz from 0: 1 2", "left out"},
		"epoch ms":                   {"Time,Va\n1735554592842,1\n1735554592843,2\n1735554592844,3\n", Options{}, "Va; 1000 Hz from 0: 1 2 3", ""},
		"epoch ns":                   {"Time,Va\n1735554592842000000,1\n1735554592842020000,2\n", Options{}, "Va; 50000 Hz from 0: 1 2", ""},
		"date-time":                  {"Time_UTC,Va\n2020-02-24 18:15:21.999999999,1\n2020-02-24 18:15:22.000000999,2\n", Options{}, "Va; 1e+06 Hz from 0: 1 2", ""},
		"unnamed dates":              {"when,Va\n24.02.2020 18:15:21,1\n24.02.2020 18:15:22,2\n", Options{}, "Va; 1 Hz from 0: 1 2", ""},
		"jitter":                     {"Time,Va\n0,1\n1.1,2\n1.9,3\n3,4\n", Options{}, "Va; 1 Hz from 0: 1 2 3 4", ""},
		"coarse times":               {"Time,Va\n0,1\n0,2\n0.001,3\n0.001,4\n0.002,5\n0.002,6\n0.003,7\n", Options{}, "Va; 2000 Hz from 0: 1 2 3 4 5 6 7", ""},
		"holes":                      {"Time,Va\n0,1\n1,2\n2,3\n3,4\n30,5\n31,6\n", Options{}, "Va; 1 Hz from 0: 1 2 3 4; 1 Hz from 30: 5 6", "holes"},
		"irregular":                  {"Time,Va\n0,1\n1,2\n1.3,3\n9,4\n", Options{}, "Va; 0 Hz from 0: 1 2 3 4", "no sampling rate"},
		"backwards":                  {"Time,Va\n0,1\n1,2\n0.5,3\n3,4\n", Options{}, "Va; 0 Hz from 0: 1 2 3 4", "backwards"},
		"own times at half rate": {"Time,Va,Time,Ia\n0,1,0,10\n1,2,2,30\n2,3,4,50\n3,4,,\n4,5,,\n5,6,,\n", Options{},
			"Va Ia; 1 Hz from 0: 1,10 2,20 3,30 4,40 5,50 6,-", "Ia with a time column of their own"},
		"own times, the second finer": {"Time,Va,Time,Ia\n0,1,0,10\n2,3,1,20\n,,2,30\n", Options{}, "Va Ia; 1 Hz from 0: 1,10 2,20 3,30", "Va with"},
		"Latin-1 names":               {"Time,Spg\xE4nnung\n0,1\n1,2\n", Options{}, "Spgännung; 1 Hz from 0: 1 2", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := New("x.csv", strings.NewReader(row.text), int64(len(row.text)), row.o)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				got, err := show(r)
				if err != nil {
					t.Fatal(err)
				}
				if got != row.want {
					t.Errorf("read %q, want %q", got, row.want)
				}
				if err := r.Rewind(); err != nil {
					t.Fatal(err)
				}
			}
			if w := strings.Join(r.Info().Warnings, "\n"); row.warn == "" && w != "" || !strings.Contains(w, row.warn) {
				t.Errorf("warnings %q, want %q", w, row.warn)
			}
		})
	}
}

func TestStart(t *testing.T) {
	for field, want := range map[string]string{
		"1735554592842":                "2024-12-30T10:29:52.842Z",
		"1735554592.842":               "2024-12-30T10:29:52.842Z",
		"1735554592842000123":          "2024-12-30T10:29:52.842000123Z",
		"2020-02-24 18:15:21.49999982": "2020-02-24T18:15:21.49999982Z",
		"2020-02-24T18:15:21+01:00":    "2020-02-24T17:15:21Z",
		"2020-02-24T18:15:21Z":         "2020-02-24T18:15:21Z",
		"24.02.2020 18:15:21":          "2020-02-24T18:15:21Z",
		"2/24/2020 18:15:21":           "2020-02-24T18:15:21Z",
		"3/5/2020 06:15:21 PM":         "2020-03-05T18:15:21Z",
		"3/5/2020 12:15:21 am":         "2020-03-05T00:15:21Z",
		"26-Mar-2023 12:00:00.000":     "2023-03-26T12:00:00Z",
		"26-OCTOBER-2023 12:00:00":     "2023-10-26T12:00:00Z",
		"2023-Mar-26T12:00:00":         "2023-03-26T12:00:00Z",
		"20230326T120000.000":          "2023-03-26T12:00:00Z",
		"20230326T120000+0200":         "2023-03-26T10:00:00Z",
		"2023/03/26 12:00":             "2023-03-26T12:00:00Z",
		`"26.03.2023 12:00:00,250"`:    "2023-03-26T12:00:00.25Z",
		"03.04.2023 12:00:00":          "2023-04-03T12:00:00Z",
		"03.26.2023 12:00:00":          "2023-03-26T12:00:00Z",
		"03/04/2023 12:00:00":          "2023-03-04T12:00:00Z",
		"26/03/2023 12:00:00":          "2023-03-26T12:00:00Z",
		"03-04-2023 12:00:00":          "2023-04-03T12:00:00Z",
		"18:15:21":                     "0001-01-01T00:00:00Z",
		"0.25":                         "0001-01-01T00:00:00Z",
	} {
		text := "Time,Va\n" + field + ",1\n"
		r, err := New("x", strings.NewReader(text), int64(len(text)), Options{})
		if err != nil {
			t.Errorf("%s: %v", field, err)
		} else if got := r.Info().Start.Format(time.RFC3339Nano); got != want {
			t.Errorf("%s: start %s, want %s", field, got, want)
		}
	}
}

func TestMalformed(t *testing.T) {
	for name, row := range map[string]struct {
		text string
		o    Options
		want []string
	}{
		"empty":              {"", Options{}, []string{"x.csv", "empty"}},
		"no numbers":         {"hello\nworld\n", Options{}, []string{"x.csv line 1", "no row of numbers"}},
		"no time":            {"Va,Ia\n1,2\n", Options{}, []string{"x.csv line 2", "no column holds the time", "rate="}},
		"time not there":     {"Va,Ia\n1,2\n", Options{Time: "clock"}, []string{"no column is called \"clock\"", "Va, Ia"}},
		"only a time":        {"Time\n1\n", Options{}, []string{"no other"}},
		"not a number":       {"Time,Va\n0,1\n1,x1\n", Options{}, []string{"x.csv line 3 field 2", "Va", "x1"}},
		"not a time":         {"Time,Va\n0,1\nsoon,2\n", Options{}, []string{"x.csv line 3 field 1", "soon"}},
		"a time after gap":   {"Time,Va,Time,Ia\n0,1,0,1\n1,2,,\n2,3,2,3\n", Options{}, []string{"x.csv line 4 field 3"}},
		"a day that is both": {"Time,Va\n13/03/2023 12:00:00,0\n03/13/2023 12:00:01,1\n", Options{}, []string{"x.csv line 3 field 1", "03/13/2023"}},
		"a year of two digits beside a month's name": {"Time,Va\n26-Mar-2023 12:00:00,0\n26-Mar-23 12:00:01,1\n", Options{}, []string{"x.csv line 3 field 1", "26-Mar-23"}},
		"names wrong":     {"0,1\n", Options{Names: []string{"a"}}, []string{"1 column names", "2 columns"}},
		"UTF-16":          {"\xff\xfeT\x00,\x00", Options{}, []string{"UTF-16"}},
		"impossible rate": {"Va\n1\n", Options{RateHz: -1}, []string{"-1 Hz"}},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := New("x.csv", strings.NewReader(row.text), int64(len(row.text)), row.o)
			if err == nil {
				_, err = show(r)
			}
			if err == nil {
				t.Fatal("no error")
			}
			for _, w := range row.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q, want %q in it", err, w)
				}
			}
		})
	}
}

func TestTimesWithinTheTable(t *testing.T) {
	var text strings.Builder
	text.WriteString("Time,Va\n")
	for k := range 3000 {
		fmt.Fprintf(&text, "%.6f,%d\n", float64(k)/1000+0.0001*float64(k%2), k)
	}
	r, err := New("x.csv", strings.NewReader(text.String()), int64(text.Len()), Options{})
	if err != nil {
		t.Fatal(err)
	}
	times, err := r.Times(1500, 2900)
	if err != nil || len(times) != 1400 || math.Abs(times[0]-1.5) > 1e-9 || math.Abs(times[1]-1.5011) > 1e-9 {
		t.Errorf("%d times from %v, %v", len(times), times[:2], err)
	}
	for _, w := range [][2]int64{{-1, 1}, {0, 3001}, {2, 1}} {
		if _, err := r.Times(w[0], w[1]); err == nil {
			t.Errorf("times of %v", w)
		}
	}
}

// TestTimesPastMidnight: any row's time, reached from any place, counts the midnights
// before it.
func TestTimesPastMidnight(t *testing.T) {
	var text strings.Builder
	text.WriteString("Time,Va\n")
	for k := range 5000 {
		at := 23*3600 + k*30
		fmt.Fprintf(&text, "%02d:%02d:%02d,%d\n", at/3600%24, at/60%60, at%60, k)
	}
	r, err := New("x.csv", strings.NewReader(text.String()), int64(text.Len()), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Info().RateHz; math.Abs(got-1.0/30) > 1e-12 {
		t.Errorf("%g Hz, want 1/30", got)
	}
	for _, first := range []int64{0, 119, 120, 121, 1024, 2999, 4999} {
		times, err := r.Times(first, first+1)
		if err != nil || times[0] != float64(30*first) {
			t.Errorf("row %d at %v, %v", first, times, err)
		}
	}
}

func FuzzTable(f *testing.F) {
	for _, s := range []string{
		"Time (s),Va,Ia\n0,1,2\n0.001,3,4\n", "Zeit (ms);UL1\n0,5;1,25\n1,0;2,5\n", "Time,Va,Time,Ia\n0,1,0,10\n1,2,2,30\n2,3,,\n",
		"Time_UTC,Va\n2020-02-24 18:15:21.999,1\n2020-02-24 18:15:22.1,2\n", "t\tVa\n0\t\"1\"\n", "\xEF\xBB\xBF# x\n1,2\n3,4\n", "Time,Va\n1735554592842,1\n",
		"Time,Va\n23:59:59.5,1\n00:00:00,2\n", "Time,Va\n12/03/2023 23:59,1\n13/03/2023 00:00,2\n", "Time,Va\n26-Mar-2023 12:00:00.000,1\n20230326T120001,2\n",
	} {
		f.Add([]byte(s), 0.0)
	}
	f.Add([]byte("Va\n1\n2\n"), 50.0)
	f.Fuzz(func(t *testing.T, text []byte, rate float64) {
		r, err := New("x.csv", bytes.NewReader(text), int64(len(text)), Options{RateHz: rate})
		if err != nil {
			return
		}
		if r.Info().Samples < 1 || len(r.Info().Channels) < 1 {
			t.Fatalf("%+v", r.Info())
		}
		var b waveform.Block
		for delivered := int64(0); ; {
			n, err := r.Next(context.Background(), &b, 5)
			if errors.Is(err, io.EOF) {
				if delivered != r.Info().Samples {
					t.Fatalf("%d samples delivered of %d", delivered, r.Info().Samples)
				}
				break
			}
			if err != nil {
				break
			}
			if n < 1 || n != b.Len() || b.First != delivered || b.RateHz < 0 {
				t.Fatalf("block of %d (%d held) at %d after %d, %g Hz", n, b.Len(), b.First, delivered, b.RateHz)
			}
			delivered += int64(n)
		}
		if _, err := r.Times(0, r.Info().Samples); err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("error of several lines: %q", err)
		}
	})
}
