// Package sv reads and writes sampled values: IEC 61850-9-2LE and IEC 61869-9, from
// captures (pcap, pcapng) and live from a network interface.
//
// A Frame is one Ethernet frame; a Source is one stream, told by its svID, put in order
// by smpCnt; a Publisher makes frames of any Source.
package sv

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The Ethernet types that lead to sampled values.
const (
	etherTypeSV   = 0x88ba
	etherTypeVLAN = 0x8100 // IEEE 802.1Q
	etherTypeQinQ = 0x88a8
	etherTypeHSR  = 0x892f // IEC 62439-3
)

// maxASDUs bounds the ASDUs of a frame; profiles have up to 8.
const maxASDUs = 64

// errOther is returned for a frame that holds no sampled values at all.
var errOther = errors.New("no sampled values frame")

// Frame is one Ethernet frame of sampled values (IEC 61850-9-2, 8.4). Its slices are
// parts of the frame that was decoded.
type Frame struct {
	Destination, Source [6]byte
	// VLAN is the identifier of the 802.1Q tag, -1 without one; Priority its priority.
	VLAN, Priority int
	AppID          uint16
	// Simulated is bit 15 of Reserved1: the frame comes from a test set.
	Simulated bool
	ASDUs     []ASDU
}

// ASDU is one sample of one stream.
type ASDU struct {
	ID, DataSet []byte // svID and datSet
	Count       uint16 // smpCnt
	Revision    uint32 // confRev
	// Synch is smpSynch: 0 none, 1 local, 2 global, 5-254 a local clock's identity.
	Synch uint8
	// Rate is smpRate, 0 if it is not sent; Mode is smpMod: 0 samples a nominal period, 1
	// samples a second, 2 seconds a sample.
	Rate uint16
	Mode uint8
	// Refresh is refrTm: seconds since 1970, 2⁻²⁴ s, quality. Nil if it is not sent.
	Refresh []byte
	// Grandmaster is gmIdentity, nil if it is not sent.
	Grandmaster []byte
	// Data is the sample block, seqData.
	Data []byte
}

// Decode reads an Ethernet frame without its checksum. Nothing is allocated once
// ASDUs has grown. Errors name the element and its byte in the frame.
func (f *Frame) Decode(packet []byte) error {
	f.ASDUs = f.ASDUs[:0]
	f.VLAN, f.Priority = -1, 0
	if len(packet) < 14 {
		return errOther
	}
	copy(f.Destination[:], packet)
	copy(f.Source[:], packet[6:])
	at := 12
	for tags := 0; ; tags++ {
		if len(packet) < at+2 || tags > 3 {
			return errOther
		}
		kind := binary.BigEndian.Uint16(packet[at:])
		if kind == etherTypeSV {
			break
		}
		switch kind {
		case etherTypeVLAN, etherTypeQinQ:
			if len(packet) < at+6 {
				return errOther
			}
			tci := binary.BigEndian.Uint16(packet[at+2:])
			f.VLAN, f.Priority = int(tci&0xfff), int(tci>>13)
			at += 4
		case etherTypeHSR:
			at += 6
		default:
			return errOther
		}
	}
	at += 2
	if len(packet) < at+8 {
		return fmt.Errorf("byte %d: %d bytes of header, want 8", at, len(packet)-at)
	}
	f.AppID = binary.BigEndian.Uint16(packet[at:])
	f.Simulated = packet[at+4]&0x80 != 0
	length := int(binary.BigEndian.Uint16(packet[at+2:]))
	if length < 8 || length > len(packet)-at {
		return fmt.Errorf("byte %d: the length field says %d bytes, the frame has %d", at+2, length, len(packet)-at)
	}
	r := reader{frame: packet[:at+length], at: at + 8}
	return f.pdu(r)
}

// pdu reads a savPdu.
func (f *Frame) pdu(r reader) error {
	pdu, err := r.enter(0x60, "savPdu")
	if err != nil {
		return err
	}
	announced := -1
	for pdu.more() {
		tag, v, err := pdu.next()
		if err != nil {
			return err
		}
		switch tag {
		case 0x80:
			n, err := v.unsigned("noASDU", 4)
			if err != nil {
				return err
			}
			announced = int(n)
		case 0xa2:
			for v.more() {
				asdu, err := v.enter(0x30, "ASDU")
				if err != nil {
					return err
				}
				if len(f.ASDUs) == maxASDUs {
					return fmt.Errorf("byte %d: more than %d ASDUs", asdu.at, maxASDUs)
				}
				f.ASDUs = append(f.ASDUs, ASDU{})
				if err := f.ASDUs[len(f.ASDUs)-1].decode(asdu); err != nil {
					return err
				}
			}
		}
	}
	if announced != len(f.ASDUs) {
		return fmt.Errorf("byte %d: noASDU is %d, the frame has %d", r.at, announced, len(f.ASDUs))
	}
	return nil
}

// decode reads the elements of an ASDU (IEC 61850-9-2, table 15).
func (a *ASDU) decode(r reader) error {
	start := r.at
	var seen uint32
	for r.more() {
		tag, v, err := r.next()
		if err != nil {
			return err
		}
		var n uint64
		switch tag {
		case 0x80:
			a.ID = v.rest()
		case 0x81:
			a.DataSet = v.rest()
		case 0x82:
			n, err = v.unsigned("smpCnt", 2)
			a.Count = uint16(n)
		case 0x83:
			n, err = v.unsigned("confRev", 4)
			a.Revision = uint32(n)
		case 0x84:
			a.Refresh, err = v.exactly("refrTm", 8)
		case 0x85:
			n, err = v.unsigned("smpSynch", 1)
			a.Synch = uint8(n)
		case 0x86:
			n, err = v.unsigned("smpRate", 2)
			a.Rate = uint16(n)
		case 0x87:
			a.Data = v.rest()
		case 0x88:
			n, err = v.unsigned("smpMod", 1)
			a.Mode = uint8(n)
		case 0x89:
			a.Grandmaster, err = v.exactly("gmIdentity", 8)
		}
		if err != nil {
			return err
		}
		if tag&0xf0 == 0x80 {
			seen |= 1 << (tag & 0xf)
		}
	}
	for _, must := range [...]struct {
		tag  int
		name string
	}{{0, "svID"}, {2, "smpCnt"}, {7, "seqData"}} {
		if seen&(1<<must.tag) == 0 {
			return fmt.Errorf("byte %d: the ASDU has no %s", start, must.name)
		}
	}
	return nil
}
