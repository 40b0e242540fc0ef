package eventchain

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	testKey   = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	otherKey  = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, ed25519.SeedSize))
	testStart = time.Date(2026, 11, 23, 12, 0, 0, 123456789, time.UTC)
)

func header(key ed25519.PrivateKey) Header {
	return Header{Model: "ION9000", Serial: "HM-0001", Firmware: "3.1.0", Key: PublicKeyOf(key), First: 41, Previous: Hash{1, 2, 3}}
}

func events(n int) []Event {
	list := make([]Event, n)
	for i := range list {
		list[i] = Event{Sequence: 41 + uint64(i), Time: testStart.Add(time.Duration(i) * time.Second), Priority: uint8(30 * i), Cause: "Power Meter",
			CauseValue: fmt.Sprint("PT Prim ", i), Effect: "Setup change <&>", EffectValue: "120 to 480 \u2028 é \x00", User: "USER1", Origin: "ion 192.0.2.7"}
	}
	return list
}

// exported returns a log that key signed, by lines.
func exported(t testing.TB, key ed25519.PrivateKey, h Header, list []Event) []string {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, h)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if err := w.Event(e); err != nil {
			t.Fatal(err)
		}
	}
	s := w.Statement(testStart.Add(time.Hour))
	signature, err := s.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.End(s.Signed, signature); err != nil {
		t.Fatal(err)
	}
	return strings.SplitAfter(strings.TrimSuffix(b.String(), "\n")+"\n", "\n")[:len(list)+2]
}

func verify(lines []string, key ed25519.PrivateKey) (Report, error) {
	return Verify(strings.NewReader(strings.Join(lines, "")), PublicKeyOf(key).Fingerprint())
}

// The encoding is fixed for ever: these are the bytes of docs/store.md, summed by another
// program.
func TestEventHashIsFixed(t *testing.T) {
	e := Event{Sequence: 1, Time: time.Unix(1, 2), Priority: 255, Cause: "a", CauseValue: "bc", User: "é"}
	if got, want := EventHash(Hash{}, &e).String(), "48bb8eaaef4626bd96b7f702e54598f46f3f157cea03a2aa73668276b5358058"; got != want {
		t.Errorf("hash %s, want %s", got, want)
	}
}

// As made of the same seed by openssl and sha256sum.
func TestFingerprintIsFixed(t *testing.T) {
	if got, want := PublicKeyOf(testKey).Fingerprint(), "SHA256:/oEsEvOrTOasXbaaw1L5BssbEe9D+zPiUu9/9VImOIk"; got != want {
		t.Errorf("fingerprint %s, want %s", got, want)
	}
}

func TestSoundLogs(t *testing.T) {
	for _, n := range []int{0, 1, 3, 300} {
		report, err := verify(exported(t, testKey, header(testKey), events(n)), testKey)
		if err != nil || report.Events != n || report.Head != uint64(40+n) || !report.Signed.Equal(testStart.Add(time.Hour)) || report.Header != header(testKey) {
			t.Errorf("%d events: %+v, %v", n, report, err)
		}
	}
	first := header(testKey)
	first.First, first.Previous = 1, Hash{}
	if _, err := verify(exported(t, testKey, first, nil), testKey); err != nil {
		t.Errorf("no event ever: %v", err)
	}
	long := events(1)
	long[0].Cause = strings.Repeat("\x00", MaxTextBytes)
	long[0].CauseValue, long[0].Effect, long[0].EffectValue, long[0].User, long[0].Origin = long[0].Cause, long[0].Cause, long[0].Cause, long[0].Cause, long[0].Cause
	if _, err := verify(exported(t, testKey, header(testKey), long), testKey); err != nil {
		t.Errorf("the longest line: %v", err)
	}
}

