package delta

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
)

// random returns n bytes that are the same for every run.
func random(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	r.Read(b)
	return b
}

// moved is code: words of which every tenth is an address that moves with by.
func moved(n int, by uint32) []byte {
	b := random(4 * n)
	for i := 0; i < n; i += 10 {
		w := b[4*i:]
		binary.LittleEndian.PutUint32(w, binary.LittleEndian.Uint32(w)%1e6+by)
	}
	return b
}

// applied is what a delta makes of base.
func applied(base, delta []byte, limit int64) ([]byte, error) {
	var out bytes.Buffer
	_, err := Apply(&out, bytes.NewReader(base), bytes.NewReader(delta), int64(len(delta)), limit)
	return out.Bytes(), err
}

func TestDeltaMakesTheTarget(t *testing.T) {
	code := moved(50_000, 0)
	tests := []struct {
		name         string
		base, target []byte
		most         int // bytes of the delta
	}{
		{"both empty", nil, nil, headerBytes + 60},
		{"an empty base", nil, random(1000), 1400},
		{"an empty target", random(1000), nil, headerBytes + 60},
		{"nothing changed", code, code, headerBytes + 80},
		{"one byte changed", code, slices.Concat(code[:777], []byte{code[777] + 1}, code[778:]), headerBytes + 80},
		{"the end cut off", code, code[:150_000], headerBytes + 80},
		{"something in front", code, slices.Concat(random(300), code), headerBytes + 400},
		{"something in the middle", code, slices.Concat(code[:100_001], []byte("twenty lines of code"), code[100_001:]), headerBytes + 120},
		{"something taken out", code, slices.Concat(code[:100_001], code[100_123:]), headerBytes + 100},
		{"parts in another order", code, slices.Concat(code[120_000:], code[:70_000], code[70_000:120_000]), headerBytes + 120},
		{"all addresses moved", code, moved(50_000, 0x40), 4000},
		{"nothing in common", random(100_000), slices.Concat(random(100_100)[100_000:], bytes.Repeat([]byte("abcdefgh1234"), 5000)), 500},
		{"zeros", make([]byte, 100_000), make([]byte, 90_000), headerBytes + 80},
		{"shorter than a seed", []byte("abc"), []byte("abcd"), headerBytes + 80},
	}
	for _, test := range tests {
		delta, err := Make(test.base, test.target)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		got, err := applied(test.base, delta, int64(len(test.target)))
		if err != nil || !bytes.Equal(got, test.target) {
			t.Errorf("%s: %d bytes made, %v; want the %d of the target", test.name, len(got), err, len(test.target))
		}
		if len(delta) > test.most {
			t.Errorf("%s: the delta has %d bytes, want at most %d", test.name, len(delta), test.most)
		}
		again, _ := Make(test.base, test.target)
		if !bytes.Equal(delta, again) {
			t.Errorf("%s: made twice, the delta differs", test.name)
		}
	}
}

// packed makes a delta of streams as they are, for what Make would not write.
func packed(base, target []byte, raw [streams][]byte) []byte {
	h := Header{BaseBytes: int64(len(base)), TargetBytes: int64(len(target)), BaseSHA256: sha256.Sum256(base), TargetSHA256: sha256.Sum256(target)}
	b, err := h.pack(raw)
	if err != nil {
		panic(err)
	}
	return b
}

func varints(values ...int64) (b []byte) {
	for i, v := range values {
		if i%3 == 0 {
			b = binary.AppendVarint(b, v)
		} else {
			b = binary.AppendUvarint(b, uint64(v))
		}
	}
	return b
}

