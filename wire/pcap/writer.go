package pcap

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Writer writes a pcap file of Ethernet frames with time stamps in nanoseconds.
type Writer struct {
	out io.Writer
	buf []byte
}

// NewWriter writes the beginning of a file to w, which the caller buffers and closes.
func NewWriter(w io.Writer) (*Writer, error) {
	header := binary.LittleEndian.AppendUint32(nil, 0xa1b23c4d)
	header = binary.LittleEndian.AppendUint16(header, 2) // version 2.4
	header = binary.LittleEndian.AppendUint16(header, 4)
	header = append(header, make([]byte, 8)...)
	header = binary.LittleEndian.AppendUint32(header, MaxPacket)
	header = binary.LittleEndian.AppendUint32(header, Ethernet)
	if _, err := w.Write(header); err != nil {
		return nil, fmt.Errorf("write pcap header: %w", err)
	}
	return &Writer{out: w}, nil
}

// Write adds a frame captured at timeNS, in nanoseconds since 1970-01-01 UTC.
func (w *Writer) Write(timeNS int64, frame []byte) error {
	if len(frame) > MaxPacket {
		return fmt.Errorf("write pcap: a frame of %d bytes is longer than %d", len(frame), MaxPacket)
	}
	b := w.buf[:0]
	b = binary.LittleEndian.AppendUint32(b, uint32(timeNS/1e9))
	b = binary.LittleEndian.AppendUint32(b, uint32(timeNS%1e9))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(frame)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(frame)))
	w.buf = append(b, frame...)
	if _, err := w.out.Write(w.buf); err != nil {
		return fmt.Errorf("write pcap: %w", err)
	}
	return nil
}
