package ionp

// SyslogTestRequest has the meter send a test message to the syslog server that is set,
// whether events go there or not.
type SyslogTestRequest struct{}

// SyslogTestReply says that the network has taken the message; with TCP and TLS, that the
// server has.
type SyslogTestReply struct {
	// Server is host:port, Transport UDP, TCP or TLS.
	Server    string `cbor:"1,keyasint,omitempty"`
	Transport string `cbor:"2,keyasint,omitempty"`
	// Message is what was sent (RFC 5424).
	Message string `cbor:"3,keyasint,omitempty"`
}
