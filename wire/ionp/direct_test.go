package ionp

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"testing"
)

// general encodes and decodes as if nothing was direct.
func general(v any) ([]byte, error) {
	var b bytes.Buffer
	err := dialect().encode.MarshalToBuffer(v, &b)
	return b.Bytes(), err
}

func directs() []direct {
	return []direct{new(Request), new(Reply), new(Notice), new(ReadRequest), new(ReadReply)}
}

// holdDirect decodes b directly and by the general codec: what the direct way takes the
// general one takes too, with the same result, and both give the same bytes for it.
func holdDirect(t *testing.T, v direct, b []byte) (taken bool) {
	t.Helper()
	if !v.readFrom(b) {
		return false
	}
	other := reflect.New(reflect.TypeOf(v).Elem()).Interface()
	if err := dialect().decode.Unmarshal(b, other); err != nil {
		t.Fatalf("%x is taken as %+v; the general codec says %v", b, v, err)
	}
	if !reflect.DeepEqual(v, other) {
		t.Fatalf("%x is taken as %#v; the general codec says %#v", b, v, other)
	}
	want, err := general(v)
	got, ok := v.appendTo(nil)
	if !ok || err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%+v becomes %x, %v; the general codec says %x, %v", v, got, ok, want, err)
	}
	return true
}

// What is read and written directly is what the general codec reads and writes.
func FuzzDirect(f *testing.F) {
	for i, v := range directs() {
		p := reflect.New(reflect.TypeOf(v).Elem())
		n := 0
		fill(p.Elem(), &n)
		if body := p.Elem().FieldByName("Body"); body.IsValid() {
			body.SetBytes([]byte{0xa1, 1, 0xf5})
		}
		b, err := general(p.Interface())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(i), b)
	}
	f.Fuzz(func(t *testing.T, which byte, b []byte) {
		all := directs()
		holdDirect(t, all[int(which)%len(all)], b)
	})
}

// What these messages are made of is taken directly: it is not slow by accident.
func TestDirectIsTaken(t *testing.T) {
	for _, v := range []direct{
		&Request{Operation: 7}, &Request{Operation: 300, Credential: NamedUser("USER1", "0"), Body: Body{0xa1, 1, 0x81, 0x61, 'a'}},
		&Request{Credential: PasswordOnly("0"), Token: make([]byte, TokenLength)}, &Reply{}, &Reply{Body: Body{0xa0}, More: true},
		&Reply{Code: CodeBusy, Reason: "reason", Remedy: "remedy"}, &Notice{Sequence: math.MaxUint64, Time: math.MinInt64},
		&Notice{Ended: CodeBusy, Reason: "reason"}, &Notice{Readings: []Reading{{"a", Enum(-1, "b")}, {"", Value{}}}},
		&ReadRequest{}, &ReadRequest{[]string{"a", "Ä"}}, &ReadReply{Time: math.MaxInt64, Readings: []Reading{{"a", Number(-0.1, "V")}}},
	} {
		t.Run(fmt.Sprintf("%+v", v), func(t *testing.T) {
			b, err := general(v)
			if err != nil {
				t.Fatal(err)
			}
			if !holdDirect(t, reflect.New(reflect.TypeOf(v).Elem()).Interface().(direct), b) {
				t.Errorf("%x is left to the general codec", b)
			}
		})
	}
}

// Floats at the edges of each size keep their value and have the shortest form.
func TestDirectFloats(t *testing.T) {
	for _, f := range []float64{1, -1, 0.5, 412.5, 65504, 65505, 65520, 65536, 2049, 0x1p-14, 0x1p-15, 0x1p-24, 0x1p-25, 0x3p-24, 0x1.8p-24,
		0x1.ffcp-15, 0x1.ffep-15, 0x1.004p-14, 0x1.002p-14, 0.1, 1e30, math.MaxFloat32, math.MaxFloat64, math.SmallestNonzeroFloat32,
		math.SmallestNonzeroFloat64, math.Pi, float64(float32(math.Pi))} {
		for _, f := range []float64{f, -f} {
			want, err := general(f)
			if err != nil {
				t.Fatal(err)
			}
			if got := appendFloat(nil, f); !bytes.Equal(got, want) {
				t.Errorf("%v becomes %x, want %x", f, got, want)
			}
			c := cursor{b: want}
			if got := c.float(); got != f || !c.ended() {
				t.Errorf("%x is %v, want %v", want, got, f)
			}
		}
	}
	for h := range 1 << 16 { // every float of 16 bits
		b := []byte{simpleFloat16, byte(h >> 8), byte(h)}
		var want float64
		err := dialect().decode.Unmarshal(b, &want)
		c := cursor{b: b}
		got := c.float()
		if c.ended() != (err == nil) || math.Float64bits(got) != math.Float64bits(want) {
			t.Errorf("%x is %v, %v; want %v, %v", b, got, c.ended(), want, err)
		}
	}
}

// What only the general codec may judge is left to it.
func TestDirectLeaves(t *testing.T) {
	for _, tc := range []struct {
		name string
		v    direct
	}{
		{"NaN", &ReadReply{Readings: []Reading{{"a", Value{Number: math.NaN()}}}}},
		{"infinity", &Notice{Readings: []Reading{{"a", Value{Number: math.Inf(-1)}}}}},
		{"a body that is cut off", &Reply{Body: Body{0xa1, 1}}},
		{"a body with a tag", &Request{Body: Body{0xc1, 0xa0}}},
		{"a body that is two", &Request{Body: Body{0xa0, 0xa0}}},
	} {
		if b, ok := tc.v.appendTo(nil); ok {
			t.Errorf("%s: becomes %x", tc.name, b)
		}
		if b, err := general(tc.v); err == nil {
			t.Errorf("%s: the general codec gives %x", tc.name, b)
		}
	}
}
