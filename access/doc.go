// Package access is the gate: every server works on a Session, and a Session can
// do only what its policy lets it.
//
// A server holds a *Gate and nothing else of the meter. It opens a Session for each
// client (Gate.Open), asks the session for what it needs (Session.Registers gives a
// View), and reads through that. The gate decides when the view is handed out; each
// read through the view only checks that the policy has not changed since, and is
// counted. Refusals and writes leave an audit record.
//
// The package is pure: it starts no goroutine, opens nothing, and is told the time.
package access
