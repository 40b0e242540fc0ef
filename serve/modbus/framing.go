package modbus

import "github.com/hepmeter/hepmeter/wire/modbus"

// framing is how requests and answers lie in the bytes of a connection, and whom they are
// for.
type framing interface {
	// find returns where the first request in b is: n bytes behind skip that belong to none;
	// n is 0 while it is not whole. After an error nothing more can be found.
	find(b []byte) (skip, n int, err error)
	// parse takes a frame that find has found apart.
	parse(frame []byte) (modbus.Header, []byte)
	// addressed tells whom a request is for.
	addressed(modbus.Header) audience
	// begin and end stand before and behind the PDU of an answer, which starts at start.
	begin(dst []byte, h modbus.Header) []byte
	end(dst []byte, start int) []byte
}

// audience is whom a request is for.
type audience uint8

const (
	nobody   audience = iota // another unit, or another protocol: it is not answered
	us                       // it is carried out and answered
	everyone                 // a broadcast: it is carried out and not answered
)

// mbap is the framing of Modbus TCP. A connection has one server: all units are ours, and
// unit 0 is one like any other.
type mbap struct{}

func (mbap) find(b []byte) (skip, n int, err error) {
	n, err = modbus.RequestLength(b)
	if err != nil || n > len(b) {
		return 0, 0, err
	}
	return 0, n, nil
}

func (mbap) parse(frame []byte) (modbus.Header, []byte) { return modbus.ParseHeader(frame) }

// addressed discards what is not Modbus, as the specification has it. Its length still leads
// to the next frame.
func (mbap) addressed(h modbus.Header) audience {
	if h.Protocol != 0 {
		return nobody
	}
	return us
}

func (mbap) begin(dst []byte, h modbus.Header) []byte { return modbus.BeginFrame(dst, h) }

func (mbap) end(dst []byte, start int) []byte {
	modbus.EndFrame(dst, start)
	return dst
}
