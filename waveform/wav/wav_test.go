package wav

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/waveform"
)

// chunk is a RIFF chunk, padded to an even length.
func chunk(id string, body []byte) []byte {
	b := append([]byte(id), binary.LittleEndian.AppendUint32(nil, uint32(len(body)))...)
	b = append(b, body...)
	if len(body)%2 != 0 {
		b = append(b, 0)
	}
	return b
}

func riff(chunks ...[]byte) []byte {
	body := append([]byte("WAVE"), bytes.Join(chunks, nil)...)
	return append(append([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, uint32(len(body)))...), body...)
}

// format is a fmt chunk; extended wraps the tag in WAVE_FORMAT_EXTENSIBLE.
func format(tag uint16, channels, rate, bits int, extended bool) []byte {
	le := binary.LittleEndian
	outer := tag
	if extended {
		outer = tagExtensible
	}
	b := le.AppendUint16(nil, outer)
	b = le.AppendUint16(b, uint16(channels))
	b = le.AppendUint32(b, uint32(rate))
	b = le.AppendUint32(b, uint32(rate*channels*bits/8))
	b = le.AppendUint16(b, uint16(channels*bits/8))
	b = le.AppendUint16(b, uint16(bits))
	if extended {
		b = le.AppendUint16(b, 22)
		b = le.AppendUint16(b, uint16(bits))
		b = le.AppendUint32(b, 3)
		b = le.AppendUint16(b, tag)
		b = append(b, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71)
	}
	return chunk("fmt ", b)
}

func open(t testing.TB, file []byte, o Options) (*Reader, error) {
	t.Helper()
	return newReader(bytes.NewReader(file), o)
}

// values reads all samples, as text.
func values(t testing.TB, r waveform.Source) string {
	t.Helper()
	var parts []string
	var b waveform.Block
	for {
		n, err := r.Next(context.Background(), &b, 2)
		if errors.Is(err, io.EOF) {
			return strings.Join(parts, " ")
		}
		if err != nil {
			t.Fatal(err)
		}
		for k := range n {
			for _, x := range b.Samples {
				parts = append(parts, fmt.Sprintf("%g", x[k]))
			}
		}
	}
}

