package access

import (
	"context"
	"slices"
)

// Prove tells whether a credential is right on the client's path, for a protocol whose
// login comes before the client says what it wants. A wrong one counts and is recorded as
// at a login. A right one leaves neither a record nor a connection: Open and Login follow
// on the path that the client then takes. The error is a *Refusal, or that of ctx. A
// diagnostic code is good for one login, and cannot be proved.
func (g *Gate) Prove(ctx context.Context, client Client, name, version string, c Credential) error {
	conn := &connection{gate: g, client: client}
	conn.called.Store(&calling{clean(name), clean(version)})
	s := &Session{conn: conn, root: true}
	if g.Security().kind(c) == PasswordOnly && !slices.Contains(g.Takes(client.Path), PasswordOnly) {
		return s.refuse(refuse(CodeUserNeeded, client.Path.String()+" logs in with a name"), "login")
	}
	_, err := s.authenticate(ctx, c)
	return err
}
