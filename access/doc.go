// Package access is the gate: every server works on a Session, and a Session can
// do only what its policy lets it.
package access
