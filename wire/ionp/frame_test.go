package ionp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

func TestParseFrame(t *testing.T) {
	for _, tc := range []struct {
		name    string
		bytes   string
		largest int
		want    Frame
		length  int
		bad     bool
	}{
		{"request", "\x00\x06\x00\x00\x00\x00\x05\xa0", 64, Frame{KindRequest, false, 5, []byte{0xa0}}, 8, false},
		{"reply", "\x00\x06\x01\xff\xff\xff\xff\xa0", 64, Frame{KindReply, false, 1<<32 - 1, []byte{0xa0}}, 8, false},
		{"notice with more to follow", "\x00\x06\x82\x00\x00\x00\x05\xa0", 64, Frame{KindNotice, true, 5, []byte{0xa0}}, 8, false},
		{"the next frame behind it", "\x00\x06\x00\x00\x00\x00\x05\xa0\x00\x06", 64, Frame{KindRequest, false, 5, []byte{0xa0}}, 8, false},
		{"nothing", "", 64, Frame{}, 0, false},
		{"half a length field", "\x00", 64, Frame{}, 0, false},
		{"a byte is missing", "\x00\x06\x00\x00\x00\x00\x05", 64, Frame{}, 0, false},
		{"no payload", "\x00\x05\x00\x00\x00\x00\x05", 64, Frame{}, 0, true},
		{"no payload, more to follow", "\x00\x05\x80\x00\x00\x00\x05", 64, Frame{}, 0, true},
		{"length 0", "\x00\x00", 64, Frame{}, 0, true},
		{"largest", "\x00\x3e\x00\x00\x00\x00\x05" + strings.Repeat("x", 57), 64, Frame{KindRequest, false, 5, []byte(strings.Repeat("x", 57))}, 64, false},
		{"one longer, seen from its length alone", "\x00\x3f", 64, Frame{}, 0, true},
		{"kind 3, seen before the rest", "\x00\x06\x03", 64, Frame{}, 0, true},
		{"reserved bit", "\x00\x06\x40", 64, Frame{}, 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, n, err := ParseFrame([]byte(tc.bytes), tc.largest)
			var bad *FrameError
			if errors.As(err, &bad) != tc.bad {
				t.Fatalf("error %v, want one: %v", err, tc.bad)
			}
			if n != tc.length || f.Kind != tc.want.Kind || f.More != tc.want.More || f.ID != tc.want.ID || !bytes.Equal(f.Payload, tc.want.Payload) {
				t.Errorf("%+v of %d bytes, want %+v of %d", f, n, tc.want, tc.length)
			}
		})
	}
}

// Every message comes out of frames of every size as it went in, from streams that give
// one byte at a time as well.
func TestFramesRoundTrip(t *testing.T) {
	for _, size := range []int{1, 56, 57, 58, 114, 115, 249, 250, 4089, 4090, 100_000} {
		message := make([]byte, size)
		for i := range message {
			message[i] = byte(i * 7)
		}
		for _, largest := range []int{SmallestFrame, 240, FrameBeforeHello, LargestFrame} {
			frames := AppendFrames([]byte("before"), KindReply, 77, message, largest)[len("before"):]
			for name, stream := range map[string]io.Reader{
				"at once":      bytes.NewReader(frames),
				"byte by byte": iotest.OneByteReader(bytes.NewReader(frames)),
			} {
				r := NewReader(stream)
				r.SetLimits(largest, size)
				m, err := r.Next()
				if err != nil || m.Kind != KindReply || m.ID != 77 || !bytes.Equal(m.Bytes, message) {
					t.Fatalf("%d bytes in frames of %d, %s: %v, %d bytes", size, largest, name, err, len(m.Bytes))
				}
				if _, err = r.Next(); !errors.Is(err, io.EOF) {
					t.Fatalf("%d bytes in frames of %d, %s: %v behind the message, want EOF", size, largest, name, err)
				}
			}
		}
	}
}

// A stream that ends within a message is told from one that ends between two.
func TestStreamCutOff(t *testing.T) {
	frames := AppendFrames(nil, KindRequest, 1, make([]byte, 200), 64)
	for n := range frames {
		r := NewReader(bytes.NewReader(frames[:n]))
		_, err := r.Next()
		want := io.ErrUnexpectedEOF
		if n == 0 {
			want = io.EOF
		}
		if err != want {
			t.Fatalf("after %d of %d bytes: %v, want %v", n, len(frames), err, want)
		}
	}
}

// Frames of different messages may be mixed, those of one come in order.
func TestMessagesMixed(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const messages = MaxIncomplete
	parts := make([][][]byte, messages)
	want := map[uint32]string{}
	for i := range messages {
		id := uint32(100 + i/2) // a reply and a notice have the same id
		message := strings.Repeat(fmt.Sprint(i), 50+40*i)
		frames := AppendFrames(nil, Kind(1+i%2), id, []byte(message), 64)
		want[id*2+uint32(i%2)] = message
		for len(frames) > 0 {
			n := min(64, len(frames))
			parts[i], frames = append(parts[i], frames[:n]), frames[n:]
		}
	}
	var stream bytes.Buffer
	for left := messages; left > 0; {
		i := random.IntN(messages)
		if len(parts[i]) == 0 {
			continue
		}
		stream.Write(parts[i][0])
		if parts[i] = parts[i][1:]; len(parts[i]) == 0 {
			left--
		}
	}
	r := NewReader(&stream)
	for range messages {
		m, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		key := m.ID*2 + uint32(m.Kind) - 1
		if want[key] != string(m.Bytes) {
			t.Errorf("%v %d: %q, want %q", m.Kind, m.ID, m.Bytes, want[key])
		}
		delete(want, key)
	}
}

