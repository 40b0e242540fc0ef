package boot

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// messages are one of each kind.
func messages() []Message {
	return []Message{
		{Hello: &Hello{Version: Version, Directory: "/var/lib/meter", Slot: "factory", Starts: 2, Trial: true,
			Options: Options{Model: "PM8000", Serial: "S-1", Limits: "open", Host: "127.0.0.1", Ports: "dev", Port: []string{"modbus=0"}, Lines: []string{"com1=/dev/ttyS0"},
				Generation: "2.1.0", Source: "synth", Data: "/var/lib/meter"},
			Source: Source{Axis: 1 << 63, Format: "synth", RateHz: 12800, NominalHz: 50, StartNanos: 1767225600_000000000, Samples: -1, Speed: 1, Live: true, Warnings: []string{"odd"},
				Channels: []Channel{{Name: "V1", Phase: "A", Unit: "V", Primary: 20000, Secondary: 100, Values: 2, SkewSeconds: 1e-5, Unused: true}}}}},
		{End: &End{}},
		{ID: 3, Listener: &Listener{Address: "127.0.0.1:5020"}},
		{ID: 4, Taken: &Taken{First: 512000, BegunNanos: 77}},
		{ID: 5, Noted: &Noted{Error: "no room"}},
		{ID: 3, Listen: &Listen{Service: "modbus", Host: "127.0.0.1", Port: 5020, Held: true}},
		{ID: 4, Take: &Take{From: -1, Most: 1024}},
		{ID: 5, Serving: &Serving{Model: "PM8000", Serial: "S-1", Firmware: "3.0.0", Fingerprints: map[string]string{"ssh": "SHA256:x"}}},
		{Measuring: &Measuring{Next: 1 << 40}},
		{Restart: &Restart{Reason: "asked for"}},
		{Failed: &Failed{Text: "no channel of the source could be taken"}},
	}
}