func TestDamagedDeltasAreRefused(t *testing.T) {
	base := []byte("0123456789")
	target := []byte("01234")
	sound := packed(base, target, [streams][]byte{streamSteps: varints(0, 5, 0)})
	if got, err := applied(base, sound, 5); err != nil || string(got) != "01234" {
		t.Fatalf("the sound one: %q, %v", got, err)
	}
	edit := func(at int, b byte) []byte {
		e := slices.Clone(sound)
		e[at] = b
		return e
	}
	tests := []struct {
		name  string
		base  []byte
		delta []byte
		limit int64
	}{
		{"nothing", base, nil, 5},
		{"another magic", base, edit(0, 'X'), 5},
		{"a base beyond the bound", base, edit(8, 1), 5},
		{"a target beyond the bound", base, edit(48, 1), 5},
		{"a target beyond the limit", base, sound, 4},
		{"cut off", base, sound[:len(sound)-1], 5},
		{"something behind it", base, append(slices.Clone(sound), 0), 5},
		{"another base", []byte("0023456789"), sound, 5},
		{"another target hash", base, edit(60, sound[60]+1), 5},
		{"an empty step", base, packed(base, target, [streams][]byte{streamSteps: varints(0, 0, 0, 0, 5, 0)}), 5},
		{"a step before the base", base, packed(base, target, [streams][]byte{streamSteps: varints(-1, 5, 0)}), 5},
		{"a step behind the base", base, packed(base, target, [streams][]byte{streamSteps: varints(6, 5, 0)}), 5},
		{"a seek behind the base", base, packed(base, target, [streams][]byte{streamSteps: varints(11, 0, 5), streamLiterals: target}), 5},
		{"more than the target", base, packed(base, target, [streams][]byte{streamSteps: varints(0, 6, 0)}), 5},
		{"literals beyond the target", base, packed(base, target, [streams][]byte{streamSteps: varints(0, 1, 5), streamLiterals: target}), 5},
		{"lengths that overflow", base, packed(base, target, [streams][]byte{streamSteps: varints(0, -1, 6)}), 5},
		{"too few steps", base, packed(base, target, [streams][]byte{streamSteps: varints(0, 4, 0)}), 5},
		{"too many steps", base, packed(base, target, [streams][]byte{streamSteps: varints(0, 5, 0, 0, 5, 0)}), 5},
		{"too few literals", base, packed(base, target, [streams][]byte{streamSteps: varints(0, 0, 5), streamLiterals: []byte("0123")}), 5},
		{"too few differences", base, packed(base, target, [streams][]byte{streamSteps: varints(0, 5, 0), streamGaps: {0, 1}}), 5},
		{"a change of nothing", base, packed(base, target, [streams][]byte{streamSteps: varints(0, 5, 0), streamGaps: {0, 0}}), 5},
		{"differences without gaps", base, packed(base, target, [streams][]byte{streamSteps: varints(0, 5, 0), streamDifferences: {1}}), 5},
		{"gaps behind the end", base, packed(base, target, [streams][]byte{streamSteps: varints(0, 5, 0), streamGaps: {9, 1, 9, 1}, streamDifferences: {1}}), 5},
		{"literals behind the end", base, packed(base, target, [streams][]byte{streamSteps: varints(0, 5, 0), streamLiterals: make([]byte, 50<<20)}), 5},
	}
	for _, test := range tests {
		got, err := applied(test.base, test.delta, test.limit)
		if !errors.Is(err, ErrFormat) || int64(len(got)) > test.limit {
			t.Errorf("%s: %d bytes, %v; want at most %d and ErrFormat", test.name, len(got), err, test.limit)
		}
	}
}

func TestABaseThatIsTooShortIsAnError(t *testing.T) {
	delta, err := Make([]byte("0123456789"), []byte("0123456789"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := applied([]byte("01234"), delta, 10); !errors.Is(err, io.EOF) {
		t.Errorf("%v, want EOF", err)
	}
}

func FuzzApply(f *testing.F) {
	base := moved(300, 0)
	for _, target := range [][]byte{nil, base, moved(300, 0x40), slices.Concat(base[:500], []byte("more"), base[300:])} {
		delta, err := Make(base, target)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(delta)
	}
	f.Fuzz(func(t *testing.T, delta []byte) {
		const limit = 4 << 10
		got, err := applied(base, delta, limit)
		if len(got) > limit {
			t.Fatalf("%d bytes made, the limit is %d", len(got), limit)
		}
		if err == nil {
			h, err := ReadHeader(bytes.NewReader(delta), int64(len(delta)))
			if err != nil || sha256.Sum256(got) != h.TargetSHA256 {
				t.Fatalf("what was made is not the target: %v", err)
			}
		}
	})
}

func FuzzMake(f *testing.F) {
	f.Add([]byte("0123456789abcdefghij"), []byte("0123456789abcdefghij"))
	f.Add([]byte("0123456789abcdefghij"), []byte("abcdefghij0123456789abcdefghij"))
	f.Add(bytes.Repeat([]byte{0}, 100), bytes.Repeat([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 9))
	f.Fuzz(func(t *testing.T, base, target []byte) {
		if len(base) > 4<<10 || len(target) > 4<<10 {
			return
		}
		// Without packing the streams, which would take most of the time.
		raw := encode(base, target, steps(base, target))
		stream := func(i int) *bufio.Reader { return bufio.NewReader(bytes.NewReader(raw[i])) }
		a := applier{Header: Header{BaseBytes: int64(len(base)), TargetBytes: int64(len(target))}, base: bytes.NewReader(base), steps: stream(streamSteps),
			literals: stream(streamLiterals), changes: changes{gaps: stream(streamGaps), differences: stream(streamDifferences)}}
		var got bytes.Buffer
		if err := a.run(&got); err != nil || !bytes.Equal(got.Bytes(), target) {
			t.Fatalf("%v", err)
		}
	})
}
