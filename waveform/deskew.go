package waveform

import (
	"context"
	"errors"
	"io"
	"math"
)

// Deskew returns a Source whose channels are all taken at the same instants: each is
// moved by its SkewSeconds, how much later than the record's time it was sampled,
// with a windowed-sinc interpolator of 48 taps (error below 1e-5 of amplitude up to
// 0.8 of half the sampling rate). Where no channel has a skew it returns src itself.
// It closes src when closed.
//
// A run without a hole is moved by itself. Near its ends, where the taps do not
// reach, fewer points serve; instants more than two samples outside of a channel's
// own are left out. src must hold no missing samples (see Selected): each would spread
// over the taps.
func Deskew(src Source) Source {
	d := &deskewed{src: src}
	some := false
	for _, ch := range src.Info().Channels {
		d.skews = append(d.skews, ch.SkewSeconds)
		some = some || ch.SkewSeconds != 0
	}
	if !some {
		return src
	}
	if _, ok := src.(Rewinder); ok {
		return &rewindableDeskewed{d}
	}
	return d
}

type deskewed struct {
	src   Source
	skews []float64

	delays      []delay // per channel, for rateHz
	rateHz      float64
	reach       int // samples beyond an instant that the longest delay needs
	lead, trail int // instants left out at the ends of a run

	delivered int64

	in      Block
	run     Block // the run so far: history, and what is not yet delivered
	next    int   // index in run of the next sample to deliver
	begun   bool  // run.Samples[.][0] is the first sample of the run
	ended   bool  // nothing more joins the run
	spare   bool  // in holds the first block of the next run
	drained bool  // src ended
	readErr error
	// qualified is the number of samples of run after the last one that run.Quality is
	// about.
	qualified int
}

type rewindableDeskewed struct{ *deskewed }

// Rewind makes the next Block the first one again.
func (d *rewindableDeskewed) Rewind() error {
	r := d.src.(Rewinder)
	*d.deskewed = deskewed{src: d.src, skews: d.skews, delays: d.delays, rateHz: d.rateHz, reach: d.reach, lead: d.lead, trail: d.trail}
	return r.Rewind()
}

func (d *deskewed) Info() Info {
	info := d.src.Info()
	channels := make([]Channel, len(info.Channels))
	copy(channels, info.Channels)
	for i := range channels {
		channels[i].SkewSeconds = 0
	}
	info.Channels = channels
	return info
}

func (d *deskewed) Close() error { return d.src.Close() }

// Next delivers what can be computed of the run; it reads on until that is
// something.
func (d *deskewed) Next(ctx context.Context, b *Block, max int) (int, error) {
	for {
		n := d.ready()
		if n > 0 {
			return d.deliver(b, min(n, max)), nil
		}
		if d.ended {
			if d.drained {
				b.Resize(len(d.skews), 0)
				return 0, d.readErr
			}
			d.startRun()
		}
		if err := d.read(ctx, max); err != nil {
			return 0, err
		}
	}
}

// ready returns how many samples of the run can be delivered.
func (d *deskewed) ready() int {
	if d.ended {
		return d.run.Len() - d.trail - d.next
	}
	return d.run.Len() - d.reach - d.next
}

func (d *deskewed) startRun() {
	d.run.Resize(len(d.skews), 0)
	d.next, d.begun, d.ended = 0, false, false
	d.run.Quality = d.run.Quality[:0]
}

// read appends the next block to the run, or ends it.
func (d *deskewed) read(ctx context.Context, max int) error {
	if !d.spare {
		_, err := d.src.Next(ctx, &d.in, max)
		if errors.Is(err, io.EOF) {
			d.ended, d.drained, d.readErr = true, true, io.EOF
			return nil
		}
		if err != nil {
			return err
		}
	}
	if d.run.Len() > 0 && !d.spare && (d.in.Gap || d.in.RateHz != d.run.RateHz) {
		d.spare, d.ended = true, true
		return nil
	}
	d.spare = false
	if d.run.Len() == 0 {
		d.run.Resize(len(d.skews), 0)
		d.run.Origin, d.run.Start, d.run.RateHz, d.run.Gap = d.in.Origin, d.in.Start, d.in.RateHz, d.in.Gap
		d.tune(d.in.RateHz)
		d.begun, d.next = true, d.lead
	}
	d.trim()
	for c := range d.run.Samples {
		d.run.Samples[c] = append(d.run.Samples[c], d.in.Samples[c]...)
	}
	d.qualify()
	return nil
}

// qualify takes over what is held against the block just read. It stays as long as its
// samples are in reach.
func (d *deskewed) qualify() {
	if len(d.in.Quality) == 0 {
		return
	}
	d.run.Quality = append(d.run.Quality, make([]Quality, len(d.skews)-len(d.run.Quality))...)
	for c := range d.run.Quality {
		d.run.Quality[c] |= d.in.QualityOf(c)
	}
	d.qualified = d.run.Len()
}

// trim drops the history that no delay needs any more.
func (d *deskewed) trim() {
	drop := d.next - d.reach
	if drop <= 0 {
		return
	}
	for c, s := range d.run.Samples {
		d.run.Samples[c] = s[:copy(s, s[drop:])]
	}
	if d.run.RateHz > 0 {
		d.run.Start += float64(drop) / d.run.RateHz
	}
	d.run.Origin += int64(drop)
	d.run.Gap, d.begun = false, false
	d.next -= drop
	if d.qualified -= drop; d.qualified <= 0 {
		d.run.Quality = d.run.Quality[:0]
	}
}

