package ionp

// FactoryOpenRequest opens factory access for a time.
type FactoryOpenRequest struct {
	Minutes uint32 `cbor:"1,keyasint,omitempty"`
}

func (r *FactoryOpenRequest) check() error {
	return number("minutes", r.Minutes, 1, MaxDuration/60)
}

// FactoryOpenReply is the code, which can be used once.
type FactoryOpenReply struct {
	Code Secret `cbor:"1,keyasint"`
	// Until is in ns since 1970 UTC.
	Until int64 `cbor:"2,keyasint"`
}

// FactoryCloseRequest closes factory access.
type FactoryCloseRequest struct{}

// FactoryCloseReply says that factory access is closed.
type FactoryCloseReply struct{}

// FactoryUseRequest runs a diagnostic command.
type FactoryUseRequest struct {
	// Code is that of FactoryOpen.
	Code    Secret `cbor:"1,keyasint,omitempty"`
	Command string `cbor:"2,keyasint,omitempty"`
}

func (r *FactoryUseRequest) check() error {
	return first(required("code", r.Code, MaxPassword), required("command", r.Command, MaxName))
}

// FactoryUseReply is what the command printed.
type FactoryUseReply struct {
	Text string `cbor:"1,keyasint,omitempty"`
}
