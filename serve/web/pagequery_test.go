package web

import (
	"net/url"
	"testing"
	"unicode/utf8"
)

// FuzzPageQuery: whatever stands in an address, a filter of events is bounded, and a time
// is refused or one that a field shows again.
func FuzzPageQuery(f *testing.F) {
	f.Add("before=12&priority=128&text=Security+User", "2026-01-31T23:59")
	f.Add("before=99999999999999999999&priority=256&text=%ff", "2026-02-30T00:00:00")
	f.Fuzz(func(t *testing.T, query, text string) {
		values, err := url.ParseQuery(query)
		if err == nil {
			if filter, err := eventQuery(values); err == nil && (len(filter.Text) > maxSearch || utf8.ValidString(values.Get("text")) && !utf8.ValidString(filter.Text)) {
				t.Errorf("the filter's text is %q", filter.Text)
			}
		}
		at, err := timeOf(text)
		if err != nil || at.IsZero() || at.Year() < 0 || at.Year() > 9999 {
			return
		}
		if again, err := timeOf(fieldTime(at)); err != nil || again.Unix() != at.Unix() {
			t.Errorf("%q is %v, shown as %q, which is %v: %v", text, at, fieldTime(at), again, err)
		}
	})
}
