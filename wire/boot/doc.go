// Package boot is what the boot stage and the firmware process say to each other: messages
// on one stream, blocks of samples on another. docs/boot-protocol.md describes it. It is
// frozen: an old boot stage starts all later firmware, and a new one all earlier. A message
// or key that one does not know it ignores; numbers are given once.
package boot

// Version is the protocol's. It goes up when a boot stage can do more, never when it does
// something else.
const Version = 1

// Descriptors that the firmware process inherits.
const (
	ControlDescriptor = 3 // of the stream of messages, a UNIX stream socket
	SamplesDescriptor = 4 // of the stream of blocks, a UNIX stream socket
	LockDescriptor    = 5 // of the lock of the data directory, which holds while it is open
)

// Limits of what is taken. They hold before anything is allocated.
const (
	MaxMessage      = 256 << 10 // bytes of a message, or of the head of a block
	MaxNesting      = 6         // maps and arrays in each other
	MaxItems        = 4096      // of an array
	MaxPairs        = 64        // of a map
	MaxChannels     = 1024      // of a source
	MaxBlockSamples = 1 << 20   // of one channel in a block
	MaxBlockBytes   = 64 << 20  // of all samples of a block
)
