package setup

// Level is the version of the maker's setup tool that this one is equivalent to: meters
// and images state which they need (F2).
const Level = "3.2.20218.01"

// Protocol is the version of the object protocol that the tool speaks.
const Protocol = 3

// ClientName is what the tool calls itself to a meter.
const ClientName = "hepsetup"
