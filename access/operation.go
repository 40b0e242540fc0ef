package access

// Operation is what a client wants to do, as far as rights are concerned.
type Operation uint8

// The operations.
const (
	ReadMeasurement Operation = iota
	ReadSecurity
	WriteSetup
	WriteCommunications
	SetClock
	ResetDemand
	EnterTestMode
	AdministerSecurity
	ChangeOwnPassword
	CreateModule
	LinkModule
	DeleteModule
	LoadTemplate
	ReadLog
	ReadFile
	WriteFile
	UpgradeFirmware
	AccessFactory
	// SyncClock is setting the clock by a Modbus broadcast, which names no user.
	SyncClock
	RestartMeter
	// ReadDownstream and WriteDownstream are sending a request to a unit behind the Modbus
	// gateway: one that only reads there, and any other.
	ReadDownstream
	WriteDownstream
	operations // how many there are
)

var operationNames = [operations]string{
	"read measurement", "read security", "write setup", "write communications", "set clock",
	"reset demand", "enter test mode", "administer security", "change own password",
	"create module", "link module", "delete module", "load template", "read log",
	"read file", "write file", "upgrade firmware", "access factory", "broadcast time sync",
	"restart", "read downstream", "write downstream",
}

// String is the operation in words, as audit records write it.
func (o Operation) String() string {
	if o >= operations {
		return "unknown operation"
	}
	return operationNames[o]
}

// Path is the way a client reaches the meter.
type Path uint8

// The paths.
const (
	FrontPanel Path = iota
	ION
	IONOverModbus
	ModbusMap
	Web
	SSH
	SFTP
	paths // how many there are
)

var pathNames = [paths]string{"front panel", "ion", "ion over modbus", "modbus map", "web", "ssh", "sftp"}

// String is the path in words, as audit records write it.
func (p Path) String() string {
	if p >= paths {
		return "unknown path"
	}
	return pathNames[p]
}

// ParsePath reads what String wrote.
func ParsePath(name string) (Path, bool) {
	for i, known := range pathNames {
		if known == name {
			return Path(i), true
		}
	}
	return 0, false
}

// CredentialKind says what a client has shown of itself.
type CredentialKind uint8

// The kinds of credential.
const (
	NoCredential    CredentialKind = iota
	PasswordOnly                   // a password without a name
	NamedUser                      // user and password
	ModelNumber                    // the model number as the name, with a password
	credentialKinds                // how many there are
)

var credentialNames = [credentialKinds]string{"none", "password only", "user and password", "model number"}

// String is the kind in words.
func (k CredentialKind) String() string {
	if k >= credentialKinds {
		return "unknown credential"
	}
	return credentialNames[k]
}

// Medium is the kind of line that a client is on: being locked out on one leaves the
// others usable (security.md 4.2).
type Medium uint8

// The media.
const (
	Ethernet Medium = iota
	Serial
	Local // the meter's own panel
	media // how many there are
)

var mediumNames = [media]string{"ethernet", "serial", "local"}

// String is the medium in words.
func (m Medium) String() string {
	if m >= media {
		return "unknown medium"
	}
	return mediumNames[m]
}

// RegisterSet names registers that share their reading right.
type RegisterSet uint8

// The sets.
const (
	// Readings is every register outside the security modules.
	Readings RegisterSet = iota
	// SecuritySettings is the registers of the security modules.
	SecuritySettings
)

// readOperation is the operation that reading the set amounts to.
func (s RegisterSet) readOperation() Operation {
	if s == SecuritySettings {
		return ReadSecurity
	}
	return ReadMeasurement
}
