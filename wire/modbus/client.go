package modbus

import (
	"errors"
	"fmt"
	"io"
)

// Client speaks to a server over a connection, one request at a time.
type Client struct {
	conn        io.ReadWriter
	unit        byte
	transaction uint16
	buffer      []byte
}

// NewClient returns a client of unit on conn. Deadlines are the caller's to set on
// conn.
func NewClient(conn io.ReadWriter, unit byte) *Client {
	return &Client{conn: conn, unit: unit, buffer: make([]byte, 0, MaxFrame)}
}

// Do sends one PDU and returns the PDU of the answer, valid until the next call.
func (c *Client) Do(pdu []byte) ([]byte, error) {
	if len(pdu) < 1 || len(pdu) > MaxPDU {
		return nil, fmt.Errorf("pdu of %d bytes: want 1 to %d", len(pdu), MaxPDU)
	}
	c.transaction++
	sent := Header{Transaction: c.transaction, Unit: c.unit}
	frame := append(BeginFrame(c.buffer[:0], sent), pdu...)
	EndFrame(frame, 0)
	if _, err := c.conn.Write(frame); err != nil {
		return nil, fmt.Errorf("send request: %w", err)
	}
	answer := c.buffer[:HeaderLength]
	if _, err := io.ReadFull(c.conn, answer); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	n, err := FrameLength(answer)
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	answer = c.buffer[:n]
	if _, err := io.ReadFull(c.conn, answer[HeaderLength:]); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("read answer: %w", err)
	}
	got, body := ParseHeader(answer)
	if got != sent {
		return nil, fmt.Errorf("%w: header %+v answers %+v", ErrResponse, got, sent)
	}
	return body, nil
}

// ReadRegisters reads quantity holding registers from a wire address. The error is
// an Exception where the server sent one.
func (c *Client) ReadRegisters(address, quantity int) ([]uint16, error) {
	var request [5]byte
	pdu, err := c.Do(AppendReadRequest(request[:0], ReadHoldingRegisters, address, quantity))
	if err != nil {
		return nil, err
	}
	return ParseReadResponse(pdu, ReadHoldingRegisters, quantity)
}
