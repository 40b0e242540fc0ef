package modbus

import (
	"bytes"
	"testing"
)

// answers are one of each function, whole, with its request.
var answers = []struct{ name, request, answer string }{
	{"1 coils", "01 0013 0013", "01 03 CD6B05"},
	{"2 discrete inputs", "02 00C4 0016", "02 03 ACDB35"},
	{"3 holding registers", "03 006B 0003", "03 06 022B 0000 0064"},
	{"4 input registers", "04 0008 0001", "04 02 000A"},
	{"5 single coil", "05 00AC FF00", "05 00AC FF00"},
	{"6 single register", "06 0001 0003", "06 0001 0003"},
	{"7 exception status", "07", "07 6D"},
	{"8 diagnostics", "08 0000 A537", "08 0000 A537"},
	{"11 event counter", "0B", "0B FFFF 0108"},
	{"12 event log", "0C", "0C 08 0000 0108 0121 20 00"},
	{"15 coils", "0F 0013 000A 02 CD01", "0F 0013 000A"},
	{"16 registers", "10 0001 0002 04 000A 0102", "10 0001 0002"},
	{"17 server id", "11", "11 03 01 FF 02"},
	{"20 file records", "14 07 06 0004 0001 0002", "14 06 05 06 0DFE 0020"},
	{"21 file records", "15 09 06 0004 0007 0001 06AF", "15 09 06 0004 0007 0001 06AF"},
	{"22 mask write", "16 0004 00F2 0025", "16 0004 00F2 0025"},
	{"23 read and write", "17 0003 0002 000E 0001 02 00FF", "17 04 00FE 0ACD"},
	{"24 FIFO queue", "18 04DE", "18 0006 0002 01B8 1284"},
	{"43/14 identification", "2B 0E 01 00", "2B 0E 01 01 00 00 02 00 02 4142 01 01 43"},
	{"exception", "03 006B 0003", "83 02"},
}

// The whole answer has the length that its function says, which no part of it denies.
func TestRTUAnswerLength(t *testing.T) {
	for _, tc := range answers {
		t.Run(tc.name, func(t *testing.T) {
			frame := rtu(t, "11"+tc.answer)
			for i := range len(frame) + 1 {
				n, known := RTUAnswerLength(frame[:i])
				if !known || (n != 0 && n != len(frame)) || (i == len(frame) && n == 0) {
					t.Errorf("of %d bytes of %d: %d, %v", i, len(frame), n, known)
				}
			}
		})
	}
	for _, unknown := range []string{"11 46 00", "11 2B 0D 00"} {
		if n, known := RTUAnswerLength(unhex(t, unknown)); known {
			t.Errorf("%s: %d", unknown, n)
		}
	}
}

