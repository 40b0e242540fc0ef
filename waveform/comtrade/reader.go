package comtrade

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/hepmeter/hepmeter/waveform"
)

// Reader delivers the analogue channels of a record as a waveform.Source, in the
// order of the .cfg, as a·x + b in the channel's unit: neither the transformer ratio
// nor the skew is applied. It streams; what it holds does not grow with the record.
type Reader struct {
	cfg  *Config
	info waveform.Info
	rows rows
	time timeline
	row  int64 // next row to deliver
	last int   // span of the row before it
	file io.Closer

	datName string
}

var (
	_ waveform.Rewinder = (*Reader)(nil)
	_ waveform.Timed    = (*Reader)(nil)
)

// rows is the .dat part in one of its forms.
type rows interface {
	// count returns the number of whole rows.
	count() int64
	// read decodes up to n rows from row on into b, which has room for n, watches
	// their marks, and stops before a row that t says is joined (unless it is the
	// first). Blank values are waveform.Missing.
	read(t *timeline, row int64, n int, b *waveform.Block) (int, error)
	// marks calls f with the sample number and time stamp of each row from first to
	// end, missingMark where there is none.
	marks(first, end int64, f func(row int64, number, stamp float64) error) error
	// statuses calls f with the status words of each row from first to end.
	statuses(first, end int64, f func(row int64, words []uint16) error) error
}

// statusLayout is how many status channels a row holds.
type statusLayout int

func (s statusLayout) words() int { return (int(s) + 15) / 16 }

// maxBlockValues bounds the size of a Block of a record of very many channels.
const maxBlockValues = 4 << 20

// New reads a record whose .cfg text is cfg and whose .dat bytes are dat, of that
// size. name is the record's name in errors and warnings.
func New(name string, cfg []byte, dat io.ReaderAt, size int64) (*Reader, error) {
	c, err := ParseConfig(name+".cfg", cfg)
	if err != nil {
		return nil, err
	}
	return newReader(c, part{name + ".dat", dat, 0, size}, "")
}

// part is a stretch of bytes in a file.
type part struct {
	name         string
	src          io.ReaderAt
	offset, size int64
}

func newReader(c *Config, dat part, container string) (*Reader, error) {
	if dat.size == 0 {
		return nil, fmt.Errorf("%s: empty: the record has no samples", dat.name)
	}
	r := &Reader{cfg: c, last: -1, datName: dat.name}
	var err error
	if c.Format == ASCII {
		r.rows, err = newASCIIRows(c, dat)
	} else {
		r.rows, err = newBinaryRows(c, dat)
	}
	if err != nil {
		return nil, err
	}
	n := r.rows.count()
	if n == 0 {
		return nil, fmt.Errorf("%s: %d bytes, not one whole row: the record has no samples", dat.name, dat.size)
	}
	if stated := c.StatedSamples; stated > 0 && n != stated {
		c.warn("%s: %d rows where the cfg says %d: all %d are read", dat.name, n, stated, n)
	}
	if err := r.buildTimeline(); err != nil {
		return nil, err
	}
	r.describe(container)
	return r, nil
}

func (r *Reader) buildTimeline() error {
	c := r.cfg
	r.time = timeline{rows: r.rows.count(), wraps: c.Format != ASCII}
	if len(c.Segments) == 0 {
		all := func(f func(int64, float64, float64) error) error { return r.rows.marks(0, r.time.rows, f) }
		odd, err := r.time.fromStamps(c, all)
		if err != nil {
			return err
		}
		c.warn("%s: %s", r.datName, odd)
		return nil
	}
	r.time.spans = spansOf(c.Segments, r.time.rows)
	var numbers, stamps []float64
	err := r.rows.marks(0, min(probeRows, r.time.rows), func(_ int64, number, stamp float64) error {
		numbers, stamps = append(numbers, number), append(stamps, stamp)
		return nil
	})
	if err != nil {
		return err
	}
	if odd := r.time.choose(c, numbers, stamps); odd != "" {
		c.warn("%s: %s", r.datName, odd)
	}
	return nil
}

