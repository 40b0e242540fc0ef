//go:build race

package metering

// raceDetector shortens what the race detector would make last minutes.
const raceDetector = true
