package ionmodbus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// Function is the function code: one of those that the specification leaves to users
// (V1.1b3, section 5: 65 to 72 and 100 to 110).
const Function = 70

// Sizes of PDUs in bytes.
const (
	// MaxPDU is the longest PDU of Modbus.
	MaxPDU = 253
	// SmallestPDU is the longest one that passes where frames of 64 bytes do, the header of
	// Modbus TCP included.
	SmallestPDU = 57
	// Overhead is what a message has beside its payload.
	Overhead = headLength + checkLength
	// MaxPayload is the longest payload.
	MaxPayload = MaxPDU - Overhead

	countAt    = 1 // of the byte that counts those behind it, as in reads
	kindAt     = 2
	sessionAt  = 3
	sequenceAt = 7
	headLength = 11
	// checkLength is that of the CRC-32C behind the payload: Modbus TCP has no check of its own.
	checkLength = 4
)

// Kind says what a message is.
type Kind byte

// The kinds of requests. An answer has the kind of its request and the bit Answer.
const (
	Open     Kind = 1 // begins a session
	Exchange Kind = 2 // carries bytes both ways
	Probe    Kind = 3 // finds out what passes; needs no session
	Close    Kind = 4 // ends a session

	// Answer is set in what the meter says, so that an echo of a request is none.
	Answer Kind = 0x80
	// Refused answers any request that the meter does not carry out.
	Refused Kind = 0xFF
)

// Refusal is why the meter does not carry a request out: the payload of Refused.
type Refusal byte

// The refusals.
const (
	RefusedUnknown  Refusal = 1 // there is no such session (any more)
	RefusedCrowded  Refusal = 2 // there are as many sessions as there can be
	RefusedEnded    Refusal = 3 // the meter has ended the session
	RefusedVersion  Refusal = 4 // the meter does not speak this version
	RefusedSequence Refusal = 5 // neither the sequence that is due nor the one before
	RefusedBad      Refusal = 6 // the request does not follow the protocol
)

// Error is the refusal in words.
func (r Refusal) Error() string {
	switch r {
	case RefusedUnknown:
		return "the meter does not know this session any more: it was started again, or heard nothing for too long"
	case RefusedCrowded:
		return "the meter has as many sessions of ION over Modbus as it takes: end one, or wait two minutes"
	case RefusedEnded:
		return "the meter has ended the session"
	case RefusedVersion:
		return "the meter speaks another version of ION over Modbus"
	case RefusedSequence:
		return "the sequence is out of step"
	case RefusedBad:
		return "the request does not follow the protocol"
	}
	return fmt.Sprintf("refusal %d", byte(r))
}

// Version is that of this protocol, stated with Open.
const Version = 1

// Message is one PDU.
type Message struct {
	Kind     Kind
	Session  uint32
	Sequence uint32
	// Payload stands in the bytes that were parsed.
	Payload []byte
}

// ErrDamaged reports a PDU that is none of these messages, or is not what was sent.
var ErrDamaged = errors.New("damaged message of ION over Modbus")

// Append appends a message as a PDU. Its payload has at most MaxPayload bytes.
func Append(dst []byte, m Message) []byte {
	start := len(dst)
	dst = append(dst, Function, byte(headLength-kindAt+len(m.Payload)+checkLength), byte(m.Kind))
	dst = binary.BigEndian.AppendUint32(dst, m.Session)
	dst = binary.BigEndian.AppendUint32(dst, m.Sequence)
	dst = append(dst, m.Payload...)
	return binary.BigEndian.AppendUint32(dst, check(dst[start:]))
}

// Parse reads a PDU. What a gateway has added behind it is passed over; the error is
// ErrDamaged.
func Parse(pdu []byte) (Message, error) {
	if len(pdu) < Overhead || pdu[0] != Function {
		return Message{}, ErrDamaged
	}
	n := kindAt + int(pdu[countAt])
	if n < Overhead || n > len(pdu) || n > MaxPDU || binary.BigEndian.Uint32(pdu[n-checkLength:]) != check(pdu[:n-checkLength]) {
		return Message{}, ErrDamaged
	}
	return Message{
		Kind:     Kind(pdu[kindAt]),
		Session:  binary.BigEndian.Uint32(pdu[sessionAt:]),
		Sequence: binary.BigEndian.Uint32(pdu[sequenceAt:]),
		Payload:  pdu[headLength : n-checkLength],
	}, nil
}

// check is the CRC-32C (Castagnoli, as in RFC 3720).
func check(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// The payload of an exchange begins with how long the answer may be, as a PDU; that of its
// answer with the same, and with how many bytes of the request were taken.
const (
	exchangeHead = 1
	answerHead   = 2
)

// UpRoom is how many bytes of the stream a request of so many bytes carries, DownRoom its
// answer.
func UpRoom(pdu int) int   { return pdu - Overhead - exchangeHead }
func DownRoom(pdu int) int { return pdu - Overhead - answerHead }
