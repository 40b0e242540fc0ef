package fault

import (
	"encoding/binary"

	"github.com/hepmeter/hepmeter/wire/modbus"
)

// Framing is how a stream is cut into frames.
type Framing string

// The framings.
const (
	TCP Framing = "tcp" // Modbus TCP: the MBAP header has the length
	RTU Framing = "rtu" // RTU over TCP: the function has the length, a CRC the proof
)

// longestFrame is the longest frame of either framing.
const longestFrame = modbus.MaxRequest

// Frame is a piece of a stream.
type Frame struct {
	Bytes []byte
	// Whole says that it is a frame, with what follows; what cannot be cut into frames is
	// passed on as it comes, and no fault strikes it.
	Whole       bool
	Unit        byte
	Transaction uint16 // Modbus TCP only
	Function    byte   // without the bit of an exception
	Exception   byte   // 0: it is none
}

// read decodes a whole frame.
func (g Framing) read(b []byte) Frame {
	f := Frame{Bytes: b, Whole: true}
	pdu := b[g.pduAt():]
	if g == TCP {
		header, _ := modbus.ParseHeader(b)
		f.Transaction = header.Transaction
	}
	f.Unit = b[g.pduAt()-1]
	f.Function = pdu[0] &^ exceptionBit
	if pdu[0]&exceptionBit != 0 && len(pdu) > 1 {
		f.Exception = pdu[1]
	}
	return f
}

const exceptionBit = 0x80

// pduAt is where the PDU begins; the unit stands before it.
func (g Framing) pduAt() int {
	if g == TCP {
		return modbus.HeaderLength
	}
	return 1
}

// crcLength is how many bytes follow the PDU.
func (g Framing) crcLength() int {
	if g == TCP {
		return 0
	}
	return 2
}

// cut returns how long the piece at the start of b is, and whether it is a frame; 0 while
// that cannot be told. still says that nothing more comes for now: the end of the stream,
// or the silence that ends RTU frames.
func (g Framing) cut(b []byte, from Place, still bool) (n int, whole bool) {
	if len(b) == 0 {
		return 0, false
	}
	if g == TCP {
		n, err := modbus.RequestLength(b)
		switch {
		case err != nil:
			return len(b), false
		case n > 0 && n <= len(b):
			return n, true
		}
	} else {
		n := expected(b, from)
		if n > 0 && n <= len(b) && sound(b[:n]) {
			return n, true
		}
		// Functions whose length is not known come in one piece as a rule.
		if (n == 0 || still) && len(b) <= modbus.MaxRTUFrame && sound(b) {
			return len(b), true
		}
		if len(b) > modbus.MaxRTUFrame {
			return len(b), false
		}
	}
	if still {
		return len(b), false
	}
	return 0, false
}

// expected returns how long the RTU frame at the start of b is by its function, CRC
// included; 0 where that is not known.
func expected(b []byte, from Place) int {
	if from == Replies {
		n, _ := modbus.RTUAnswerLength(b)
		return n
	}
	n, _ := modbus.RTURequestLength(b)
	return n
}

// sound reports whether b can be an RTU frame and its CRC is right.
func sound(b []byte) bool {
	_, _, ok := modbus.ParseRTU(b)
	return ok
}

// mend makes length field and CRC of b right.
func (g Framing) mend(b []byte) []byte {
	if g == TCP {
		modbus.EndFrame(b, 0)
		return b
	}
	binary.LittleEndian.PutUint16(b[len(b)-2:], modbus.CRC16(b[:len(b)-2]))
	return b
}

// exception returns the answer to f that is this exception.
func (g Framing) exception(f Frame, code byte) []byte {
	b := append([]byte(nil), f.Bytes[:g.pduAt()]...)
	b = append(b, f.Function|exceptionBit, code)
	b = append(b, make([]byte, g.crcLength())...)
	return g.mend(b)
}
