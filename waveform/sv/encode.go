package sv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"time"

	"github.com/hepmeter/hepmeter/waveform"
)

// Profile is the kind of frames that are written.
type Profile string

// The profiles.
const (
	// LE is IEC 61850-9-2LE: I1 I2 I3 I4 V1 V2 V3 V4 and nothing optional.
	LE Profile = "9-2LE"
	// Flexible is IEC 61869-9: the inputs that there are, with datSet (a variant code),
	// smpRate and refrTm.
	Flexible Profile = "61869-9"
)

// Stream says how a stream is written.
type Stream struct {
	// Profile is LE if blank.
	Profile Profile
	// ID is the svID, 1 to 34 characters; hepmeter01 if blank.
	ID string
	// AppID is 0x4000 if 0.
	AppID uint16
	// Destination is a multicast address, 01-0C-CD-04-00-00 if nil; Source that of the
	// publisher.
	Destination, Source net.HardwareAddr
	// VLAN is the identifier of an 802.1Q tag of priority 4, Untagged for none.
	VLAN int
	// Synch is smpSynch while the samples' clock is synchronised: 1 local, 2 global.
	Synch uint8
	// ASDUs is the number of samples in a frame; 0 is what the profile has at the rate.
	ASDUs int
	// Info describes the source of the blocks, Start the time of their second 0 where Info
	// does not know it: 1970 if both do not.
	Info  waveform.Info
	Start time.Time
}

// Untagged is the VLAN of frames without a tag.
const Untagged = -1

// DefaultID is the svID of a stream that is given none.
const DefaultID = "hepmeter01"

// Encoder makes frames of blocks.
type Encoder struct {
	rate, asdus int64
	frame       []byte
	slots       []slot
	picks       []pick
	synch       uint8
	id          string
	// first is the number of samples since 1970 at second 0 of the source, rounded up to
	// a whole frame; next the number of the next sample, both on the grid of the rate.
	first, next int64
	begun       bool
}

// slot is where an ASDU of the frame has what changes.
type slot struct{ count, refresh, synch, data int }

// pick is a channel of the data set: that of the blocks, -1 for none, and what its
// samples are multiplied with to count bits.
type pick struct {
	channel int
	bits    float64
}

// frameASDUs is the number of samples in a frame that a profile has at a rate.
func frameASDUs(p Profile, rate int64) int64 {
	switch {
	case rate == 14400:
		return 6
	case rate == 4800 && p == Flexible:
		return 2
	case rate > 6000 && rate%8 == 0:
		return 8
	}
	return 1
}

// NewEncoder prepares a stream.
func NewEncoder(s Stream) (*Encoder, error) {
	if s.Profile == "" {
		s.Profile = LE
	}
	if s.Profile != LE && s.Profile != Flexible {
		return nil, fmt.Errorf("profile %q: use %s or %s", s.Profile, LE, Flexible)
	}
	if s.ID == "" {
		s.ID = DefaultID
	}
	for _, c := range s.ID {
		if c < ' ' || c > '~' {
			return nil, fmt.Errorf("svID %q: use printable ASCII", s.ID)
		}
	}
	if len(s.ID) > 34 {
		return nil, fmt.Errorf("svID %q has %d characters: up to 34 are allowed", s.ID, len(s.ID))
	}
	if s.Destination == nil {
		s.Destination = net.HardwareAddr{0x01, 0x0c, 0xcd, 0x04, 0, 0}
	}
	if s.Source == nil {
		s.Source = net.HardwareAddr{0x02, 0, 0, 0, 0, 1} // locally administered
	}
	if len(s.Destination) != 6 || len(s.Source) != 6 {
		return nil, fmt.Errorf("addresses %v and %v: want 6 bytes", s.Destination, s.Source)
	}
	if s.AppID == 0 {
		s.AppID = 0x4000
	}
	e := &Encoder{rate: int64(s.Info.RateHz), synch: s.Synch, id: s.ID}
	if float64(e.rate) != s.Info.RateHz || e.rate < 1 || e.rate > 1<<16 {
		return nil, fmt.Errorf("%g samples/s cannot be numbered by smpCnt: want a whole number up to 65536", s.Info.RateHz)
	}
	e.asdus = int64(s.ASDUs)
	if e.asdus == 0 {
		e.asdus = frameASDUs(s.Profile, e.rate)
	}
	if e.asdus < 1 || e.asdus > maxASDUs || e.rate%e.asdus != 0 {
		return nil, fmt.Errorf("%d samples a frame: want a divisor of the rate, %d, up to %d", e.asdus, e.rate, maxASDUs)
	}
	currents, voltages, err := e.wire(s)
	if err != nil {
		return nil, err
	}
	e.build(s, fmt.Sprintf("F%dS%dI%dU%d", e.rate, e.asdus, currents, voltages))
	if len(e.frame) > 1518 {
		return nil, fmt.Errorf("a frame of %d samples of %d channels has %d bytes: 1518 fit, choose fewer samples a frame", e.asdus, len(e.picks), len(e.frame))
	}
	start := s.Start
	if !s.Info.Start.IsZero() {
		start = s.Info.Start
	}
	if start.Before(time.Unix(0, 0)) {
		start = time.Unix(0, 0)
	}
	whole, part := start.Unix(), int64(start.Nanosecond())
	grid := whole*e.rate + (part*e.rate+1e9-1)/1e9
	e.first = (grid + e.asdus - 1) / e.asdus * e.asdus
	return e, nil
}

