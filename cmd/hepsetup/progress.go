package main

import (
	"fmt"
	"time"

	"github.com/hepmeter/hepmeter/setup"
)

// progressEvery is how often it is told how far long work is.
const progressEvery = 5 * time.Second

// begin tells how long work will take, before it begins.
func (a *app) begin(e setup.Estimate) {
	a.progress("%s: about %s for %s over %s; over Ethernet (host:port of the object protocol) it would take seconds", e.What, about(e.About), size(e.Bytes), e.Over)
	a.told = a.now()
}

// follow tells now and then how far it is.
func (a *app) follow(p setup.Progress) {
	now := a.now()
	if a.told.IsZero() {
		a.told = now
	}
	if now.Sub(a.told) < progressEvery || p.BytesPerSecond <= 0 {
		return
	}
	a.told = now
	a.progress("%s: %s of %s, %.0f bytes/s, about %s left", p.What, size(p.Done), size(p.Total), p.BytesPerSecond, about(p.Left))
}

// size writes a number of bytes.
func size(n uint64) string {
	switch {
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 10<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

// about writes a duration as one says it.
func about(d time.Duration) string {
	unit := time.Second
	switch {
	case d >= 2*time.Hour:
		unit = 10 * time.Minute
	case d >= 5*time.Minute:
		unit = time.Minute
	}
	return setup.Short(max(d.Round(unit), time.Second))
}
