package sv

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"github.com/hepmeter/hepmeter/waveform"
)

// The least significant bits of 9-2LE, which IEC 61869-9 keeps as its defaults.
const (
	ampsPerBit  = 0.001
	voltsPerBit = 0.01
)

// dataSet is how a sample block is read.
type dataSet struct {
	// size is the length of a block in bytes.
	size int
	// scale is one value per channel: what an INT32 value counts, each followed by its
	// quality. It is nil where the channels are FLOAT32 without quality.
	scale    []float64
	channels []waveform.Channel
	format   string
}

// maxChannels bounds the channels of a stream; 61869-9 has up to 24.
const maxChannels = 64

// dataSetOf tells from the first ASDU of a stream what its blocks hold: INT32 and
// quality in pairs, currents before voltages (9-2LE has four of each), or FLOAT32 values
// and a time stamp.
func dataSetOf(a *ASDU) (dataSet, error) {
	n := len(a.Data)
	code, coded := parseVariant(a.DataSet)
	if !coded {
		code, coded = parseVariant(a.ID)
	}
	if n == 16 && !pairs(a.Data) {
		d := dataSet{size: n, format: "sv FLOAT32"}
		for i := range 2 {
			d.channels = append(d.channels, waveform.Channel{Name: strconv.Itoa(i + 1), Primary: 1, Secondary: 1})
		}
		return d, nil
	}
	if n == 0 || n%8 != 0 || n/8 > maxChannels {
		return dataSet{}, fmt.Errorf("svID %q: a sample block of %d bytes is no data set that is read: 8 bytes a channel (INT32 and quality), up to %d channels", a.ID, n, maxChannels)
	}
	if !coded || code.currents+code.voltages != n/8 {
		code.currents = (n/8 + 1) / 2
		code.voltages = n/8 - code.currents
	}
	d := dataSet{size: n, format: "sv 61869-9"}
	if n == 64 && a.Rate == 0 && a.Refresh == nil && a.Grandmaster == nil && !coded {
		d.format = "sv 9-2LE"
	}
	add := func(quantity, unit string, count int, scale float64) {
		for i := range count {
			name := quantity + " " + strconv.Itoa(i+1)
			if count <= 4 {
				name = quantity + string("abcn"[i])
			}
			d.channels = append(d.channels, waveform.Channel{Name: name, Unit: unit, Primary: 1, Secondary: 1, Values: waveform.Primary})
			d.scale = append(d.scale, scale)
		}
	}
	add("I", "A", code.currents, ampsPerBit)
	add("V", "V", code.voltages, voltsPerBit)
	return d, nil
}

// pairs reports whether every second word of a block can be a quality.
func pairs(data []byte) bool {
	for at := 4; at+4 <= len(data); at += 8 {
		if quality(binary.BigEndian.Uint32(data[at:]))&reservedBits != 0 {
			return false
		}
	}
	return true
}

// float reads a FLOAT32 channel.
func float(data []byte, channel int) float64 {
	v := float64(math.Float32frombits(binary.BigEndian.Uint32(data[4*channel:])))
	if v-v != 0 {
		return waveform.Missing
	}
	return v
}

// variant is the variant code of IEC 61869-9, FfSsIiUu: rate, samples a frame, and
// the numbers of currents and voltages.
type variant struct{ rate, asdus, currents, voltages int }

// parseVariant finds a variant code in a name.
func parseVariant(name []byte) (v variant, ok bool) {
	for i := range name {
		if name[i] != 'F' {
			continue
		}
		rest := name[i:]
		parsed := true
		for _, part := range [...]struct {
			letter byte
			value  *int
		}{{'F', &v.rate}, {'S', &v.asdus}, {'I', &v.currents}, {'U', &v.voltages}} {
			if len(rest) < 2 || rest[0] != part.letter || rest[1] < '0' || rest[1] > '9' {
				parsed = false
				break
			}
			*part.value = 0
			for rest = rest[1:]; len(rest) > 0 && rest[0] >= '0' && rest[0] <= '9' && *part.value < 1e6; rest = rest[1:] {
				*part.value = *part.value*10 + int(rest[0]-'0')
			}
		}
		if parsed && v.rate > 0 && v.currents+v.voltages > 0 {
			return v, true
		}
	}
	return variant{}, false
}
