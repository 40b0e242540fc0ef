package modbus

import "time"

// characterBits are those of a character on a line: start, eight data bits, parity and stop,
// or two stops (Modbus over serial line V1.02, section 2.5.1).
const characterBits = 11

// FrameSilence is t3.5, the silence that ends a frame on a line of so many bits per second:
// 3.5 characters up to 19,200, and 1.75 ms above (section 2.5.1.1).
func FrameSilence(baud int) time.Duration {
	if baud > 19200 {
		return 1750 * time.Microsecond
	}
	return 7 * characterBits * time.Second / 2 / time.Duration(max(baud, 1))
}

// LineRequest finds the request in b, which is what has come on a line until it fell silent:
// the n bytes behind skip, to the end of b. n is 0 where b ends in none. Other units' answers
// may stand before it, where the silence between was not seen.
func LineRequest(b []byte) (skip, n int) {
	if len(b) <= MaxRTURequest && crcHolds(b) {
		return 0, len(b)
	}
	for i := 1; i < len(b); i++ {
		length, known := RTURequestLength(b[i:])
		if known && length == len(b)-i && crcHolds(b[i:]) {
			return i, length
		}
	}
	return 0, 0
}
