// Package wav reads and writes RIFF/WAVE files as waveforms: PCM of 16, 24 and 32 bits
// and IEEE float of 32 and 64, plain or extensible, and RF64 beyond 4 GiB.
//
// A WAVE file knows no volts: full scale is 1 unless Options or the chunk that this
// package writes say what it means.
package wav

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"time"

	"github.com/hepmeter/hepmeter/waveform"
)

// Options say what the channels are.
type Options struct {
	// Inputs names the channels in their order; blank where the file tells, else channels
	// have their number for a name.
	Inputs []waveform.Role
	// Volts and Amps are what full scale means for voltages and currents; 0 is 1, or what
	// the file says.
	Volts, Amps float64
}

// The format tags of a fmt chunk.
const (
	tagPCM        = 1
	tagFloat      = 3
	tagExtensible = 0xfffe
)

const (
	maxChannels = 256
	maxChunk    = 1 << 16 // of those that are read whole
)

// chunkID names the chunk of this project's own, in JSON.
const chunkID = "hepm"

// description is what that chunk says.
type description struct {
	Start     *time.Time           `json:"start,omitempty"`
	NominalHz float64              `json:"nominal_hz,omitempty"`
	Channels  []channelDescription `json:"channels"`
}

type channelDescription struct {
	Name      string  `json:"name"`
	Unit      string  `json:"unit,omitempty"`
	FullScale float64 `json:"full_scale"`
	Side      string  `json:"side,omitempty"`
	Primary   float64 `json:"primary,omitempty"`
	Secondary float64 `json:"secondary,omitempty"`
}

// Reader is a WAVE file as a waveform.Source.
type Reader struct {
	in    io.ReadSeeker
	close func() error
	info  waveform.Info
	// width is the bytes of a value, float its kind, frame the bytes of an instant.
	width, frame int
	float        bool
	scale        []float64
	// data is where the samples begin.
	data int64
	next int64
	buf  []byte
}

// Open opens a WAVE file.
func Open(path string, o Options) (*Reader, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := newReader(file, o)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r.close = file.Close
	return r, nil
}

// header gathers what the chunks say.
type header struct {
	at     int64 // where the next chunk begins
	size   int64 // of the file
	format []byte
	about  *description
	big    int64 // size of the data chunk that ds64 states, -1 without
	data   int64
	length int64
}

func newReader(in io.ReadSeeker, o Options) (*Reader, error) {
	h := header{big: -1}
	var err error
	if h.size, err = in.Seek(0, io.SeekEnd); err != nil {
		return nil, err
	}
	if _, err = in.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	var riff [12]byte
	if _, err := io.ReadFull(in, riff[:]); err != nil {
		return nil, fmt.Errorf("no WAVE file: %d bytes, want 12 of header", h.size)
	}
	if id := string(riff[:4]); id != "RIFF" && id != "RF64" || string(riff[8:]) != "WAVE" {
		return nil, fmt.Errorf("no WAVE file: it begins with %q ... %q, want RIFF or RF64 ... WAVE", riff[:4], riff[8:])
	}
	h.at = 12
	r := &Reader{in: in, close: func() error { return nil }}
	for h.data == 0 {
		if err := r.chunk(&h); err != nil {
			return nil, err
		}
	}
	r.info.Format = "wav"
	if err := r.shape(&h); err != nil {
		return nil, err
	}
	if err := r.about(&h, o); err != nil {
		return nil, err
	}
	return r, r.Rewind()
}

