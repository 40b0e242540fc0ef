package measure

import (
	"math"
	"strings"
	"testing"

	"github.com/hepmeter/hepmeter/metering/fit"
)

// TestNominal: the samples decide between 50 and 60 Hz unless a meter set to what the
// file states could follow them (42.5-57.5 and 51-69 Hz).
func TestNominal(t *testing.T) {
	for _, row := range []struct {
		found, stated, want float64
		warning             string
	}{
		{50, 50, 50, ""}, {60, 60, 60, ""}, {57.3, 50, 50, ""}, {51.2, 60, 60, ""}, {43, 50, 50, ""}, {68.5, 60, 60, ""},
		{60.1, 50, 60, "the file states a line frequency of 50 Hz, but the samples show 60.1 Hz"},
		{49.9, 60, 50, "the file states a line frequency of 60 Hz, but the samples show 49.9 Hz"},
		{50, 0, 50, ""}, {59, 0, 60, ""}, {60, 16.7, 60, "the file states a line frequency of 16.7 Hz: taken as 60 Hz"},
		{40, 50, 50, "the fundamental is at 40 Hz, outside"},
	} {
		ch := fit.Channel{}
		for k := range 1600 {
			at := float64(k) / 3200
			ch.Times = append(ch.Times, at)
			ch.Values = append(ch.Values, 325*math.Cos(2*math.Pi*row.found*at+1))
		}
		hz, warning := nominal([]fit.Channel{ch}, row.stated)
		if hz != row.want || !strings.HasPrefix(warning, row.warning) || (warning == "") != (row.warning == "") {
			t.Errorf("%g Hz in a file of %g Hz: %g, %q; want %g, %q", row.found, row.stated, hz, warning, row.want, row.warning)
		}
	}
}
