// Package modbus is the codec of the Modbus application protocol V1.1b3 and of its
// TCP framing: it cuts a byte stream into frames, reads requests out of them and
// builds the answers. It opens nothing and knows nothing of meters.
//
// A server calls FrameLength until a frame is whole, ParseHeader and ParseRequest
// on it, and appends the answer between BeginFrame and EndFrame. Nothing here
// allocates when the destination has room.
package modbus

import "fmt"

// Function is a function code.
type Function byte

// The functions this package reads.
const (
	ReadCoils                  Function = 1
	ReadDiscreteInputs         Function = 2
	ReadHoldingRegisters       Function = 3
	ReadInputRegisters         Function = 4
	WriteSingleCoil            Function = 5
	WriteSingleRegister        Function = 6
	WriteMultipleCoils         Function = 15
	WriteMultipleRegisters     Function = 16
	ReadWriteMultipleRegisters Function = 23
	EncapsulatedInterface      Function = 43 // with MEI type 14: Read Device Identification
)

// TunnelFunction is the function of ION over Modbus (wire/ionmodbus), one of those that the
// specification leaves to users (section 5). Where reads have one, a byte counts those behind it.
const TunnelFunction = 70

// exceptionBit is set in the function code of an exception response.
const exceptionBit = 0x80

// Quantity limits (specification V1.1b3, section 6).
const (
	MaxReadBits           = 2000
	MaxReadRegisters      = 125
	MaxWriteBits          = 1968
	MaxWriteRegisters     = 123
	MaxReadWriteRegisters = 121 // written by function 23
	MaxPDU                = 253
	addressSpace          = 65536
)

// Exception is an exception code; None means that there is none.
type Exception byte

// The exceptions (specification V1.1b3, section 7).
const (
	None                    Exception = 0x00
	IllegalFunction         Exception = 0x01
	IllegalDataAddress      Exception = 0x02
	IllegalDataValue        Exception = 0x03
	ServerDeviceFailure     Exception = 0x04
	ServerDeviceBusy        Exception = 0x06
	GatewayPathUnavailable  Exception = 0x0A
	GatewayTargetNoResponse Exception = 0x0B
)

// Error is the exception in words.
func (e Exception) Error() string {
	switch e {
	case None:
		return "no exception"
	case IllegalFunction:
		return "exception 1: illegal function"
	case IllegalDataAddress:
		return "exception 2: illegal data address"
	case IllegalDataValue:
		return "exception 3: illegal data value"
	case ServerDeviceFailure:
		return "exception 4: server device failure"
	case ServerDeviceBusy:
		return "exception 6: server device busy"
	case GatewayPathUnavailable:
		return "exception 10: gateway path unavailable"
	case GatewayTargetNoResponse:
		return "exception 11: gateway target device failed to respond"
	}
	return fmt.Sprintf("exception %d", byte(e))
}