// wire finds the channels of the data set.
func (e *Encoder) wire(s Stream) (currents, voltages int, err error) {
	m, _ := waveform.AutoMap(s.Info)
	for _, r := range [...]waveform.Role{waveform.I1, waveform.I2, waveform.I3, waveform.I4, waveform.V1, waveform.V2, waveform.V3, waveform.V4} {
		p, ok := m.Of(r)
		if !ok && s.Profile == Flexible {
			continue
		}
		to := pick{channel: -1}
		if ok {
			ch := s.Info.Channels[p.Channel]
			bit := voltsPerBit
			if r.IsCurrent() {
				bit = ampsPerBit
			}
			ratio := 1.0
			if ch.Values == waveform.Secondary && ch.Primary > 0 && ch.Secondary > 0 {
				ratio = ch.Primary / ch.Secondary
			}
			to = pick{p.Channel, p.Scale * ratio / bit}
		}
		e.picks = append(e.picks, to)
		if r.IsCurrent() {
			currents++
		} else {
			voltages++
		}
	}
	for _, p := range e.picks {
		if p.channel >= 0 {
			return currents, voltages, nil
		}
	}
	return 0, 0, errors.New("no channel of the source is known as I1 to I4 or V1 to V4: sampled values carry no others")
}

// build lays the frame out, with its places.
func (e *Encoder) build(s Stream, code string) {
	var asdus []byte
	for range e.asdus {
		var at slot
		var a []byte
		put := func(tag byte, value []byte) int {
			a = appendElement(a, tag, value)
			return len(a) - len(value)
		}
		put(0x80, []byte(s.ID))
		if s.Profile == Flexible {
			put(0x81, []byte(code))
		}
		at.count = put(0x82, make([]byte, 2))
		put(0x83, []byte{0, 0, 0, 1})
		if s.Profile == Flexible {
			at.refresh = put(0x84, make([]byte, 8))
		}
		at.synch = put(0x85, make([]byte, 1))
		if s.Profile == Flexible && e.rate < 1<<16 {
			put(0x86, binary.BigEndian.AppendUint16(nil, uint16(e.rate)))
		}
		at.data = put(0x87, make([]byte, 8*len(e.picks)))
		if s.Profile == Flexible {
			put(0x88, []byte{0, 1})
		}
		asdus = appendElement(asdus, 0x30, a)
		shift := len(asdus) - len(a)
		at.count, at.synch, at.data = at.count+shift, at.synch+shift, at.data+shift
		if s.Profile == Flexible {
			at.refresh += shift
		}
		e.slots = append(e.slots, at)
	}
	pdu := appendElement(nil, 0x80, []byte{byte(e.asdus)})
	pdu = appendElement(pdu, 0xa2, asdus)
	apdu := appendElement(nil, 0x60, pdu)

	f := append(append([]byte(nil), s.Destination...), s.Source...)
	if s.VLAN >= 0 {
		f = binary.BigEndian.AppendUint16(f, etherTypeVLAN)
		f = binary.BigEndian.AppendUint16(f, 4<<13|uint16(s.VLAN&0xfff))
	}
	f = binary.BigEndian.AppendUint16(f, etherTypeSV)
	f = binary.BigEndian.AppendUint16(f, s.AppID)
	f = binary.BigEndian.AppendUint16(f, uint16(8+len(apdu)))
	f = append(append(f, 0, 0, 0, 0), apdu...)
	shift := len(f) - len(asdus)
	for i := range e.slots {
		at := &e.slots[i]
		at.count, at.synch, at.data = at.count+shift, at.synch+shift, at.data+shift
		if s.Profile == Flexible {
			at.refresh += shift
		}
	}
	for len(f) < 60 { // the least frame without its checksum
		f = append(f, 0)
	}
	e.frame = f
}

