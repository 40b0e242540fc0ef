package panel

import (
	"math"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

func TestNumbersAreWrittenAsDigitGroupSays(t *testing.T) {
	const plainly, english, french = "1000.0", "1,000.0", "1 000,0"
	for _, row := range []struct {
		name            string
		group           string
		value           access.Value
		decimals, width int
		want            string
	}{
		{"without groups", plainly, available(1234567.891), 2, 0, "1234567.89"},
		{"with commas", english, available(1234567.891), 2, 0, "1,234,567.89"},
		{"with spaces", french, available(-1234567.891), 2, 0, "-1 234 567,89"},
		{"no group in three digits", english, available(-999.5), 1, 0, "-999.5"},
		{"no decimal places", english, available(1000), 0, 0, "1,000"},
		{"fewer places where there is no room", plainly, available(123456.789), 3, 8, "123456.8"},
		{"none where there is no room", plainly, available(12345678.9), 3, 8, "12345679"},
		{"no groups where there is no room", english, available(12345678.9), 3, 8, "12345679"},
		{"an exponent where nothing else fits", plainly, available(-1.5e12), 2, 8, "-1.5e+12"},
		{"a zero has no sign", plainly, available(-0.001), 2, 0, "0.00"},
		{"NOT AVAILABLE", plainly, access.Value{Kind: access.KindNumber}, 2, 0, absent},
		{"no number", plainly, available(math.NaN()), 2, 0, absent},
		{"infinite", plainly, available(math.Inf(1)), 2, 0, absent},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := (format{group: row.group}).number(row.value, row.decimals, row.width); got != row.want {
				t.Errorf("%q, want %q", got, row.want)
			}
		})
	}
}

func TestEnergyIsExact(t *testing.T) {
	for _, row := range []struct {
		count int64
		want  string
	}{
		{0, "0.000"}, {1, "0.001"}, {-12, "-0.012"}, {1000, "1.000"}, {9_007_199_254_740_993, "9,007,199,254,740.993"}, {math.MinInt64, "-9,223,372,036,854,775.808"},
	} {
		if got := (format{group: "1,000.0"}).energy(counted(row.count)); got != row.want {
			t.Errorf("%d: %q, want %q", row.count, got, row.want)
		}
	}
	if got := (format{}).energy(access.Value{Kind: access.KindCount}); got != absent {
		t.Errorf("NOT AVAILABLE is %q", got)
	}
}

func TestDatesAreWrittenAsDateFormatSays(t *testing.T) {
	at := time.Date(2026, 3, 4, 23, 30, 0, 0, time.UTC)
	for want, f := range map[string]format{
		"2026/03/05 00:30:00": {date: "YYYY/MM/DD", local: time.Hour},
		"03/04/2026 18:30:00": {date: "MM/DD/YYYY", local: -5 * time.Hour},
		"04/03/2026 23:30:00": {date: "DD/MM/YYYY"},
	} {
		if got := f.localTime(at); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
