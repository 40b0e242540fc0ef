// Package pcap reads and writes capture files of network packets: pcap (microseconds
// and nanoseconds, either byte order) and, for reading, pcapng.
//
// Formats: draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng.
package pcap

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
)

// Ethernet is the link type of Ethernet frames (LINKTYPE_ETHERNET).
const Ethernet = 1

// MaxPacket is the longest packet that is read, as in libpcap.
const MaxPacket = 262144

// Packet is one captured packet.
type Packet struct {
	// Data is what was captured of it; it is valid until the next packet is read.
	Data []byte
	// TimeNS is when it was captured, in nanoseconds since 1970-01-01 UTC; 0 where the
	// file does not say.
	TimeNS int64
	// LinkType is what Data begins with.
	LinkType int
}

// Reader reads the packets of a capture file in their order.
type Reader struct {
	in     *bufio.Reader
	offset int64
	order  binary.ByteOrder
	ng     bool
	format string
	// interfaces are those of the section, the only one of a pcap file.
	interfaces []source
	header     [20]byte
	data       []byte
}

// source is how packets of one interface are captured.
type source struct {
	link int
	// tickNS is the length of a tick in ns; 0 where ticksPerSecond is not a divisor of 10⁹.
	tickNS         int64
	ticksPerSecond uint64
	offsetS        int64
	snapLength     uint32
}

// maxInterfaces bounds the interfaces of a section.
const maxInterfaces = 4096

// errTooLong says that a length cannot be believed.
var errTooLong = errors.New("longer than any packet: the file is damaged")

// NewReader reads the beginning of a capture file.
func NewReader(r io.Reader) (*Reader, error) {
	p := &Reader{in: bufio.NewReaderSize(r, 1<<16)}
	if err := p.read(p.header[:4]); err != nil {
		return nil, fmt.Errorf("no capture file: %w", err)
	}
	micro := source{tickNS: 1000}
	nano := source{tickNS: 1}
	switch magic := binary.LittleEndian.Uint32(p.header[:]); magic {
	case 0x0a0d0d0a:
		p.ng, p.format = true, "pcapng"
		return p, p.section()
	case 0xa1b2c3d4:
		p.order, p.interfaces = binary.LittleEndian, []source{micro}
	case 0xd4c3b2a1:
		p.order, p.interfaces = binary.BigEndian, []source{micro}
	case 0xa1b23c4d:
		p.order, p.interfaces = binary.LittleEndian, []source{nano}
	case 0x4d3cb2a1:
		p.order, p.interfaces = binary.BigEndian, []source{nano}
	default:
		return nil, fmt.Errorf("no capture file: it begins with %#08x, neither pcap nor pcapng", magic)
	}
	p.format = "pcap"
	if err := p.read(p.header[:20]); err != nil {
		return nil, fmt.Errorf("pcap header: %w", err)
	}
	p.interfaces[0].link = int(p.order.Uint32(p.header[16:]) & 0xffff)
	return p, nil
}

// Format is pcap or pcapng.
func (p *Reader) Format() string { return p.format }

// Offset is where in the file the next packet, or the one that failed, begins.
func (p *Reader) Offset() int64 { return p.offset }

// Next reads a packet. It returns io.EOF at the end, and an error that wraps
// io.ErrUnexpectedEOF where the file ends within a packet.
func (p *Reader) Next() (Packet, error) {
	at := p.offset
	var k Packet
	var err error
	if p.ng {
		k, err = p.block()
	} else {
		k, err = p.record()
	}
	if err != nil && err != io.EOF {
		return k, fmt.Errorf("%s at byte %d: %w", p.format, at, err)
	}
	return k, err
}

// record reads a packet of a pcap file.
func (p *Reader) record() (Packet, error) {
	if err := p.begin(16); err != nil {
		return Packet{}, err
	}
	seconds, ticks := p.order.Uint32(p.header[:]), p.order.Uint32(p.header[4:])
	s := &p.interfaces[0]
	k := Packet{LinkType: s.link, TimeNS: int64(seconds)*1e9 + int64(ticks)*s.tickNS}
	n := p.order.Uint32(p.header[8:])
	if n > MaxPacket {
		return k, fmt.Errorf("a packet of %d bytes: %w", n, errTooLong)
	}
	var err error
	k.Data, err = p.body(int(n))
	return k, err
}

// block reads on to the next packet of a pcapng file.
func (p *Reader) block() (Packet, error) {
	for {
		if err := p.begin(8); err != nil {
			return Packet{}, err
		}
		kind := p.order.Uint32(p.header[:])
		if kind == 0x0a0d0d0a { // the same in both byte orders
			p.header[0], p.header[1], p.header[2], p.header[3] = p.header[4], p.header[5], p.header[6], p.header[7]
			if err := p.sectionAfterLength(); err != nil {
				return Packet{}, err
			}
			continue
		}
		length := p.order.Uint32(p.header[4:])
		if length < 12 || length%4 != 0 || length > MaxPacket+1<<16 {
			return Packet{}, fmt.Errorf("a block of type %d says it is %d bytes long: %w", kind, length, errTooLong)
		}
		body, err := p.body(int(length) - 8)
		if err != nil {
			return Packet{}, err
		}
		body = body[:len(body)-4] // the length again
		k, found, err := p.packet(kind, body)
		if found || err != nil {
			return k, err
		}
	}
}

