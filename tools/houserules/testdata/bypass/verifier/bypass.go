// Package verifier tries to go around the gate.
package verifier

import "github.com/hepmeter/hepmeter/access"

var known = access.Verifier{set: true}