// appendElement appends a BER element.
func appendElement(b []byte, tag byte, value []byte) []byte {
	b = append(b, tag)
	switch n := len(value); {
	case n < 0x80:
		b = append(b, byte(n))
	case n < 0x100:
		b = append(b, 0x81, byte(n))
	default:
		b = append(b, 0x82, byte(n>>8), byte(n))
	}
	return append(b, value...)
}

// Encode makes frames of a block and hands each to send, with the time at which its last
// sample is taken, in ns since 1970. The frame belongs to the Encoder. Samples that do not
// fill a frame wait for the next block. Where the block's Start leaves a hole, whole frames
// are left out and the rest of broken ones is invalid.
func (e *Encoder) Encode(b *waveform.Block, send func(frame []byte, timeNS int64) error) error {
	if b.RateHz != float64(e.rate) {
		return fmt.Errorf("the rate changes from %d to %g Hz: a stream of sampled values has one", e.rate, b.RateHz)
	}
	index := e.first + int64(math.Round(b.Start*float64(e.rate)))
	if !e.begun {
		e.begun, e.next = true, index/e.asdus*e.asdus
	}
	for e.next < index {
		if whole := (index - e.next) / e.asdus * e.asdus; e.next%e.asdus == 0 && whole > 0 {
			e.next += whole
			continue
		}
		if err := e.put(nil, 0, send); err != nil {
			return err
		}
	}
	for k := range b.Len() {
		if err := e.put(b, k, send); err != nil {
			return err
		}
	}
	return nil
}

// Flush sends the frame that is not full, filled up with invalid samples.
func (e *Encoder) Flush(send func(frame []byte, timeNS int64) error) error {
	for e.begun && e.next%e.asdus != 0 {
		if err := e.put(nil, 0, send); err != nil {
			return err
		}
	}
	return nil
}

// put writes sample k of b, or an invalid one without b, and sends a full frame.
func (e *Encoder) put(b *waveform.Block, k int, send func([]byte, int64) error) error {
	at := &e.slots[e.next%e.asdus]
	second, count := e.next/e.rate, e.next%e.rate
	binary.BigEndian.PutUint16(e.frame[at.count:], uint16(count))
	e.frame[at.synch] = e.synch
	if at.refresh > 0 {
		binary.BigEndian.PutUint32(e.frame[at.refresh:], uint32(second))
		// The lowest byte is the quality: 24 bits of the fraction are good.
		binary.BigEndian.PutUint32(e.frame[at.refresh+4:], uint32(count<<24/e.rate)<<8|24)
	}
	for i, p := range e.picks {
		value, word := int32(0), validityInvalid
		if b != nil && p.channel >= 0 {
			held := b.QualityOf(p.channel)
			if held&waveform.Unsynchronised != 0 {
				e.frame[at.synch] = 0
			}
			value, word = count32(b.Samples[p.channel][k]*p.bits, held)
		}
		binary.BigEndian.PutUint32(e.frame[at.data+8*i:], uint32(value))
		binary.BigEndian.PutUint32(e.frame[at.data+8*i+4:], uint32(word))
	}
	e.next++
	if e.next%e.asdus != 0 {
		return nil
	}
	last := e.next - 1
	return send(e.frame, last/e.rate*1e9+last%e.rate*1e9/e.rate)
}

// count32 rounds a value to a whole number of bits; one beyond INT32 is cut and says so.
func count32(v float64, held waveform.Quality) (int32, quality) {
	switch {
	case v-v != 0:
		return 0, validityInvalid
	case v > math.MaxInt32:
		return math.MaxInt32, wordOf(held) | overflow | validityQuestionable
	case v < math.MinInt32:
		return math.MinInt32, wordOf(held) | overflow | validityQuestionable
	}
	return int32(math.RoundToEven(v)), wordOf(held)
}
