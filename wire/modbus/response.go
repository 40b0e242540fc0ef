package modbus

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// AppendException appends an exception response to a request of function f.
func AppendException(dst []byte, f Function, e Exception) []byte {
	return append(dst, byte(f)|exceptionBit, byte(e))
}

// AppendReadHead appends function and byte count of a read response of n registers;
// their 2·n bytes follow.
func AppendReadHead(dst []byte, f Function, registers int) []byte {
	return append(dst, byte(f), byte(2*registers))
}

// AppendWriteResponse appends the response to a write: function 6 echoes its value,
// function 16 its quantity.
func AppendWriteResponse(dst []byte, r Request) []byte {
	dst = append(dst, byte(r.Function), byte(r.Address>>8), byte(r.Address))
	if r.Function == WriteSingleRegister || r.Function == WriteSingleCoil {
		return append(dst, r.Data...)
	}
	return append(dst, byte(r.Quantity>>8), byte(r.Quantity))
}

// DeviceIDObject is one object of Read Device Identification.
type DeviceIDObject struct {
	ID   byte
	Text string
}

// maxObjectText is the longest object that fits in a response: the PDU less the
// seven bytes before the objects and the object's own id and length.
const maxObjectText = MaxPDU - 7 - 2

// AppendDeviceID appends the response to a Read Device Identification request from
// objects in ascending order (specification V1.1b3, section 6.21). Basic, regular
// and extended access answer with as many objects as fit and say where to go on; an
// unknown starting object starts from the beginning. Individual access to an unknown
// object is exception 2, and nothing is appended. Texts too long for a response are
// cut.
func AppendDeviceID(dst []byte, r DeviceIDRequest, objects []DeviceIDObject) ([]byte, Exception) {
	const conformity = 0x83 // extended identification, stream and individual access
	last := byte(0xFF)
	switch r.Code {
	case 1:
		last = 0x02
	case 2:
		last = 0x7F
	}
	first := -1
	for i, o := range objects {
		if o.ID == r.Object && o.ID <= last {
			first = i
		}
	}
	if first < 0 {
		if r.Code == 4 {
			return dst, IllegalDataAddress
		}
		first = 0
	}
	start := len(dst)
	dst = append(dst, byte(EncapsulatedInterface), meiDeviceID, r.Code, conformity, 0, 0, 0)
	count := 0
	for _, o := range objects[first:] {
		if o.ID > last || (r.Code == 4 && count == 1) {
			break
		}
		text := o.Text
		if len(text) > maxObjectText {
			text = text[:maxObjectText]
		}
		if len(dst)-start+2+len(text) > MaxPDU {
			dst[start+4], dst[start+5] = 0xFF, o.ID // more follows, from here
			break
		}
		dst = append(dst, o.ID, byte(len(text)))
		dst = append(dst, text...)
		count++
	}
	dst[start+6] = byte(count)
	return dst, None
}

// ErrResponse reports a response that does not answer the request.
var ErrResponse = errors.New("response does not fit the request")

// ParseReadResponse reads the registers out of a response to a read of quantity
// registers by f. The error is an Exception where the server sent one.
func ParseReadResponse(pdu []byte, f Function, quantity int) ([]uint16, error) {
	if err := checkResponse(pdu, f); err != nil {
		return nil, err
	}
	if len(pdu) != 2+2*quantity || int(pdu[1]) != 2*quantity {
		return nil, fmt.Errorf("%w: %d bytes for %d registers", ErrResponse, len(pdu)-2, quantity)
	}
	words := make([]uint16, quantity)
	for i := range words {
		words[i] = binary.BigEndian.Uint16(pdu[2+2*i:])
	}
	return words, nil
}

// DeviceIDResponse is one answer to Read Device Identification.
type DeviceIDResponse struct {
	Conformity byte
	More       bool
	Next       byte // where to go on, if More
	Objects    []DeviceIDObject
}

// ParseDeviceID reads a response to Read Device Identification.
func ParseDeviceID(pdu []byte) (DeviceIDResponse, error) {
	if err := checkResponse(pdu, EncapsulatedInterface); err != nil {
		return DeviceIDResponse{}, err
	}
	if len(pdu) < 7 || pdu[1] != meiDeviceID {
		return DeviceIDResponse{}, fmt.Errorf("%w: not a device identification", ErrResponse)
	}
	r := DeviceIDResponse{Conformity: pdu[3], More: pdu[4] == 0xFF, Next: pdu[5]}
	rest := pdu[7:]
	for range pdu[6] {
		if len(rest) < 2 || len(rest) < 2+int(rest[1]) {
			return DeviceIDResponse{}, fmt.Errorf("%w: device identification ends inside an object", ErrResponse)
		}
		r.Objects = append(r.Objects, DeviceIDObject{ID: rest[0], Text: string(rest[2 : 2+int(rest[1])])})
		rest = rest[2+int(rest[1]):]
	}
	if len(rest) != 0 {
		return DeviceIDResponse{}, fmt.Errorf("%w: %d bytes after the last object", ErrResponse, len(rest))
	}
	return r, nil
}

func checkResponse(pdu []byte, f Function) error {
	switch {
	case len(pdu) == 2 && pdu[0] == byte(f)|exceptionBit && pdu[1] != 0:
		return Exception(pdu[1])
	case len(pdu) < 2 || pdu[0] != byte(f):
		return fmt.Errorf("%w: % x", ErrResponse, pdu)
	}
	return nil
}
