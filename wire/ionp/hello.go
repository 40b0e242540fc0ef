package ionp

// HelloRequest is what a client says first. All of it may be left out, as may the hello:
// the client is then taken for one of the 2.x era that takes frames of 256 bytes.
type HelloRequest struct {
	// Version is the newest protocol version that the client speaks.
	Version uint32 `cbor:"1,keyasint,omitempty"`
	// ClientVersion is the version of the tool, such as 3.2.20218.01.
	ClientVersion string `cbor:"2,keyasint,omitempty"`
	// ClientName is the name of the tool.
	ClientName string `cbor:"3,keyasint,omitempty"`
	// LargestFrame is the largest frame that the client takes, in bytes.
	LargestFrame uint32 `cbor:"4,keyasint,omitempty"`
}

func (r *HelloRequest) check() error {
	if r.LargestFrame != 0 {
		if _, err := AgreeFrame(r.LargestFrame); err != nil {
			return err
		}
	}
	return first(text("client version", r.ClientVersion, MaxName), text("client name", r.ClientName, MaxName))
}

// HelloReply is all that a meter tells to anybody.
type HelloReply struct {
	// Version is the protocol version in force: the lower one of both sides.
	Version uint32 `cbor:"1,keyasint"`
	// LargestFrame is the largest frame that the meter takes, in bytes.
	LargestFrame uint32 `cbor:"2,keyasint"`
	Model        string `cbor:"3,keyasint,omitempty"`
	Firmware     string `cbor:"4,keyasint,omitempty"`
	// Credentials are the kinds of credential that the meter takes on this path now:
	// "none", "password", "user".
	Credentials []string `cbor:"5,keyasint,omitempty"`
}
