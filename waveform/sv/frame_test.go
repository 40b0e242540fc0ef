package sv

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/waveform"
)

// siteInfo describes a source of the eight inputs.
func siteInfo(rateHz float64, start time.Time) waveform.Info {
	info := waveform.Info{RateHz: rateHz, Start: start}
	for _, name := range []string{"I1", "I2", "I3", "I4", "V1", "V2", "V3", "V4"} {
		unit := "V"
		if name[0] == 'I' {
			unit = "A"
		}
		info.Channels = append(info.Channels, waveform.Channel{Name: name, Unit: unit, Primary: 1, Secondary: 1})
	}
	return info
}

// noon is the top of a UTC second.
var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// frames encodes n samples, sample k of channel c being 1000·c + k bits, and returns
// copies of the frames.
func frames(t testing.TB, s Stream, n int) (list [][]byte, times []int64) {
	t.Helper()
	e, err := NewEncoder(s)
	if err != nil {
		t.Fatal(err)
	}
	var b waveform.Block
	b.Resize(8, n)
	b.RateHz = s.Info.RateHz
	for c := range b.Samples {
		bit := ampsPerBit
		if c >= 4 {
			bit = voltsPerBit
		}
		for k := range n {
			b.Samples[c][k] = float64(1000*c+k) * bit
		}
	}
	send := func(frame []byte, timeNS int64) error {
		list, times = append(list, bytes.Clone(frame)), append(times, timeNS)
		return nil
	}
	if err := errors.Join(e.Encode(&b, send), e.Flush(send)); err != nil {
		t.Fatal(err)
	}
	return list, times
}

// TestFrameBytes holds a frame to IEC 61850-9-2LE, byte for byte.
func TestFrameBytes(t *testing.T) {
	list, times := frames(t, Stream{ID: "MU01", VLAN: 5, Synch: 2, Info: siteInfo(4000, noon)}, 2)
	want := "010ccd040000" + "020000000001" + "8100" + "8005" + "88ba" + "4000" + "0066" + "0000" + "0000" +
		"605c" + "800101" + "a257" + "3055" + "80044d553031" + "82020001" + "830400000001" + "850102" + "8740" +
		"0000000100000000" + "000003e900000000" + "000007d100000000" + "00000bb900000000" +
		"00000fa100000000" + "0000138900000000" + "0000177100000000" + "00001b5900000000"
	if got := hex.EncodeToString(list[1]); got != want {
		t.Errorf("frame\n%s\nwant\n%s", got, want)
	}
	if want := noon.UnixNano() + 250_000; times[1] != want {
		t.Errorf("time %d, want %d", times[1], want)
	}
}

func TestDecode(t *testing.T) {
	for name, row := range map[string]struct {
		stream Stream
		asdus  int
	}{
		"9-2LE, 80 samples a cycle":  {Stream{Info: siteInfo(4000, noon), VLAN: Untagged}, 1},
		"9-2LE, 256 samples a cycle": {Stream{Info: siteInfo(12800, noon), VLAN: 7}, 8},
		"61869-9, preferred":         {Stream{Info: siteInfo(14400, noon), VLAN: Untagged, Profile: Flexible}, 6},
		"61869-9, protection":        {Stream{Info: siteInfo(4800, noon), VLAN: Untagged, Profile: Flexible}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			row.stream.ID, row.stream.Synch = "A merging unit", 2
			list, _ := frames(t, row.stream, 48)
			if len(list) != 48/row.asdus {
				t.Fatalf("%d frames, want %d", len(list), 48/row.asdus)
			}
			var f Frame
			for i, packet := range list {
				if err := f.Decode(packet); err != nil {
					t.Fatal(err)
				}
				if f.VLAN != row.stream.VLAN || f.AppID != 0x4000 || len(f.ASDUs) != row.asdus {
					t.Fatalf("VLAN %d, APPID %#x, %d ASDUs", f.VLAN, f.AppID, len(f.ASDUs))
				}
				for j, a := range f.ASDUs {
					k := i*row.asdus + j
					if string(a.ID) != "A merging unit" || int(a.Count) != k || a.Synch != 2 || a.Revision != 1 || len(a.Data) != 64 {
						t.Fatalf("sample %d: %q, smpCnt %d, smpSynch %d, confRev %d, %d bytes", k, a.ID, a.Count, a.Synch, a.Revision, len(a.Data))
					}
					if row.stream.Profile == Flexible && (float64(a.Rate) != row.stream.Info.RateHz || a.Mode != 1 || len(a.Refresh) != 8) {
						t.Fatalf("smpRate %d, smpMod %d, refrTm %x", a.Rate, a.Mode, a.Refresh)
					}
				}
			}
		})
	}
}

