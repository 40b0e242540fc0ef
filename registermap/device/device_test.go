package device

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/modbus-devices.md")

func shipped(t *testing.T) []Type {
	t.Helper()
	types, err := Types()
	if err != nil {
		t.Fatal(err)
	}
	return types
}

func TestEveryTypeLoadsAndCanBeRead(t *testing.T) {
	types := shipped(t)
	if len(types) < 3 {
		t.Errorf("%d types", len(types))
	}
	for _, device := range types {
		t.Run(device.Name, func(t *testing.T) {
			sorted := slices.SortedFunc(slices.Values(device.Registers), Before)
			blocks, at := device.Blocks(sorted)
			for _, b := range blocks {
				if b.Length > device.MaxRead {
					t.Errorf("a read of %d registers, at most %d", b.Length, device.MaxRead)
				}
			}
			for i, r := range sorted {
				b := blocks[at[i].Block]
				if r.Address() != b.Address+at[i].Byte/2 || at[i].Byte/2+r.Registers > b.Length || r.Input != b.Input {
					t.Errorf("%s is not in its block %+v at %+v", r.Name, b, at[i])
				}
				if i > 0 && r.Input == sorted[i-1].Input && r.Number < sorted[i-1].Number+sorted[i-1].Registers {
					t.Errorf("%s and %s overlap", sorted[i-1].Name, r.Name)
				}
			}
		})
	}
}

func TestPageIsCurrent(t *testing.T) {
	const page = "../../docs/modbus-devices.md"
	var want bytes.Buffer
	if err := WriteMarkdown(&want, shipped(t)); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(page, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%s is not what the files say (%v): run go test ./registermap/device -update", page, err)
	}
}

func TestParseTypeRefuses(t *testing.T) {
	const whole = `{"name":"X","describes":"x","sources":["s"],"maxRead":10,"maxGap":0,"registers":[{"name":"a","number":1,"type":"UINT16"}]}`
	if _, err := ParseType([]byte(whole)); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, old, new, want string }{
		{"an unknown key", `"name":"X"`, `"name":"X","nam":1`, "unknown field"},
		{"no source", `["s"]`, `[]`, "sources"},
		{"a read that no request has", `"maxRead":10`, `"maxRead":126`, "maxRead 126"},
		{"a gap longer than a read", `"maxGap":0`, `"maxGap":10`, "maxGap 10"},
		{"a type without a number", `UINT16`, `UTF8`, "holds no number"},
		{"a length of another type", `"UINT16"`, `"UINT16","registers":2`, "has not 2 registers"},
		{"a bitmap without a length", `UINT16`, `BITMAP`, "has not 0 registers"},
		{"number 0", `"number":1`, `"number":0`, "number 0"},
		{"a scale of 0", `"UINT16"`, `"UINT16","scale":0`, "scale 0"},
		{"a name twice", `"UINT16"}`, `"UINT16"},{"name":"A","number":2,"type":"UINT16"}`, "there twice"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := ParseType([]byte(strings.Replace(whole, tc.old, tc.new, 1))); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %s", err, tc.want)
			}
		})
	}
}

func TestRegister(t *testing.T) {
	for _, tc := range []struct {
		name, line, registers string
		want                  float64
		count                 int64
		whole, ok             bool
	}{
		{"an energy is exact", "E: 3204 INT64 scale 0.001 unit kWh", "0000001CBE991A14", 123456789.012, 123456789012, true, true},
		{"an energy in Wh has no thousandths", "E: 3204 INT64", "0000001CBE991A14", 123456789012, 0, false, true},
		{"low register first", "P: 1 INT32 low-first", "00010002", 131073, 0, false, true},
		{"offset behind scale", "T: 1 INT16 scale 0.1 offset -40", "01F4", 10, 0, false, true},
		{"a float", "V: 1 FLOAT32 input", "43664000", 230.25, 0, false, true},
		{"no float", "V: 1 FLOAT32", "FFC00000", 0, 0, false, false},
		{"no float, another NaN", "V: 1 FLOAT32", "7FC00000", 0, 0, false, false},
		{"no whole number", "N: 1 UINT16", "FFFF", 0, 0, false, false},
		{"no INT64", "N: 1 INT64 scale 0.001", "8000000000000000", 0, 0, false, false},
		{"a bitmap", "B: 1 BITMAP registers 2", "00000005", 5, 0, false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, ok, err := ParseRegister(tc.line)
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			b, _ := hex.DecodeString(tc.registers)
			x, count, whole, ok := r.Decode(b)
			if ok != tc.ok || ok && (x != tc.want || whole != tc.whole || whole && count != tc.count) {
				t.Errorf("%g, %d, %v, %v", x, count, whole, ok)
			}
			if _, _, number := r.Type.Bounds(); ok && number {
				if back, ok := r.Encode(nil, x); !ok || !bytes.Equal(back, b) {
					t.Errorf("encoded % X", back)
				}
			}
		})
	}
}

func TestParseRegisterRefuses(t *testing.T) {
	for _, tc := range []struct{ name, line, want string }{
		{"no colon", "kWh 3204 INT64", "write NAME"},
		{"no type", "kWh: 3204", "write NAME"},
		{"no number", "kWh: x INT64", "no register number"},
		{"past the end", "kWh: 65534 INT64", "number 65534"},
		{"no such type", "kWh: 1 INT48", "holds no number"},
		{"a text", "kWh: 1 UTF8 registers 4", "holds no number"},
		{"a value that is missing", "kWh: 1 INT64 scale", "nothing follows scale"},
		{"a scale that is none", "kWh: 1 INT64 scale x", "is no number"},
		{"no such option", "kWh: 1 INT64 swapped", "is none of"},
		{"an input register that is written", "kWh: 1 INT64 input writable", "cannot be written"},
		{"too long", "kWh: 1 INT64 unit " + strings.Repeat("x", 120), "bytes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, _, err := ParseRegister(tc.line); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %s", err, tc.want)
			}
		})
	}
}

func FuzzParseRegister(f *testing.F) {
	for _, line := range []string{"", "kWh import: 3204 INT64 scale 0.001 unit kWh", "a: 1 BITMAP registers 4 input low-first", "a: 65536 UINT16 writable offset -1e300 scale 1e-300"} {
		f.Add(line, []byte{1, 2, 3, 4, 5, 6, 7, 8})
	}
	f.Fuzz(func(t *testing.T, line string, raw []byte) {
		r, ok, err := ParseRegister(line)
		if err != nil || !ok || len(raw) < 8 {
			return
		}
		if r.Number < 1 || r.Number+r.Registers-1 > 65_536 || len(r.Name) > maxName {
			t.Errorf("%q is %+v", line, r)
		}
		if x, _, _, ok := r.Decode(raw); ok {
			r.Encode(nil, x)
		}
	})
}
