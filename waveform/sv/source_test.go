package sv

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/waveform"
	"github.com/hepmeter/hepmeter/wire/pcap"
)

// capture writes frames into a file.
func capture(t testing.TB, list [][]byte, times []int64) string {
	t.Helper()
	var file bytes.Buffer
	w, err := pcap.NewWriter(&file)
	if err != nil {
		t.Fatal(err)
	}
	for i, frame := range list {
		if err := w.Write(times[i], frame); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "c.pcap")
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// blocks describes what src delivers: samples@start of each block, +gap, and the quality
// of its first channel.
func blocks(t testing.TB, src waveform.Source) string {
	t.Helper()
	var parts []string
	var b waveform.Block
	for {
		n, err := src.Next(context.Background(), &b, 100_000)
		if err == io.EOF {
			return strings.Join(parts, " ")
		}
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("%d@%g", n, b.Start)
		if b.Gap {
			text += "+gap"
		}
		if q := b.QualityOf(0); q != 0 {
			text += fmt.Sprintf(":%d", q)
		}
		parts = append(parts, text)
	}
}

// setQuality sets the quality word of a channel in a frame of one ASDU.
func setQuality(frame []byte, channel int, q quality) {
	at := len(frame) - 64 + 8*channel + 4
	binary.BigEndian.PutUint32(frame[at:], uint32(q))
}

// TestQuality: what is held against samples is told by block; what is invalid is missing.
func TestQuality(t *testing.T) {
	for name, row := range map[string]struct {
		word    quality
		test    bool
		missing bool
		held    waveform.Quality
	}{
		"good":             {0, false, false, 0},
		"validity invalid": {validityInvalid, false, true, 0},
		"validity questionable (IEC 61850-7-3, 6.2.1)": {validityQuestionable, false, false, waveform.Questionable},
		"validity reserved":                            {2, false, false, waveform.Questionable},
		"overflow":                                     {overflow, false, false, waveform.OutOfRange},
		"outOfRange":                                   {outOfRange, false, false, waveform.OutOfRange},
		"badReference":                                 {badReference, false, false, waveform.Unsynchronised},
		"oscillatory":                                  {oscillatory, false, true, 0},
		"failure":                                      {failure, false, true, 0},
		"oldData":                                      {oldData, false, true, 0},
		"inconsistent":                                 {inconsistent, false, false, waveform.Questionable},
		"inaccurate":                                   {inaccurate, false, false, waveform.Questionable},
		"source substituted":                           {substituted, false, true, 0},
		"test":                                         {test, false, true, 0},
		"test, in test mode":                           {test, true, false, 0},
		"operatorBlocked":                              {operatorBlocked, false, true, 0},
		"derived (9-2LE)":                              {derived, false, false, waveform.Derived},
		"questionable and outOfRange":                  {validityQuestionable | outOfRange, false, false, waveform.Questionable | waveform.OutOfRange},
	} {
		t.Run(name, func(t *testing.T) {
			list, times := frames(t, Stream{VLAN: Untagged, Synch: 2, Info: siteInfo(4000, noon)}, 300)
			for k := 100; k < 110; k++ {
				setQuality(list[k], 0, row.word)
			}
			c, err := Open(capture(t, list, times), "", Options{TestMode: row.test})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			missing, marked := 0, waveform.Quality(0)
			var b waveform.Block
			for {
				n, err := c.Next(context.Background(), &b, 1000)
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				for k := range n {
					at, in := b.First+int64(k), b.First+int64(k) >= 100 && b.First+int64(k) < 110
					v := b.Samples[0][k]
					switch {
					case waveform.IsMissing(v):
						missing++
						if !in {
							t.Errorf("sample %d is missing", at)
						}
					case v != float64(at)*ampsPerBit:
						t.Errorf("sample %d is %g", at, v)
					}
					if in {
						marked |= b.QualityOf(0)
					} else if b.QualityOf(0) != 0 {
						t.Errorf("sample %d has quality %d", at, b.QualityOf(0))
					}
				}
				if b.QualityOf(1) != 0 {
					t.Error("another channel is marked")
				}
			}
			if (missing == 10) != row.missing || !row.missing && missing > 0 || marked != row.held {
				t.Errorf("%d missing, quality %d; want missing %v, %d", missing, marked, row.missing, row.held)
			}
		})
	}
}

// TestBlocks: holes are gaps in the axis, a lost clock is told, short losses are missing.
func TestBlocks(t *testing.T) {
	const unsynchronised = int(waveform.Unsynchronised)
	cut := func(from, to int) func([][]byte, []int64) ([][]byte, []int64) {
		return func(l [][]byte, at []int64) ([][]byte, []int64) {
			return append(l[:from:from], l[to:]...), append(at[:from:from], at[to:]...)
		}
	}
	for name, row := range map[string]struct {
		edit    func([][]byte, []int64) ([][]byte, []int64)
		want    string
		warning string
	}{
		"whole":     {nil, "12000@0", ""},
		"few lost":  {cut(100, 120), "12000@0", "20 samples were lost"},
		"long hole": {cut(100, 5100), "100@0 6900@1.275+gap", "5000 samples were lost"},
		"clock lost for a while": {func(l [][]byte, at []int64) ([][]byte, []int64) {
			for _, f := range l[400:600] {
				f[bytes.Index(f, []byte{0x85, 1})+2] = 0 // smpSynch
			}
			return l, at
		}, fmt.Sprintf("400@0 200@0.1:%d 11400@0.15", unsynchronised), "200 samples were taken without a synchronised clock"},
		"count leaps": {func(l [][]byte, at []int64) ([][]byte, []int64) {
			for k := range 400 {
				f := l[600+k]
				binary.BigEndian.PutUint16(f[bytes.Index(f, []byte{0x82, 2})+2:], uint16((2000+600+k)%4000))
			}
			return l[:1000], at
		}, "600@0 400@0.15+gap", "smpCnt leapt 1 times"},
	} {
		t.Run(name, func(t *testing.T) {
			list, times := frames(t, Stream{VLAN: Untagged, ID: "M", Synch: 2, Info: siteInfo(4000, noon)}, 12000)
			if row.edit != nil {
				list, times = row.edit(list, times)
			}
			c, err := Open(capture(t, list, times), "", Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if got := blocks(t, c); got != row.want {
				t.Errorf("blocks %s, want %s", got, row.want)
			}
			warnings := strings.Join(c.Info().Warnings, "; ")
			if !strings.Contains(warnings, row.warning) || row.warning == "" && warnings != "" {
				t.Errorf("warnings %q, want %q", warnings, row.warning)
			}
			if err := c.Rewind(); err != nil {
				t.Fatal(err)
			}
			if got := blocks(t, c); got != row.want {
				t.Errorf("once more %s, want %s", got, row.want)
			}
		})
	}
}

// TestRates: each way in which a stream tells its rate, in order of trust.
func TestRates(t *testing.T) {
	stamped := func(rate float64) func(int) int64 {
		return func(k int) int64 { return noon.UnixNano() + int64(float64(k)/rate*1e9) }
	}
	unstamped := func(int) int64 { return 0 }
	for name, row := range map[string]struct {
		asdu    ASDU
		count   func(int) int
		stamp   func(int) int64
		rate    float64
		modulus int64
	}{
		"variant code":                     {ASDU{DataSet: []byte("MU01/LLN0$F4800S2I4U4")}, nil, unstamped, 4800, 4800},
		"smpRate, samples a second":        {ASDU{Rate: 14400, Mode: 1}, nil, unstamped, 14400, 14400},
		"smpRate, samples a 50 Hz period":  {ASDU{Rate: 80}, func(k int) int { return k % 4000 }, stamped(4000), 4000, 4000},
		"smpRate, samples a 60 Hz period":  {ASDU{Rate: 80}, nil, stamped(4800), 4800, 4800},
		"wrap":                             {ASDU{}, func(k int) int { return k % 2000 }, stamped(2000), 2000, 2000},
		"timing, a nominal rate":           {ASDU{}, nil, stamped(12790), 12800, 12800},
		"timing, no nominal rate":          {ASDU{}, nil, stamped(1000), 1000, 1 << 16}, // counts go beyond it
		"highest count of one bare second": {ASDU{}, func(k int) int { return k % 4800 }, unstamped, 4800, 4800},
	} {
		t.Run(name, func(t *testing.T) {
			st := &stream{id: "x"}
			st.code, _ = parseVariant(row.asdu.DataSet)
			for k := range 4800 {
				a := row.asdu
				a.Count = uint16(k)
				if row.count != nil {
					a.Count = uint16(row.count(k))
				}
				st.add(&a, false, row.stamp(k))
			}
			rate, modulus, _, err := st.timing()
			if err != nil || rate != row.rate || modulus != row.modulus {
				t.Errorf("%g Hz, wrap at %d, %v; want %g, %d", rate, modulus, err, row.rate, row.modulus)
			}
		})
	}
}

// TestStart: smpCnt 0 is the top of a UTC second if the clock is synchronised.
func TestStart(t *testing.T) {
	refresh := binary.BigEndian.AppendUint32(nil, uint32(noon.Unix()))
	refresh = append(refresh, 0x80, 0, 0, 10) // half a second
	for name, row := range map[string]struct {
		st   stream
		want time.Time
	}{
		"synchronised, stamped late":  {stream{synch: 2, firstCount: 1000, firstNS: noon.UnixNano() + 250e6 + 3e6}, noon.Add(250 * time.Millisecond)},
		"synchronised, stamped early": {stream{synch: 1, firstCount: 0, firstNS: noon.UnixNano() - 2e6}, noon},
		"not synchronised":            {stream{firstCount: 1000, firstNS: noon.UnixNano() + 3e6}, noon.Add(3 * time.Millisecond)},
		"refrTm, no stamps":           {stream{refresh: refresh}, noon.Add(500 * time.Millisecond)},
		"made-up stamps":              {stream{synch: 2, firstNS: 1e9}, time.Time{}},
	} {
		if got := row.st.start(4000, 4000); !got.Equal(row.want) {
			t.Errorf("%s: %v, want %v", name, got, row.want)
		}
	}
}

// TestDataSets: currents before voltages, as many as the data set's name or length says.
func TestDataSets(t *testing.T) {
	for name, row := range map[string]struct {
		asdu ASDU
		want string
	}{
		"9-2LE":                {ASDU{Data: make([]byte, 64)}, "sv 9-2LE: Ia Ib Ic In Va Vb Vc Vn"},
		"with smpRate":         {ASDU{Rate: 4800, Data: make([]byte, 64)}, "sv 61869-9: Ia Ib Ic In Va Vb Vc Vn"},
		"three and three":      {ASDU{Data: make([]byte, 48)}, "sv 61869-9: Ia Ib Ic Va Vb Vc"},
		"coded I3U1":           {ASDU{DataSet: []byte("F4000S1I3U1"), Data: make([]byte, 32)}, "sv 61869-9: Ia Ib Ic Va"},
		"coded for another":    {ASDU{DataSet: []byte("F4000S1I3U1"), Data: make([]byte, 16)}, "sv 61869-9: Ia Va"},
		"FLOAT32 and a stamp":  {ASDU{Data: []byte{0x44, 0x9a, 0x52, 0x2b, 0x3d, 0xfc, 0xd3, 0x5b, 0x6b, 2, 0xd4, 0x7f, 0xef, 0x5c, 0x28, 0}}, "sv FLOAT32: 1 2"},
		"nine currents":        {ASDU{DataSet: []byte("F4000S1I9U0"), Data: make([]byte, 72)}, "sv 61869-9: I 1 I 2 I 3 I 4 I 5 I 6 I 7 I 8 I 9"},
		"no multiple of eight": {ASDU{Data: make([]byte, 20)}, "svID \"\": a sample block of 20 bytes"},
	} {
		d, err := dataSetOf(&row.asdu)
		got := fmt.Sprint(err)
		if err == nil {
			var names []string
			for _, c := range d.channels {
				names = append(names, c.Name)
			}
			got = d.format + ": " + strings.Join(names, " ")
		}
		if !strings.HasPrefix(got, row.want) {
			t.Errorf("%s: %s, want %s", name, got, row.want)
		}
	}
}

// TestRoundTrip: what is written is read again bit for bit, with what is missing and
// what is held against it.
func TestRoundTrip(t *testing.T) {
	for name, s := range map[string]Stream{
		"9-2LE":   {VLAN: 3, Synch: 1, Info: siteInfo(12800, noon.Add(123456789))},
		"61869-9": {VLAN: Untagged, Synch: 1, Profile: Flexible, Info: siteInfo(14400, noon)},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "c.pcap")
			w, err := Create(path, s)
			if err != nil {
				t.Fatal(err)
			}
			value := func(c int, k int64) float64 {
				if c == 2 && k >= 3000 && k < 3050 {
					return waveform.Missing
				}
				bit := voltsPerBit
				if c < 4 {
					bit = ampsPerBit
				}
				return float64(int32(uint32(k)*2654435761+uint32(c))) * bit // every bit of INT32
			}
			write := func(first, n int, start float64, q []waveform.Quality) {
				var b waveform.Block
				b.Resize(8, n)
				b.First, b.Start, b.RateHz, b.Quality = int64(first), start, s.Info.RateHz, q
				for c := range b.Samples {
					for k := range n {
						b.Samples[c][k] = value(c, int64(first+k))
					}
				}
				if err := w.Write(&b); err != nil {
					t.Fatal(err)
				}
			}
			questionable := make([]waveform.Quality, 8)
			questionable[5] = waveform.Questionable
			write(0, 20000, 0, nil)
			write(20000, 4000, 20000/s.Info.RateHz, questionable)
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			c, err := Open(path, DefaultID, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			info := c.Info()
			if info.RateHz != s.Info.RateHz || info.Samples != 24000 {
				t.Fatalf("%g Hz, %d samples", info.RateHz, info.Samples)
			}
			late := info.Start.Sub(s.Info.Start)
			if late < 0 || late > time.Second/1000 {
				t.Errorf("begins %v, written from %v", info.Start, s.Info.Start)
			}
			var b waveform.Block
			for {
				n, err := c.Next(context.Background(), &b, 777)
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				for k := range n {
					at := b.First + int64(k)
					if q := b.QualityOf(5); (q == waveform.Questionable) != (at >= 20000) {
						t.Fatalf("sample %d has quality %d", at, q)
					}
					for c := range b.Samples {
						if got, want := b.Samples[c][k], value(c, at); math.Float64bits(got) != math.Float64bits(want) && got == got {
							t.Fatalf("channel %d, sample %d: %v, want %v", c, at, got, want)
						}
						if waveform.IsMissing(b.Samples[c][k]) != waveform.IsMissing(value(c, at)) {
							t.Fatalf("channel %d, sample %d: missing", c, at)
						}
					}
				}
			}
		})
	}
}

