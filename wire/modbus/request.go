package modbus

import "encoding/binary"

// Functions is a set of function codes.
type Functions uint64

// FunctionSet returns the set of these functions.
func FunctionSet(functions ...Function) Functions {
	var s Functions
	for _, f := range functions {
		s |= 1 << f
	}
	return s
}

// Has reports whether f is in the set.
func (s Functions) Has(f Function) bool { return f < 64 && s>>f&1 == 1 }

// Request is a request PDU that has passed the checks.
type Request struct {
	Function Function
	// Address and Quantity are what is read; for a function that only writes, what
	// is written.
	Address, Quantity int
	// WriteAddress and WriteQuantity are what function 23 writes.
	WriteAddress, WriteQuantity int
	// Data is what is written, in bytes of the PDU: registers high byte first, or
	// packed bits. Function 5 has its two bytes 0xFF00 or 0x0000 here.
	Data []byte
	// DeviceID is the part of function 43 with MEI type 14.
	DeviceID DeviceIDRequest
}

// DeviceIDRequest asks for device identification objects.
type DeviceIDRequest struct {
	Code   byte // 1 basic, 2 regular, 3 extended, 4 one object
	Object byte // where to start, or which one
}

// meiDeviceID is the MEI type of Read Device Identification.
const meiDeviceID = 0x0E

// ParseRequest checks a request in the order of the specification: the function is
// one of supported (else exception 1), quantity and lengths are right (else 3), the
// addresses exist (else 2). Data points into pdu.
func ParseRequest(pdu []byte, supported Functions) (Request, Exception) {
	if len(pdu) == 0 || !supported.Has(Function(pdu[0])) {
		return Request{}, IllegalFunction
	}
	if len(pdu) > MaxPDU {
		return Request{}, IllegalDataValue
	}
	r := Request{Function: Function(pdu[0])}
	body := pdu[1:]
	switch r.Function {
	case ReadCoils, ReadDiscreteInputs:
		return r.parseRead(body, MaxReadBits)
	case ReadHoldingRegisters, ReadInputRegisters:
		return r.parseRead(body, MaxReadRegisters)
	case WriteSingleCoil:
		if len(body) != 4 || body[3] != 0 || (body[2] != 0x00 && body[2] != 0xFF) {
			return Request{}, IllegalDataValue
		}
		r.Address, r.Quantity, r.Data = word(body), 1, body[2:]
		return r, None
	case WriteSingleRegister:
		if len(body) != 4 {
			return Request{}, IllegalDataValue
		}
		r.Address, r.Quantity, r.Data = word(body), 1, body[2:]
		return r, None
	case WriteMultipleCoils:
		return r.parseWrite(body, MaxWriteBits, func(n int) int { return (n + 7) / 8 })
	case WriteMultipleRegisters:
		return r.parseWrite(body, MaxWriteRegisters, func(n int) int { return 2 * n })
	case ReadWriteMultipleRegisters:
		return r.parseReadWrite(body)
	case EncapsulatedInterface:
		// The MEI type is part of the function: another one is a function we do not have.
		if len(body) == 0 || body[0] != meiDeviceID {
			return Request{}, IllegalFunction
		}
		if len(body) != 3 || body[1] < 1 || body[1] > 4 {
			return Request{}, IllegalDataValue
		}
		r.DeviceID = DeviceIDRequest{Code: body[1], Object: body[2]}
		return r, None
	}
	return Request{}, IllegalFunction
}

func (r Request) parseRead(body []byte, limit int) (Request, Exception) {
	if len(body) != 4 {
		return Request{}, IllegalDataValue
	}
	r.Address, r.Quantity = word(body), word(body[2:])
	if r.Quantity < 1 || r.Quantity > limit {
		return Request{}, IllegalDataValue
	}
	if r.Address+r.Quantity > addressSpace {
		return Request{}, IllegalDataAddress
	}
	return r, None
}

func (r Request) parseWrite(body []byte, limit int, bytes func(quantity int) int) (Request, Exception) {
	if len(body) < 5 {
		return Request{}, IllegalDataValue
	}
	r.Address, r.Quantity, r.Data = word(body), word(body[2:]), body[5:]
	if r.Quantity < 1 || r.Quantity > limit || int(body[4]) != bytes(r.Quantity) || len(r.Data) != int(body[4]) {
		return Request{}, IllegalDataValue
	}
	if r.Address+r.Quantity > addressSpace {
		return Request{}, IllegalDataAddress
	}
	return r, None
}

func (r Request) parseReadWrite(body []byte) (Request, Exception) {
	if len(body) < 9 {
		return Request{}, IllegalDataValue
	}
	r.Address, r.Quantity = word(body), word(body[2:])
	r.WriteAddress, r.WriteQuantity, r.Data = word(body[4:]), word(body[6:]), body[9:]
	if r.Quantity < 1 || r.Quantity > MaxReadRegisters ||
		r.WriteQuantity < 1 || r.WriteQuantity > MaxReadWriteRegisters ||
		int(body[8]) != 2*r.WriteQuantity || len(r.Data) != int(body[8]) {
		return Request{}, IllegalDataValue
	}
	if r.Address+r.Quantity > addressSpace || r.WriteAddress+r.WriteQuantity > addressSpace {
		return Request{}, IllegalDataAddress
	}
	return r, None
}

func word(b []byte) int { return int(binary.BigEndian.Uint16(b)) }

// AppendReadRequest appends the PDU of functions 1 to 4.
func AppendReadRequest(dst []byte, f Function, address, quantity int) []byte {
	return append(dst, byte(f), byte(address>>8), byte(address), byte(quantity>>8), byte(quantity))
}

// AppendWriteSingleRequest appends the PDU of function 6.
func AppendWriteSingleRequest(dst []byte, address int, value uint16) []byte {
	return append(dst, byte(WriteSingleRegister), byte(address>>8), byte(address), byte(value>>8), byte(value))
}

// AppendWriteRequest appends the PDU of function 16.
func AppendWriteRequest(dst []byte, address int, values []uint16) []byte {
	dst = append(dst, byte(WriteMultipleRegisters), byte(address>>8), byte(address), byte(len(values)>>8), byte(len(values)), byte(2*len(values)))
	return appendWords(dst, values)
}

// AppendReadWriteRequest appends the PDU of function 23.
func AppendReadWriteRequest(dst []byte, address, quantity, writeAddress int, values []uint16) []byte {
	dst = append(dst, byte(ReadWriteMultipleRegisters),
		byte(address>>8), byte(address), byte(quantity>>8), byte(quantity),
		byte(writeAddress>>8), byte(writeAddress), byte(len(values)>>8), byte(len(values)), byte(2*len(values)))
	return appendWords(dst, values)
}

// AppendDeviceIDRequest appends the PDU of function 43 with MEI type 14.
func AppendDeviceIDRequest(dst []byte, r DeviceIDRequest) []byte {
	return append(dst, byte(EncapsulatedInterface), meiDeviceID, r.Code, r.Object)
}

func appendWords(dst []byte, words []uint16) []byte {
	for _, w := range words {
		dst = append(dst, byte(w>>8), byte(w))
	}
	return dst
}
