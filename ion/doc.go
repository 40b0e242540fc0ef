// Package ion is the module engine of the meter: registers, modules, links, the
// scheduler and events.
//
// A Node is one meter's program. Modules of one Type stand under one manager; each
// has inputs (links to registers of other modules), setup registers (its
// configuration) and output registers (its results). Metering results come in by
// Node.HalfCycle, Node.Window and Node.Tick; linked modules run in data-flow order,
// whatever order they were made in; Node.Snapshot gives readers an immutable picture
// of every register, and Node.TakeChanges what must be made durable.
//
//	node, err := ion.New(ion.Config{Types: modules.Catalogue(), Identity: identity})
//	err = node.Program(changes, ion.By{User: "User1"}, now)
//	node.Tick(now, second)
//	picture := node.Snapshot()
//	batch := node.TakeChanges()
//
// The package starts no goroutine and reads no clock: time is a value. A Node is for
// one goroutine; Snapshots and Directories may be shared by any number.
//
// A register without a value is NOT AVAILABLE, which is never 0. No value holds NaN
// or an infinity: they become NOT AVAILABLE where a module sets its output.
package ion
