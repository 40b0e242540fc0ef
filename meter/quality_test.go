package meter

import (
	"slices"
	"testing"

	"github.com/hepmeter/hepmeter/metering"
)

// TestQualityIsToldOnce: what comes and goes within 10 s is one event, its end another.
func TestQualityIsToldOnce(t *testing.T) {
	var q qualities
	const bad = metering.FlagClock | metering.FlagGap
	for _, row := range []struct {
		endS  float64
		flags metering.Flags
		want  []string
	}{
		{0.2, metering.FlagGap, nil},
		{0.4, bad, []string{"the samples' clock is not synchronised"}},
		{0.6, bad, nil},
		{5, 0, nil},
		{6, bad, nil},
		{15, 0, nil},
		{16.2, 0, []string{"the samples' clock is synchronised again"}},
		{16.4, 0, nil},
		{17, metering.FlagQuestionable | metering.FlagClock, []string{"samples are questionable", "the samples' clock is not synchronised"}},
	} {
		if got := q.follow(row.flags, row.endS); !slices.Equal(got, row.want) {
			t.Errorf("at %g s: %q, want %q", row.endS, got, row.want)
		}
	}
}
