// Package aroundgate makes a gate of its own.
package aroundgate

import "github.com/hepmeter/hepmeter/access"

var open, _ = access.NewGate(access.Options{})
