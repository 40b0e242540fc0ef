package web

import (
	"encoding/binary"
	"encoding/json"
	"math"

	"github.com/hepmeter/hepmeter/access"
)

const (
	// shownCycles of the nominal frequency are one basic window at 50 Hz, 200 ms; at 60 Hz
	// they leave room to align.
	shownCycles = 10
	// buckets is into how many parts of the time a picture is cut: of each the lowest and
	// the highest sample are drawn, which is all that a screen of this width shows.
	buckets = 512
	// absent are the bits of a sample that is not there (-32768).
	absent = 0x8000
)

// pictureHeader describes a picture. Its bytes are the length of the header (uint32), the
// header as JSON with an even length, and for each channel its points as int16, all little
// endian. A sample is its number times the step of its channel.
type pictureHeader struct {
	// EndUTC is the time of the meter's last sample.
	EndUTC string `json:"end"`
	// Start is the time of the first point and Step that between two, in seconds; 0 is a
	// rising zero crossing of a voltage where the picture is aligned.
	Start    float64          `json:"start"`
	Step     float64          `json:"step"`
	Aligned  bool             `json:"aligned"`
	Points   int              `json:"points"`
	Channels []pictureChannel `json:"channels"`
}

type pictureChannel struct {
	Name string  `json:"name"`
	Unit string  `json:"unit"`
	Step float64 `json:"step"` // V or A of one count
}

// draw makes the picture of a waveform's newest window.
func draw(w *access.Waveform) []byte {
	shown := min(lengthOf(w), int(math.Round(shownCycles/w.NominalHz*w.RateHz)))
	first, late, aligned := align(w, shown)
	points := min(shown, 2*buckets)
	h := pictureHeader{EndUTC: w.End.UTC().Format("2006-01-02 15:04:05.000"), Aligned: aligned, Points: points, Channels: make([]pictureChannel, len(w.Channels))}
	if points > 0 {
		h.Start, h.Step = late/w.RateHz, float64(shown)/float64(points)/w.RateHz
	}
	for i, c := range w.Channels {
		h.Channels[i] = pictureChannel{c.Name, c.Unit, stepOf(c.Samples[first : first+shown])}
	}
	header, err := json.Marshal(h)
	if err != nil {
		panic(err) // numbers and texts always become JSON
	}
	if len(header)%2 != 0 {
		header = append(header, ' ')
	}
	out := make([]byte, 0, 4+len(header)+2*points*len(w.Channels))
	out = append(binary.LittleEndian.AppendUint32(out, uint32(len(header))), header...)
	for i, c := range w.Channels {
		out = appendSamples(out, c.Samples[first:first+shown], points, h.Channels[i].Step)
	}
	return out
}

// align finds where a picture of so many samples begins: at the latest rising zero
// crossing of the first voltage that has one with a whole picture behind it, so that the
// picture stands still. late is how many samples after the crossing the first one came.
func align(w *access.Waveform, shown int) (first int, late float64, aligned bool) {
	last := lengthOf(w) - shown
	for _, c := range w.Channels {
		if c.Unit != "V" || last < 1 {
			continue
		}
		// Noise around zero is no crossing: the wave has been well below before.
		low := float32(0)
		for _, v := range c.Samples {
			if v < low { // not where it is missing
				low = v
			}
		}
		low /= 4
		at, armed := -1, false
		for i := 1; i <= last && low < 0; i++ {
			switch v := c.Samples[i]; {
			case v < low:
				armed = true
			case v >= 0 && armed:
				at, armed = i, false
			}
		}
		if at < 0 {
			continue
		}
		if before, after := float64(c.Samples[at-1]), float64(c.Samples[at]); before < 0 {
			late = after / (after - before)
		}
		return at, late, true
	}
	return max(0, last), 0, false
}

func lengthOf(w *access.Waveform) int {
	if len(w.Channels) == 0 {
		return 0
	}
	return len(w.Channels[0].Samples)
}

// stepOf is what one step of an int16 stands for, so that the largest sample fits.
func stepOf(samples []float32) float64 {
	peak := float32(0)
	for _, v := range samples {
		if v > peak {
			peak = v
		}
		if -v > peak {
			peak = -v
		}
	}
	if peak == 0 || math.IsInf(float64(peak), 0) {
		return 1
	}
	return float64(peak) / math.MaxInt16
}

// appendSamples writes samples, or where there are more than points the lowest and the
// highest of each bucket, in the order in which they came.
func appendSamples(out []byte, samples []float32, points int, step float64) []byte {
	if len(samples) <= points {
		for _, v := range samples {
			out = binary.LittleEndian.AppendUint16(out, counts(v, step))
		}
		return out
	}
	for b := range points / 2 {
		part := samples[b*len(samples)/(points/2) : (b+1)*len(samples)/(points/2)]
		low, high := 0, 0
		for i, v := range part {
			if v < part[low] || part[low] != part[low] {
				low = i
			}
			if v > part[high] || part[high] != part[high] {
				high = i
			}
		}
		out = binary.LittleEndian.AppendUint16(out, counts(part[min(low, high)], step))
		out = binary.LittleEndian.AppendUint16(out, counts(part[max(low, high)], step))
	}
	return out
}

// counts is a sample in steps, as the bits of an int16.
func counts(v float32, step float64) uint16 {
	if v != v {
		return absent
	}
	return uint16(int16(max(-math.MaxInt16, min(math.MaxInt16, math.Round(float64(v)/step)))))
}
