package comtrade

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/waveform"
)

// Options say how a record is written.
type Options struct {
	// Revision is 1999 or 2013; 0 means 2013.
	Revision int
	// Format is the name of the data format; blank means FLOAT32, or BINARY in 1999,
	// which had no FLOAT32.
	Format string
	// Info describes the source whose blocks will be written: channels, names, line
	// frequency and start are taken from it.
	Info waveform.Info
	// FullScale is the largest absolute value of each channel, for the formats of
	// whole numbers: what exceeds it is an error. Without it the samples are kept in a
	// file of their own until Close, which then knows.
	FullScale []float64
	// Trigger is the time of the trigger, the start if zero.
	Trigger time.Time
}

// Writer writes a record. Nothing of it can be seen under its name before Close has
// succeeded.
type Writer struct {
	cfg      Config
	paths    []string // final names: .cff, or .dat then .cfg
	data     *tempFile
	out      *bufio.Writer
	encoder  encoder
	spooling bool // data holds float64 rows until the full scale is known
	peaks    []float64

	rows    int64
	origin  float64 // the source's time of row 0
	seconds float64 // time of the next row if nothing is lost, since row 0
	buf     []byte
	err     error
	closed  bool
}

// Create begins a record at path, a .cfg (the .dat goes beside it) or, in revision
// 2013, a .cff.
func Create(path string, o Options) (*Writer, error) {
	w := &Writer{}
	if err := w.configure(path, o); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	folder := filepath.Dir(path)
	if info, err := os.Stat(folder); err != nil {
		return nil, fmt.Errorf("%s: there is no folder %s: create it, or choose another", path, folder)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s: %s is a file, not a folder: choose another", path, folder)
	}
	for _, name := range w.paths {
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			return nil, fmt.Errorf("%s is a folder: choose another name for the record", name)
		}
	}
	data, err := createTemp(folder)
	if err != nil {
		return nil, fmt.Errorf("%s: no file can be made in the folder %s: choose one that is writable (%w)", path, folder, err)
	}
	w.data = data
	w.out = bufio.NewWriterSize(data, 1<<20)
	return w, nil
}

func (w *Writer) configure(path string, o Options) error {
	c := &w.cfg
	c.Revision = o.Revision
	if c.Revision == 0 {
		c.Revision = 2013
	}
	if c.Revision != 1999 && c.Revision != 2013 {
		return fmt.Errorf("revision %d is not written: use 1999 or 2013", c.Revision)
	}
	c.Format = Float32
	if c.Revision == 1999 {
		c.Format = Binary
	}
	if o.Format != "" {
		f, err := ParseFormat(o.Format)
		if err != nil {
			return err
		}
		c.Format = f
	}
	if c.Revision == 1999 && (c.Format == Binary32 || c.Format == Float32) {
		return fmt.Errorf("%s came with revision 2013: use ASCII or BINARY, or revision 2013", c.Format)
	}
	ext := filepath.Ext(path)
	stem := strings.TrimSuffix(path, ext)
	switch strings.ToLower(ext) {
	case ".cfg":
		dat := ".dat"
		if ext == strings.ToUpper(ext) {
			dat = ".DAT"
		}
		w.paths = []string{stem + dat, path}
	case ".cff":
		if c.Revision < 2013 {
			return fmt.Errorf(".cff came with revision 2013: write a .cfg, or use revision 2013")
		}
		w.paths = []string{path}
	default:
		return fmt.Errorf("extension %q: a record is written as .cfg or .cff", ext)
	}
	info := o.Info
	n := len(info.Channels)
	if n == 0 || n > maxChannels {
		return fmt.Errorf("%d channels cannot be written: 1 to %d can", n, maxChannels)
	}
	if o.FullScale != nil && len(o.FullScale) != n {
		return fmt.Errorf("%d full scales are stated for %d channels", len(o.FullScale), n)
	}
	if info.RateHz <= 0 || math.IsInf(info.RateHz, 0) || math.IsNaN(info.RateHz) {
		return fmt.Errorf("a rate of %g Hz cannot be written", info.RateHz)
	}
	c.Station, c.Device = info.Station, info.Device
	c.LineHz = info.NominalHz
	c.Start, c.Trigger = info.Start, o.Trigger
	if c.Trigger.IsZero() {
		c.Trigger = c.Start
	}
	c.TimeMultiplier = 1
	c.FractionDigits = 6
	if c.Revision >= 2013 {
		c.TimeCode, c.LocalCode = "0h00", "0h00" // the dates are in UTC
		c.TimeQuality, c.LeapSecond = "F", "3"   // how good the clock was is not known
		if info.RateHz > 100_000 {
			c.FractionDigits = 9 // microseconds would not tell the samples apart
		}
	}
	for i, ch := range info.Channels {
		scale := 0.0
		if o.FullScale != nil {
			if scale = o.FullScale[i]; !(scale > 0) || math.IsInf(scale, 0) {
				return fmt.Errorf("full scale %g of channel %d cannot be", scale, i+1)
			}
		}
		c.Analog = append(c.Analog, analogOf(i, ch, c.Format, scale))
	}
	w.spooling = c.Format != Float32 && o.FullScale == nil
	w.peaks = make([]float64, n)
	w.encoder = newEncoder(c)
	return nil
}

