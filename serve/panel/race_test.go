//go:build race

package panel

// raceDetector tells that the race detector is on: everything takes ten times as long.
const raceDetector = true
