package comtrade

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"path/filepath"
	"testing"

	"github.com/hepmeter/hepmeter/waveform"
)

// benchmarkRecord writes 8 channels at 51.2 kHz.
func benchmarkRecord(b *testing.B, format string, seconds float64) string {
	b.Helper()
	const channels, rate = 8, 51200.0
	info := waveform.Info{RateHz: rate, NominalHz: 50}
	full := make([]float64, channels)
	block := waveform.Block{RateHz: rate}
	block.Resize(channels, int(rate*0.1))
	for c := range channels {
		info.Channels = append(info.Channels, waveform.Channel{Name: "U", Unit: "V"})
		full[c] = 400
		for k := range block.Samples[c] {
			block.Samples[c][k] = 325 * math.Sin(2*math.Pi*50*float64(k)/rate+float64(c))
		}
	}
	path := filepath.Join(b.TempDir(), "bench.cfg")
	w, err := Create(path, Options{Format: format, Info: info, FullScale: full})
	if err != nil {
		b.Fatal(err)
	}
	for range int(seconds * 10) {
		if err := w.Write(&block); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return path
}

// BenchmarkDecode reads a record of 8 channels at 51.2 kHz, from the page cache.
// values/s are samples of single channels.
func BenchmarkDecode(b *testing.B) {
	for _, format := range []string{"BINARY", "BINARY32", "FLOAT32", "ASCII"} {
		b.Run(format, func(b *testing.B) {
			const seconds = 10
			r, err := Open(benchmarkRecord(b, format, seconds))
			if err != nil {
				b.Fatal(err)
			}
			defer r.Close()
			var block waveform.Block
			read := func() {
				if err := r.Rewind(); err != nil {
					b.Fatal(err)
				}
				for {
					if _, err := r.Next(context.Background(), &block, 4096); errors.Is(err, io.EOF) {
						return
					} else if err != nil {
						b.Fatal(err)
					}
				}
			}
			read()
			b.ReportAllocs()
			for b.Loop() {
				read()
			}
			b.ReportMetric(float64(b.N)*seconds*51200*8/b.Elapsed().Seconds()/1e6, "Mvalues/s")
		})
	}
}

// BenchmarkSampleWidth compares decoding BINARY rows of 8 channels into float64, as
// a Block holds them, and into float32.
func BenchmarkSampleWidth(b *testing.B) {
	const stride, channels = 24, 8
	src := make([]byte, chunkBytes)
	rows := len(src) / stride
	b.Run("float64", func(b *testing.B) {
		dst := make([]float64, rows)
		for b.Loop() {
			for c := range channels {
				decode16(dst, src[8+2*c:], stride, scaling{a: 1.5, b: 2})
			}
		}
		b.ReportMetric(float64(b.N)*float64(rows*channels)/b.Elapsed().Seconds()/1e6, "Mvalues/s")
	})
	b.Run("float32", func(b *testing.B) {
		dst := make([]float32, rows)
		nan := float32(math.NaN())
		for b.Loop() {
			for c := range channels {
				o := 8 + 2*c
				for i := range dst {
					x := int16(binary.LittleEndian.Uint16(src[o:]))
					o += stride
					v := 1.5*float32(x) + 2
					if x == math.MinInt16 {
						v = nan
					}
					dst[i] = v
				}
			}
		}
		b.ReportMetric(float64(b.N)*float64(rows*channels)/b.Elapsed().Seconds()/1e6, "Mvalues/s")
	})
}
