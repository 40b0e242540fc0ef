package modbus

import "encoding/binary"

// An RTU frame (Modbus over serial line V1.02, section 2.5.1) is an address, the PDU and a
// CRC. Nothing in it says how long it is.
const (
	rtuAddressLength = 1
	crcLength        = 2
	rtuOverhead      = rtuAddressLength + crcLength
)

// MaxRTUFrame is the longest frame on a line.
const MaxRTUFrame = MaxPDU + rtuOverhead

// MaxRTURequest is MaxRequest in RTU framing: the longest request that a server should
// still find the end of, so that it can be answered with an exception.
const MaxRTURequest = MaxRequest - HeaderLength + rtuOverhead

// crcOfNibble is what four bits add to the CRC. The polynomial is x^16 + x^15 + x^2 + 1 with
// the lowest power first, 0xA001 (section 6.2.2).
var crcOfNibble = [16]uint16{
	0x0000, 0xCC01, 0xD801, 0x1400, 0xF001, 0x3C00, 0x2800, 0xE401,
	0xA001, 0x6C00, 0x7800, 0xB401, 0x5000, 0x9C01, 0x8801, 0x4400,
}

// CRC16 is the check of an RTU frame over its address and PDU (section 2.5.1.2). It travels
// low byte first.
func CRC16(b []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, c := range b {
		crc = crc>>4 ^ crcOfNibble[(crc^uint16(c))&0xF]
		crc = crc>>4 ^ crcOfNibble[(crc^uint16(c>>4))&0xF]
	}
	return crc
}

// crcHolds reports whether the last two bytes of a frame are the CRC of those before.
func crcHolds(frame []byte) bool {
	body := len(frame) - crcLength
	return body > rtuAddressLength && CRC16(frame[:body]) == binary.LittleEndian.Uint16(frame[body:])
}

// ParseRTU returns the address and the PDU of a whole frame, and whether its CRC holds.
func ParseRTU(frame []byte) (unit byte, pdu []byte, ok bool) {
	if !crcHolds(frame) {
		return 0, nil, false
	}
	return frame[0], frame[rtuAddressLength : len(frame)-crcLength], true
}

// BeginRTU appends the address of a frame. Append the PDU, then call EndRTU with the length
// that dst had before.
func BeginRTU(dst []byte, unit byte) []byte { return append(dst, unit) }

// EndRTU appends the CRC of the frame that starts at dst[start].
func EndRTU(dst []byte, start int) []byte {
	return binary.LittleEndian.AppendUint16(dst, CRC16(dst[start:]))
}

// RTURequestLength is how long the request at the start of b is by the rules of its function
// (specification V1.1b3, section 6), CRC included: 0 while that has not arrived. Not known is
// a function whose length we cannot tell.
func RTURequestLength(b []byte) (n int, known bool) {
	const pdu = rtuAddressLength // where it begins
	if len(b) <= pdu {
		return 0, true
	}
	counted := func(at int) (int, bool) { // a byte count at this place of the PDU says how many follow
		if len(b) <= pdu+at {
			return 0, true
		}
		return at + 1 + int(b[pdu+at]) + rtuOverhead, true
	}
	switch b[pdu] {
	case 1, 2, 3, 4, 5, 6, 8: // two words; 8 is Diagnostics with one word of data
		return 5 + rtuOverhead, true
	case 7, 11, 12, 17: // nothing: exception status, event counter, event log, server id
		return 1 + rtuOverhead, true
	case 15, 16: // writes
		return counted(5)
	case 20, 21, TunnelFunction: // file records; ION over Modbus
		return counted(1)
	case 22: // mask write: three words
		return 7 + rtuOverhead, true
	case 23: // read and write
		return counted(9)
	case 24: // FIFO queue: one word
		return 3 + rtuOverhead, true
	case 43: // by the MEI type
		if len(b) <= pdu+1 {
			return 0, true
		}
		return 4 + rtuOverhead, b[pdu+1] == meiDeviceID
	}
	return 0, false
}

// FindRTURequest finds the first request in b, a stream in which no silences tell where
// frames end, as it is where RTU frames travel in TCP. skip bytes belong to no request; the
// n bytes behind them are one whose CRC holds; n is 0 while none is whole.
//
// What may be the beginning of a frame is waited for, and nothing inside it is taken for
// one. What proves to be none is passed over, to the first frame that is whole. The request
// of a function of unknown length is whole where the CRC holds over all there is. Whoever
// calls forgets, after a silence, what has come before it. At most MaxRTURequest bytes need
// be kept.
func FindRTURequest(b []byte) (skip, n int) {
	length, known := RTURequestLength(b)
	switch {
	case known && (length == 0 || length > len(b)):
		return 0, 0
	case known && crcHolds(b[:length]):
		return 0, length
	case !known && len(b) <= MaxRTUFrame && crcHolds(b):
		return 0, len(b)
	}
	for i := 1; i < len(b); i++ {
		length, known := RTURequestLength(b[i:])
		if known && length > 0 && length <= len(b)-i && crcHolds(b[i:i+length]) {
			return i, length
		}
	}
	return max(0, len(b)-MaxRTURequest+1), 0
}
