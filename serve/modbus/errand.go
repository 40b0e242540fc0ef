package modbus

import (
	"bytes"

	"github.com/hepmeter/hepmeter/wire/modbus"
)

// errand is what somebody else has to do before a request is answered: the meter a write, a
// device behind the gateway what it is asked. It is begun when the answers before it are
// taken, and finished on the goroutine that serves its client.
type errand interface {
	// begin does not wait. Done is called once, perhaps before begin returns, otherwise on
	// another goroutine: then it can be finished.
	begin(c *client, w *writers, done func())
	// abandon gives up what has not begun yet where nobody waits for it any more; done is called
	// all the same. It reports false for an errand that goes on, and is to be waited for.
	abandon() bool
	// finish appends the answer.
	finish(h *handler, c *client, out []byte) []byte
}

// passing is the errand of a request that goes on to a unit behind the gateway, whatever it
// asks for there.
type passing struct {
	header modbus.Header
	pdu    []byte
	leave  func()

	answer    []byte
	exception modbus.Exception
}

// passing takes a request out of the buffer it came in.
func (h *handler) passing(header modbus.Header, pdu []byte) *passing {
	return &passing{header: header, pdu: bytes.Clone(pdu)}
}

func (p *passing) begin(c *client, _ *writers, done func()) {
	p.leave = c.downstream.Begin(p.header.Unit, p.pdu, func(answer []byte, e modbus.Exception) {
		p.answer, p.exception = bytes.Clone(answer), e
		done()
	})
}

func (p *passing) abandon() bool {
	p.leave()
	return true
}

func (p *passing) finish(h *handler, _ *client, out []byte) []byte {
	if p.exception != modbus.None {
		return h.refuse(p.header, p.pdu, p.exception, out)
	}
	start := len(out)
	out = append(h.framing.begin(out, p.header), p.answer...)
	return h.framing.end(out, start)
}
