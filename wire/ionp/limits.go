package ionp

// Version is the protocol version of this package; VersionStateless is what clients of
// the 2.x era say in their hello.
const (
	Version          = 3
	VersionStateless = 2
)

// Sizes of frames, in bytes with all headers.
const (
	// SmallestFrame is the smallest largest-frame that a side may state.
	SmallestFrame = 64
	// FrameBeforeHello is the largest frame while the other side has not stated its own.
	FrameBeforeHello = 256
	// LargestFrame is the largest frame that exists.
	LargestFrame = 4096
)

// Sizes of messages, in bytes of CBOR.
const (
	// MessageBeforeLogin is the longest message that a meter takes on a connection on
	// which it has let in no request yet.
	MessageBeforeLogin = 1 << 10
	// DefaultMaxMessage is the longest message otherwise.
	DefaultMaxMessage = 1 << 20
	// MaxIncomplete is how many messages of one stream may be under way at once.
	MaxIncomplete = 8
)

// Bounds of the CBOR of any message.
const (
	// MaxNesting is how deep maps and arrays may stand in each other.
	MaxNesting = 8
	// MaxItems is how many items an array may have.
	MaxItems = 4096
	// MaxPairs is how many pairs a map may have.
	MaxPairs = 256
)

// Bounds of what a request carries: texts in bytes, lists in items.
const (
	TokenLength  = 16
	HashLength   = 32 // SHA-256
	MaxUser      = 64
	MaxPassword  = 128
	MaxName      = 128  // a name of a client, a version, a mode, a permission, a command
	MaxLabel     = 256  // "Module label/Register label"
	MaxText      = 1024 // a value in text form
	MaxPath      = 256  // a file's path
	MaxDocument  = 256 << 10
	MaxLabels    = 1000 // registers of one read, write or subscription
	MaxChanges   = 4096 // steps of one program
	MaxNames     = 64   // permissions of one account
	MaxOptions   = 128  // security options set at once, passwords given at once
	MaxPage      = 4096 // modules, events or records of one reply
	MaxBlock     = 64 << 10
	MinInterval  = 100       // shortest interval of a subscription, in ms
	MaxInterval  = 3_600_000 // longest interval of a subscription, in ms
	MaxDuration  = 86_400    // longest deadline or opening, in seconds
	MaxSessionID = 64
)
