package firmware

import (
	"bytes"
	"crypto/sha256"
	"testing"
)

// Whatever is opened is as its hashes say, or refused; nothing beyond the bounds is read.
func FuzzOpen(f *testing.F) {
	image := testImage(f, testManifest(), executable(300), testKey(1))
	f.Add(image)
	f.Add(image[:len(image)-3])
	f.Add(testPackage(f, image))
	f.Add([]byte(packageMagic))
	f.Add([]byte(imageMagic))
	trust := NewTrust(Key{Key: public(testKey(1))})
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := open(b)
		if err != nil {
			if codeOf(err) == "" {
				t.Fatalf("not a refusal: %v", err)
			}
			return
		}
		sound := file.Check(nil) == nil
		p, err := trust.Prove(file.Signed)
		if err != nil {
			return
		}
		// Nobody but the fuzzer's own seeds can have signed it.
		if !bytes.Equal(file.Text(), mustOpen(t, image).Text()) {
			t.Fatal("a manifest that nobody has signed is proven")
		}
		var out bytes.Buffer
		if err := p.Unpack(&out, file.Payload()); (err == nil) != sound || err == nil && !bytes.Equal(out.Bytes(), executable(300)) {
			t.Fatalf("unpacked: %v, sound: %v", err, sound)
		}
	})
}

// A key list that is read is written the same again, and counts only as it was signed.
func FuzzKeyList(f *testing.F) {
	trust := NewTrust(ownerKey(1))
	_, list := adopted(f, trust, KeyList{}, 1, []Key{imageKey(2)}, idOf(9))
	f.Add(list.Bytes())
	f.Add([]byte("{}\nsignature "))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := ParseKeyList(b)
		if err != nil {
			return
		}
		if !bytes.Equal(l.Bytes(), b) {
			t.Fatalf("written again it is\n%s", l.Bytes())
		}
		if _, err := trust.Adopt(l); err == nil && !bytes.Equal(b, list.Bytes()) {
			t.Fatal("a list that nobody has signed is adopted")
		}
	})
}

func FuzzKeyFile(f *testing.F) {
	pub, _ := EncodePublicKey(public(testKey(1)))
	f.Add(pub)
	f.Add(mustEncode(f, testKey(1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		ParseKey(b)
		if key, err := ParsePublicKey(b); err == nil {
			IDOf(key)
		}
	})
}

// A copy of the slot journal is what was written, or damaged; none brings the reader down.
func FuzzJournal(f *testing.F) {
	b, err := encodeJournal(7, standing(1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[:200], false)
	f.Add(b[:200], true)
	f.Add([]byte(journalMagic), true)
	f.Fuzz(func(t *testing.T, begin []byte, sealed bool) {
		body := make([]byte, JournalBytes-sha256.Size)
		copy(body, begin)
		sum := sha256.Sum256(body)
		if !sealed {
			sum[0]++
		}
		_, s, err := OpenJournal([2][]byte{append(body, sum[:]...), b})
		if err != nil || !sealed && s != standing(1) {
			t.Fatalf("%+v, %v", s, err)
		}
	})
}
