package modbus

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// bitwiseCRC is the procedure of section 6.2.2 to the letter.
func bitwiseCRC(b []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, c := range b {
		crc ^= uint16(c)
		for range 8 {
			lowest := crc & 1
			crc >>= 1
			if lowest != 0 {
				crc ^= 0xA001
			}
		}
	}
	return crc
}

func TestCRC16(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		want       uint16
	}{
		{"section 6.2.2: 02 07 is sent with 41 12", "02 07", 0x1241},
		{"nothing", "", 0xFFFF},
		{"the check of CRC-16/MODBUS: 123456789", "31 32 33 34 35 36 37 38 39", 0x4B37},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := CRC16(unhex(t, tc.body)); got != tc.want {
				t.Errorf("%04X, want %04X", got, tc.want)
			}
		})
	}
	var b []byte
	for i := range 300 {
		if got, want := CRC16(b), bitwiseCRC(b); got != want {
			t.Fatalf("%d bytes: %04X, the procedure gives %04X", i, got, want)
		}
		b = append(b, byte(i*i+i>>3))
	}
}

// rtu is a frame with its CRC.
func rtu(t testing.TB, body string) []byte {
	t.Helper()
	return EndRTU(unhex(t, body), 0)
}

func TestRTUFrames(t *testing.T) {
	frame := EndRTU(append(BeginRTU([]byte("before"), 0x11), 3, 0, 0x6B, 0, 3), len("before"))
	if want := append([]byte("before"), unhex(t, "11 03 006B 0003 7687")...); !bytes.Equal(frame, want) {
		t.Fatalf("% X, want % X", frame, want)
	}
	frame = frame[len("before"):]
	if unit, pdu, ok := ParseRTU(frame); !ok || unit != 0x11 || !bytes.Equal(pdu, unhex(t, "03 006B 0003")) {
		t.Errorf("unit %d, PDU % X, %v", unit, pdu, ok)
	}
	for i := range 8 * len(frame) {
		broken := bytes.Clone(frame)
		broken[i/8] ^= 1 << (i % 8)
		if _, _, ok := ParseRTU(broken); ok {
			t.Errorf("bit %d turned over, and the CRC holds", i)
		}
	}
	for n := range len(frame) {
		if _, _, ok := ParseRTU(frame[:n]); ok {
			t.Errorf("%d of %d bytes are a frame", n, len(frame))
		}
	}
	if _, _, ok := ParseRTU(EndRTU([]byte{0x11}, 0)); ok {
		t.Error("an address with a CRC is a frame without a PDU")
	}
}

// The length of a request by its function: found with the whole frame and with no byte less.
func TestFindRTURequest(t *testing.T) {
	read := "01 03 0BD3 0002"
	for _, tc := range []struct{ name, body string }{
		{"1 read coils", "01 01 0013 0013"},
		{"2 read discrete inputs", "01 02 00C4 0016"},
		{"3 read holding registers", read},
		{"4 read input registers", "01 04 0008 0001"},
		{"5 write single coil", "01 05 00AC FF00"},
		{"6 write single register", "01 06 0001 0003"},
		{"7 read exception status", "01 07"},
		{"8 diagnostics", "01 08 0000 A537"},
		{"11 communication event counter", "01 0B"},
		{"12 communication event log", "01 0C"},
		{"15 write multiple coils", "01 0F 0013 000A 02 CD01"},
		{"16 write multiple registers", "01 10 0001 0002 04 000A 0102"},
		{"16 with more registers than are allowed", "01 10 0001 007C F8" + strings.Repeat("00", 248)},
		{"16 with the largest byte count", "01 10 0001 007C FF" + strings.Repeat("00", 255)},
		{"17 report server id", "01 11"},
		{"20 read file record", "01 14 0E 06 0004 0001 0002 06 0003 0009 0002"},
		{"21 write file record", "01 15 0D 06 0004 0007 0003 06AF 04BE 100D"},
		{"22 mask write", "01 16 0004 00F2 0025"},
		{"23 read and write", "01 17 0003 0006 000E 0003 06 00FF 00FF 00FF"},
		{"24 read FIFO queue", "01 18 04DE"},
		{"43/14 device identification", "01 2B 0E 01 00"},
		{"a function of unknown length", "01 64 0102 0304"},
		{"43 with another MEI type", "01 2B 0D 01 02 03"},
		{"the broadcast address", "00 06 0001 0003"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			frame := rtu(t, tc.body)
			if skip, n := FindRTURequest(frame); skip != 0 || n != len(frame) {
				t.Fatalf("skips %d, takes %d; want the %d bytes", skip, n, len(frame))
			}
			for cut := range len(frame) {
				if skip, n := FindRTURequest(frame[:cut]); skip != 0 || n != 0 {
					t.Errorf("%d of %d bytes: skips %d, takes %d", cut, len(frame), skip, n)
				}
			}
		})
	}
}

