package main

import (
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"
)

// The collector waits for several checks of passwords, and is as before some time after the
// last.
func TestPatienceOfTheCollector(t *testing.T) {
	percent := func() int {
		p := debug.SetGCPercent(100)
		debug.SetGCPercent(p)
		return p
	}
	usual := percent()
	synctest.Test(t, func(t *testing.T) {
		var p patience
		for range 3 {
			p.during(func() {
				time.Sleep(2 * patientFor) // a check may take its time
				if got := percent(); got != patientPercent {
					t.Errorf("%d %% during a check, want %d", got, patientPercent)
				}
			})
			time.Sleep(patientFor - time.Second)
			if got := percent(); got != patientPercent {
				t.Errorf("%d %% soon after a check, want %d", got, patientPercent)
			}
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := percent(); got != usual {
			t.Errorf("%d %% long after the checks, want %d", got, usual)
		}
	})
}
