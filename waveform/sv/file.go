package sv

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hepmeter/hepmeter/waveform"
	"github.com/hepmeter/hepmeter/wire/pcap"
)

// Writer writes a stream into a capture file.
type Writer struct {
	encoder *Encoder
	path    string
	temp    *os.File
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
	temp, err := os.CreateTemp(filepath.Dir(path), ".sv-*")
	if err != nil {
		return nil, fmt.Errorf("%s: no file can be made in its folder: choose one that is there and writable (%w)", path, err)
	}
	w := &Writer{encoder: encoder, path: path, temp: temp, out: bufio.NewWriterSize(temp, 1<<18)}
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
	err := w.encoder.Flush(w.add)
	err = errors.Join(err, w.out.Flush(), w.temp.Chmod(0o644), w.temp.Close())
	if err == nil {
		err = os.Rename(w.temp.Name(), w.path)
	}
	if err != nil {
		os.Remove(w.temp.Name())
		return fmt.Errorf("%s: %w", w.path, err)
	}
	return nil
}

// Abort leaves nothing behind.
func (w *Writer) Abort() {
	w.temp.Close()
	os.Remove(w.temp.Name())
}
