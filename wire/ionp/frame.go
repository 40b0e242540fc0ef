package ionp

import (
	"encoding/binary"
	"fmt"
)

// HeaderLength is the length of what stands before the payload of a frame: length,
// kind, request id.
const HeaderLength = 7

// lengthCovers is how many bytes of a frame stand before those that its length field
// counts.
const lengthCovers = 2

// Kind says what a message is.
type Kind byte

// The kinds of messages.
const (
	KindRequest Kind = 0 // client to meter
	KindReply   Kind = 1 // meter to client, with the id of the request
	KindNotice  Kind = 2 // meter to client, with the id of the subscribe request
)

// moreFollows is the bit of the kind byte that is set in all frames of a message but
// the last.
const moreFollows = 0x80

// String returns the kind's name.
func (k Kind) String() string {
	switch k {
	case KindRequest:
		return "request"
	case KindReply:
		return "reply"
	case KindNotice:
		return "notice"
	}
	return fmt.Sprintf("kind %d", byte(k))
}

// Frame is a message or a part of one.
type Frame struct {
	Kind Kind
	// More is set where further frames of the same message follow.
	More bool
	// ID is the number that the client gave the request.
	ID uint32
	// Payload is never empty. It stands in the bytes that were parsed.
	Payload []byte
}

// FrameError reports bytes that are no frame. The stream cannot be trusted any more:
// close it.
type FrameError struct{ Reason string }

// Error says what was wrong.
func (e *FrameError) Error() string {
	return "object protocol frame: " + e.Reason + "; the stream cannot be followed any more, close it"
}

// ParseFrame reads the frame at the start of b and returns how long it is: 0 while it is
// not whole. A frame longer than largest, or of an unknown kind, is a *FrameError, as
// soon as that can be seen.
func ParseFrame(b []byte, largest int) (Frame, int, error) {
	if len(b) < lengthCovers {
		return Frame{}, 0, nil
	}
	n := lengthCovers + int(binary.BigEndian.Uint16(b))
	if n <= HeaderLength || n > largest {
		return Frame{}, 0, &FrameError{fmt.Sprintf("length field %d: want %d to %d", n-lengthCovers, HeaderLength-lengthCovers+1, largest-lengthCovers)}
	}
	if len(b) > lengthCovers {
		if k := b[lengthCovers] &^ moreFollows; k > byte(KindNotice) {
			return Frame{}, 0, &FrameError{fmt.Sprintf("kind byte 0x%02x: want 0 to 2, or the same with the top bit", b[lengthCovers])}
		}
	}
	if len(b) < n {
		return Frame{}, 0, nil
	}
	return Frame{
		Kind:    Kind(b[2] &^ moreFollows),
		More:    b[2]&moreFollows != 0,
		ID:      binary.BigEndian.Uint32(b[3:]),
		Payload: b[HeaderLength:n],
	}, n, nil
}

// AppendFrames appends a message as frames of at most largest bytes, which is
// SmallestFrame to LargestFrame. A message is never empty.
func AppendFrames(dst []byte, kind Kind, id uint32, message []byte, largest int) []byte {
	most := min(max(largest, SmallestFrame), LargestFrame) - HeaderLength
	for len(message) > 0 {
		part := message[:min(len(message), most)]
		message = message[len(part):]
		k := byte(kind)
		if len(message) > 0 {
			k |= moreFollows
		}
		dst = binary.BigEndian.AppendUint16(dst, uint16(HeaderLength-lengthCovers+len(part)))
		dst = append(dst, k)
		dst = binary.BigEndian.AppendUint32(dst, id)
		dst = append(dst, part...)
	}
	return dst
}

// AgreeFrame returns the largest frame to send to a side that stated what it takes in
// its hello. One that takes less than SmallestFrame is an error.
func AgreeFrame(stated uint32) (int, error) {
	if stated < SmallestFrame {
		return 0, fmt.Errorf("largest frame %d: state %d or more", stated, SmallestFrame)
	}
	return int(min(stated, LargestFrame)), nil
}
