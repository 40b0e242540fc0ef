package sv

import (
	"bufio"
	"errors"
	"fmt"

	"github.com/hepmeter/hepmeter/waveform"
	"github.com/hepmeter/hepmeter/waveform/internal/wholefile"
	"github.com/hepmeter/hepmeter/wire/pcap"
)

// Writer writes a stream into a capture file.
type Writer struct {
	encoder *Encoder
	file    *wholefile.File
	out     *bufio.Writer
	pcap    *pcap.Writer
}

// Create begins the capture file path, a .pcap. Nothing can be seen under its name
// before Close has succeeded.
func Create(path string, s Stream) (*Writer, error) {
	encoder, err := NewEncoder(s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	file, err := wholefile.Create(path)
	if err != nil {
		return nil, err
	}
	w := &Writer{encoder: encoder, file: file, out: bufio.NewWriterSize(file, 1<<18)}
	if w.pcap, err = pcap.NewWriter(w.out); err != nil {
		w.Abort()
		return nil, err
	}
	return w, nil
}

// Write adds a block.
func (w *Writer) Write(b *waveform.Block) error { return w.encoder.Encode(b, w.add) }

func (w *Writer) add(frame []byte, timeNS int64) error { return w.pcap.Write(timeNS, frame) }

// Close completes the file.
func (w *Writer) Close() error {
	return w.file.Commit(errors.Join(w.encoder.Flush(w.add), w.out.Flush()))
}

// Abort leaves nothing behind.
func (w *Writer) Abort() { w.file.Abort() }
