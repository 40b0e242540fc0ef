package modules

import "github.com/hepmeter/hepmeter/ion"

// halfTurn is half the time between two turns of a one-second module, in seconds.
const halfTurn = 0.5

// lasted reports whether what began at sinceS on the node's uptime has lasted for
// seconds, to the nearest turn of a one-second module.
func lasted(c *ion.Context, sinceS, seconds float64) bool {
	return c.UptimeS-sinceS+halfTurn >= seconds
}