// What stands between requests, or instead of them.
func TestFindRTURequestInRubbish(t *testing.T) {
	good, other := rtu(t, "01 03 0BD3 0002"), rtu(t, "01 04 0BD3 0004")
	broken := append(bytes.Clone(good[:len(good)-1]), good[len(good)-1]^1)
	inner := rtu(t, "01 10 0001 0004 08"+hex.EncodeToString(good)) // a write whose data are a request
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for _, tc := range []struct {
		name    string
		stream  []byte
		skip, n int
	}{
		{"nothing", nil, 0, 0},
		{"two requests: the first", join(good, other), 0, len(good)},
		{"a wrong CRC: nothing yet", broken, 0, 0},
		{"a wrong CRC, then a request", join(broken, good), len(broken), len(good)},
		{"a wrong CRC, then half a request", join(broken, good[:4]), 0, 0},
		{"text, then a request", join([]byte("GET /\r\n"), good), 7, len(good)},
		{"rubbish that looks like a long write, then a request: it is waited for", join(unhex(t, "01 10 0001 0002 FF"), good), 0, 0},
		{"data of a write are no request", inner, 0, len(inner)},
		{"data of a write that is not whole are no request", inner[:len(inner)-1], 0, 0},
		{"of rubbish only as much is kept as a frame may need", bytes.Repeat([]byte{0x55}, 1000), 1000 - MaxRTURequest + 1, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if skip, n := FindRTURequest(tc.stream); skip != tc.skip || n != tc.n {
				t.Errorf("skips %d, takes %d; want %d, %d", skip, n, tc.skip, tc.n)
			}
		})
	}
}

// However a stream is cut into pieces, what is taken from it are frames whose CRC holds, and
// what must be kept stays bounded.
func FuzzFindRTURequest(f *testing.F) {
	for _, body := range []string{"01 03 0BD3 0002", "01 10 0001 0002 04 000A 0102", "01 2B 0E 01 00", "01 64 0102 0304", "00 06 0001 0003"} {
		f.Add(rtu(f, body), byte(3))
		f.Add(append([]byte("rubbish"), rtu(f, body)...), byte(1))
	}
	f.Fuzz(func(t *testing.T, stream []byte, piece byte) {
		var kept []byte
		for at := 0; at < len(stream); {
			n := min(1+int(piece), len(stream)-at)
			kept = append(kept, stream[at:at+n]...)
			at += n
			for {
				skip, n := FindRTURequest(kept)
				if skip < 0 || n < 0 || skip+n > len(kept) {
					t.Fatalf("%d bytes: skips %d, takes %d", len(kept), skip, n)
				}
				if n > 0 {
					unit, pdu, ok := ParseRTU(kept[skip : skip+n])
					if !ok || n > MaxRTURequest {
						t.Fatalf("takes % X, which is no frame", kept[skip:skip+n])
					}
					if again := EndRTU(append(BeginRTU(nil, unit), pdu...), 0); !bytes.Equal(again, kept[skip:skip+n]) {
						t.Fatalf("% X became % X", kept[skip:skip+n], again)
					}
				}
				kept = kept[skip+n:]
				if n == 0 {
					break
				}
			}
			if len(kept) >= MaxRTURequest {
				t.Fatalf("%d bytes are kept", len(kept))
			}
		}
	})
}
