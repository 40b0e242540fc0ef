package comtrade

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/hepmeter/hepmeter/waveform"
)

// consume reads r to its end and checks what every Source promises.
func consume(t *testing.T, r *Reader) {
	t.Helper()
	info := r.Info()
	if len(info.Channels) != len(r.Config().Analog) || info.Samples < 1 {
		t.Fatalf("%d channels, %d samples", len(info.Channels), info.Samples)
	}
	var b waveform.Block
	delivered, failed := int64(0), false
	for {
		n, err := r.Next(context.Background(), &b, 13)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			failed = true
			break
		}
		if n < 1 || n > 13 || n != b.Len() || b.First != delivered || b.RateHz < 0 || math.IsInf(b.RateHz, 0) {
			t.Fatalf("block of %d (%d held) at %d after %d, %g Hz", n, b.Len(), b.First, delivered, b.RateHz)
		}
		for _, s := range b.Samples {
			for _, v := range s {
				if math.IsInf(v, 0) {
					t.Fatal("an infinite sample")
				}
			}
		}
		delivered += int64(n)
	}
	if !failed && delivered != info.Samples {
		t.Fatalf("%d samples delivered of %d", delivered, info.Samples)
	}
	if _, err := r.Times(0, min(info.Samples, 50)); err == nil && !failed {
		if _, _, err := r.StatusChanges(); err != nil && r.Config().Format != ASCII {
			t.Fatal(err)
		}
	}
	if err := r.Rewind(); err != nil {
		t.Fatal(err)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(simpleCfg("1999", "1;1000,2", "ASCII", "1")))
	f.Add([]byte(simpleCfg("2013", "2;1000,2;50,9", "FLOAT32", "1", "-5h30,0", "B,3")))
	f.Add([]byte(simpleCfg("1991", "0;0,4", "BINARY")))
	f.Add([]byte(cfgText("Esta\xe7\xe3o,d", "2,1A,1D", "1,Ua,A,,V,0.5,1,0,-9,9", "1,Trip,1", "60", "1", "1000,2", "09/17/15,10:52:53.98", "x", "ASCII")))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseConfig("x.cfg", text)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error of several lines: %q", err)
			}
			return
		}
		// What is read can be written and read again.
		c.Revision, c.Format = 2013, Float32
		again, err := ParseConfig("y.cfg", []byte(c.text()))
		if err != nil {
			t.Fatalf("%v in\n%s", err, c.text())
		}
		if len(again.Analog) != len(c.Analog) || len(again.Status) != len(c.Status) {
			t.Errorf("%d and %d channels became %d and %d", len(c.Analog), len(c.Status), len(again.Analog), len(again.Status))
		}
		r, err := New("x", text, bytes.NewReader(make([]byte, 200)), 200)
		if err == nil {
			consume(t, r)
		}
	})
}

func FuzzRows(f *testing.F) {
	f.Add(uint8(0), []byte("1,0,2,3\r\n2,1000,4,5\r\n"))
	f.Add(uint8(0), []byte("1,,99999,\n\n\x1a"))
	f.Add(uint8(5), []byte("1,0,2,3\n2,500,2,3\n3,9000,2,3\n"))
	f.Add(uint8(1), []byte(binaryRow(1, 0, int16(2), int16(3))+binaryRow(2, 9000, int16(2), int16(3))))
	f.Add(uint8(3), []byte(binaryRow(1, 0, float32(2), float32(3))))
	f.Add(uint8(6), []byte(binaryRow(1, 0, int16(2), int16(3))+binaryRow(2, 500, int16(2), int16(3))))
	f.Fuzz(func(t *testing.T, form uint8, dat []byte) {
		rates := "2;1000,3;50,9"
		if form >= 5 {
			rates = "0;0,4"
		}
		format := []string{"ASCII", "BINARY", "BINARY32", "FLOAT32", "ASCII"}[form%5]
		r, err := New("x", []byte(simpleCfg("2013", rates, format, "1")), bytes.NewReader(dat), int64(len(dat)))
		if err == nil {
			consume(t, r)
		}
	})
}

func FuzzCFF(f *testing.F) {
	cfg := simpleCfg("2013", "1;1000,2", "ASCII", "1", "0,0", "0,0")
	f.Add([]byte("--- file type: CFG ---\r\n" + cfg + "--- file type: DAT ASCII ---\r\n1,0,2,3\r\n2,1000,4,5\r\n"))
	f.Add([]byte("--- file type: CFG ---\r\n" + cfg + "--- file type: DAT BINARY: 24 ---\r\n" + binaryRow(1, 0, int16(2), int16(3))))
	f.Add([]byte("---file type:CFG---\n---file type:DAT---\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := NewCFF("x.cff", bytes.NewReader(text), int64(len(text)))
		if err == nil {
			consume(t, r)
		}
	})
}
