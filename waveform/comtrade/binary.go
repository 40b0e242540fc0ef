package comtrade

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/hepmeter/hepmeter/waveform"
)

// binaryRows are rows of fixed length: number, time stamp (uint32), analogue values,
// status words, all little-endian.
type binaryRows struct {
	part
	format   Format
	stride   int
	rows     int64
	channels []scaling
	words    int
	buf      []byte
}

// scaling turns a stored number into a value.
type scaling struct {
	a, b float64
	// minusOne says that -1 (0xFFFF) stands for a missing value too, as in 1991.
	minusOne bool
	// unsigned says that the values run from 0 to 65534, as 1991 allowed.
	unsigned bool
}

// chunkBytes is how much is read at a time: it fits the second cache level, where
// the passes of the channels over it are free.
const chunkBytes = 128 << 10

func newBinaryRows(c *Config, dat part) (*binaryRows, error) {
	r := &binaryRows{part: dat, format: c.Format, words: statusLayout(len(c.Status)).words()}
	width := c.Format.analogBytes()
	r.stride = 8 + width*len(c.Analog) + 2*r.words
	r.rows = dat.size / int64(r.stride)
	for _, ch := range c.Analog {
		s := scaling{a: ch.A, b: ch.B}
		if c.Revision <= 1991 && c.Format == Binary && ch.Min >= 0 && ch.Max > ch.Min {
			s.minusOne = true
			s.unsigned = ch.Max > math.MaxInt16
		}
		r.channels = append(r.channels, s)
	}
	r.buf = make([]byte, max(chunkBytes/r.stride, 1)*r.stride)
	if rest := dat.size % int64(r.stride); rest > 1 && r.rows > 0 {
		c.warn("%s: the last %d bytes are no whole row of %d: ignored", dat.name, rest, r.stride)
	}
	return r, r.checkStride(c)
}

// checkStride refuses a file whose sample numbers show that its rows are not of the
// length that the .cfg describes: every value would be another channel's.
func (r *binaryRows) checkStride(c *Config) error {
	var numbers []uint32
	err := r.marks(0, min(64, r.rows), func(_ int64, number, _ float64) error {
		numbers = append(numbers, uint32(number))
		return nil
	})
	if err != nil || len(numbers) < 3 {
		return err
	}
	rising, constant := 0, 0
	for i := 1; i < len(numbers); i++ {
		switch d := numbers[i] - numbers[i-1]; {
		case d == 0:
			constant++
		case d < 1<<16:
			rising++
		}
	}
	if 2*(rising+constant) < len(numbers) {
		return fmt.Errorf("%s row 2 field 1 (sample number): the numbers run %d, %d, %d: the rows are not of the %d bytes that the cfg describes (%s, %d analogue and %d status channels); check the data format and the channel counts in the cfg",
			r.name, numbers[0], numbers[1], numbers[2], r.stride, c.Format, len(c.Analog), len(c.Status))
	}
	return nil
}

func (r *binaryRows) count() int64 { return r.rows }

// load reads up to n rows from row on.
func (r *binaryRows) load(row int64, n int) ([]byte, int, error) {
	n = min(n, len(r.buf)/r.stride)
	chunk := r.buf[:n*r.stride]
	got, err := r.src.ReadAt(chunk, r.offset+row*int64(r.stride))
	if got < len(chunk) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, 0, fmt.Errorf("%s row %d: %w: the file changed while it was read", r.name, row+int64(got/r.stride)+1, err)
	}
	return chunk, n, nil
}

func (r *binaryRows) read(t *timeline, row int64, n int, b *waveform.Block) (int, error) {
	done := 0
	for done < n {
		chunk, got, err := r.load(row+int64(done), n-done)
		if err != nil {
			return 0, err
		}
		whole := r.watch(t, row+int64(done), got, chunk)
		if done > 0 && t.joined(row+int64(done)) {
			break
		}
		if i := t.jointAfter(row + int64(done)); i < len(t.breaks) {
			whole = int(min(int64(whole), t.breaks[i].row-row-int64(done)))
		}
		r.decode(b, done, whole, chunk)
		done += whole
		if whole < got {
			break
		}
	}
	return done, nil
}

