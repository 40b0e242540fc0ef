//go:build race

package store

// raceDetector makes the long proofs take samples: under the race detector the
// SQL engine is some fifty times slower, and it runs in one goroutine anyway.
const raceDetector = true
