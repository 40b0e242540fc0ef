// Package ssh serves the terminal and file transfer over SSH.
//
// Both share a port (security.md 7.1). A connection logs in with a password and then says
// by its first channel whether it is the terminal (a shell or a command) or file transfer
// (the subsystem sftp); from then on it is a session of the gate on that path, and nothing
// else. docs/ssh.md describes both.
package ssh