// Write appends a block. A change of rate begins a new rate in the record; what a
// gap lost shows in the time stamps.
func (w *Writer) Write(b *waveform.Block) error {
	if w.err != nil {
		return w.err
	}
	if w.closed {
		return errors.New("comtrade: the record is closed")
	}
	if err := w.write(b); err != nil {
		w.err = w.failed(err)
		return w.err
	}
	return nil
}

// failed names the record where the system names a file of another name.
func (w *Writer) failed(err error) error {
	var path *os.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		err = path.Err
	case errors.As(err, &link):
		err = link.Err
	default:
		return err
	}
	return fmt.Errorf("%s cannot be written: %w", w.paths[len(w.paths)-1], err)
}

func (w *Writer) write(b *waveform.Block) error {
	n := b.Len()
	if len(b.Samples) != len(w.cfg.Analog) {
		return fmt.Errorf("comtrade: a block of %d channels in a record of %d", len(b.Samples), len(w.cfg.Analog))
	}
	if n == 0 {
		return nil
	}
	if !(b.RateHz > 0) || math.IsInf(b.RateHz, 0) {
		return fmt.Errorf("comtrade: a block of %g Hz cannot be written", b.RateHz)
	}
	w.extendRate(b, n)
	start := w.seconds
	switch {
	case w.rows == 0:
		w.origin = b.Start
	case b.Gap:
		start = max(b.Start-w.origin, w.seconds)
	}
	for k := range n {
		at := start + float64(k)/b.RateHz
		if w.spooling {
			w.buf = w.spool(w.buf[:0], b, k, at)
		} else {
			row, err := w.encoder.row(w.buf[:0], w.rows+int64(k), at, b, k)
			if err != nil {
				return err
			}
			w.buf = row
		}
		if _, err := w.out.Write(w.buf); err != nil {
			return err
		}
	}
	w.rows += int64(n)
	w.seconds = start + float64(n)/b.RateHz
	return nil
}

func (w *Writer) extendRate(b *waveform.Block, n int) {
	s := w.cfg.Segments
	if len(s) == 0 || s[len(s)-1].RateHz != b.RateHz {
		s = append(s, Segment{RateHz: b.RateHz, LastSample: w.rows})
	}
	s[len(s)-1].LastSample += int64(n)
	w.cfg.Segments = s
}

// spool keeps a row as it is, and the largest values.
func (w *Writer) spool(row []byte, b *waveform.Block, k int, at float64) []byte {
	row = binary.LittleEndian.AppendUint64(row, math.Float64bits(at))
	for c := range b.Samples {
		v := b.Samples[c][k]
		if a := math.Abs(v); a > w.peaks[c] && !math.IsInf(v, 0) {
			w.peaks[c] = a
		}
		row = binary.LittleEndian.AppendUint64(row, math.Float64bits(v))
	}
	return row
}

// Close completes the record and gives it its name. On error nothing is left.
func (w *Writer) Close() error {
	if w.closed {
		return w.err
	}
	if w.err == nil && w.rows == 0 {
		w.err = fmt.Errorf("%s: no samples to write", w.paths[len(w.paths)-1])
	}
	if w.err == nil {
		if err := w.finish(); err != nil {
			w.err = w.failed(err)
		}
	}
	w.Abort()
	return w.err
}