// What is sent is what arrives, wherever the stream is cut.
func TestMessages(t *testing.T) {
	for _, m := range messages() {
		text, err := m.Append([]byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		text = text[1:]
		for cut := range text {
			if _, n, err := ParseMessage(text[:cut]); n != 0 || err != nil {
				t.Fatalf("%+v cut at %d: %d, %v", m, cut, n, err)
			}
		}
		got, n, err := ParseMessage(append(bytes.Clone(text), 1, 2, 3))
		if err != nil || n != len(text) || !cmp.Equal(got, m) {
			t.Errorf("%d of %d bytes, %v: %s", n, len(text), err, cmp.Diff(m, got))
		}
	}
}

// What one does not know it ignores: kinds, and keys of kinds that it knows.
func TestUnknownMessagesAndKeysAreIgnored(t *testing.T) {
	for name, row := range map[string]struct {
		sent any
		want Message
	}{
		"a kind":          {map[int]any{0: 7, 40: map[int]any{1: "later"}}, Message{ID: 7}},
		"a key of a kind": {map[int]any{19: map[int]any{1: 5, 99: []int{1}}}, Message{Measuring: &Measuring{Next: 5}}},
		"a key of text":   {map[any]any{19: map[int]any{1: 5}, "note": true}, Message{Measuring: &Measuring{Next: 5}}},
	} {
		text, err := frame(row.sent)
		if err != nil {
			t.Fatal(err)
		}
		if got, n, err := ParseMessage(text); err != nil || n != len(text) || !cmp.Equal(got, row.want) {
			t.Errorf("%s: %+v, %d, %v", name, got, n, err)
		}
	}
}

// Nothing is taken that is larger or deeper than the limits, and it shows before it is read.
func TestLimits(t *testing.T) {
	deep := any(1)
	for range MaxNesting + 1 {
		deep = []any{deep}
	}
	many := make([]Channel, MaxChannels+1)
	for name, text := range map[string][]byte{
		"too long":       {0xff, 0, 0, 0},
		"empty":          {0, 0, 0, 0},
		"no map":         {0, 0, 0, 1, 0x01},
		"no CBOR":        {0, 0, 0, 2, 0xa1, 0xff},
		"too deep":       must(frame(map[int]any{1: deep})),
		"channels":       must(frame(Message{Hello: &Hello{Source: Source{Channels: many}}})),
		"text for Hello": must(frame(map[int]any{1: "hello"})),
	} {
		if _, n, err := ParseMessage(text); err == nil {
			t.Errorf("%s: %d bytes are taken", name, n)
		}
	}
	for name, head := range map[string]Block{
		"samples":  {Samples: MaxBlockSamples + 1, Channels: 1},
		"channels": {Samples: 1, Channels: MaxChannels + 1},
		"bytes":    {Samples: MaxBlockSamples, Channels: MaxChannels},
		"quality":  {Samples: 1, Channels: 1, Quality: []byte{1, 2}},
		"first":    {First: -1, Samples: 1, Channels: 1},
		"start":    {StartS: math.NaN()},
		"rate":     {RateHz: math.Inf(1)},
	} {
		if _, _, n, err := ParseBlock(must(frame(head))); err == nil {
			t.Errorf("%s: %d bytes are taken", name, n)
		}
		if _, err := AppendBlock(nil, &head, nil); err == nil {
			t.Errorf("%s: it is sent", name)
		}
	}
	if _, err := frame(Failed{strings.Repeat("x", MaxMessage)}); err == nil {
		t.Error("a message is sent that is too long")
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// Samples arrive as they were, NaN among them.
func TestBlocks(t *testing.T) {
	samples := [][]float64{{1, -2.5, math.Inf(1)}, {math.MaxFloat64, 0, math.NaN()}}
	want := Block{First: 7, Samples: 3, Channels: 2, StartS: 0.25, RateHz: 12800, Gap: true, Quality: []byte{0, 16}}
	text, err := AppendBlock(nil, &want, samples)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range text {
		if _, body, n, err := ParseBlock(text[:cut]); body != nil || n != 0 && n != len(text) || err != nil {
			t.Fatalf("cut at %d: %d, %v", cut, n, err)
		}
	}
	head, body, n, err := ParseBlock(append(bytes.Clone(text), 9))
	if err != nil || n != len(text) || !cmp.Equal(head, want) {
		t.Fatalf("%d of %d bytes, %v: %+v", n, len(text), err, head)
	}
	for c := range samples {
		for skip := range samples[c] {
			got := make([]float64, 3-skip)
			head.Channel(body, c, skip, got)
			for k, v := range got {
				if math.Float64bits(v) != math.Float64bits(samples[c][skip+k]) {
					t.Errorf("channel %d from %d: %v", c, skip, got)
				}
			}
		}
	}
}

func FuzzMessage(f *testing.F) {
	for _, m := range messages() {
		f.Add(must(m.Append(nil)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, n, err := ParseMessage(b)
		if err != nil || n == 0 {
			return
		}
		// What was taken can be sent again and is then the same.
		text, err := m.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		if again, _, err := ParseMessage(text); err != nil || !bytes.Equal(must(again.Append(nil)), text) {
			t.Errorf("%+v became %+v, %v", m, again, err)
		}
	})
}

func FuzzBlock(f *testing.F) {
	f.Add(must(AppendBlock(nil, &Block{First: 7, Samples: 2, Channels: 1, RateHz: 50}, [][]float64{{1, 2}})))
	f.Add(must(frame(Block{Ended: true})))
	f.Add(must(frame(Block{Error: "row 7"})))
	f.Fuzz(func(t *testing.T, b []byte) {
		head, body, n, err := ParseBlock(b)
		if err != nil || n == 0 || n > len(b) {
			return
		}
		samples := make([]float64, head.Samples)
		for c := range int(head.Channels) {
			head.Channel(body, c, 0, samples)
		}
	})
}
