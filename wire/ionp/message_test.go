package ionp

import (
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func encoded(t testing.TB, v any) []byte {
	t.Helper()
	var w Writer
	w.message.Reset()
	if err := encodeTo(&w.message, v); err != nil {
		t.Fatal(err)
	}
	return w.message.Bytes()
}

// An absent user name or password is not an empty one.
func TestCredentialRoundTrip(t *testing.T) {
	empty, noSecret := "", Secret("")
	for _, tc := range []struct {
		name string
		c    *Credential
	}{
		{"anonymous", nil},
		{"a credential with nothing in it", &Credential{}},
		{"password only", PasswordOnly("0")},
		{"empty password only", PasswordOnly("")},
		{"user name only", &Credential{User: &empty}},
		{"user name and password", NamedUser("USER1", "0")},
		{"user name and empty password", &Credential{User: &empty, Password: &noSecret}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got Request
			if err := DecodeRequest(encoded(t, &Request{Operation: 7, Credential: tc.c}), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.c, got.Credential); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A request that is decoded into used memory keeps nothing of the one before.
func TestDecodeRequestForgets(t *testing.T) {
	var r Request
	if err := DecodeRequest(encoded(t, &Request{Operation: 7, Credential: NamedUser("a", "b"), Body: Body{0xa1, 1, 0x80}}), &r); err != nil {
		t.Fatal(err)
	}
	if err := DecodeRequest(encoded(t, &Request{Operation: 3}), &r); err != nil {
		t.Fatal(err)
	}
	if r.Operation != 3 || r.Credential != nil || len(r.Body) != 0 {
		t.Errorf("%+v, want operation 3 alone", r)
	}
}

// The dialect: what RFC 8949 allows and this protocol does not.
func TestDialect(t *testing.T) {
	for _, tc := range []struct {
		name, hex string
		ok        bool
	}{
		{"operation 7", "a10107", true},
		{"unknown key", "a2010718630a", true},
		{"unknown text key", "a201076161f6", true},
		{"empty map", "a0", true},
		{"key twice", "a201070107", false},
		{"unknown key twice", "a30107186301186302", false},
		{"keys out of order", "a204a00107", true},
		{"map of indefinite length", "bf0107ff", false},
		{"tag", "c1a10107", false},
		{"tag on a number", "a101c107", false},
		{"a list instead of a map", "8107", false},
		{"a number instead of a map", "07", false},
		{"null", "f6", false},
		{"nothing", "", false},
		{"cut off", "a1", false},
		{"a byte too many", "a1010700", false},
		{"operation as text", "a1016137", false},
		{"operation below 0", "a10120", false},
		{"operation over 65535", "a1011a00010000", false},
		{"token of 15 bytes", "a20107034f000102030405060708090a0b0c0d0e", false},
		{"credential and token", "a302a0035000000000000000000000000000000000" + "0107", false},
		{"user name not UTF-8", "a10" + "2a10161ff", false},
		{"user name as bytes", "a102a1014161", false},
		{"8 levels", "a104a101" + strings.Repeat("81", 6) + "00", true},
		{"9 levels", "a104a101" + strings.Repeat("81", 7) + "00", false},
		{"list longer than the message", "a1049b7fffffffffffffff", false},
		{"text longer than the message", "a1047b7fffffffffffffff", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b, err := hex.DecodeString(tc.hex)
			if err != nil {
				t.Fatal(err)
			}
			var r Request
			if err := DecodeRequest(b, &r); (err == nil) != tc.ok {
				t.Errorf("error %v, want ok %v", err, tc.ok)
			}
		})
	}
}

// A value that is not available is neither 0 nor NaN on the wire.
func TestNotAvailable(t *testing.T) {
	for _, n := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if v := Number(n, "V"); v.Available || v.Unit != "V" || v.Kind != ValueNumber {
			t.Errorf("%v: %+v, want one that is not available", n, v)
		}
	}
	var w Writer
	if err := encodeTo(&w.message, &Value{Kind: ValueNumber, Available: true, Number: math.NaN()}); err == nil {
		t.Error("NaN can be sent")
	}
	var v Value
	if err := decode([]byte{0xa1, 3, 0xf9, 0x7e, 0}, &v); err == nil {
		t.Error("NaN is taken")
	}
	if got := encoded(t, NotAvailable(ValueNumber, "V")); string(got) != "\xa3\x01\x01\x02\xf4\x06aV" {
		t.Errorf("% x: want an explicit false", got)
	}
}

// Secrets do not show up where a request is printed.
func TestSecretsDoNotPrint(t *testing.T) {
	r := Request{Credential: NamedUser("USER1", "geheim")}
	bodies := []any{r, &r, r.Credential, *r.Credential, *r.Credential.Password, UserAddRequest{Password: "geheim"},
		&UserPasswordRequest{Password: "geheim"}, SecurityApplyRequest{Passwords: map[string]Secret{"a": "geheim"}}, FactoryUseRequest{Code: "geheim"}}
	for _, b := range bodies {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			if s := fmt.Sprintf(verb, b); strings.Contains(s, "geheim") {
				t.Errorf("%s of %T: %s", verb, b, s)
			}
		}
	}
}
