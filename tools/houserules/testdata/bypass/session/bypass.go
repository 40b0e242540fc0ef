// Package session tries to go around the gate.
package session

import "github.com/hepmeter/hepmeter/access"

var nobody = access.Session{conn: nil}