// TestDecodeThroughHSR: the tag of a redundant ring stands before the type.
func TestDecodeThroughHSR(t *testing.T) {
	list, _ := frames(t, Stream{VLAN: Untagged, Info: siteInfo(4000, noon)}, 1)
	ring := append(append(bytes.Clone(list[0][:12]), 0x89, 0x2f, 0, 0x6a, 0, 1), list[0][12:]...)
	var f Frame
	if err := f.Decode(ring); err != nil || len(f.ASDUs) != 1 {
		t.Errorf("%d ASDUs, %v", len(f.ASDUs), err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	list, _ := frames(t, Stream{VLAN: Untagged, ID: "MU01", Info: siteInfo(4000, noon)}, 1)
	good := list[0]
	edit := func(at int, bytes ...byte) []byte {
		b := append([]byte(nil), good...)
		copy(b[at:], bytes)
		return b
	}
	for name, row := range map[string]struct {
		packet []byte
		want   string
	}{
		"shorter than an Ethernet frame": {good[:13], "no sampled values"},
		"another type":                   {edit(12, 0x88, 0xb8), "no sampled values"},
		"cut":                            {good[:60], "byte 16: the length field says 102 bytes, the frame has 46"},
		"another tag":                    {edit(22, 0x61), "byte 22: element 0x61 where savPdu (0x60) must stand"},
		"element beyond its parent":      {edit(30, 0x7f), "byte 29: element 0x30 of 127 bytes"},
		"indefinite length":              {edit(30, 0x80), "has a length of 0 more bytes"},
		"noASDU":                         {edit(26, 2), "noASDU is 2, the frame has 1"},
		"smpCnt of the wrong length":     {edit(41, 0x82, 4, 1), "byte 43: smpCnt of 4 bytes, want up to 2"},
		"no svID":                        {edit(31, 0x8a), "the ASDU has no svID"},
	} {
		var f Frame
		if err := f.Decode(row.packet); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", name, err, row.want)
		}
	}
}

func TestEncoderRefuses(t *testing.T) {
	other := siteInfo(4000, noon)
	other.Channels = []waveform.Channel{{Name: "tap position"}}
	for name, row := range map[string]struct {
		stream Stream
		want   string
	}{
		"rate":        {Stream{Info: siteInfo(4000.5, noon)}, "4000.5 samples/s"},
		"high rate":   {Stream{Info: siteInfo(100_000, noon)}, "65536"},
		"no input":    {Stream{Info: other}, "no channel"},
		"long svID":   {Stream{ID: strings.Repeat("x", 35), Info: siteInfo(4000, noon)}, "35 characters"},
		"profile":     {Stream{Profile: "9-3", Info: siteInfo(4000, noon)}, "9-2LE or 61869-9"},
		"samples":     {Stream{ASDUs: 3, Info: siteInfo(4000, noon)}, "divisor"},
		"long frames": {Stream{ASDUs: 20, Info: siteInfo(4000, noon)}, "1518"},
	} {
		if _, err := NewEncoder(row.stream); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", name, err, row.want)
		}
	}
}

func FuzzFrame(f *testing.F) {
	for _, s := range []Stream{{VLAN: 1, Info: siteInfo(4000, noon)}, {VLAN: Untagged, Profile: Flexible, Info: siteInfo(14400, noon)}} {
		list, _ := frames(f, s, 8)
		f.Add(list[0])
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		var frame Frame
		if err := frame.Decode(packet); err != nil {
			return
		}
		total := 0
		for i := range frame.ASDUs {
			a := &frame.ASDUs[i]
			total += len(a.ID) + len(a.Data)
			if d, err := dataSetOf(a); err == nil && (d.size != len(a.Data) || len(d.channels) == 0 || len(d.channels) > maxChannels) {
				t.Fatalf("a data set of %d bytes and %d channels for %d bytes", d.size, len(d.channels), len(a.Data))
			}
		}
		if total > len(packet) {
			t.Fatalf("%d bytes of ASDUs in a frame of %d", total, len(packet))
		}
	})
}

// BenchmarkDecode is the cost of a frame of the 9-2LE stream, decoded, put in order and
// written into blocks.
func BenchmarkDecode(b *testing.B) {
	for name, s := range map[string]Stream{
		"9-2LE-4000x1":    {VLAN: Untagged, Info: siteInfo(4000, noon)},
		"9-2LE-12800x8":   {VLAN: Untagged, Info: siteInfo(12800, noon)},
		"61869-9-14400x6": {VLAN: Untagged, Profile: Flexible, Info: siteInfo(14400, noon)},
	} {
		b.Run(name, func(b *testing.B) {
			list, times := frames(b, s, int(s.Info.RateHz))
			var found survey
			for i := range list {
				found.add(list[i], times[i])
			}
			st, err := found.choose("", "")
			if err != nil {
				b.Fatal(err)
			}
			source, err := newSource(&memory{list: list, times: times, endless: true}, st, Options{})
			if err != nil {
				b.Fatal(err)
			}
			per := int(source.info.RateHz) / len(list)
			var block waveform.Block
			block.Resize(8, 80)
			b.ReportAllocs()
			b.ResetTimer()
			for done := 0; done < b.N*per; {
				n, err := source.Next(b.Context(), &block, 80)
				if err != nil {
					b.Fatal(err)
				}
				done += n
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "frames/s")
			if c := source.Counters(); c.Lost+c.Malformed+c.Jumps > 0 {
				b.Fatalf("%+v", c)
			}
		})
	}
}