// Each edit of an exported log is found, at the first line that shows it.
func TestEditsAreFound(t *testing.T) {
	sound := exported(t, testKey, header(testKey), events(5))
	other := exported(t, otherKey, header(otherKey), events(5))
	shorter := exported(t, testKey, header(testKey), events(4))
	replace := func(line int, old, new string) func([]string) []string {
		return func(l []string) []string {
			if !strings.Contains(l[line-1], old) {
				t.Fatalf("line %d has no %q", line, old)
			}
			l[line-1] = strings.Replace(l[line-1], old, new, 1)
			return l
		}
	}
	// rechained makes the hashes of an edited log fit again, as somebody without the key can.
	rechained := func(edit func([]Event) []Event, h Header) func([]string) []string {
		return func([]string) []string {
			lines := exported(t, otherKey, Header{h.Model, h.Serial, h.Firmware, PublicKeyOf(otherKey), h.First, h.Previous}, edit(events(5)))
			own := PublicKeyOf(testKey)
			lines[0] = strings.Replace(lines[0], hex.EncodeToString(publicOf(otherKey)), hex.EncodeToString(own[:]), 1)
			return lines
		}
	}
	without := header(testKey)
	without.First, without.Previous = 42, EventHash(without.Previous, &events(1)[0])
	model := header(testKey)
	model.Model = "ION7400"
	tests := []struct {
		name string
		edit func([]string) []string
		line int
		says string
	}{
		{"a changed text", replace(4, "PT Prim 2", "PT Prim 3"), 4, "event 43"},
		{"a changed time", replace(4, "12:00:02", "12:00:03"), 4, "event 43"},
		{"a changed priority", replace(4, `"priority":60`, `"priority":10`), 4, "event 43"},
		{"a user taken out", replace(4, `"USER1"`, `""`), 4, "event 43"},
		{"a changed number", replace(4, `"sequence":43`, `"sequence":44`), 4, "removed or moved"},
		{"a changed hash", replace(4, `"hash":"`, `"hash":"0`), 4, "not an event"},
		{"an upper-case hash", func(l []string) []string { l[3] = strings.Replace(l[3], "e", "E", -1); return l }, 4, "not an event"},
		{"a blank", replace(4, `:43,`, `: 43,`), 4, "not an event"},
		{"the same time elsewhere", replace(4, `123456789Z`, `123456789+00:00`), 4, "not an event"},
		{"a second user", replace(4, `"user":"USER1"`, `"user":"USER2","user":"USER1"`), 4, "not an event"},
		{"a field more", replace(4, `{"seq`, `{"note":"","seq`), 4, "not an event"},
		{"a line end of another system", replace(4, "\n", "\r\n"), 4, "not an event"},
		{"an empty line", func(l []string) []string { return slices.Insert(l, 3, "\n") }, 4, "not an event"},
		{"a removed line", func(l []string) []string { return slices.Delete(l, 3, 4) }, 4, "event 44 where event 43 belongs"},
		{"the first event removed", func(l []string) []string { return slices.Delete(l, 1, 2) }, 2, "event 42 where event 41 belongs"},
		{"the last event removed", func(l []string) []string { return slices.Delete(l, 5, 6) }, 6, "signed for events up to 45, and the last one is 44"},
		{"a repeated line", func(l []string) []string { return slices.Insert(l, 4, l[3]) }, 5, "event 43 where event 44 belongs"},
		{"two lines changed places", func(l []string) []string { l[3], l[4] = l[4], l[3]; return l }, 4, "removed or moved"},
		{"the end cut off", func(l []string) []string { return l[:6] }, 7, "without its signed last line"},
		{"the end cut within a line", func(l []string) []string { l[6] = l[6][:20]; return l }, 7, "ends within the line"},
		{"the last line end", func(l []string) []string { l[6] = strings.TrimSuffix(l[6], "\n"); return l }, 7, "ends within the line"},
		{"all but the header", func(l []string) []string { return l[:1] }, 2, "without its signed last line"},
		{"nothing at all", func(l []string) []string { return nil }, 1, "without its signed last line"},
		{"something behind the end", func(l []string) []string { return append(l, l[3]) }, 8, "follow the signed last line"},
		{"another head", replace(7, `"head":45`, `"head":46`), 7, "signed for events up to 46"},
		{"another head hash", func(l []string) []string {
			l[6] = strings.Replace(l[6], l[6][19:83], strings.Repeat("0", 64), 1)
			return l
		}, 7, "signed for another event"},
		{"another time of signing", replace(7, "13:00:00", "13:00:01"), 7, "signature does not fit"},
		{"the end of a shorter log", func(l []string) []string { return append(l[:6], shorter[5]) }, 7, "signed for events up to 44"},
		{"another model", replace(1, "ION9000", "ION7400"), 7, "signature does not fit"},
		{"another serial number", replace(1, "HM-0001", "HM-0002"), 7, "signature does not fit"},
		{"another firmware", replace(1, "3.1.0", "3.2.0"), 7, "signature does not fit"},
		{"another beginning", replace(1, "010203", "010204"), 2, "event 41"},
		{"a newer format", replace(1, `"version":1`, `"version":2`), 1, "newer program"},
		{"another format", replace(1, `event log`, `event lag`), 1, "not the header"},
		{"a header with a blank", replace(1, `,"model"`, `, "model"`), 1, "header is not as a meter writes it"},
		{"a meter of another key", func([]string) []string { return other }, 1, PublicKeyOf(otherKey).Fingerprint()},
		{"a line without end", func(l []string) []string { return append(l[:2], strings.Repeat("x", MaxLineBytes+1)) }, 3, "longer than"},
		{"an edit with the chain made again", rechained(func(e []Event) []Event { e[2].User = "USER2"; return e }, header(testKey)), 7, "signature does not fit"},
		{"the first event removed, with the chain made again", rechained(func(e []Event) []Event { return e[1:] }, without), 6, "signature does not fit"},
		{"the last event removed, with the chain made again", rechained(func(e []Event) []Event { return e[:4] }, header(testKey)), 6, "signature does not fit"},
		{"another model, with the chain made again", rechained(func(e []Event) []Event { return e }, model), 7, "signature does not fit"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := verify(tt.edit(slices.Clone(sound)), testKey)
			var at *LineError
			if !errors.As(err, &at) || at.Line != tt.line || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want line %d, %q", err, tt.line, tt.says)
			}
		})
	}
}

