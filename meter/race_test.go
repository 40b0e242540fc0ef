//go:build race

package meter

// raceDetector tells that the program runs many times slower.
const raceDetector = true
