package setup

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"github.com/hepmeter/hepmeter/wire/ionmodbus"
	"github.com/hepmeter/hepmeter/wire/modbus"
)

// modbusRTU carries ION over Modbus in RTU frames, on a line or through TCP.
type modbusRTU struct {
	opener
	unit byte
	// gap must pass on a line between what was heard and what is sent.
	gap time.Duration
	// stays tells that a device is not opened anew because nothing is heard.
	stays   bool
	heard   time.Time
	silence silence
	buffer  []byte
	used    int
}

// kept bounds what is looked through for an answer.
const kept = 4 * modbus.MaxRTUFrame

// Send implements ionmodbus.Carrier.
func (c *modbusRTU) Send(pdu []byte) error {
	if c.present() == nil {
		c.silence = silence{}
	}
	line, err := c.now(context.Background())
	if err != nil {
		return err
	}
	c.buffer, c.used = c.buffer[:0], 0 // what is left of it belongs to none
	time.Sleep(time.Until(c.heard.Add(c.gap)))
	frame := modbus.EndRTU(append(modbus.BeginRTU(nil, c.unit), pdu...), 0)
	if err := line.Send(frame); err != nil {
		c.drop()
		return lost(err)
	}
	return nil
}

// Receive implements ionmodbus.Carrier.
func (c *modbusRTU) Receive(until time.Time) ([]byte, error) {
	line := c.present()
	if line == nil {
		return nil, net.ErrClosed
	}
	var block [512]byte
	for {
		c.buffer, c.used = c.buffer[:copy(c.buffer, c.buffer[c.used:])], 0
		if pdu, end := c.find(); pdu != nil {
			c.used = end
			return pdu, nil
		}
		if len(c.buffer) > kept {
			c.buffer = c.buffer[:copy(c.buffer, c.buffer[len(c.buffer)-modbus.MaxRTUFrame:])]
		}
		got, err := line.Receive(block[:], until)
		c.buffer = append(c.buffer, block[:got]...)
		switch {
		case got > 0:
			c.heard = time.Now()
			c.silence.broken()
		case errors.Is(err, os.ErrDeadlineExceeded):
			if c.silence.tooLong() && !c.stays {
				c.drop()
			}
			return nil, os.ErrDeadlineExceeded
		case err != nil:
			c.drop()
			return nil, lost(err)
		}
	}
}

// find looks for an answer of the unit, wherever it begins: what stands before it is noise, or
// what others have said. An answer states its length, and the CRC proves it.
func (c *modbusRTU) find() (pdu []byte, end int) {
	const address, crc, exceptionBit = 1, 2, 0x80
	for i := 0; i+address+2 <= len(c.buffer); i++ {
		b := c.buffer[i:]
		n := 0
		switch {
		case b[0] != c.unit:
			continue
		case b[address] == ionmodbus.Function:
			n = address + 2 + int(b[address+1]) + crc
		case b[address] == ionmodbus.Function|exceptionBit:
			n = address + 2 + crc
		default:
			continue
		}
		if n > len(b) {
			continue
		}
		if _, pdu, ok := modbus.ParseRTU(b[:n]); ok && carries(pdu, true) {
			return pdu, i + n
		}
	}
	return nil, 0
}