func publicOf(key ed25519.PrivateKey) []byte { return key.Public().(ed25519.PublicKey) }

// Whatever bit of a sound log is flipped (every third is tried), and wherever it is cut,
// Verify finds it.
func TestEveryFlippedBitIsFound(t *testing.T) {
	sound := strings.Join(exported(t, testKey, header(testKey), events(2)), "")
	fingerprint := PublicKeyOf(testKey).Fingerprint()
	for at := 0; at < len(sound)*8; at += 3 {
		b := []byte(sound)
		b[at/8] ^= 1 << (at % 8)
		if _, err := Verify(bytes.NewReader(b), fingerprint); err == nil {
			t.Fatalf("bit %d of byte %d flipped unnoticed: %q", at%8, at/8, b[max(0, at/8-20):at/8+1])
		}
	}
	for at := 0; at < len(sound); at += 3 {
		if _, err := Verify(strings.NewReader(sound[:at]), fingerprint); err == nil {
			t.Fatalf("cut at byte %d unnoticed", at)
		}
	}
}

func TestVerifyWantsAFingerprint(t *testing.T) {
	report, err := Verify(strings.NewReader(strings.Join(exported(t, testKey, header(testKey), nil), "")), "")
	if err == nil || report.Fingerprint != PublicKeyOf(testKey).Fingerprint() {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestWriterRefuses(t *testing.T) {
	fresh := func() *Writer {
		w, err := NewWriter(new(bytes.Buffer), header(testKey))
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	one := func(change func(*Event)) error {
		e := events(1)[0]
		change(&e)
		return fresh().Event(e)
	}
	new0 := func(change func(*Header)) error {
		h := header(testKey)
		change(&h)
		_, err := NewWriter(new(bytes.Buffer), h)
		return err
	}
	for name, err := range map[string]error{
		"an event too early":       one(func(e *Event) { e.Sequence-- }),
		"an event too late":        one(func(e *Event) { e.Sequence++ }),
		"a text too long":          one(func(e *Event) { e.User = strings.Repeat("x", MaxTextBytes+1) }),
		"a text not UTF-8":         one(func(e *Event) { e.Origin = "\xff" }),
		"a time before 1678":       one(func(e *Event) { e.Time = time.Time{} }),
		"events numbered from 0":   new0(func(h *Header) { h.First = 0 }),
		"a number that overflows":  new0(func(h *Header) { h.First = 1 << 63 }),
		"a serial that is not one": new0(func(h *Header) { h.Serial = "\xff" }),
		"a wrong signature":        fresh().End(testStart, Signature{}),
		"a signing time too late":  fresh().End(time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC), Signature{}),
	} {
		if err == nil {
			t.Errorf("%s is written", name)
		}
	}
	w := fresh()
	s := w.Statement(testStart)
	if _, err := s.Sign(otherKey); err == nil {
		t.Error("signed with the key of another meter")
	}
	signature, err := s.Sign(testKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Event(events(1)[0]); err != nil {
		t.Fatal(err)
	}
	if err := w.End(testStart, signature); err == nil {
		t.Error("a signature from before the event is written behind it")
	}
}

func TestEventHashDoesNotAllocate(t *testing.T) {
	e := events(1)[0]
	var h Hash
	if n := testing.AllocsPerRun(100, func() { h = EventHash(h, &e) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkEventHash(b *testing.B) {
	e := events(1)[0]
	var h Hash
	for b.Loop() {
		h = EventHash(h, &e)
	}
}

// FuzzVerify: what is found sound is, byte for byte, what was signed.
func FuzzVerify(f *testing.F) {
	lines := exported(f, testKey, header(testKey), events(3))
	sound := strings.Join(lines, "")
	f.Add([]byte(sound))
	f.Add([]byte(strings.Join(lines[:2], "")))
	f.Add([]byte(strings.Join(exported(f, testKey, header(testKey), nil), "")))
	f.Add([]byte("{\"format\":\"hepmeter event log\",\"version\":1}\n"))
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		b := []byte(sound)
		b[rnd.IntN(len(b))] ^= 1
		f.Add(b)
	}
	empty := strings.Join(exported(f, testKey, header(testKey), nil), "")
	f.Fuzz(func(t *testing.T, b []byte) {
		report, err := Verify(bytes.NewReader(b), PublicKeyOf(testKey).Fingerprint())
		if err == nil && string(b) != sound && string(b) != empty {
			t.Errorf("found sound: %q (%+v)", b, report)
		}
		var at *LineError
		if err != nil && (!errors.As(err, &at) || at.Line < 1 || at.Line > 1+bytes.Count(b, []byte("\n"))+1) {
			t.Errorf("error names no line of the file: %v", err)
		}
	})
}
