package ionp

// InfoRequest asks what the meter is.
type InfoRequest struct{}

// InfoReply is what the meter is.
type InfoReply struct {
	Model    string `cbor:"1,keyasint,omitempty"`
	Serial   string `cbor:"2,keyasint,omitempty"`
	Firmware string `cbor:"3,keyasint,omitempty"`
	// Generation is the security generation in words, such as "2.x".
	Generation string `cbor:"4,keyasint,omitempty"`
	DeviceName string `cbor:"5,keyasint,omitempty"`
	Owner      string `cbor:"6,keyasint,omitempty"`
	Tag1       string `cbor:"7,keyasint,omitempty"`
	Tag2       string `cbor:"8,keyasint,omitempty"`
	// Fingerprint is that of the device key, which signs the event log.
	Fingerprint string `cbor:"9,keyasint,omitempty"`
	// Version is the protocol version of the meter.
	Version uint32 `cbor:"10,keyasint,omitempty"`
	// Time is the meter's clock, in seconds since 1970 UTC.
	Time int64 `cbor:"11,keyasint,omitempty"`
	// UptimeSeconds is since the last start.
	UptimeSeconds uint64 `cbor:"12,keyasint,omitempty"`
	// PowerUps is how many times the meter was started.
	PowerUps uint64 `cbor:"13,keyasint,omitempty"`
	// Template is the name of the factory template.
	Template string `cbor:"14,keyasint,omitempty"`
	// Modules is how many modules the program has.
	Modules uint32 `cbor:"15,keyasint,omitempty"`
	// Source is where the samples come from.
	Source string `cbor:"16,keyasint,omitempty"`
	// Sessions is how many sessions are open, on all paths.
	Sessions uint32 `cbor:"17,keyasint,omitempty"`
	// Endpoints are the addresses in use, by the name of the path.
	Endpoints map[string]string `cbor:"18,keyasint,omitempty"`
}

// ManagersRequest asks for the module types.
type ManagersRequest struct{}

// ManagersReply lists the module types.
type ManagersReply struct {
	// Managers are in the order of their numbers.
	Managers []Manager `cbor:"1,keyasint,omitempty"`
}

// Manager is a module type.
type Manager struct {
	Type   string `cbor:"1,keyasint"`
	Number uint32 `cbor:"2,keyasint"`
	// Kind says whether modules of this type can be made: "core", "persistent",
	// "standard".
	Kind string `cbor:"3,keyasint,omitempty"`
	// Rate is how often the modules run.
	Rate string `cbor:"4,keyasint,omitempty"`
	// Doc says in a sentence what they do.
	Doc string `cbor:"5,keyasint,omitempty"`
	// Modules is how many there are.
	Modules uint32 `cbor:"6,keyasint,omitempty"`
}