// One message too many at once ends the stream; as many as are allowed do not.
func TestIncompleteMessages(t *testing.T) {
	var r Reassembler
	for id := range uint32(MaxIncomplete) {
		if _, done, err := r.Add(Frame{More: true, ID: id, Payload: []byte{1}}); done || err != nil {
			t.Fatal(done, err)
		}
	}
	if _, done, err := r.Add(Frame{ID: 1000, Payload: []byte{1}}); !done || err != nil {
		t.Errorf("a message of one frame beside them: %v, %v", done, err)
	}
	var bad *FrameError
	if _, _, err := r.Add(Frame{More: true, ID: 1000, Payload: []byte{1}}); !errors.As(err, &bad) {
		t.Errorf("one more: %v, want a FrameError", err)
	}
	if m, done, err := r.Add(Frame{ID: 3, Payload: []byte{2}}); !done || err != nil || string(m) != "\x01\x02" {
		t.Errorf("its end: %x, %v, %v", m, done, err)
	}
	if _, _, err := r.Add(Frame{More: true, ID: 1000}); !errors.As(err, &bad) {
		t.Errorf("an empty frame: %v, want a FrameError", err)
	}
}

// A message over the limit is reported once, its rest is dropped, and the next one is
// taken.
func TestMessageTooLong(t *testing.T) {
	for _, tc := range []struct {
		name      string
		length    int
		frame     int
		wantError bool
	}{
		{"as long as allowed", MessageBeforeLogin, 64, false},
		{"one longer, in its last frame", MessageBeforeLogin + 1, 64, true},
		{"much longer", 10 * MessageBeforeLogin, 64, true},
		{"in one frame", MessageBeforeLogin + 1, LargestFrame, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			frames := AppendFrames(nil, KindRequest, 1, make([]byte, tc.length), tc.frame)
			frames = AppendFrames(frames, KindRequest, 2, []byte{0xa0}, tc.frame)
			r := NewReader(bytes.NewReader(frames))
			r.SetLimits(tc.frame, MessageBeforeLogin)
			m, err := r.Next()
			var long *TooLongError
			if errors.As(err, &long) != tc.wantError {
				t.Fatalf("error %v, want one: %v", err, tc.wantError)
			}
			if tc.wantError && (long.ID != 1 || long.Limit != MessageBeforeLogin || long.Kind != KindRequest) {
				t.Errorf("%+v", long)
			}
			if !tc.wantError && len(m.Bytes) != tc.length {
				t.Errorf("%d bytes", len(m.Bytes))
			}
			if m, err = r.Next(); err != nil || m.ID != 2 {
				t.Errorf("the next message: %+v, %v", m, err)
			}
		})
	}
}

// A frame longer than what was agreed ends the stream before it is received.
func TestFrameTooLong(t *testing.T) {
	frames := AppendFrames(nil, KindRequest, 1, make([]byte, 300), LargestFrame)
	var bad *FrameError
	if _, err := NewReader(bytes.NewReader(frames)).Next(); !errors.As(err, &bad) {
		t.Errorf("%v before the hello, want a FrameError", err)
	}
	r := NewReader(bytes.NewReader(frames))
	r.SetLimits(1<<20, 1<<20)
	if m, err := r.Next(); err != nil || len(m.Bytes) != 300 {
		t.Errorf("%v behind it", err)
	}
}

// The memory of a long message is given back, that of short ones is used again.
func TestReassemblerMemory(t *testing.T) {
	var r Reassembler
	r.SetLimit(DefaultMaxMessage)
	payload := make([]byte, LargestFrame-HeaderLength)
	for range 2 {
		for range DefaultMaxMessage / len(payload) {
			if _, _, err := r.Add(Frame{More: true, ID: 1, Payload: payload}); err != nil {
				t.Fatal(err)
			}
		}
		if _, done, err := r.Add(Frame{ID: 1, Payload: payload[:1]}); !done || err != nil {
			t.Fatal(done, err)
		}
	}
	if kept := cap(r.parts[0].bytes); kept > keptBuffer {
		t.Errorf("%d bytes kept", kept)
	}
	if n := testing.AllocsPerRun(100, func() {
		_, _, _ = r.Add(Frame{More: true, ID: 1, Payload: payload[:57]})
		_, _, _ = r.Add(Frame{ID: 1, Payload: payload[:57]})
	}); n != 0 {
		t.Errorf("%v allocations for a short message of two frames", n)
	}
}

func TestAgreeFrame(t *testing.T) {
	for _, tc := range []struct {
		stated uint32
		want   int
		ok     bool
	}{{0, 0, false}, {63, 0, false}, {64, 64, true}, {240, 240, true}, {4096, 4096, true}, {1 << 31, 4096, true}} {
		got, err := AgreeFrame(tc.stated)
		if got != tc.want || (err == nil) != tc.ok {
			t.Errorf("%d: %d, %v", tc.stated, got, err)
		}
	}
}

// What waits whole is seen without reading.
func TestReaderWaiting(t *testing.T) {
	frames := AppendFrames(nil, KindRequest, 1, []byte{0xa0}, 64)
	frames = AppendFrames(frames, KindRequest, 2, []byte{0xa0}, 64)
	r := NewReader(bytes.NewReader(frames[:len(frames)-1]))
	if r.Waiting() {
		t.Error("before the first read")
	}
	if _, err := r.Next(); err != nil || r.Waiting() {
		t.Error("half a frame is not one", err)
	}
	r = NewReader(bytes.NewReader(frames))
	if _, err := r.Next(); err != nil || !r.Waiting() {
		t.Error("a whole one is", err)
	}
	if _, err := r.Next(); err != nil || r.Waiting() {
		t.Error("none is left", err)
	}
}
