package modbus

import (
	"encoding/hex"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/registermap"
)

func TestEncode(t *testing.T) {
	none := access.Value{Kind: access.KindNumber}
	at := func(s string) access.Value {
		tm, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return access.Value{Kind: access.KindTime, Available: true, Number: float64(tm.UnixNano()) / 1e9}
	}
	for _, tc := range []struct {
		name      string
		typ       registermap.Type
		registers int
		form      registermap.Form
		signs     string // of the sources, default all plus
		scale     float64
		enum      []string
		values    []access.Value
		want      string
	}{
		// communications.md 12.
		{name: "12: FLOAT32 230.25", typ: registermap.FLOAT32, values: []access.Value{number(230.25)}, want: "43664000"},
		{name: "12: FLOAT32 not available", typ: registermap.FLOAT32, values: []access.Value{none}, want: "FFC00000"},
		{name: "12: INT64 123456789012", typ: registermap.INT64, values: []access.Value{count(123456789012)}, want: "0000001CBE991A14"},
		{name: "12: INT64 -1", typ: registermap.INT64, signs: "+-", values: []access.Value{count(1), count(2)}, want: "FFFFFFFFFFFFFFFF"},
		{name: "12: DATETIME", typ: registermap.DATETIME, values: []access.Value{at("2024-02-29T23:59:59.999Z")}, want: "0018021D173BEA5F"},
		{name: "2.3: DATETIME", typ: registermap.DATETIME, values: []access.Value{at("2020-11-30T13:45:06.789Z")}, want: "00140B1E0D2D1A85"},
		{name: "12: PF4Q 1.2 is 0.8 leading", typ: registermap.PF4Q, form: registermap.FourQuadrant, values: []access.Value{number(0.8), number(8), number(-6)}, want: "3F99999A"},
		{name: "12: PF4Q -1.3 is -0.7 leading", typ: registermap.PF4Q, form: registermap.FourQuadrant, values: []access.Value{number(-0.7), number(-7), number(7.14)}, want: "BFA66666"},
		{name: "12: legacy clock", typ: registermap.UINT32, values: []access.Value{number(1246413600)}, want: "4A4AC320"},
		{name: "PF4Q lagging delivered", typ: registermap.PF4Q, form: registermap.FourQuadrant, values: []access.Value{number(0.8), number(8), number(6)}, want: "3F4CCCCD"},
		{name: "PF4Q lagging received", typ: registermap.PF4Q, form: registermap.FourQuadrant, values: []access.Value{number(-0.8), number(-8), number(-6)}, want: "BF4CCCCD"},
		{name: "PF4Q: the sign convention of the setup does not matter", typ: registermap.PF4Q, form: registermap.FourQuadrant, values: []access.Value{number(-0.8), number(8), number(6)}, want: "3F4CCCCD"},
		{name: "PF4Q at zero current", typ: registermap.PF4Q, form: registermap.FourQuadrant, values: []access.Value{none, number(0), number(0)}, want: "FFC00000"},
		// Every type without a value.
		{name: "UINT16 not available", typ: registermap.UINT16, values: []access.Value{none}, want: "FFFF"},
		{name: "INT16 not available", typ: registermap.INT16, values: []access.Value{none}, want: "8000"},
		{name: "UINT32 not available", typ: registermap.UINT32, values: []access.Value{none}, want: "FFFFFFFF"},
		{name: "INT32 not available", typ: registermap.INT32, values: []access.Value{none}, want: "80000000"},
		{name: "INT64 not available", typ: registermap.INT64, values: []access.Value{none}, want: "8000000000000000"},
		{name: "UTF8 not available", typ: registermap.UTF8, registers: 2, values: []access.Value{none}, want: "00000000"},
		{name: "BITMAP not available", typ: registermap.BITMAP, registers: 1, values: []access.Value{none}, want: "8000"},
		{name: "BITMAP not available, long", typ: registermap.BITMAP, registers: 2, values: []access.Value{none}, want: "80000000"},
		{name: "DATETIME not available", typ: registermap.DATETIME, values: []access.Value{none}, want: "FFFFFFFFFFFFFFFF"},
		{name: "PF4Q without sources", typ: registermap.PF4Q, want: "FFC00000"},
		{name: "no source", typ: registermap.FLOAT32, want: "FFC00000"},
		{name: "no such register", typ: registermap.FLOAT32, values: []access.Value{{}}, want: "FFC00000"},
		{name: "NaN inside", typ: registermap.FLOAT32, values: []access.Value{number(math.NaN())}, want: "FFC00000"},
		{name: "infinite inside", typ: registermap.FLOAT32, values: []access.Value{number(math.Inf(1))}, want: "FFC00000"},
		{name: "beyond a float", typ: registermap.FLOAT32, values: []access.Value{number(1e39)}, want: "FFC00000"},
		{name: "text where a number belongs", typ: registermap.FLOAT32, values: []access.Value{text("1")}, want: "FFC00000"},
		{name: "one of two not available", typ: registermap.INT64, values: []access.Value{count(5), {Kind: access.KindCount}}, want: "8000000000000000"},
		// Edges of the integers: a value that would read as NOT AVAILABLE is one.
		{name: "UINT16 65534", typ: registermap.UINT16, values: []access.Value{number(65534)}, want: "FFFE"},
		{name: "UINT16 65535", typ: registermap.UINT16, values: []access.Value{number(65535)}, want: "FFFF"},
		{name: "UINT16 negative", typ: registermap.UINT16, values: []access.Value{number(-1)}, want: "FFFF"},
		{name: "UINT16 rounds", typ: registermap.UINT16, values: []access.Value{number(41.5)}, want: "002A"},
		{name: "UINT16 boolean", typ: registermap.UINT16, values: []access.Value{{Kind: access.KindBoolean, Available: true, Number: 1}}, want: "0001"},
		{name: "INT16 -2", typ: registermap.INT16, values: []access.Value{number(-2)}, want: "FFFE"},
		{name: "INT16 40000", typ: registermap.INT16, values: []access.Value{number(40000)}, want: "8000"},
		{name: "INT32 -2", typ: registermap.INT32, values: []access.Value{number(-2)}, want: "FFFFFFFE"},
		{name: "INT32 too large", typ: registermap.INT32, values: []access.Value{number(1 << 31)}, want: "80000000"},
		{name: "UINT32 too large", typ: registermap.UINT32, values: []access.Value{number(1 << 32)}, want: "FFFFFFFF"},
		{name: "UINT32 too large for 64 bits", typ: registermap.UINT32, values: []access.Value{number(1e30)}, want: "FFFFFFFF"},
		{name: "scale", typ: registermap.FLOAT32, scale: 1000, values: []access.Value{number(1.5)}, want: "44BB8000"},
		// Sums of exact counts beyond what a double holds.
		{name: "INT64 exact", typ: registermap.INT64, values: []access.Value{count(1<<53 + 1), count(2)}, want: "0020000000000003"},
		{name: "INT64 overflow", typ: registermap.INT64, values: []access.Value{count(math.MaxInt64), count(1)}, want: "8000000000000000"},
		{name: "INT64 underflow", typ: registermap.INT64, signs: "--", values: []access.Value{count(math.MaxInt64), count(2)}, want: "8000000000000000"},
		{name: "kWh float from the same register", typ: registermap.FLOAT32, signs: "+-", values: []access.Value{count(2500), count(1000)}, want: "3FC00000"},
		{name: "INT64 from a number of kWh would be wrong by 1000", typ: registermap.INT64, values: []access.Value{number(5)}, want: "8000000000000000"},
		{name: "UINT32 clock: a second counts once it is over", typ: registermap.UINT32, values: []access.Value{at("2009-07-01T02:00:00.9Z")}, want: "4A4AC320"},
		// Deviation from the mean.
		{name: "deviation 10 %", typ: registermap.FLOAT32, form: registermap.Deviation, values: []access.Value{number(90), number(100)}, want: "41200000"},
		{name: "deviation of nothing", typ: registermap.FLOAT32, form: registermap.Deviation, values: []access.Value{number(0), number(0)}, want: "FFC00000"},
		// Enumerations by label.
		{name: "enum by label", typ: registermap.UINT16, enum: []string{"50 Hz", "60 Hz"}, values: []access.Value{enum(7, "60 hz")}, want: "0001"},
		{name: "enum with an unknown label", typ: registermap.UINT16, enum: []string{"50 Hz", "60 Hz"}, values: []access.Value{enum(0, "16.7 Hz")}, want: "FFFF"},
		// Texts and bits.
		{name: "UTF8 padded", typ: registermap.UTF8, registers: 3, values: []access.Value{text("abc")}, want: "616263000000"},
		{name: "UTF8 cut between characters", typ: registermap.UTF8, registers: 2, values: []access.Value{text("abc\u00e9")}, want: "61626300"},
		{name: "UTF8 full", typ: registermap.UTF8, registers: 2, values: []access.Value{text("abcd")}, want: "61626364"},
		{name: "UTF8 of an enumeration", typ: registermap.UTF8, registers: 2, values: []access.Value{enum(0, "ab")}, want: "61620000"},
		{name: "BITMAP", typ: registermap.BITMAP, registers: 1, values: []access.Value{number(5)}, want: "0005"},
		{name: "BITMAP, long", typ: registermap.BITMAP, registers: 2, values: []access.Value{number(0x12345678)}, want: "12345678"},
		{name: "BITMAP bit for not available", typ: registermap.BITMAP, registers: 1, values: []access.Value{number(0x8001)}, want: "8000"},
		{name: "DATETIME before 2000", typ: registermap.DATETIME, values: []access.Value{at("1999-12-31T23:59:59Z")}, want: "FFFFFFFFFFFFFFFF"},
		{name: "DATETIME after 2127", typ: registermap.DATETIME, values: []access.Value{at("2128-01-01T00:00:00Z")}, want: "FFFFFFFFFFFFFFFF"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			row := registermap.Row{Type: tc.typ, Form: tc.form, Scale: tc.scale, Enum: tc.enum}
			if row.Form == "" {
				row.Form = registermap.Sum
			}
			if row.Scale == 0 {
				row.Scale = 1
			}
			for i := range tc.values {
				row.Sources = append(row.Sources, registermap.Term{Negative: i < len(tc.signs) && tc.signs[i] == '-'})
			}
			// What was there before must not shine through.
			dst := make([]byte, len(tc.want)/2)
			for i := range dst {
				dst[i] = 0x55
			}
			encode(dst, &row, tc.values)
			if got := strings.ToUpper(hex.EncodeToString(dst)); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

// A read may start and end anywhere in the image, also between two pages.
func TestImageAcrossPages(t *testing.T) {
	var m image
	for i := range m.pages {
		m.pages[i] = new(page)
		for j := range m.pages[i] {
			m.pages[i][j] = byte(i + j/2) // the low byte of the address, twice
		}
	}
	for _, tc := range []struct{ address, quantity int }{{0, 1}, {255, 2}, {200, 125}, {65535, 1}, {65411, 125}, {256, 125}} {
		got := m.appendRegisters(nil, tc.address, tc.quantity)
		if len(got) != 2*tc.quantity {
			t.Fatalf("%+v: %d bytes", tc, len(got))
		}
		for i := range tc.quantity {
			a := tc.address + i
			if want := byte(a/pageRegisters + a%pageRegisters); got[2*i] != want || got[2*i+1] != want {
				t.Fatalf("%+v: register %d is % X, want %02X twice", tc, a, got[2*i:2*i+2], want)
			}
		}
	}
}

// The resets read 0: there is nothing to read of a pulse.
func TestAPulseReadsZero(t *testing.T) {
	for _, row := range testMap(t).Covering(58011, 2) {
		dst := []byte{1, 2}
		if encode(dst, &row, nil); row.Write != registermap.WritePulse || dst[0] != 0 || dst[1] != 0 {
			t.Errorf("register %d reads % X, want 0", row.Number, dst)
		}
	}
}
