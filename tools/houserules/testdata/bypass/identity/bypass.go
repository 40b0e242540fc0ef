// Package identity tries to go around the gate.
package identity

import "github.com/hepmeter/hepmeter/access"

var administrator = access.Identity{Account: 1, verifier: access.Verifier{}}