// TestWritesHoles: lost time becomes frames that are not there.
func TestWritesHoles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.pcap")
	w, err := Create(path, Stream{VLAN: Untagged, Synch: 1, Info: siteInfo(12800, noon)})
	if err != nil {
		t.Fatal(err)
	}
	var b waveform.Block
	b.Resize(8, 1285)
	b.RateHz = 12800
	for _, start := range []float64{0, 1} {
		b.Start = start
		if err := w.Write(&b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := Open(path, "", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// 1285 samples are filled up to a frame of 8 with invalid ones.
	if got, want := blocks(t, c), "1288@0 1288@1+gap"; got != want {
		t.Errorf("blocks %s, want %s", got, want)
	}
	times, err := c.Times(1287, 1290)
	if err != nil || times[0] != 1287./12800 || times[1] != 1 || times[2] != 1+1./12800 {
		t.Errorf("times %v, %v", times, err)
	}
}

// TestUnused: an input that no sample is valid of is not mapped, so that it does not keep
// the others from being measured.
func TestUnused(t *testing.T) {
	info := siteInfo(4000, noon)
	info.Channels = append(info.Channels[:3:3], info.Channels[4:7]...) // no neutrals
	list, times := func() (list [][]byte, times []int64) {
		e, err := NewEncoder(Stream{VLAN: Untagged, Synch: 1, Info: info})
		if err != nil {
			t.Fatal(err)
		}
		var b waveform.Block
		b.Resize(6, 400)
		b.RateHz = 4000
		if err := e.Encode(&b, func(f []byte, at int64) error {
			list, times = append(list, bytes.Clone(f)), append(times, at)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return list, times
	}()
	c, err := Open(capture(t, list, times), "", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	m, _ := waveform.AutoMap(c.Info())
	if got := fmt.Sprint(m.Roles()); got != "[V1 V2 V3 I1 I2 I3]" {
		t.Errorf("roles %s", got)
	}
	if c.Counters().Invalid != 0 {
		t.Error("an unused channel counts as invalid")
	}
}

// TestStreams: several streams are listed, one is taken.
func TestStreams(t *testing.T) {
	list, times := frames(t, Stream{VLAN: Untagged, ID: "MU01", Info: siteInfo(4000, noon)}, 100)
	more, at := frames(t, Stream{VLAN: Untagged, ID: "MU02", Info: siteInfo(4000, noon)}, 100)
	both := capture(t, append(list[:len(list):len(list)], more...), append(times[:len(times):len(times)], at...))
	for name, row := range map[string]struct{ path, id, want string }{
		"the only one":          {capture(t, list, times), "", ""},
		"chosen":                {both, "MU02", ""},
		"several":               {both, "", "2 streams, MU01, MU02: choose one, as in "},
		"not there":             {both, "MU03", "no stream of svID \"MU03\": it has MU01, MU02"},
		"nothing":               {capture(t, nil, nil), "", "has no sampled values"},
		"simulated":             {capture(t, simulated(list), times), "", "marked as simulated: ?test=1"},
		"frames that are wrong": {capture(t, [][]byte{list[0][:40]}, times[:1]), "", "none of 1 sampled values frames can be read: byte 16"},
	} {
		c, err := Open(row.path, row.id, Options{})
		if err == nil {
			if got := c.Info().Device; row.id != "" && got != row.id {
				t.Errorf("%s: %s is taken", name, got)
			}
			c.Close()
		}
		if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", name, err, row.want)
		}
	}
}

// simulated sets the bit of a test set.
func simulated(list [][]byte) (out [][]byte) {
	for _, f := range list {
		g := bytes.Clone(f)
		g[18] = 0x80
		out = append(out, g)
	}
	return out
}

// TestCutCapture: a file that ends within a packet is read up to there.
func TestCutCapture(t *testing.T) {
	list, times := frames(t, Stream{VLAN: Untagged, Info: siteInfo(4000, noon)}, 400)
	path := capture(t, list, times)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, whole[:len(whole)-10], 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Open(path, "", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if info := c.Info(); info.Samples != 399 || !strings.Contains(strings.Join(info.Warnings, ";"), "ends within a packet") {
		t.Errorf("%d samples, %q", info.Samples, info.Warnings)
	}
}

// TestNoAllocations: a frame costs none.
func TestNoAllocations(t *testing.T) {
	list, times := frames(t, Stream{VLAN: Untagged, Info: siteInfo(12800, noon)}, 12800)
	var found survey
	for i := range list {
		found.add(list[i], times[i])
	}
	s, err := newSource(&memory{list: list, times: times, endless: true}, found.streams[0], Options{})
	if err != nil {
		t.Fatal(err)
	}
	var b waveform.Block
	next := func() {
		if _, err := s.Next(context.Background(), &b, 256); err != nil {
			t.Fatal(err)
		}
	}
	next()
	if n := testing.AllocsPerRun(100, next); n != 0 {
		t.Errorf("%g allocations in a block of 32 frames", n)
	}
}

// FuzzCapture reads any file as a capture.
func FuzzCapture(f *testing.F) {
	for _, s := range []Stream{{VLAN: 1, Info: siteInfo(4000, noon)}, {VLAN: Untagged, Profile: Flexible, Info: siteInfo(14400, noon)}} {
		list, times := frames(f, s, 24)
		file, err := os.ReadFile(capture(f, list, times))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		c, err := openCapture(nopCloser{bytes.NewReader(file)}, "fuzz.pcap", "", Options{})
		if err != nil {
			return
		}
		var b waveform.Block
		delivered := int64(0)
		for {
			n, err := c.Next(context.Background(), &b, 13)
			if err != nil {
				break
			}
			if n < 1 || n > 13 || n != b.Len() || b.First != delivered || math.IsInf(b.Start, 0) || b.Start < 0 {
				t.Fatalf("block of %d (%d held) at %d after %d, %g s", n, b.Len(), b.First, delivered, b.Start)
			}
			delivered += int64(n)
		}
		if delivered != c.Info().Samples {
			t.Fatalf("%d samples of %d", delivered, c.Info().Samples)
		}
		if _, err := c.Times(0, min(delivered, 50)); err != nil {
			t.Fatal(err)
		}
	})
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }
