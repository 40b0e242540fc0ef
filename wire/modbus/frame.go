package modbus

import (
	"encoding/binary"
	"fmt"
)

// HeaderLength is the length of the MBAP header: transaction, protocol, length,
// unit.
const HeaderLength = 7

// MaxFrame is the longest frame on TCP.
const MaxFrame = HeaderLength + MaxPDU

// MaxRequest is the longest frame that a server should still find the end of: a write
// of more registers than the specification allows, as far as its byte count can say it
// (function 23: ten bytes, then up to 255). It is answered with an exception.
const MaxRequest = HeaderLength + 10 + 255

// lengthCovers is how many bytes of a frame stand before those that its length
// field counts.
const lengthCovers = 6

// Header is the MBAP header of a frame.
type Header struct {
	Transaction uint16
	Protocol    uint16 // 0 for Modbus
	Unit        byte
}

// LengthError reports a length field that no frame can have. The stream cannot be
// cut into frames any more: close the connection.
type LengthError int

// Error says which length was found.
func (e LengthError) Error() string {
	return fmt.Sprintf("frame length field %d: want 2 to %d; the stream has no frame boundaries any more, close it", int(e), 1+MaxPDU)
}

// FrameLength returns how long the frame at the start of b is: 0 while its length
// field has not arrived. The length field of the header is the one frame boundary;
// a frame is whole when b holds that many bytes. The error is a LengthError.
func FrameLength(b []byte) (int, error) { return frameLength(b, MaxFrame) }

// RequestLength is FrameLength for a server: it also finds the end of requests that are
// too long, up to MaxRequest, so that they can be answered.
func RequestLength(b []byte) (int, error) { return frameLength(b, MaxRequest) }

func frameLength(b []byte, longest int) (int, error) {
	if len(b) < lengthCovers {
		return 0, nil
	}
	n := int(binary.BigEndian.Uint16(b[4:]))
	if n < 2 || lengthCovers+n > longest {
		return 0, LengthError(n)
	}
	return lengthCovers + n, nil
}

// ParseHeader reads the header of a whole frame and returns its PDU.
func ParseHeader(frame []byte) (Header, []byte) {
	return Header{
		Transaction: binary.BigEndian.Uint16(frame),
		Protocol:    binary.BigEndian.Uint16(frame[2:]),
		Unit:        frame[6],
	}, frame[HeaderLength:]
}

// BeginFrame appends a header whose length is not known yet. Append the PDU, then
// call EndFrame with the length that dst had before.
func BeginFrame(dst []byte, h Header) []byte {
	return append(dst, byte(h.Transaction>>8), byte(h.Transaction), byte(h.Protocol>>8), byte(h.Protocol), 0, 0, h.Unit)
}

// EndFrame fills in the length of the frame that starts at dst[start].
func EndFrame(dst []byte, start int) {
	binary.BigEndian.PutUint16(dst[start+4:], uint16(len(dst)-start-lengthCovers))
}
