package comtrade

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"github.com/hepmeter/hepmeter/waveform"
)

// encoder writes rows of a format.
type encoder struct {
	cfg    *Config
	unit   float64 // seconds of one unit of a time stamp
	most   float64
	factor []float64 // numbers per unit
}

func newEncoder(c *Config) encoder {
	e := encoder{cfg: c, unit: c.stampUnit(), most: c.Format.largest()}
	for _, ch := range c.Analog {
		e.factor = append(e.factor, 1/ch.A)
	}
	return e
}

// row appends sample k of b as row number (from 0) at a time.
func (e *encoder) row(out []byte, number int64, at float64, b *waveform.Block, k int) ([]byte, error) {
	stamp := int64(math.Round(at / e.unit))
	if e.cfg.Format == ASCII {
		return e.asciiRow(out, number, stamp, b, k)
	}
	out = binary.LittleEndian.AppendUint32(out, uint32(number+1))
	if uint32(stamp) == math.MaxUint32 {
		stamp-- // all ones would stand for a missing stamp
	}
	out = binary.LittleEndian.AppendUint32(out, uint32(stamp))
	for c := range b.Samples {
		v := b.Samples[c][k]
		missing := v-v != 0
		switch e.cfg.Format {
		case Float32:
			x := float32(v)
			if missing || x-x != 0 {
				x = -math.MaxFloat32
			}
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(x))
			continue
		case Binary:
			x, err := e.whole(c, v, missing, math.MinInt16)
			if err != nil {
				return out, err
			}
			out = binary.LittleEndian.AppendUint16(out, uint16(int16(x)))
		case Binary32:
			x, err := e.whole(c, v, missing, math.MinInt32)
			if err != nil {
				return out, err
			}
			out = binary.LittleEndian.AppendUint32(out, uint32(int32(x)))
		}
	}
	return out, nil
}

func (e *encoder) asciiRow(out []byte, number, stamp int64, b *waveform.Block, k int) ([]byte, error) {
	out = strconv.AppendInt(out, number+1, 10)
	out = append(out, ',')
	if stamp == math.MaxUint32 {
		stamp--
	}
	out = strconv.AppendInt(out, stamp, 10)
	for c := range b.Samples {
		v := b.Samples[c][k]
		x, err := e.whole(c, v, v-v != 0, 99999)
		if err != nil {
			return out, err
		}
		out = append(out, ',')
		out = strconv.AppendInt(out, x, 10)
	}
	return append(out, '\r', '\n'), nil
}

// whole returns the number that stands for v, or missing.
func (e *encoder) whole(c int, v float64, isMissing bool, missing int64) (int64, error) {
	if isMissing {
		return missing, nil
	}
	x := math.Round(v * e.factor[c])
	if math.Abs(x) > e.most {
		ch := &e.cfg.Analog[c]
		return 0, fmt.Errorf("comtrade: %g %s of channel %d (%s) is beyond its full scale of %g: state a larger one, or use FLOAT32", v, ch.Unit, c+1, ch.Name, ch.A*e.most)
	}
	return int64(x), nil
}
