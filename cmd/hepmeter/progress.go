package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// progress is a bar on a terminal. It shows itself only when the work takes longer
// than a second, and never where stderr is not a terminal.
type progress struct {
	out   *os.File
	what  string
	total int64
	begin time.Time
	last  time.Time
	shown bool
}

func newProgress(out *os.File, what string, total int64) *progress {
	p := &progress{out: out, what: what, total: total, begin: time.Now()}
	if total <= 0 || !term.IsTerminal(int(out.Fd())) {
		p.out = nil
	}
	return p
}

// at draws the bar for n of total, at most ten times a second.
func (p *progress) at(n int64) {
	now := time.Now()
	if p.out == nil || now.Sub(p.begin) < time.Second || now.Sub(p.last) < 100*time.Millisecond {
		return
	}
	p.last, p.shown = now, true
	done := min(1, float64(n)/float64(p.total))
	const width = 30
	filled := int(done * width)
	left := "--"
	if done > 0 {
		left = time.Duration(float64(now.Sub(p.begin)) * (1 - done) / done).Round(time.Second).String()
	}
	fmt.Fprintf(p.out, "\r%s [%s%s] %3.0f %%  %s left ", p.what, strings.Repeat("#", filled), strings.Repeat("-", width-filled), done*100, left)
}

// done clears the bar.
func (p *progress) done() {
	if p.shown {
		fmt.Fprint(p.out, "\r\033[K")
	}
}