// chunk reads the chunk at h.at, and the data chunk's place.
func (r *Reader) chunk(h *header) error {
	var head [8]byte
	if _, err := r.in.Seek(h.at, io.SeekStart); err != nil {
		return err
	}
	if _, err := io.ReadFull(r.in, head[:]); err != nil {
		return fmt.Errorf("byte %d: the file ends before a data chunk", h.at)
	}
	id, size := string(head[:4]), int64(binary.LittleEndian.Uint32(head[4:]))
	body := h.at + 8
	fail := func(format string, args ...any) error {
		return fmt.Errorf("chunk %q at byte %d: %s", id, h.at, fmt.Sprintf(format, args...))
	}
	whole := func(least int64) ([]byte, error) {
		if size < least || size > maxChunk {
			return nil, fail("%d bytes, want %d to %d", size, least, maxChunk)
		}
		b := make([]byte, size)
		if _, err := io.ReadFull(r.in, b); err != nil {
			return nil, fail("%d bytes, the file ends within", size)
		}
		return b, nil
	}
	switch id {
	case "fmt ":
		b, err := whole(16)
		if err != nil {
			return err
		}
		h.format = b
	case "ds64":
		b, err := whole(24)
		if err != nil {
			return err
		}
		h.big = int64(binary.LittleEndian.Uint64(b[8:]))
	case chunkID:
		b, err := whole(2)
		if err != nil {
			return err
		}
		h.about = new(description)
		if err := json.Unmarshal(b, h.about); err != nil {
			return fail("%v", err)
		}
	case "data":
		if h.format == nil {
			return fail("no fmt chunk stands before it")
		}
		h.data, h.length = body, size
		if size == math.MaxUint32 && h.big >= 0 {
			h.length = h.big
		}
		if left := h.size - body; h.length > left || size == 0 && left > 0 || size == math.MaxUint32 && h.big < 0 {
			// A recorder that was cut off has not filled in the length, or not reached it.
			r.warn(fmt.Sprintf("the data chunk says %d bytes, the file has %d: what is there is read", h.length, left))
			h.length = left
		}
		return nil
	}
	end := body + size + size&1
	if end > h.size {
		return fail("%d bytes, the file ends within", size)
	}
	h.at = end
	return nil
}

func (r *Reader) warn(text string) { r.info.Warnings = append(r.info.Warnings, text) }

// shape reads the fmt chunk.
func (r *Reader) shape(h *header) error {
	f := h.format
	tag := binary.LittleEndian.Uint16(f)
	channels := int(binary.LittleEndian.Uint16(f[2:]))
	rate := binary.LittleEndian.Uint32(f[4:])
	r.frame = int(binary.LittleEndian.Uint16(f[12:]))
	width := int(binary.LittleEndian.Uint16(f[14:]))
	if tag == tagExtensible && len(f) >= 40 {
		tag = binary.LittleEndian.Uint16(f[24:]) // the subformat's first bytes
	}
	r.float, r.width = tag == tagFloat, width/8
	good := tag == tagPCM && (width == 16 || width == 24 || width == 32) || tag == tagFloat && (width == 32 || width == 64)
	switch {
	case !good:
		return fmt.Errorf("chunk \"fmt \": format %d of %d bits is not read: PCM (1) of 16, 24, 32 bits and float (3) of 32, 64 are", tag, width)
	case channels < 1 || channels > maxChannels:
		return fmt.Errorf("chunk \"fmt \": %d channels: 1 to %d are read", channels, maxChannels)
	case rate == 0:
		return errors.New("chunk \"fmt \": a sampling rate of 0")
	case r.frame != channels*r.width:
		return fmt.Errorf("chunk \"fmt \": %d bytes for an instant of %d channels of %d bits", r.frame, channels, width)
	}
	r.data = h.data
	r.info.RateHz = float64(rate)
	r.info.Samples = h.length / int64(r.frame)
	if rest := h.length % int64(r.frame); rest != 0 {
		r.warn(fmt.Sprintf("the last instant has %d of %d bytes: it is left out", rest, r.frame))
	}
	if r.info.Samples == 0 {
		return fmt.Errorf("chunk \"data\" at byte %d: no samples", h.data-8)
	}
	r.info.Channels = make([]waveform.Channel, channels)
	r.scale = make([]float64, channels)
	for i := range r.info.Channels {
		r.info.Channels[i] = waveform.Channel{Name: strconv.Itoa(i + 1), Primary: 1, Secondary: 1}
		r.scale[i] = 1
	}
	return nil
}

