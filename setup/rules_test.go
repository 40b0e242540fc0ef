package setup

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

// Every published example of F19, and its negatives (security.md 3.3).
func TestF19PasswordRules(t *testing.T) {
	for _, password := range []string{"0", "12345678", "0A123", "#A134", "01234$", "A^@g5", "1", "99999999", "abcdef", "!", "~"} {
		if err := CheckPassword(password); err != nil {
			t.Errorf("%q is refused: %v", password, err)
		}
	}
	for password, rule := range map[string]string{"": "empty", "123456789": "9 digits", "012": "begin with 0", "00": "begin with 0", "abcdefg": "7 characters", "a b": "blank",
		"pässwd": "accented", "a\tb": "control", "1234567a": "8 characters", "\x7f": "control"} {
		err := CheckPassword(password)
		if !HasCode(err, CodePasswordRule) || !strings.Contains(err.Error(), rule) {
			t.Errorf("%q: %v, want %q", password, err, rule)
		}
		if len(password) > 3 && err != nil && strings.Contains(err.Error(), password) {
			t.Errorf("the password stands in %v", err)
		}
	}
}

func TestIdleBoxes(t *testing.T) {
	tests := []struct{ boxes, idle []string }{
		{[]string{"read", "security"}, nil},
		{[]string{"security"}, []string{"security"}},
		{[]string{"time"}, nil},
		{[]string{"reset", "time", "config", "test", "comm"}, []string{"reset", "config", "test", "comm"}},
		{nil, nil},
	}
	for _, tt := range tests {
		if got := Idle(tt.boxes); !slices.Equal(got, tt.idle) {
			t.Errorf("%v: idle %v, want %v", tt.boxes, got, tt.idle)
		}
	}
}

func TestParsePermissions(t *testing.T) {
	for text, want := range map[string]string{"": "", "none": "", "READ, config": "read,config", "comm,read": "read,comm", "all": "read,reset,time,config,test,security,comm", "read,read": "read"} {
		got, err := ParsePermissions(text)
		if err != nil || strings.Join(got, ",") != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	if _, err := ParsePermissions("read,confg"); !HasCode(err, CodeUsage) || !strings.Contains(err.Error(), "did you mean config") {
		t.Errorf("%v", err)
	}
}

func TestParseUser(t *testing.T) {
	for text, want := range map[string]int{"USER1": 1, "user50": 50, "2": 2, "METER": 0, "meter": 0} {
		if got, err := ParseUser(text); err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "user", "USER0", "USER01", "USER-1", "USER+1", "anna", "9000", "0"} {
		if n, err := ParseUser(text); !HasCode(err, CodeUsage) {
			t.Errorf("%q: %d, %v", text, n, err)
		}
	}
}

func TestMatch(t *testing.T) {
	labels := []string{"Power Meter/Vln a", "Power Meter/Vln avg", "Power Meter/PT Prim", "Power Meter/V4 Prim", "Security Options/Security Mode", "Power Meter/Volts Mode", "HS Power Meter/Vln a",
		"Data Mapping voltage/Vln avg", "Data Mapping power/Volts Mode",
		"COM1/Baud Rate", "COM2/Baud Rate"}
	for typed, want := range map[string]string{"power meter/VLN A": "Power Meter/Vln a", "PT Prim": "Power Meter/PT Prim", "security mode": "Security Options/Security Mode",
		"com1/baud rate": "COM1/Baud Rate", "avg": "Power Meter/Vln avg", "ts Mode": "Power Meter/Volts Mode", "data mapping power/volts mode": "Data Mapping power/Volts Mode", " pt prim ": "Power Meter/PT Prim"} {
		if got, err := match(typed, labels); err != nil || got != want {
			t.Errorf("%q: %q, %v", typed, got, err)
		}
	}
	for typed, says := range map[string]string{"Prim": "2 registers", "Baud Rate": "COM2/Baud Rate", "Mode": "Volts Mode", "Vln a": "HS Power Meter/Vln a"} {
		if got, err := match(typed, labels); !HasCode(err, CodeAmbiguous) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %q, %v", typed, got, err)
		}
	}
	for typed, says := range map[string]string{"PT Pirm": "did you mean Power Meter/PT Prim", "Power Metre/Volts Mode": "did you mean Power Meter/Volts Mode", "zzz": "hepsetup modules", "": "no register"} {
		if got, err := match(typed, labels); !HasCode(err, CodeNoSuchRegister) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %q, %v", typed, got, err)
		}
	}
}

func TestDigits(t *testing.T) {
	for want, x := range map[string]float64{"230.12": 230.1234, "0.0000": 0, "1.5000": 1.5, "49.998": 49.9984, "123456": 123456, "12345": 12345.4, "-0.5000": -0.5, "5.00e-05": 5e-5, "1234.5": 1234.46} {
		if got := Digits(x); got != want {
			t.Errorf("%v: %s, want %s", x, got, want)
		}
	}
}

func TestNotAvailableIsNull(t *testing.T) {
	for _, kind := range []ValueKind{Number, Count, Boolean, Enum, Text, Time} {
		v := Value{Kind: kind}
		b, err := json.Marshal(Reading{Register: "A/b", Value: v, Unit: "V"})
		if err != nil || !strings.Contains(string(b), `"value":null`) || v.String() != "N/A" {
			t.Errorf("%v: %s %v %s", kind, b, err, v)
		}
	}
}

func TestShort(t *testing.T) {
	for want, d := range map[string]time.Duration{"5m": 5 * time.Minute, "1h30m": 90 * time.Minute, "24h": 24 * time.Hour, "30d": 30 * 24 * time.Hour, "90s": 0, "2s": 2 * time.Second} {
		if want != "90s" && Short(d) != want {
			t.Errorf("%v: %s, want %s", d, Short(d), want)
		}
	}
}

// Every code has a sentence and a remedy, and is listed once.
func TestCodes(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Codes() {
		if c.Code == "" || c.Sentence == "" || c.Remedy == "" || seen[c.Code] {
			t.Errorf("%+v", c)
		}
		seen[c.Code] = true
	}
}
