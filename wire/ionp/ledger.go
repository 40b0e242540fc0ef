package ionp

// LedgerRequest asks which clients the meter has seen, and what each would lose without
// legacy access.
type LedgerRequest struct{}

// LedgerReply lists the clients that the meter has seen.
type LedgerReply struct {
	Entries []LedgerEntry `cbor:"1,keyasint,omitempty"`
	// Dropped is how many entries had to give way to newer ones.
	Dropped uint64 `cbor:"2,keyasint,omitempty"`
	// Since is when the ledger begins, in ns since 1970 UTC.
	Since int64 `cbor:"3,keyasint,omitempty"`
}

// LedgerEntry is one client by one kind of credential.
type LedgerEntry struct {
	Address       string `cbor:"1,keyasint,omitempty"`
	Path          string `cbor:"2,keyasint,omitempty"`
	Client        string `cbor:"3,keyasint,omitempty"`
	ClientVersion string `cbor:"4,keyasint,omitempty"`
	// Kind is the kind of credential: "none", "password", "user", "model number", "map".
	Kind string `cbor:"5,keyasint,omitempty"`
	User string `cbor:"6,keyasint,omitempty"`
	// Class is "legacy", "safe" or "unaffected".
	Class string `cbor:"7,keyasint,omitempty"`
	// First and Last are when it was seen, in ns since 1970 UTC.
	First    int64  `cbor:"8,keyasint,omitempty"`
	Last     int64  `cbor:"9,keyasint,omitempty"`
	Requests uint64 `cbor:"10,keyasint,omitempty"`
	// Operations are the kinds of operations it was allowed.
	Operations []string `cbor:"11,keyasint,omitempty"`
	// Asked are those it asked for, also where they were refused.
	Asked []string `cbor:"12,keyasint,omitempty"`
}
