package modbus

import (
	"context"
	"errors"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/wire/modbus"
)

// What the gate's no is on the wire.
const (
	// closedMap answers a read of a map that is closed: what ancestors are documented to
	// answer (FA275675).
	closedMap = modbus.IllegalDataAddress
	// refusedWrite answers a write that may not be, and one of registers that cannot be
	// written: what a PM8000 is seen to answer (ancestors answered exception 3).
	refusedWrite = modbus.IllegalDataAddress
)

// exceptionOf is the exception that stands for an error; refused is the one of a refusal.
func exceptionOf(err error, refused modbus.Exception) modbus.Exception {
	var refusal *access.Refusal
	switch {
	case err == nil:
		return modbus.None
	case errors.As(err, &refusal) && refusal.Code == access.CodeBadValue, errors.Is(err, access.ErrValue):
		return modbus.IllegalDataValue
	case refusal != nil && refusal.Code == access.CodeBusy, errors.Is(err, errCrowded), errors.Is(err, context.DeadlineExceeded):
		return modbus.ServerDeviceBusy
	case refusal != nil && refusal.Code == access.CodeFailed:
		return modbus.ServerDeviceFailure
	case refusal != nil:
		return refused
	}
	return modbus.ServerDeviceFailure
}
