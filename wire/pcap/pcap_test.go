package pcap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
)

// words writes 32-bit words in one byte order.
func words(order binary.AppendByteOrder, list ...uint32) (b []byte) {
	for _, w := range list {
		b = order.AppendUint32(b, w)
	}
	return b
}

// block is a pcapng block.
func block(order binary.AppendByteOrder, kind uint32, body []byte) []byte {
	for len(body)%4 != 0 {
		body = append(body, 0)
	}
	n := uint32(len(body) + 12)
	return append(append(words(order, kind, n), body...), words(order, n)...)
}

func section(order binary.AppendByteOrder) []byte {
	body := words(order, 0x1a2b3c4d)
	body = order.AppendUint16(body, 1)
	body = order.AppendUint16(body, 0)
	return block(order, 0x0a0d0d0a, append(body, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff))
}

// described is an interface description with one option.
func described(order binary.AppendByteOrder, code uint16, value []byte) []byte {
	body := order.AppendUint16(nil, Ethernet)
	body = order.AppendUint16(body, 0)
	body = append(body, words(order, 0)...)
	if code != 0 {
		body = order.AppendUint16(body, code)
		body = order.AppendUint16(body, uint16(len(value)))
		body = append(body, value...)
		for len(body)%4 != 0 {
			body = append(body, 0)
		}
		body = append(body, 0, 0, 0, 0)
	}
	return block(order, 1, body)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestReads(t *testing.T) {
	le, be := binary.LittleEndian, binary.BigEndian
	const second, micros, ns = 1_700_000_000, 1_700_000_000_000_000, 123_456_789
	classic := func(order binary.AppendByteOrder, magic, ticks uint32) []byte {
		return join(words(order, magic, 0x00040002, 0, 0, 65535, Ethernet), words(order, second, ticks, 3, 60), []byte("abc"))
	}
	enhanced := func(order binary.AppendByteOrder, stamp uint64) []byte {
		return block(order, 6, join(words(order, 0, uint32(stamp>>32), uint32(stamp), 3, 60), []byte("abc")))
	}
	for name, row := range map[string]struct {
		file []byte
		ns   int64
	}{
		"pcap, little endian":              {classic(le, 0xa1b2c3d4, 123456), 123456000},
		"pcap, big endian":                 {classic(be, 0xa1b2c3d4, 123456), 123456000},
		"pcap, ns":                         {classic(le, 0xa1b23c4d, ns), ns},
		"pcap, ns, big endian":             {classic(be, 0xa1b23c4d, ns), ns},
		"pcapng, µs by default":            {join(section(le), described(le, 0, nil), enhanced(le, second*1e6+123456)), 123456000},
		"pcapng, big endian":               {join(section(be), described(be, 0, nil), enhanced(be, second*1e6+123456)), 123456000},
		"pcapng, if_tsresol 10^-9":         {join(section(le), described(le, 9, []byte{9}), enhanced(le, second*1e9+ns)), ns},
		"pcapng, if_tsresol 2^-10":         {join(section(le), described(le, 9, []byte{0x8a}), enhanced(le, second*1024+512)), 5e8},
		"pcapng, if_tsoffset":              {join(section(le), described(le, 14, le.AppendUint64(nil, second)), enhanced(le, 123456)), 123456000},
		"pcapng, a second section":         {join(section(be), described(be, 0, nil), section(le), described(le, 0, nil), enhanced(le, second*1e6)), 0},
		"pcapng, unknown blocks between":   {join(section(le), described(le, 0, nil), block(le, 5, make([]byte, 12)), enhanced(le, second*1e6)), 0},
		"pcapng, simple packet, no stamp":  {join(section(le), described(le, 0, nil), block(le, 3, join(words(le, 3), []byte("abc")))), -second * 1e9},
		"pcapng, packet block of long ago": {join(section(le), described(le, 0, nil), block(le, 2, join(words(le, 0, uint32(micros>>32), uint32(micros&0xffffffff), 3, 60), []byte("abc")))), 0},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := NewReader(bytes.NewReader(row.file))
			if err != nil {
				t.Fatal(err)
			}
			k, err := r.Next()
			if err != nil || string(k.Data) != "abc" || k.LinkType != Ethernet || k.TimeNS != second*1e9+row.ns {
				t.Errorf("%q at %d, link %d, %v; want abc at %d", k.Data, k.TimeNS, k.LinkType, err, second*1e9+row.ns)
			}
			if _, err := r.Next(); err != io.EOF {
				t.Errorf("then %v, want the end", err)
			}
			r, err = NewReader(bytes.NewReader(row.file[:len(row.file)-1]))
			if err != nil {
				t.Fatal(err)
			}
			if _, err = r.Next(); !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "at byte") {
				t.Errorf("cut: %v, want an unexpected end at a byte", err)
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	le := binary.LittleEndian
	for name, row := range map[string]struct {
		file []byte
		want string
	}{
		"empty":           {nil, "no capture file"},
		"other":           {[]byte("RIFF...."), "neither pcap nor pcapng"},
		"long record":     {words(le, 0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1, 0, 0, 1<<30, 60), "1073741824 bytes"},
		"short block":     {join(section(le), words(le, 6, 8, 8)), "8 bytes long"},
		"no interface":    {join(section(le), block(le, 6, words(le, 0, 0, 0, 0, 0))), "interface 0"},
		"packet too long": {join(section(le), described(le, 0, nil), block(le, 6, words(le, 0, 0, 0, 99, 99))), "99 bytes"},
	} {
		r, err := NewReader(bytes.NewReader(row.file))
		if err == nil {
			_, err = r.Next()
		}
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", name, err, row.want)
		}
	}
}

func TestWritesWhatItReads(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(&file)
	if err != nil {
		t.Fatal(err)
	}
	want := []Packet{{[]byte("one"), 1_700_000_000_123_456_789, Ethernet}, {[]byte("two"), 1_700_000_001_000_000_001, Ethernet}}
	for _, k := range want {
		if err := w.Write(k.TimeNS, k.Data); err != nil {
			t.Fatal(err)
		}
	}
	r, err := NewReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range want {
		got, err := r.Next()
		if err != nil || string(got.Data) != string(k.Data) || got.TimeNS != k.TimeNS {
			t.Errorf("%+v, %v; want %+v", got, err, k)
		}
	}
}

func FuzzReader(f *testing.F) {
	le, be := binary.LittleEndian, binary.BigEndian
	f.Add(join(words(le, 0xa1b2c3d4, 0x00040002, 0, 0, 65535, Ethernet), words(le, 1, 2, 3, 60), []byte("abc")))
	f.Add(join(section(be), described(be, 9, []byte{0x8a}), block(be, 6, join(words(be, 0, 1, 2, 3, 60), []byte("abc")))))
	f.Add(join(section(le), described(le, 9, []byte{12}), block(le, 3, join(words(le, 3), []byte("abc"))), section(be)))
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := NewReader(bytes.NewReader(file))
		if err != nil {
			return
		}
		for {
			k, err := r.Next()
			if err != nil {
				return
			}
			if len(k.Data) > len(file) || r.Offset() > int64(len(file)) {
				t.Fatalf("%d bytes of packet up to %d in a file of %d", len(k.Data), r.Offset(), len(file))
			}
		}
	})
}
