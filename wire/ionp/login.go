package ionp

// LoginRequest asks for a token for the credential of the request.
type LoginRequest struct{}

// LoginReply is a session.
type LoginReply struct {
	// Token stands in place of the credential in further requests on the same connection.
	Token []byte `cbor:"1,keyasint"`
	// IdleSeconds is how long the token lasts without a request.
	IdleSeconds uint32 `cbor:"2,keyasint"`
	// User is whose permissions the session has.
	User string `cbor:"3,keyasint,omitempty"`
	// Permissions are those in force, implied ones included.
	Permissions []string `cbor:"4,keyasint,omitempty"`
}

// LogoutRequest ends the session of the request's token.
type LogoutRequest struct{}

// LogoutReply says that the token is of no use any more.
type LogoutReply struct{}
