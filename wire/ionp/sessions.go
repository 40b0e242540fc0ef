package ionp

// SessionsRequest asks for the open sessions of all paths.
type SessionsRequest struct{}

// SessionsReply lists the open sessions.
type SessionsReply struct {
	Sessions []Session `cbor:"1,keyasint,omitempty"`
}

// Session is an open session.
type Session struct {
	ID      string `cbor:"1,keyasint"`
	Path    string `cbor:"2,keyasint,omitempty"`
	Address string `cbor:"3,keyasint,omitempty"`
	Client  string `cbor:"4,keyasint,omitempty"`
	User    string `cbor:"5,keyasint,omitempty"`
	// Kind is the kind of credential, as in LedgerEntry.
	Kind string `cbor:"6,keyasint,omitempty"`
	// Since is in ns since 1970 UTC.
	Since       int64  `cbor:"7,keyasint,omitempty"`
	IdleSeconds uint64 `cbor:"8,keyasint,omitempty"`
	Requests    uint64 `cbor:"9,keyasint,omitempty"`
	Encrypted   bool   `cbor:"10,keyasint,omitempty"`
}

// SessionEndRequest ends a session.
type SessionEndRequest struct {
	// ID is as in Session.
	ID string `cbor:"1,keyasint,omitempty"`
}

func (r *SessionEndRequest) check() error { return required("session", r.ID, MaxSessionID) }

// SessionEndReply says that the session is ended.
type SessionEndReply struct{}
