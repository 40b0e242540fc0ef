// Package permit tries to go around the gate.
package permit

import "github.com/hepmeter/hepmeter/access"

func ask(s *access.Session) error { return s.permit(access.WriteSetup, "") }
