// Package setup is the setup tool as a library: it connects to a meter over the object
// protocol, like any client, and reads, compares and changes what the meter lets it. It
// prints nothing and asks nobody: words and tables are cmd/hepsetup's.
//
//	m, err := setup.Connect(ctx, address, setup.Options{User: "USER1", Password: &password})
//	readings, err := m.Read(ctx, []string{"Power Meter/Vln a"})
//
// Every error that a user could do something about is an *Error with a code, a reason and
// a remedy.
package setup