// watch lets t see the marks of the n rows in chunk. It returns n.
func (r *binaryRows) watch(t *timeline, row int64, n int, chunk []byte) int {
	if t.watch == noColumn || row+int64(n) <= t.scanned {
		return n
	}
	at := 0
	if t.watch == stampColumn {
		at = 4
	}
	least, most := t.steady(row)
	span := most - least
	i := int(max(t.scanned-row, 0))
	for i < n {
		mark := binary.LittleEndian.Uint32(chunk[i*r.stride+at:])
		r.observe(t, row+int64(i), mark)
		i++
		// Most rows follow their predecessor by one step.
		if mark == math.MaxUint32 && at == 4 || most < least {
			continue
		}
		from := i
		for ; i < n; i++ {
			next := binary.LittleEndian.Uint32(chunk[i*r.stride+at:])
			if next-mark-least > span {
				break
			}
			mark = next
		}
		if i > from {
			t.scanned, t.lastRow, t.lastMark, t.marked = row+int64(i), row+int64(i)-1, float64(mark), true
		}
	}
	return n
}

func (r *binaryRows) observe(t *timeline, row int64, mark uint32) {
	if t.watch == stampColumn && mark == math.MaxUint32 {
		t.observe(row, missingMark)
		return
	}
	t.observe(row, float64(mark))
}

// decode writes n rows of chunk to b from sample at on, channel by channel.
func (r *binaryRows) decode(b *waveform.Block, at, n int, chunk []byte) {
	switch r.format {
	case Binary:
		for c := range r.channels {
			decode16(b.Samples[c][at:at+n], chunk[8+2*c:], r.stride, r.channels[c])
		}
	case Binary32:
		for c := range r.channels {
			decode32(b.Samples[c][at:at+n], chunk[8+4*c:], r.stride, r.channels[c])
		}
	case Float32:
		for c := range r.channels {
			decodeFloat32(b.Samples[c][at:at+n], chunk[8+4*c:], r.stride, r.channels[c])
		}
	}
}

func decode16(dst []float64, src []byte, stride int, s scaling) {
	if s.minusOne {
		decode16of1991(dst, src, stride, s)
		return
	}
	o := 0
	for i := range dst {
		x := int16(binary.LittleEndian.Uint16(src[o:]))
		o += stride
		v := s.a*float64(x) + s.b
		if x == math.MinInt16 {
			v = waveform.Missing
		}
		dst[i] = v
	}
}

func decode16of1991(dst []float64, src []byte, stride int, s scaling) {
	for i := range dst {
		x := binary.LittleEndian.Uint16(src[i*stride:])
		v := float64(int16(x))
		if s.unsigned {
			v = float64(x)
		}
		if x == 0xFFFF || x == 0x8000 && !s.unsigned {
			dst[i] = waveform.Missing
			continue
		}
		dst[i] = s.a*v + s.b
	}
}

func decode32(dst []float64, src []byte, stride int, s scaling) {
	o := 0
	for i := range dst {
		x := int32(binary.LittleEndian.Uint32(src[o:]))
		o += stride
		v := s.a*float64(x) + s.b
		if x == math.MinInt32 {
			v = waveform.Missing
		}
		dst[i] = v
	}
}

func decodeFloat32(dst []float64, src []byte, stride int, s scaling) {
	o := 0
	for i := range dst {
		x := math.Float32frombits(binary.LittleEndian.Uint32(src[o:]))
		o += stride
		v := s.a*float64(x) + s.b
		// Not a number, infinite, or the most negative number: all stand for missing.
		if !(x > -math.MaxFloat32 && x <= math.MaxFloat32) {
			v = waveform.Missing
		}
		dst[i] = v
	}
}

func (r *binaryRows) marks(first, end int64, f func(row int64, number, stamp float64) error) error {
	return r.each(first, end, func(row int64, raw []byte) error {
		stamp := missingMark
		if s := binary.LittleEndian.Uint32(raw[4:]); s != math.MaxUint32 {
			stamp = float64(s)
		}
		return f(row, float64(binary.LittleEndian.Uint32(raw)), stamp)
	})
}

func (r *binaryRows) statuses(first, end int64, f func(row int64, words []uint16) error) error {
	words := make([]uint16, r.words)
	at := r.stride - 2*r.words
	return r.each(first, end, func(row int64, raw []byte) error {
		for i := range words {
			words[i] = binary.LittleEndian.Uint16(raw[at+2*i:])
		}
		return f(row, words)
	})
}

func (r *binaryRows) each(first, end int64, f func(row int64, raw []byte) error) error {
	for first < end {
		chunk, n, err := r.load(first, int(min(end-first, int64(len(r.buf)/r.stride))))
		if err != nil {
			return err
		}
		for i := range n {
			if err := f(first+int64(i), chunk[i*r.stride:(i+1)*r.stride]); err != nil {
				return err
			}
		}
		first += int64(n)
	}
	return nil
}
