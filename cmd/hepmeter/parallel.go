package main

import (
	"os"
	"runtime"
)

// leastParallel is how many goroutines may run at once at least, whatever the cores.
//
// On a machine with two cores a check of a password and a flood of requests can hold
// both of Go's places, and a server whose socket wakes then waits in Go's queue behind
// all of them. With places to spare it is the operating system that shares the cores,
// and it lets what wakes go first.
const leastParallel = 4

// makeRoom raises the number of places to the least, unless GOMAXPROCS says otherwise.
func makeRoom() {
	if os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) < leastParallel {
		runtime.GOMAXPROCS(leastParallel)
	}
}