// packet reads the body of a block; found says that it holds a packet.
func (p *Reader) packet(kind uint32, body []byte) (k Packet, found bool, err error) {
	short := func(n int) error { return fmt.Errorf("a block of type %d of %d bytes, want %d", kind, len(body), n) }
	var at, n int
	switch kind {
	case 1: // interface description
		if len(body) < 8 {
			return k, false, short(8)
		}
		if len(p.interfaces) == maxInterfaces {
			return k, false, fmt.Errorf("more than %d interfaces", maxInterfaces)
		}
		p.interfaces = append(p.interfaces, p.describe(body))
		return k, false, nil
	case 6, 2: // enhanced packet; packet, its forerunner
		if len(body) < 20 {
			return k, false, short(20)
		}
		id := int(p.order.Uint32(body))
		if kind == 2 {
			id = int(p.order.Uint16(body))
		}
		if id >= len(p.interfaces) {
			return k, false, fmt.Errorf("a packet of interface %d, of which nothing is said", id)
		}
		s := &p.interfaces[id]
		k.LinkType = s.link
		k.TimeNS = s.time(uint64(p.order.Uint32(body[4:]))<<32 | uint64(p.order.Uint32(body[8:])))
		at, n = 20, int(p.order.Uint32(body[12:]))
	case 3: // simple packet
		if len(body) < 4 || len(p.interfaces) == 0 {
			return k, false, short(4)
		}
		s := &p.interfaces[0]
		k.LinkType = s.link
		at, n = 4, int(p.order.Uint32(body))
		if s.snapLength > 0 {
			n = min(n, int(s.snapLength))
		}
	default: // names, statistics and the like
		return k, false, nil
	}
	if n < 0 || n > len(body)-at {
		return k, false, fmt.Errorf("a packet of %d bytes in a block that has room for %d", n, len(body)-at)
	}
	k.Data = body[at : at+n]
	return k, true, nil
}

// describe reads an interface description.
func (p *Reader) describe(body []byte) source {
	s := source{link: int(p.order.Uint16(body)), snapLength: p.order.Uint32(body[4:]), tickNS: 1000}
	for o := body[8:]; len(o) >= 4; {
		code, n := p.order.Uint16(o), int(p.order.Uint16(o[2:]))
		o = o[4:]
		if code == 0 || n > len(o) {
			break
		}
		switch {
		case code == 9 && n == 1: // if_tsresol
			s.resolution(o[0])
		case code == 14 && n == 8: // if_tsoffset
			s.offsetS = int64(p.order.Uint64(o))
		}
		o = o[min(len(o), (n+3)&^3):]
	}
	return s
}

// resolution takes the length of a tick: 10^-n s, or 2^-n s with the highest bit set.
func (s *source) resolution(v byte) {
	s.tickNS, s.ticksPerSecond = 0, 1
	n := v & 0x7f
	switch {
	case v >= 0x80:
		s.ticksPerSecond = 1 << min(n, 63)
	case n <= 9:
		s.tickNS = 1
		for ; n < 9; n++ {
			s.tickNS *= 10
		}
	default:
		for ; n > 0 && s.ticksPerSecond < 1e18; n-- {
			s.ticksPerSecond *= 10
		}
	}
}

// time converts a stamp to ns since 1970.
func (s *source) time(ticks uint64) int64 {
	ns := int64(0)
	if s.tickNS > 0 {
		ns = int64(ticks) * s.tickNS
	} else {
		hi, lo := bits.Mul64(ticks%s.ticksPerSecond, 1e9)
		fraction, _ := bits.Div64(hi, lo, s.ticksPerSecond)
		ns = int64(ticks/s.ticksPerSecond)*1e9 + int64(fraction)
	}
	return ns + s.offsetS*1e9
}

// section reads the rest of a section header, after its block type.
func (p *Reader) section() error {
	if err := p.read(p.header[:4]); err != nil {
		return fmt.Errorf("pcapng section header: %w", err)
	}
	return p.sectionAfterLength()
}

// sectionAfterLength reads a section header, whose length stands in header.
func (p *Reader) sectionAfterLength() error {
	if err := p.read(p.header[4:20]); err != nil {
		return fmt.Errorf("pcapng section header: %w", err)
	}
	switch magic := binary.LittleEndian.Uint32(p.header[4:]); magic {
	case 0x1a2b3c4d:
		p.order = binary.LittleEndian
	case 0x4d3c2b1a:
		p.order = binary.BigEndian
	default:
		return fmt.Errorf("pcapng section header: byte order mark %#08x", magic)
	}
	if major := p.order.Uint16(p.header[8:]); major != 1 {
		return fmt.Errorf("pcapng version %d is not read: 1 is", major)
	}
	length := p.order.Uint32(p.header[:])
	if length < 28 || length > MaxPacket {
		return fmt.Errorf("pcapng section header of %d bytes: %w", length, errTooLong)
	}
	p.interfaces = p.interfaces[:0]
	_, err := p.body(int(length) - 24)
	return err
}

// begin reads the head of a packet or block; io.EOF if the file ends before it.
func (p *Reader) begin(n int) error {
	got, err := io.ReadFull(p.in, p.header[:n])
	p.offset += int64(got)
	return err
}

func (p *Reader) read(b []byte) error {
	n, err := io.ReadFull(p.in, b)
	p.offset += int64(n)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// body reads n bytes. Memory grows with what is there, not with what a length claims.
func (p *Reader) body(n int) ([]byte, error) {
	const step = 1 << 16
	for have := 0; have < n; {
		want := min(n, have+step)
		if cap(p.data) < want {
			p.data = append(p.data[:cap(p.data)], make([]byte, want-cap(p.data))...)
		}
		p.data = p.data[:want]
		if err := p.read(p.data[have:want]); err != nil {
			return nil, err
		}
		have = want
	}
	return p.data[:n], nil
}