// about names and scales the channels: by the file's own chunk, then by the options.
func (r *Reader) about(h *header, o Options) error {
	channels := r.info.Channels
	if d := h.about; d != nil {
		if len(d.Channels) != len(channels) {
			return fmt.Errorf("chunk %q describes %d channels, the file has %d", chunkID, len(d.Channels), len(channels))
		}
		r.info.NominalHz = d.NominalHz
		if d.Start != nil {
			r.info.Start = d.Start.UTC()
		}
		for i, c := range d.Channels {
			channels[i].Name, channels[i].Unit = c.Name, c.Unit
			if c.Primary > 0 && c.Secondary > 0 {
				channels[i].Primary, channels[i].Secondary = c.Primary, c.Secondary
			}
			for _, side := range []waveform.Side{waveform.Primary, waveform.Secondary} {
				if c.Side == side.String() {
					channels[i].Values = side
				}
			}
			if r.scale[i] = c.FullScale; !(c.FullScale > 0) || math.IsInf(c.FullScale, 0) {
				return fmt.Errorf("chunk %q: channel %d has a full scale of %g", chunkID, i+1, c.FullScale)
			}
		}
	}
	if o.Inputs != nil {
		if len(o.Inputs) != len(channels) {
			return fmt.Errorf("%d channels are named, the file has %d", len(o.Inputs), len(channels))
		}
		for i, role := range o.Inputs {
			channels[i].Name, channels[i].Unit = role.String(), "V"
			if role.IsCurrent() {
				channels[i].Unit = "A"
			}
		}
	}
	for _, s := range []struct {
		option, unit string
		scale        float64
	}{{"vscale", "V", o.Volts}, {"iscale", "A", o.Amps}} {
		found := s.scale == 0
		for i := range channels {
			if s.scale != 0 && channels[i].Unit == s.unit {
				r.scale[i], found = s.scale, true
			}
		}
		if !found {
			return fmt.Errorf("%s=%g: no channel is known to be in %s: name them all, as in channels=V1,V2,V3,I1,I2,I3", s.option, s.scale, s.unit)
		}
	}
	return nil
}

// Info describes the file.
func (r *Reader) Info() waveform.Info { return r.info }

// Close closes the file.
func (r *Reader) Close() error { return r.close() }

// Rewind makes the next Block the first one again.
func (r *Reader) Rewind() error {
	_, err := r.in.Seek(r.data, io.SeekStart)
	r.next = 0
	return err
}

// Times returns the times of the samples first to end, in seconds since the first.
func (r *Reader) Times(first, end int64) ([]float64, error) {
	if first < 0 || end < first || end > r.info.Samples || end-first > math.MaxInt32 {
		return nil, fmt.Errorf("samples %d to %d: the file has %d", first, end, r.info.Samples)
	}
	times := make([]float64, end-first)
	for i := range times {
		times[i] = float64(first+int64(i)) / r.info.RateHz
	}
	return times, nil
}

// Next reads up to max samples.
func (r *Reader) Next(ctx context.Context, b *waveform.Block, max int) (int, error) {
	n := int(min(int64(max), r.info.Samples-r.next))
	if err := ctx.Err(); err != nil || n <= 0 {
		b.Resize(len(r.scale), 0)
		if err == nil {
			err = io.EOF
		}
		return 0, err
	}
	const most = 1 << 20 // bytes at once
	n = min(n, most/r.frame)
	if cap(r.buf) < n*r.frame {
		r.buf = make([]byte, n*r.frame)
	}
	buf := r.buf[:n*r.frame]
	if got, err := io.ReadFull(r.in, buf); err != nil {
		b.Resize(len(r.scale), 0)
		return 0, fmt.Errorf("chunk \"data\": byte %d: %w", r.data+r.next*int64(r.frame)+int64(got), err)
	}
	b.Resize(len(r.scale), n)
	b.First, b.RateHz, b.Gap = r.next, r.info.RateHz, false
	b.Start = float64(r.next) / r.info.RateHz
	for c, scale := range r.scale {
		r.channel(b.Samples[c], buf[c*r.width:], scale)
	}
	r.next += int64(n)
	return n, nil
}

// channel reads one channel's values; what is not finite is missing.
func (r *Reader) channel(to []float64, from []byte, scale float64) {
	read := func(at int) float64 { return float64(int16(binary.LittleEndian.Uint16(from[at:]))) }
	one := scale / (1 << 15)
	switch {
	case r.float && r.width == 4:
		one = scale
		read = func(at int) float64 {
			return float64(math.Float32frombits(binary.LittleEndian.Uint32(from[at:])))
		}
	case r.float:
		one = scale
		read = func(at int) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(from[at:])) }
	case r.width == 3:
		one = scale / (1 << 23)
		read = func(at int) float64 {
			return float64(int32(uint32(from[at])<<8|uint32(from[at+1])<<16|uint32(from[at+2])<<24) >> 8)
		}
	case r.width == 4:
		one = scale / (1 << 31)
		read = func(at int) float64 { return float64(int32(binary.LittleEndian.Uint32(from[at:]))) }
	}
	for k := range to {
		v := read(k*r.frame) * one
		if v-v != 0 {
			v = waveform.Missing
		}
		to[k] = v
	}
}
