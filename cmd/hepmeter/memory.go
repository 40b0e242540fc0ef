package main

import (
	"os"
	"runtime/debug"
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
