package modbus

import "bytes"

// RTUAnswerLength is how long the answer at the start of b is by the rules of its function
// (specification V1.1b3, section 6), address and CRC included: 0 while that has not arrived.
// Not known is a function whose length we cannot tell.
func RTUAnswerLength(b []byte) (n int, known bool) {
	if len(b) <= rtuAddressLength {
		return 0, true
	}
	pdu := b[rtuAddressLength:]
	counted := func(at int) (int, bool) { // a byte count at this place says how many follow
		if len(pdu) <= at {
			return 0, true
		}
		return at + 1 + int(pdu[at]) + rtuOverhead, true
	}
	if pdu[0]&exceptionBit != 0 {
		return 2 + rtuOverhead, true
	}
	switch pdu[0] {
	case 1, 2, 3, 4, 12, 17, 20, 21, 23: // data, event log, server id, file records
		return counted(1)
	case 5, 6, 8, 11, 15, 16: // two words: the request again, status and event count
		return 5 + rtuOverhead, true
	case 7: // exception status
		return 2 + rtuOverhead, true
	case 22: // mask write: the request again
		return 7 + rtuOverhead, true
	case 24: // FIFO queue: a count of two bytes
		if len(pdu) < 3 {
			return 0, true
		}
		return 3 + word(pdu[1:]) + rtuOverhead, true
	case 43: // by the MEI type
		if len(pdu) < 2 {
			return 0, true
		}
		if pdu[1] != meiDeviceID {
			return 0, false
		}
		return deviceIDLength(pdu), true
	}
	return 0, false
}

// deviceIDLength is how long the frame of an answer to Read Device Identification is, 0 while
// the length of its last object has not arrived.
func deviceIDLength(pdu []byte) int {
	const objects = 7 // where they begin; their number stands before
	if len(pdu) < objects {
		return 0
	}
	end := objects
	for range pdu[objects-1] {
		if len(pdu) < end+2 {
			return 0
		}
		end += 2 + int(pdu[end+1])
	}
	return end + rtuOverhead
}

// FindRTUAnswer finds the first answer of any unit in b, which is what a master has heard:
// the n bytes behind skip, whose CRC holds. n is 0 while none is whole.
//
// Before the line is silent, only what stands at the start of b is taken, and only where its
// function tells its length. Silence ends the answers of all functions; then what proves to
// be none is passed over, to the first that is whole, or to the end of b.
func FindRTUAnswer(b []byte, silent bool) (skip, n int) {
	if n := rtuAnswer(b, silent); n > 0 {
		return 0, n
	}
	if !silent {
		return 0, 0
	}
	for i := 1; i < len(b); i++ {
		if n := rtuAnswer(b[i:], silent); n > 0 {
			return i, n
		}
	}
	return len(b), 0
}

// rtuAnswer is how long the answer at the start of b is, 0 where there is none.
func rtuAnswer(b []byte, silent bool) int {
	n, known := RTUAnswerLength(b)
	if !known && silent {
		n = len(b)
	}
	if n == 0 || n > len(b) || n > MaxRTUFrame || !crcHolds(b[:n]) {
		return 0
	}
	return n
}

// IsAnswer reports whether the PDU answer can be the answer to the PDU request: it has the
// request's function or is an exception to it, is as long as the request implies, and repeats
// of the request what answers repeat (specification V1.1b3, section 6). Of functions that
// are not known the function code is all that is looked at.
func IsAnswer(request, answer []byte) bool {
	if len(request) < 1 || len(answer) < 1 || len(answer) > MaxPDU {
		return false
	}
	if answer[0] == request[0]|exceptionBit {
		return len(answer) == 2 && answer[1] != 0
	}
	if answer[0] != request[0] {
		return false
	}
	data := func(n int) bool { return len(answer) == 2+n && int(answer[1]) == n }
	counted := len(answer) >= 2 && len(answer) == 2+int(answer[1])
	repeats := func(from, to int) bool {
		return len(request) >= to && len(answer) >= to && bytes.Equal(request[from:to], answer[from:to])
	}
	switch request[0] {
	case 1, 2:
		return len(request) == 5 && data((word(request[3:])+7)/8)
	case 3, 4:
		return len(request) == 5 && data(2*word(request[3:]))
	case 5, 6, 15, 16:
		return len(answer) == 5 && repeats(1, 5)
	case 7:
		return len(answer) == 2
	case 8: // the sub-function
		return len(answer) == len(request) && repeats(1, 3)
	case 11:
		return len(answer) == 5
	case 12, 17, 20:
		return counted
	case 21, 22:
		return bytes.Equal(request, answer)
	case 23:
		return len(request) >= 5 && data(2*word(request[3:]))
	case 24:
		return len(answer) >= 3 && len(answer) == 3+word(answer[1:])
	case 43:
		if !repeats(1, 2) {
			return false
		}
		// The code of access, and objects to the end.
		return answer[1] != meiDeviceID || repeats(2, 3) && deviceIDLength(answer) == len(answer)+rtuOverhead
	}
	return true
}

// OnlyReads reports whether a request changes nothing in the device, whatever it is sent
// twice for: functions 1 to 4, 20, 24, and 43 with MEI type 14. Of a function that is not
// known it does not.
func OnlyReads(request []byte) bool {
	if len(request) == 0 {
		return false
	}
	switch request[0] {
	case 1, 2, 3, 4, 20, 24:
		return true
	case 43:
		return len(request) > 1 && request[1] == meiDeviceID
	}
	return false
}
