package web

import (
	"fmt"
	"time"
)

// stamp is a time as pages write it: UTC, in the order of ISO 8601.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateTime)
}

// span is a length of time as people say it.
func span(d time.Duration) string {
	d = d.Round(time.Second)
	if d >= 24*time.Hour {
		days := d / (24 * time.Hour)
		return plural(int(days), "day") + " " + (d % (24 * time.Hour)).Truncate(time.Minute).String()
	}
	return d.String()
}

// plural counts things in words.
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// minutes is a short time as 4:07.
func minutes(d time.Duration) string {
	return fmt.Sprintf("%d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}