// deliver computes the next n samples into b.
func (d *deskewed) deliver(b *Block, n int) int {
	b.Resize(len(d.skews), n)
	b.First, b.Origin = d.delivered, d.run.Origin+int64(d.next)
	b.Start, b.RateHz = d.run.Start, d.run.RateHz
	if d.run.RateHz > 0 {
		b.Start += float64(d.next) / d.run.RateHz
	}
	b.Gap = d.run.Gap && d.begun && d.next == d.lead && d.delivered > 0
	b.Quality = append(b.Quality[:0], d.run.Quality...)
	for c := range b.Samples {
		d.delays[c].apply(b.Samples[c], d.run.Samples[c], d.next)
	}
	d.next += n
	d.delivered += int64(n)
	return n
}

// tune computes the interpolators for a rate.
func (d *deskewed) tune(rateHz float64) {
	if d.delays != nil && d.rateHz == rateHz {
		return
	}
	d.rateHz, d.reach, d.lead, d.trail = rateHz, 0, 0, 0
	d.delays = make([]delay, len(d.skews))
	for c, skew := range d.skews {
		d.delays[c] = newDelay(skew * rateHz)
		if d.delays[c].moves() {
			d.reach = max(d.reach, tapsEachSide+abs(d.delays[c].whole)+1)
		}
		d.lead = max(d.lead, int(math.Ceil(-outsideMost-d.delays[c].shift())))
		d.trail = max(d.trail, int(math.Ceil(d.delays[c].shift()-outsideMost)))
	}
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}

// tapsEachSide is half the length of the interpolator.
const tapsEachSide = 24

// delay takes sample k from position k + whole + fraction of what was stored.
type delay struct {
	whole    int
	fraction float64 // 0..1
	taps     [2 * tapsEachSide]float64
}

// newDelay undoes a lateness in samples: the value at an instant was stored that
// much earlier.
func newDelay(late float64) delay {
	position := -late
	whole := math.Floor(position)
	d := delay{whole: int(whole), fraction: position - whole}
	switch {
	case d.fraction < 1e-9:
		d.fraction = 0
		return d
	case d.fraction > 1-1e-9:
		d.whole++
		d.fraction = 0
		return d
	}
	// Tap i weighs the sample i-tapsEachSide+1 after whole. The Kaiser window's beta
	// puts the ripple near 110 dB down and, at this length, ends the passband at 0.83
	// of half the rate.
	const beta = 11.5
	sum := 0.0
	for i := range d.taps {
		x := float64(i-tapsEachSide+1) - d.fraction
		w := x / tapsEachSide
		d.taps[i] = math.Sin(math.Pi*x) / (math.Pi * x) * besselI0(beta*math.Sqrt(max(0, 1-w*w))) / besselI0(beta)
		sum += d.taps[i]
	}
	for i := range d.taps {
		d.taps[i] /= sum // a constant stays what it is
	}
	return d
}

// shift is how many samples later than its instant a value is stored.
func (d *delay) shift() float64 { return float64(d.whole) + d.fraction }

func (d *delay) moves() bool { return d.whole != 0 || d.fraction != 0 }

// besselI0 is the modified Bessel function of order 0.
func besselI0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > 1e-17*sum; k++ {
		term *= (x / (2 * k)) * (x / (2 * k))
		sum += term
	}
	return sum
}

// apply computes dst from the samples of src at from on.
func (d *delay) apply(dst, src []float64, from int) {
	if !d.moves() {
		copy(dst, src[from:])
		return
	}
	for k := range dst {
		at := from + k + d.whole // the sample before the wanted instant
		lo, hi := at-tapsEachSide+1, at+tapsEachSide+1
		switch {
		case lo < 0 || hi > len(src):
			dst[k] = d.edge(src, at)
		case d.fraction == 0:
			dst[k] = src[at]
		default:
			dst[k] = dot(&d.taps, src[lo:hi])
		}
	}
}

func dot(taps *[2 * tapsEachSide]float64, samples []float64) float64 {
	x := (*[2 * tapsEachSide]float64)(samples) // no bounds to check in the loop
	var a, b, c, e float64
	for i := 0; i <= 2*tapsEachSide-4; i += 4 {
		a += taps[i] * x[i]
		b += taps[i+1] * x[i+1]
		c += taps[i+2] * x[i+2]
		e += taps[i+3] * x[i+3]
	}
	return a + b + (c + e)
}

// edgePoints is the number of points of the polynomial that serves near the ends.
const edgePoints = 8

// outsideMost is how many samples outside of a run its values are extrapolated.
const outsideMost = 2

// edge interpolates at position at+fraction by the polynomial through the nearest
// samples there are. Outside of them it extrapolates, with fewer points, since a high
// polynomial runs away.
func (d *delay) edge(src []float64, at int) float64 {
	position := float64(at) + d.fraction
	last := float64(len(src) - 1)
	outside := max(-position, position-last)
	points := min(edgePoints, len(src))
	if outside > 0 {
		points = min(4, len(src))
	}
	lo := at - points/2 + 1
	lo = max(0, min(lo, len(src)-points))
	v := 0.0
	for i := lo; i < lo+points; i++ {
		weight := 1.0
		for j := lo; j < lo+points; j++ {
			if j != i {
				weight *= (position - float64(j)) / float64(i-j)
			}
		}
		v += weight * src[i]
	}
	return v
}
