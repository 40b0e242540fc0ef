package access

import "fmt"

// The Modbus gateway sends requests of Modbus TCP on to the devices behind the meter. Its
// own registers say who may use it, and for what: Modbus Map Access, accounts and modes are
// about the meter alone (communications.md 2.9).

// decideGateway: what all clients may do, and what the list of addresses says of this one.
func (s *Security) decideGateway(r Request) *Refusal {
	if r.Path != ModbusMap {
		return refuse(CodeNotOnThisPath, "units behind the gateway are asked over Modbus TCP")
	}
	switch min(s.GatewayAccess, MapAccess(s.gatewayAddresses.Of(r.Address))) {
	case MapNone:
		return refuse(CodeGatewayClosed, "")
	case MapReadOnly:
		if r.Operation == WriteDownstream {
			return refuse(CodeGatewayReadOnly, "")
		}
	}
	return nil
}

// Downstream decides whether the session may send a request to a unit behind the gateway.
// What does not only read there is told by its function code, and has its outcome recorded
// by the function that is returned; it may be called after Close, and must be called once.
// The error is ErrClosed, or a *Refusal, which is recorded.
func (s *Session) Downstream(unit, function byte, reads bool) (sent func(error), err error) {
	if reads {
		return nil, s.permit(ReadDownstream, fmt.Sprintf("unit %d", unit))
	}
	target := fmt.Sprintf("unit %d, function %d", unit, function)
	if err := s.permit(WriteDownstream, target); err != nil {
		return nil, err
	}
	return func(err error) {
		s.gate().changes.Add(1)
		s.note(Record{Kind: OperationDone, Operation: WriteDownstream, Target: target, Err: err})
	}, nil
}
