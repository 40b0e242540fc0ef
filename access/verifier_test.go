package access

import (
	"bytes"
	"strings"
	"testing"
)

// The cost of one check as meters run it: go test ./access -run '^$' -bench PasswordCheck
func BenchmarkPasswordCheck(b *testing.B) {
	v, err := newVerifier("0", zeros{}, argon2id)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if v.matches("1", argon2id) {
			b.Fatal("wrong is right")
		}
	}
}

// The stored form is argon2's own, and stays: accounts of today log in tomorrow.
func TestVerifierForm(t *testing.T) {
	v, err := newVerifier("0", zeros{}, argon2id)
	if err != nil {
		t.Fatal(err)
	}
	if got := v.String(); got != storedForm {
		t.Errorf("%s, want %s", got, storedForm)
	}
	again, err := ParseVerifier(storedForm)
	if err != nil || again != v || !again.matches("00", argon2id) || again.matches("1", argon2id) || !again.Numeric() {
		t.Errorf("%+v, %v", again, err)
	}
	for _, bad := range []string{"x", strings.Replace(storedForm, "QYQU4", "QYQU5", 1), strings.Replace(storedForm, "QYQU4", "QYQ\nU4", 1), storedForm[:len(storedForm)-1], storedForm + "\n", "$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA digits"} {
		if _, err := ParseVerifier(bad); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
	passwords := map[int]Verifier{0: v, 12: {set: true}}
	kept := KeepPasswords(passwords)
	if got, err := Passwords(kept); err != nil || len(got) != 2 || got[0] != v || got[12] != passwords[12] {
		t.Errorf("%v, %v", got, err)
	}
	for name, text := range map[string]string{"verifier/x": "", "verifier/1x": "", "verifier/-1": "", "verifier/1": "0"} {
		if _, err := Passwords(map[string][]byte{name: []byte(text)}); err == nil {
			t.Errorf("%s = %q is read", name, text)
		}
	}
	if f, err := FactoryPassword(bytes.NewReader(make([]byte, saltBytes))); err != nil || f != v {
		t.Errorf("the factory password: %v, %v", f, err)
	}
	if _, err := FactoryPassword(bytes.NewReader(nil)); err == nil {
		t.Error("a password without a salt")
	}
}

const storedForm = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$h9DfO4JbRwhqnTMmJVNd9efktDyTw1UgvmsdNUQYQU4 digits"