func TestIsAnswer(t *testing.T) {
	for _, tc := range answers {
		t.Run(tc.name, func(t *testing.T) {
			request, answer := unhex(t, tc.request), unhex(t, tc.answer)
			if !IsAnswer(request, answer) {
				t.Fatal("is none")
			}
			if IsAnswer(request, append(bytes.Clone(answer), 0)) || IsAnswer(request, answer[:len(answer)-1]) {
				t.Error("one of another length is an answer")
			}
			for _, other := range answers {
				if other.name != tc.name && other.request != tc.request && IsAnswer(request, unhex(t, other.answer)) {
					t.Errorf("%s is an answer", other.name)
				}
			}
		})
	}
	for name, tc := range map[string]struct {
		request, answer string
		want            bool
	}{
		"5 to another address":         {"05 00AC FF00", "05 00AD FF00", false},
		"6 with another value":         {"06 0001 0003", "06 0001 0004", false},
		"16 of another quantity":       {"10 0001 0002 04 000A 0102", "10 0001 0001", false},
		"8 of another sub-function":    {"08 0000 A537", "08 0001 A537", false},
		"43 of another access":         {"2B 0E 01 00", "2B 0E 02 01 00 00 00", false},
		"43 of another MEI type":       {"2B 0E 01 00", "2B 0D 01", false},
		"an exception to another":      {"03 006B 0003", "84 02", false},
		"exception 0":                  {"03 006B 0003", "83 00", false},
		"70, of which nothing is told": {"46 01 02", "46", true},
		"a request without quantity":   {"03 00", "03 00", false},
		"nothing":                      {"03 006B 0003", "", false},
	} {
		if got := IsAnswer(unhex(t, tc.request), unhex(t, tc.answer)); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestOnlyReads(t *testing.T) {
	reads := map[byte]bool{1: true, 2: true, 3: true, 4: true, 20: true, 24: true, 43: true}
	for f := range 256 {
		if got := OnlyReads([]byte{byte(f), 0x0E}); got != reads[byte(f)] {
			t.Errorf("function %d: %v", f, got)
		}
	}
	if OnlyReads([]byte{43, 0x0D}) || OnlyReads([]byte{43}) || OnlyReads(nil) {
		t.Error("a function that may write only reads")
	}
}

func TestFindRTUAnswer(t *testing.T) {
	good, user := rtu(t, "11 03 02 1234"), rtu(t, "11 46 0102")
	broken := append(bytes.Clone(good[:6]), good[6]^1)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for _, tc := range []struct {
		name    string
		b       []byte
		silent  bool
		skip, n int
	}{
		{"nothing", nil, false, 0, 0},
		{"an answer", good, false, 0, len(good)},
		{"an exception", rtu(t, "11 83 02"), false, 0, 5},
		{"two answers", join(good, good), false, 0, len(good)},
		{"half an answer", good[:4], false, 0, 0},
		{"half an answer and no more", good[:4], true, 4, 0},
		{"a wrong CRC, of which more may come", broken, false, 0, 0},
		{"a wrong CRC", broken, true, len(broken), 0},
		{"a wrong CRC, then an answer", join(broken, good), true, len(broken), len(good)},
		{"noise, then an answer", join([]byte{0xFF, 0}, good), true, 2, len(good)},
		{"an answer of unknown length, of which more may come", user, false, 0, 0},
		{"an answer of unknown length", user, true, 0, len(user)},
		{"a longer frame than there can be", rtu(t, "11 03 FE"+string(bytes.Repeat([]byte("00"), 254))), true, 259, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if skip, n := FindRTUAnswer(tc.b, tc.silent); skip != tc.skip || n != tc.n {
				t.Errorf("skips %d, takes %d; want %d, %d", skip, n, tc.skip, tc.n)
			}
		})
	}
}

// What is taken for an answer is one by its CRC, lies in b, and is told the same when less of
// what follows it has come.
func FuzzFindRTUAnswer(f *testing.F) {
	for _, a := range answers {
		f.Add(rtu(f, "11"+a.answer), unhex(f, a.request), false)
	}
	f.Add(append([]byte("noise"), rtu(f, "11 03 02 1234")...), []byte{3, 0, 0, 0, 1}, true)
	f.Add(rtu(f, "11 46 0102"), []byte{0x46}, true)
	f.Fuzz(func(t *testing.T, b, request []byte, silent bool) {
		skip, n := FindRTUAnswer(b, silent)
		if skip < 0 || n < 0 || skip+n > len(b) || n > MaxRTUFrame {
			t.Fatalf("skips %d, takes %d of %d", skip, n, len(b))
		}
		if n == 0 {
			if skip != 0 && !silent {
				t.Fatalf("skips %d of what may become an answer", skip)
			}
			return
		}
		_, pdu, ok := ParseRTU(b[skip : skip+n])
		if !ok {
			t.Fatalf("takes % X", b[skip:skip+n])
		}
		if IsAnswer(request, pdu) && pdu[0]&^exceptionBit != request[0]&^exceptionBit {
			t.Fatalf("% X is an answer to % X", pdu, request)
		}
		if !silent {
			if _, again := FindRTUAnswer(b[:n], false); again != n {
				t.Fatalf("takes %d, and %d without what follows", n, again)
			}
		}
	})
}
