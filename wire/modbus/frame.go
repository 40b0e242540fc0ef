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
func FrameLength(b []byte) (int, error) {
	if len(b) < lengthCovers {
		return 0, nil
	}
	n := int(binary.BigEndian.Uint16(b[4:]))
	if n < 2 || n > 1+MaxPDU {
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
