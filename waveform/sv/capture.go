package sv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sort"

	"github.com/hepmeter/hepmeter/waveform"
	"github.com/hepmeter/hepmeter/wire/pcap"
)

// Capture is a stream in a capture file. It is read once when it is opened, so that its
// length is known.
type Capture struct {
	*Source
	file *captureFile
	// pieces are the runs without a hole: the first sample of each and its time.
	pieces []piece
}

type piece struct {
	first  int64
	startS float64
}

// Open opens a .pcap or .pcapng. id is the svID of the stream; blank takes the only one,
// and lists them where there are several.
func Open(path, id string, o Options) (*Capture, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	c, err := openCapture(file, path, id, o)
	if err != nil {
		file.Close()
		return nil, err
	}
	return c, nil
}

// captureFile is the frames of a file.
type captureFile struct {
	in     io.ReadSeeker
	close_ func() error
	path   string
	reader *pcap.Reader
	// cut is where the file ends within a packet, or cannot be read on.
	cut error
}

func (f *captureFile) rewind() error {
	if _, err := f.in.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r, err := pcap.NewReader(f.in)
	if err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	f.reader = r
	return nil
}

// next returns the next frame. A file that was cut off ends where it was cut.
func (f *captureFile) next(ctx context.Context) ([]byte, int64, error) {
	for {
		k, err := f.reader.Next()
		if errors.Is(err, io.ErrUnexpectedEOF) {
			f.cut = err
			return nil, 0, io.EOF
		}
		if err == io.EOF {
			return nil, 0, io.EOF
		}
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w", f.path, err)
		}
		if k.LinkType == pcap.Ethernet {
			return k.Data, k.TimeNS, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
	}
}

func (f *captureFile) drops() int64 { return 0 }

func (f *captureFile) close() error { return f.close_() }

func openCapture(file io.ReadSeekCloser, path, id string, o Options) (*Capture, error) {
	f := &captureFile{in: file, close_: file.Close, path: path}
	if err := f.rewind(); err != nil {
		return nil, err
	}
	ctx := context.Background()
	var found survey
	for {
		packet, timeNS, err := f.next(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		found.add(packet, timeNS)
	}
	st, err := found.choose(id, path)
	if err != nil {
		return nil, err
	}
	if st.real == 0 && !o.TestMode {
		return nil, fmt.Errorf("%s: every frame of svID %q is marked as simulated: ?test=1 reads them", path, st.id)
	}
	source, err := newSource(f, st, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	c := &Capture{Source: source, file: f}
	return c, c.measure(&found, st)
}

// measure reads the stream through, to know its length, its holes and what to warn of.
func (c *Capture) measure(found *survey, st *stream) error {
	if err := c.Rewind(); err != nil {
		return err
	}
	var b waveform.Block
	samples := int64(0)
	for {
		n, err := c.Next(context.Background(), &b, 1<<12)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if samples == 0 || b.Gap {
			c.pieces = append(c.pieces, piece{samples, b.Start})
		}
		samples += int64(n)
	}
	c.info.Samples = samples
	_, _, how, _ := st.timing()
	warn := func(text string) { c.info.Warnings = append(c.info.Warnings, text) }
	if how != "smpRate" && how != "its variant code" && how != "the wrap of smpCnt" {
		warn(fmt.Sprintf("the sampling rate of %g Hz is told from %s", c.info.RateHz, how))
	}
	if c.file.cut != nil {
		warn(fmt.Sprintf("the capture ends within a packet (%v): what is before it is read", c.file.cut))
	}
	if found.malformed > 0 {
		warn(fmt.Sprintf("%d frames could not be read, the first for: %v", found.malformed, found.firstError))
	}
	if st.simulated > 0 && st.real > 0 {
		warn(fmt.Sprintf("%d samples are marked as simulated", st.simulated))
	}
	c.info.Warnings = append(c.info.Warnings, c.Counters().warnings()...)
	return c.Rewind()
}

// Rewind makes the next Block the first one again.
func (c *Capture) Rewind() error {
	if err := c.file.rewind(); err != nil {
		return err
	}
	c.order.reset()
	c.frame.ASDUs = c.frame.ASDUs[:0]
	c.at, c.ended, c.held, c.delivered, c.begun = 0, false, nil, 0, false
	clear(c.words)
	clear(c.missing)
	clear(c.quality)
	c.synched = true
	return nil
}

// Times returns the times of the samples first to end, in seconds since the first.
func (c *Capture) Times(first, end int64) ([]float64, error) {
	if first < 0 || end < first || end > c.info.Samples {
		return nil, fmt.Errorf("samples %d to %d: the stream has %d", first, end, c.info.Samples)
	}
	if end-first > math.MaxInt32 {
		return nil, fmt.Errorf("samples %d to %d are too many at once", first, end)
	}
	times := make([]float64, end-first)
	at := sort.Search(len(c.pieces), func(i int) bool { return c.pieces[i].first > first }) - 1
	for i := range times {
		k := first + int64(i)
		for at+1 < len(c.pieces) && c.pieces[at+1].first <= k {
			at++
		}
		times[i] = c.pieces[at].startS + float64(k-c.pieces[at].first)/c.info.RateHz
	}
	return times, nil
}
