package wav

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/hepmeter/hepmeter/waveform"
	"github.com/hepmeter/hepmeter/waveform/internal/wholefile"
)

// Writer writes a WAVE file of IEEE float, in volts and amperes, with a chunk that names
// the channels. A missing sample is NaN.
type Writer struct {
	path   string
	file   *wholefile.File
	out    *bufio.Writer
	rateHz float64
	width  int
	// dataAt is where the data chunk's length stands.
	dataAt int64
	bytes  int64
	buf    []byte
	next   float64 // time of the next sample
	begun  bool
}

// Create begins the file path; bits is 32 or 64. Nothing can be seen under its name before
// Close has succeeded.
func Create(path string, info waveform.Info, bits int) (*Writer, error) {
	n := len(info.Channels)
	switch {
	case bits != 32 && bits != 64:
		return nil, fmt.Errorf("%s: float of %d bits: use 32 or 64", path, bits)
	case n == 0 || n > maxChannels:
		return nil, fmt.Errorf("%s: %d channels cannot be written: 1 to %d can", path, n, maxChannels)
	case info.RateHz != math.Trunc(info.RateHz) || info.RateHz < 1 || info.RateHz > math.MaxUint32:
		return nil, fmt.Errorf("%s: %g samples/s cannot be written: a WAVE file wants a whole number", path, info.RateHz)
	}
	about := description{NominalHz: info.NominalHz}
	if !info.Start.IsZero() {
		about.Start = &info.Start
	}
	for _, c := range info.Channels {
		d := channelDescription{Name: c.Name, Unit: c.Unit, FullScale: 1, Primary: c.Primary, Secondary: c.Secondary}
		if c.Values != waveform.Unstated {
			d.Side = c.Values.String()
		}
		about.Channels = append(about.Channels, d)
	}
	text, err := json.Marshal(about)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(text)%2 != 0 {
		text = append(text, ' ')
	}
	file, err := wholefile.Create(path)
	if err != nil {
		return nil, err
	}
	w := &Writer{path: path, file: file, out: bufio.NewWriterSize(file, 1<<18), rateHz: info.RateHz, width: bits / 8}
	h := append([]byte("RIFF\x00\x00\x00\x00WAVE"), "fmt \x12\x00\x00\x00"...)
	h = binary.LittleEndian.AppendUint16(h, tagFloat)
	h = binary.LittleEndian.AppendUint16(h, uint16(n))
	h = binary.LittleEndian.AppendUint32(h, uint32(info.RateHz))
	h = binary.LittleEndian.AppendUint32(h, uint32(info.RateHz)*uint32(n*w.width))
	h = binary.LittleEndian.AppendUint16(h, uint16(n*w.width))
	h = binary.LittleEndian.AppendUint16(h, uint16(bits))
	h = append(h, 0, 0) // no extension
	h = append(h, chunkID...)
	h = binary.LittleEndian.AppendUint32(h, uint32(len(text)))
	h = append(h, text...)
	h = append(h, "data\x00\x00\x00\x00"...)
	w.dataAt = int64(len(h)) - 4
	if _, err := w.out.Write(h); err != nil {
		w.Abort()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return w, nil
}

// Write adds a block. Time that is lost before it becomes missing samples.
func (w *Writer) Write(b *waveform.Block) error {
	if b.RateHz != w.rateHz {
		return fmt.Errorf("%s: the rate changes from %g to %g Hz: a WAVE file has one", w.path, w.rateHz, b.RateHz)
	}
	if !w.begun {
		w.begun, w.next = true, b.Start
	}
	lost := math.Round((b.Start - w.next) * w.rateHz)
	for ; lost > 0; lost-- {
		if err := w.instant(b, -1); err != nil {
			return err
		}
	}
	for k := range b.Len() {
		if err := w.instant(b, k); err != nil {
			return err
		}
	}
	w.next = b.Start + float64(b.Len())/b.RateHz
	return nil
}

// instant writes sample k of all channels, or missing ones.
func (w *Writer) instant(b *waveform.Block, k int) error {
	w.buf = w.buf[:0]
	for _, samples := range b.Samples {
		v := waveform.Missing
		if k >= 0 {
			v = samples[k]
		}
		if w.width == 4 {
			w.buf = binary.LittleEndian.AppendUint32(w.buf, math.Float32bits(float32(v)))
		} else {
			w.buf = binary.LittleEndian.AppendUint64(w.buf, math.Float64bits(v))
		}
	}
	if w.bytes += int64(len(w.buf)); w.bytes > math.MaxUint32-1<<20 {
		return fmt.Errorf("%s: a WAVE file ends at 4 GiB: record less, or to a .cfg", w.path)
	}
	if _, err := w.out.Write(w.buf); err != nil {
		return fmt.Errorf("%s: %w", w.path, err)
	}
	return nil
}

// Close completes the file.
func (w *Writer) Close() error {
	err := w.out.Flush()
	for _, length := range []struct{ at, value int64 }{{4, w.dataAt + 4 + w.bytes - 8}, {w.dataAt, w.bytes}} {
		_, e := w.file.WriteAt(binary.LittleEndian.AppendUint32(nil, uint32(length.value)), length.at)
		err = errors.Join(err, e)
	}
	return w.file.Commit(err)
}

// Abort leaves nothing behind.
func (w *Writer) Abort() { w.file.Abort() }
