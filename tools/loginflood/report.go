//go:build linux

package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// The bars.
const (
	mostRatio       = 3.0
	longestLogin    = 2 * time.Second
	mostMB          = 150
	leastOffered    = 0.99 // of the flood that was asked for
	windowsAtOnce   = 5    // in a second at 50 Hz
	windowTolerance = 1
)

// report is what one run has measured.
type report struct {
	settings
	quiet, flooded    []time.Duration // of Modbus reads, in order
	offered, answered int
	took              time.Duration // of the flood
	logins            []login
	before, after     windows
	peakKB            int
}

// print writes the figures beside their bars and reports whether all are met.
func (r *report) print(out io.Writer) (passed bool) {
	passed = true
	row := func(what, value, bar string, ok bool) {
		word := "ok"
		if !ok {
			word, passed = "MISSED", false
		}
		if bar == "" {
			word = ""
		}
		fmt.Fprintf(out, "| %-28s | %-32s | %-16s | %-6s |\n", what, value, bar, word)
	}
	fmt.Fprintf(out, "lockout attempts %d: %d connections, %v; the load is one thread, nicer by %d, on the same cores\n\n", r.attempts, connections, r.flood, niceness)
	fmt.Fprintf(out, "| %-28s | %-32s | %-16s | %-6s |\n|------------------------------|----------------------------------|------------------|--------|\n", "figure", "measured", "bar", "")

	offered, answered := float64(r.offered)/r.took.Seconds(), float64(r.answered)/r.took.Seconds()
	row("wrong logins offered", fmt.Sprintf("%.0f/s", offered), fmt.Sprintf(">= %.0f/s", leastOffered*loginsPerSecond), offered >= leastOffered*loginsPerSecond)
	row("wrong logins answered", fmt.Sprintf("%.0f/s", answered), "", true)
	q, f := quantile(r.quiet, 0.99), quantile(r.flooded, 0.99)
	row("Modbus read, quiet", fmt.Sprintf("p50 %v, p99 %v (%d)", us(quantile(r.quiet, 0.5)), us(q), len(r.quiet)), "", true)
	row("Modbus read, flood", fmt.Sprintf("p50 %v, p99 %v (%d)", us(quantile(r.flooded, 0.5)), us(f), len(r.flooded)), "", true)
	ratio := float64(f) / float64(q)
	row("p99 flood / quiet", fmt.Sprintf("%.2f", ratio), fmt.Sprintf("< %g", mostRatio), ratio < mostRatio)

	failed := 0
	for _, l := range r.logins {
		if l.err != nil {
			failed++
			fmt.Fprintf(out, "%s: %v\n", l.user, l.err)
		}
	}
	row("valid logins that failed", fmt.Sprintf("%d of %d", failed, len(r.logins)), "0", failed == 0 && len(r.logins) > 0)
	worst := time.Duration(math.MaxInt64)
	if len(r.logins) > 0 {
		worst = slices.MaxFunc(r.logins, func(a, b login) int { return cmp.Compare(a.took, b.took) }).took
	}
	row("longest valid login", worst.Round(time.Millisecond).String(), "<= "+longestLogin.String(), worst <= longestLogin)
	peakMB := float64(r.peakKB) / 1024
	row("memory at most", fmt.Sprintf("%.0f MB", peakMB), fmt.Sprintf("<= %d MB", mostMB), peakMB <= mostMB)

	passedS := r.after.at.Sub(r.before.at).Seconds()
	measured, due := r.after.measured-r.before.measured, passedS*windowsAtOnce
	row("windows measured", fmt.Sprintf("%.0f in %.2f s", measured, passedS), fmt.Sprintf("%.0f +- %d", due, windowTolerance), math.Abs(measured-due) <= windowTolerance)
	missed := r.after.missed - r.before.missed + r.after.gaps - r.before.gaps
	row("windows missed or cut short", fmt.Sprintf("%.0f (samples now %.0f ms late)", missed, 1000*r.after.lagS), "0", missed == 0)
	fmt.Fprintln(out)
	return passed
}

func us(d time.Duration) time.Duration { return d.Round(time.Microsecond) }

// quantile of durations in order.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
