//go:build !race

package metering

const raceDetector = false