// Abort ends the writer and leaves nothing behind.
func (w *Writer) Abort() {
	w.closed = true
	if w.data != nil {
		w.data.discard()
		w.data = nil
	}
}

func (w *Writer) finish() error {
	if err := w.out.Flush(); err != nil {
		return err
	}
	if w.spooling {
		if err := w.unspool(); err != nil {
			return err
		}
	}
	if len(w.paths) == 1 {
		return w.finishCFF()
	}
	cfg, err := createTemp(filepath.Dir(w.paths[1]))
	if err != nil {
		return err
	}
	defer cfg.discard()
	if _, err := io.WriteString(cfg, w.cfg.text()); err != nil {
		return err
	}
	if err := w.data.commit(w.paths[0]); err != nil {
		return err
	}
	if err := cfg.commit(w.paths[1]); err != nil {
		os.Remove(w.paths[0])
		return err
	}
	return nil
}

// unspool turns the rows kept so far into rows of the format, now that the full
// scales are known.
func (w *Writer) unspool() error {
	for i := range w.cfg.Analog {
		ch := &w.cfg.Analog[i]
		if w.peaks[i] > 0 {
			ch.A = w.peaks[i] / w.cfg.Format.largest()
		}
		if ch.A == 0 || math.IsInf(1/ch.A, 0) {
			ch.A = 1 // a channel of nothing has no scale
		}
	}
	w.encoder = newEncoder(&w.cfg)
	if _, err := w.data.Seek(0, io.SeekStart); err != nil {
		return err
	}
	data, err := createTemp(filepath.Dir(w.paths[0]))
	if err != nil {
		return err
	}
	spool := w.data
	w.data = data
	defer spool.discard()
	in, out := bufio.NewReaderSize(spool, 1<<20), bufio.NewWriterSize(data, 1<<20)
	raw := make([]byte, 8+8*len(w.cfg.Analog))
	var b waveform.Block
	b.Resize(len(w.cfg.Analog), 1)
	for row := int64(0); row < w.rows; row++ {
		if _, err := io.ReadFull(in, raw); err != nil {
			return err
		}
		at := math.Float64frombits(binary.LittleEndian.Uint64(raw))
		for c := range b.Samples {
			b.Samples[c][0] = math.Float64frombits(binary.LittleEndian.Uint64(raw[8+8*c:]))
		}
		if w.buf, err = w.encoder.row(w.buf[:0], row, at, &b, 0); err != nil {
			return err
		}
		if _, err := out.Write(w.buf); err != nil {
			return err
		}
	}
	return out.Flush()
}

func (w *Writer) finishCFF() error {
	size, err := w.data.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err := w.data.Seek(0, io.SeekStart); err != nil {
		return err
	}
	f, err := createTemp(filepath.Dir(w.paths[0]))
	if err != nil {
		return err
	}
	defer f.discard()
	head := "--- file type: CFG ---\r\n" + w.cfg.text() +
		"--- file type: INF ---\r\n\r\n--- file type: HDR ---\r\n\r\n--- file type: DAT " + w.cfg.Format.String()
	if w.cfg.Format != ASCII {
		head += fmt.Sprintf(": %d", size)
	}
	if _, err := io.WriteString(f, head+" ---\r\n"); err != nil {
		return err
	}
	if _, err := io.Copy(f, w.data); err != nil {
		return err
	}
	return f.commit(w.paths[0])
}

// tempFile is a file that either gets a name or goes away.
type tempFile struct{ *os.File }

func createTemp(dir string) (*tempFile, error) {
	f, err := os.CreateTemp(dir, ".comtrade-*.tmp")
	if err != nil {
		return nil, err
	}
	return &tempFile{f}, nil
}

// commit makes the file durable under its name.
func (t *tempFile) commit(name string) error {
	if err := t.Chmod(0o644); err != nil {
		return err
	}
	if err := t.Sync(); err != nil {
		return err
	}
	if err := t.Close(); err != nil {
		return err
	}
	return os.Rename(t.Name(), name)
}

// discard removes the file unless it has got its name.
func (t *tempFile) discard() {
	t.Close()
	os.Remove(t.Name())
}