func (r *Reader) describe(container string) {
	c := r.cfg
	r.info = waveform.Info{
		Format:    fmt.Sprintf("comtrade %d %s%s", c.Revision, c.Format, container),
		Station:   c.Station,
		Device:    c.Device,
		RateHz:    r.time.spans[0].rateHz,
		NominalHz: c.LineHz,
		Start:     c.Start,
		Samples:   r.time.rows,
	}
	for _, ch := range c.Analog {
		r.info.Channels = append(r.info.Channels, waveform.Channel{
			Name: ch.Name, Phase: ch.Phase, Unit: ch.Unit,
			Primary: ch.Primary, Secondary: ch.Secondary, Values: ch.Side,
			SkewSeconds: ch.SkewMicroseconds * 1e-6,
		})
	}
}

// Config returns what the .cfg says. It must not be changed.
func (r *Reader) Config() *Config { return r.cfg }

// Info describes the record. RateHz is 0 where neither rates nor time stamps give
// one. Holes in time are found, and warned of, while reading.
func (r *Reader) Info() waveform.Info {
	info := r.info
	info.Warnings = slices.Clone(r.cfg.Warnings)
	if n := len(r.time.breaks); n > 0 {
		info.Warnings = append(info.Warnings, fmt.Sprintf("%s: %d holes in the %s, %.6g s in all, the first before sample %d: read in pieces",
			r.datName, n, r.time.watch, r.time.breaks[n-1].lost, r.time.breaks[0].row))
	}
	return info
}

// Next delivers the next run of rows of one rate without a hole.
func (r *Reader) Next(ctx context.Context, b *waveform.Block, max int) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	channels := len(r.cfg.Analog)
	if r.row >= r.time.rows {
		b.Resize(channels, 0)
		return 0, io.EOF
	}
	if max < 1 {
		return 0, errors.New("comtrade: a block of no samples was asked for")
	}
	s := r.time.spanOf(r.row)
	n := int(min(int64(max), r.time.spanEnd(s)-r.row, int64(1+maxBlockValues/channels)))
	b.Resize(channels, n)
	n, err := r.rows.read(&r.time, r.row, n, b)
	if err != nil {
		b.Resize(channels, 0)
		return 0, err
	}
	b.Resize(channels, n)
	b.First = r.row
	b.RateHz = r.time.spans[s].rateHz
	b.Gap = r.row > 0 && (s != r.last || r.time.joined(r.row))
	if b.RateHz > 0 {
		b.Start = r.time.at(r.row)
	} else if b.Start, err = r.stampTime(r.row); err != nil {
		return 0, err
	}
	if r.row == 0 {
		b.Start = 0
	}
	r.last = s
	r.row += int64(n)
	return n, nil
}

// Rewind makes Next begin again at the first sample.
func (r *Reader) Rewind() error {
	r.row, r.last = 0, -1
	return nil
}

// Times returns the sample times of the rows first to end (exclusive) in seconds
// since row 0.
func (r *Reader) Times(first, end int64) ([]float64, error) {
	if first < 0 || end < first || end > r.time.rows {
		return nil, fmt.Errorf("samples %d:%d are not in the record: it has %d, counted from 0", first, end, r.time.rows)
	}
	times := make([]float64, 0, end-first)
	if r.time.spans[0].rateHz == 0 {
		begin, err := r.stampTime(0)
		if err != nil {
			return nil, err
		}
		unit := r.cfg.stampUnit()
		err = r.rows.marks(first, end, func(_ int64, _, stamp float64) error {
			times = append(times, stamp*unit-begin)
			return nil
		})
		return times, err
	}
	if r.time.watch != noColumn && r.time.scanned < end {
		err := r.rows.marks(r.time.scanned, end, func(row int64, number, stamp float64) error {
			r.time.observe(row, r.time.pick(number, stamp))
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	for row := first; row < end; row++ {
		times = append(times, r.time.at(row))
	}
	return times, nil
}

// pick returns the watched one of a row's two marks.
func (t *timeline) pick(number, stamp float64) float64 {
	if t.watch == numberColumn {
		return number
	}
	return stamp
}

// stampTime returns the time that the stamp of row says, in seconds.
func (r *Reader) stampTime(row int64) (at float64, err error) {
	err = r.rows.marks(row, row+1, func(_ int64, _, stamp float64) error {
		at = stamp * r.cfg.stampUnit()
		return nil
	})
	return at, err
}

// Close closes the record's files.
func (r *Reader) Close() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return err
}
