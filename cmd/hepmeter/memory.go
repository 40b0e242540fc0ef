package main

import (
	"os"
	"runtime/debug"
	"sync"
	"time"
)

// memoryBytes is what the garbage collector works to stay below. Each check of a password
// takes 19 MiB for a moment; in a flood of logins their garbage would otherwise add up to
// several times what the meter needs. It is no hard limit: a large program may need more.
const memoryBytes = 112 << 20

// boundMemory sets the collector's aim, unless GOMEMLIMIT says otherwise.
func boundMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryBytes)
	}
}

const (
	// patientPercent is how much the heap may grow between two collections while passwords
	// are checked: up to memoryBytes. By itself the collector would run once for each check,
	// beside it, and take the core that readers need.
	patientPercent = 800
	// patientFor is how long that holds after a check: floods come in a row.
	patientFor = 10 * time.Second
)

// patience has the garbage of password checks collected several checks at a time.
type patience struct {
	mu      sync.Mutex
	running int
	usual   int         // the collector's setting otherwise
	back    *time.Timer // to it; nil where it holds
}

// during runs a check.
func (p *patience) during(check func()) {
	p.begin()
	defer p.end()
	check()
}

func (p *patience) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running++; p.back == nil {
		p.usual = debug.SetGCPercent(patientPercent)
		p.back = time.AfterFunc(patientFor, p.over)
	}
}

func (p *patience) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running--
	p.back.Reset(patientFor)
}

func (p *patience) over() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.back == nil || p.running > 0 { // a check's end sets the timer again
		return
	}
	p.back = nil
	debug.SetGCPercent(p.usual)
	debug.FreeOSMemory() // an idle meter would keep it for minutes
}
