package measure

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// table writes a CSV of 230 V and 5 A at 50 Hz and 6400 Hz, n rows of Va Vb Vc Ia Ib
// Ic; cell may replace a value's text.
func table(t *testing.T, n int, cell func(row, column int) (text string, replaced bool)) string {
	t.Helper()
	var text strings.Builder
	text.WriteString("t,Va,Vb,Vc,Ia,Ib,Ic\n")
	for k := range n {
		at := float64(k) / 6400
		fmt.Fprintf(&text, "%.8f", at)
		for c := range 6 {
			rms := 230.0
			if c > 2 {
				rms = 5
			}
			value := fmt.Sprintf("%.6f", rms*math.Sqrt2*math.Cos(2*math.Pi*(50*at-float64(c%3)/3)))
			if other, replaced := cell(k, c); replaced {
				value = other
			}
			text.WriteString("," + value)
		}
		text.WriteByte('\n')
	}
	path := filepath.Join(t.TempDir(), "x.csv")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestDeadChannelLeavesTheOthers: an input without samples is not available, and the
// others are measured.
func TestDeadChannelLeavesTheOthers(t *testing.T) {
	path := table(t, 3200, func(row, column int) (string, bool) { return "", column == 5 && row != 7 })
	r, err := File(context.Background(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Windows) != 3 || !strings.Contains(strings.Join(r.Warnings, "\n"), "I3 (channel 6, Ic) are missing") {
		t.Fatalf("%d windows, warnings %q", len(r.Windows), r.Warnings)
	}
	w := r.Windows[0]
	if math.Abs(w.P[1]-1150) > 0.01 || !math.IsNaN(w.P[2]) || !math.IsNaN(w.P[3]) {
		t.Errorf("P %v, want 1150 W in two phases and no more", w.P)
	}
	for i, role := range w.RMS.roles {
		if math.IsNaN(w.RMS.values[i]) != (role.String() == "I3") {
			t.Errorf("%s: %g", role, w.RMS.values[i])
		}
	}
	if c := r.Channels[5]; c.Role != "I3" || c.Samples != 1 || c.Missing != 3199 {
		t.Errorf("channel %+v", c)
	}
}

// TestRecordInPiecesSaysWhyThereAreNoWindows: no run is a cycle long.
func TestRecordInPiecesSaysWhyThereAreNoWindows(t *testing.T) {
	path := table(t, 3200, func(row, _ int) (string, bool) { return "", row%100 == 50 })
	r, err := File(context.Background(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Windows) != 0 || !strings.Contains(strings.Join(r.Warnings, "\n"), "no run of samples without a gap holds a whole cycle") {
		t.Errorf("%d windows, warnings %q", len(r.Windows), r.Warnings)
	}
}

// TestNothingToMeasureSaysWhyThereAreNoWindows: no instant has a sample of every used
// channel.
func TestNothingToMeasureSaysWhyThereAreNoWindows(t *testing.T) {
	for name, row := range map[string]struct {
		channels string
		missing  func(row, column int) bool
		want     string
	}{
		"every sample missing":      {"", func(int, int) bool { return true }, "every sample of the used channels is missing"},
		"of the chosen ones":        {"V1=1,I1=4", func(_, column int) bool { return column%3 == 0 }, "every sample of the used channels is missing"},
		"never at the same instant": {"V1=1,I1=4", func(row, column int) bool { return column == 3*(row%2) }, "at no instant do all the used channels"},
	} {
		t.Run(name, func(t *testing.T) {
			path := table(t, 1600, func(k, column int) (string, bool) { return "", row.missing(k, column) })
			r, err := File(context.Background(), path, Options{Channels: row.channels})
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Windows) != 0 || !strings.Contains(strings.Join(r.Warnings, "\n"), row.want) {
				t.Errorf("%d windows, warnings %q, want one with %q", len(r.Windows), r.Warnings, row.want)
			}
		})
	}
}

// TestChangeOfRateClosesTheWindow: what a new rate breaks off is flagged as a gap.
func TestChangeOfRateClosesTheWindow(t *testing.T) {
	dir := t.TempDir()
	var dat strings.Builder
	at := 0.0
	for n := 1; n <= 4800; n++ {
		fmt.Fprintf(&dat, "%d,%.0f,%.0f\n", n, at*1e6, 50_000*math.Sin(2*math.Pi*50*at))
		if at += 1.0 / 3200; n > 1600 {
			at -= 1.0 / 6400
		}
	}
	cfg := strings.Join([]string{"s,d,1999", "1,1A,0D", "1,Va,,,V,0.01,0,0,-99999,99999,1,1,P", "50", "2", "3200,1600", "6400,4800",
		"01/02/2020,00:00:00.000000", "01/02/2020,00:00:00.000000", "ASCII", "1", ""}, "\n")
	for name, text := range map[string]string{"x.cfg": cfg, "x.dat": dat.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r, err := File(context.Background(), filepath.Join(dir, "x.cfg"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var flags []string
	for _, w := range r.Windows {
		flags = append(flags, strings.Join(w.Flags, "+"))
	}
	if want := []string{"", "", "gap+short", "", "", "short"}; !slices.Equal(flags, want) {
		t.Errorf("flags %q, want %q", flags, want)
	}
}

// TestLessThanACycle: a few samples at a rate without bounds take no memory to speak
// of, and the report says why it has no windows.
func TestLessThanACycle(t *testing.T) {
	for _, n := range []int{1, 5, 20, 90} {
		path := table(t, n, func(int, int) (string, bool) { return "", false })
		for _, rate := range []string{"6400", "51200", "1e9"} {
			r, err := File(context.Background(), path+"?rate="+rate, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Windows) != 0 || !strings.Contains(strings.Join(r.Warnings, "\n"), "are less than a cycle") {
				t.Errorf("%d samples at %s Hz: %d windows, warnings %q", n, rate, len(r.Windows), r.Warnings)
			}
		}
	}
}
