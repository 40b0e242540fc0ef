package access

import "slices"

// Generation is what a firmware version means for access. It is data that the meter
// hands in (ion/template, generations.json).
type Generation struct {
	// Name is "2.x" or "3.x".
	Name string
	// Modes are the security modes that it knows.
	Modes []Mode
	// MaxAccounts is how many accounts there can be, numbered from 1.
	MaxAccounts int
	// PanelPassword tells that the front panel can change a password.
	PanelPassword bool
	// Terminal tells that there is an SSH terminal.
	Terminal bool
}

func (g Generation) has(m Mode) bool { return slices.Contains(g.Modes, m) }

// Mode is the security mode.
type Mode uint8

// The modes.
const (
	None     Mode = iota // nothing is asked
	Standard             // reading is free, one meter password for the rest
	LSS                  // accounts, and a request without a user name acts as User1
	Advanced             // accounts only
	modes                // how many there are
)

var modeNames = [modes]string{"None", "Standard", "LSS", "Advanced"}

// String is the mode as the register Security Mode has it.
func (m Mode) String() string {
	if m >= modes {
		return "unknown mode"
	}
	return modeNames[m]
}

// ParseMode reads what String wrote.
func ParseMode(name string) (Mode, bool) {
	for i, known := range modeNames {
		if known == name {
			return Mode(i), true
		}
	}
	return 0, false
}

// MapAccess is what the Modbus map, which has no place for a credential, may do.
type MapAccess uint8

// The values of the register Modbus Map Access.
const (
	MapNone MapAccess = iota
	MapReadOnly
	MapReadWrite
	mapAccesses // how many there are
)

var mapAccessNames = [mapAccesses]string{"None", "Read Only", "Read/Write"}

// String is the value as the register has it.
func (m MapAccess) String() string {
	if m >= mapAccesses {
		return "unknown map access"
	}
	return mapAccessNames[m]
}
