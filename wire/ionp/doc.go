// Package ionp is the codec of the object protocol: how setup tools find, read, program
// and secure a meter.
//
// The format is hepmeter's own. It stands where the vendor's ION protocol stands, which
// is not public; nothing here is compatible with that. docs/object-protocol.md is its
// description.
//
// A message is one CBOR map (Request, Reply or Notice) and travels in one or more frames,
// so that it also fits through a tunnel of small frames. The body of a request and of its
// reply is a struct of its own for each operation; Exchange ties the two to the number of
// the operation.
package ionp