func TestReads(t *testing.T) {
	le := binary.LittleEndian
	f32 := func(list ...float32) (b []byte) {
		for _, v := range list {
			b = le.AppendUint32(b, math.Float32bits(v))
		}
		return b
	}
	f64 := func(list ...float64) (b []byte) {
		for _, v := range list {
			b = le.AppendUint64(b, math.Float64bits(v))
		}
		return b
	}
	i16 := []byte{0, 0x40, 0, 0x80, 0xff, 0x7f, 0, 0} // 1/2, -1, almost 1, 0
	pcm := format(tagPCM, 1, 8000, 16, false)
	ds64 := chunk("ds64", append(append(le.AppendUint64(nil, 0), le.AppendUint64(nil, 8)...), le.AppendUint64(nil, 4)...))
	rf64 := riff(ds64, pcm, chunk("data", i16))
	copy(rf64, "RF64")
	copy(rf64[len(rf64)-12:], []byte{0xff, 0xff, 0xff, 0xff})
	const sixteen = "0.5 -1 0.999969482421875 0"
	for name, row := range map[string]struct {
		file          []byte
		options       Options
		want, warning string
	}{
		"PCM 16":                   {riff(pcm, chunk("data", i16)), Options{}, sixteen, ""},
		"PCM 24":                   {riff(format(tagPCM, 1, 8000, 24, false), chunk("data", []byte{0, 0, 0x40, 0, 0, 0x80, 0xff, 0xff, 0xff})), Options{}, "0.5 -1 -1.1920928955078125e-07", ""},
		"PCM 32, extensible":       {riff(format(tagPCM, 2, 8000, 32, true), chunk("data", []byte{0, 0, 0, 0x40, 0, 0, 0, 0x80})), Options{}, "0.5 -1", ""},
		"float 32":                 {riff(format(tagFloat, 1, 8000, 32, false), chunk("data", f32(230.5, float32(math.NaN()), float32(math.Inf(1))))), Options{}, "230.5 NaN NaN", ""},
		"float 64, extensible":     {riff(format(tagFloat, 1, 8000, 64, true), chunk("data", f64(0.1, -1e9))), Options{}, "0.1 -1e+09", ""},
		"odd chunks before data":   {riff(chunk("JUNK", []byte("odd")), pcm, chunk("LIST", []byte("INFOx")), chunk("data", i16), chunk("id3 ", nil)), Options{}, sixteen, ""},
		"RF64":                     {rf64, Options{}, sixteen, ""},
		"length never filled in":   {riff(pcm, append([]byte("data\x00\x00\x00\x00"), i16...)), Options{}, sixteen, "says 0 bytes, the file has 8"},
		"cut":                      {riff(pcm, chunk("data", i16))[:50], Options{}, "0.5 -1 0.999969482421875", "says 8 bytes, the file has 6"},
		"cut within an instant":    {riff(pcm, chunk("data", i16))[:49], Options{}, "0.5 -1", "the last instant has 1 of 2 bytes"},
		"full scale in the option": {riff(pcm, chunk("data", i16)), Options{Inputs: []waveform.Role{waveform.V1}, Volts: 400}, "200 -400 399.98779296875 0", ""},
		"scales by kind": {riff(format(tagPCM, 2, 8000, 16, false), chunk("data", i16)), Options{Inputs: []waveform.Role{waveform.V1, waveform.I1}, Volts: 400, Amps: 10},
			"200 -10 399.98779296875 0", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := open(t, row.file, row.options)
			if err != nil {
				t.Fatal(err)
			}
			if got := values(t, r); got != row.want {
				t.Errorf("%s, want %s", got, row.want)
			}
			warnings := strings.Join(r.Info().Warnings, "; ")
			if !strings.Contains(warnings, row.warning) || row.warning == "" && warnings != "" {
				t.Errorf("warnings %q, want %q", warnings, row.warning)
			}
			if err := r.Rewind(); err != nil {
				t.Fatal(err)
			}
			if got := values(t, r); got != row.want {
				t.Errorf("once more %s, want %s", got, row.want)
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	pcm := format(tagPCM, 1, 8000, 16, false)
	data := chunk("data", []byte{0, 0})
	for name, row := range map[string]struct {
		file    []byte
		options Options
		want    string
	}{
		"empty":             {nil, Options{}, "no WAVE file: 0 bytes"},
		"another file":      {[]byte("RIFF\x00\x00\x00\x00AVI ...."), Options{}, "\"AVI \""},
		"no data":           {riff(pcm), Options{}, "byte 36: the file ends before a data chunk"},
		"data before fmt":   {riff(data, pcm), Options{}, `chunk "data" at byte 12: no fmt chunk stands before it`},
		"compressed":        {riff(format(2, 1, 8000, 16, false), data), Options{}, "format 2 of 16 bits is not read"},
		"8 bits":            {riff(format(tagPCM, 1, 8000, 8, false), data), Options{}, "format 1 of 8 bits is not read"},
		"no channels":       {riff(format(tagPCM, 0, 8000, 16, false), data), Options{}, "0 channels"},
		"no rate":           {riff(format(tagPCM, 1, 0, 16, false), data), Options{}, "rate of 0"},
		"short fmt":         {riff(chunk("fmt ", make([]byte, 8)), data), Options{}, `chunk "fmt " at byte 12: 8 bytes, want 16`},
		"no samples":        {riff(pcm, chunk("data", nil)), Options{}, "no samples"},
		"chunk beyond":      {riff(append([]byte("JUNK"), 0xff, 0xff, 0, 0), data), Options{}, `chunk "JUNK" at byte 12: 65535 bytes, the file ends within`},
		"other description": {riff(pcm, chunk(chunkID, []byte(`{"channels":[]}`)), data), Options{}, "describes 0 channels, the file has 1"},
		"bad description":   {riff(pcm, chunk(chunkID, []byte(`{`)), data), Options{}, `chunk "hepm" at byte 36`},
		"names for others":  {riff(pcm, data), Options{Inputs: []waveform.Role{waveform.V1, waveform.V2}}, "2 channels are named, the file has 1"},
		"scale for nobody":  {riff(pcm, data), Options{Amps: 5}, "iscale=5: no channel is known to be in A"},
	} {
		if _, err := open(t, row.file, row.options); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", name, err, row.want)
		}
	}
}

// TestRoundTrip: names, units, start and every bit of the samples come back.
func TestRoundTrip(t *testing.T) {
	start := time.Date(2026, 7, 1, 12, 0, 0, 123456789, time.UTC)
	info := waveform.Info{RateHz: 6400, NominalHz: 50, Start: start, Channels: []waveform.Channel{
		{Name: "Va, line", Unit: "V", Primary: 20000, Secondary: 100, Values: waveform.Secondary}, {Name: "Ia", Unit: "kA", Primary: 1, Secondary: 1}}}
	for _, bits := range []int{32, 64} {
		path := filepath.Join(t.TempDir(), "x.wav")
		w, err := Create(path, info, bits)
		if err != nil {
			t.Fatal(err)
		}
		b := waveform.Block{Samples: [][]float64{{1.5, math.NaN()}, {-2.25, 0.125}}, RateHz: 6400}
		if err := w.Write(&b); err != nil {
			t.Fatal(err)
		}
		b.Start, b.Gap = 3./6400, true // one sample is lost before it
		if err := w.Write(&b); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		r, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := r.Info()
		if fmt.Sprint(got.Channels) != fmt.Sprint(info.Channels) || !got.Start.Equal(start) || got.NominalHz != 50 || got.RateHz != 6400 || got.Samples != 5 {
			t.Errorf("%d bits: %+v", bits, got)
		}
		if text, want := values(t, r), "1.5 -2.25 NaN 0.125 NaN NaN 1.5 -2.25 NaN 0.125"; text != want {
			t.Errorf("%d bits: %s, want %s", bits, text, want)
		}
		if times, err := r.Times(1, 3); err != nil || times[1] != 2./6400 {
			t.Errorf("times %v, %v", times, err)
		}
		r.Close()
		if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
			t.Errorf("%d files are left", len(entries))
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add(riff(format(tagPCM, 1, 8000, 16, false), chunk("data", []byte{0, 0x40, 0, 0x80})))
	f.Add(riff(chunk("JUNK", []byte("odd")), format(tagPCM, 2, 8000, 24, true), chunk("data", make([]byte, 12))))
	f.Add(riff(format(tagFloat, 1, 8000, 64, true), chunk(chunkID, []byte(`{"channels":[{"name":"V1","unit":"V","full_scale":2}]}`)), chunk("data", make([]byte, 16))))
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := open(t, file, Options{})
		if err != nil {
			return
		}
		info := r.Info()
		var b waveform.Block
		delivered := int64(0)
		for {
			n, err := r.Next(context.Background(), &b, 13)
			if err != nil {
				if !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
				break
			}
			if n < 1 || n > 13 || n != b.Len() || b.First != delivered {
				t.Fatalf("block of %d (%d held) at %d after %d", n, b.Len(), b.First, delivered)
			}
			delivered += int64(n)
		}
		if delivered != info.Samples || delivered*int64(len(info.Channels)) > int64(len(file)) {
			t.Fatalf("%d samples of %d", delivered, info.Samples)
		}
	})
}
