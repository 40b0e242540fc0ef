package waveform

import (
	"fmt"
	"strings"
)

// Role is what a channel means to a meter: a voltage or current input.
// V1..V3 are phase-to-neutral voltages, V4 neutral-to-earth; V12, V23, V31 are
// phase-to-phase; I1..I3 line currents, I4 neutral, I5 earth.
type Role uint8

// The roles, in the order in which they are printed.
const (
	NoRole Role = iota
	V1
	V2
	V3
	V4
	V12
	V23
	V31
	I1
	I2
	I3
	I4
	I5
	roleCount
)

var roleNames = [roleCount]string{"", "V1", "V2", "V3", "V4", "V12", "V23", "V31", "I1", "I2", "I3", "I4", "I5"}

func (r Role) String() string {
	if r < roleCount {
		return roleNames[r]
	}
	return fmt.Sprintf("Role(%d)", uint8(r))
}

// IsVoltage reports whether r is a voltage.
func (r Role) IsVoltage() bool { return r >= V1 && r <= V31 }

// IsCurrent reports whether r is a current.
func (r Role) IsCurrent() bool { return r >= I1 && r <= I5 }

// ParseRole returns the role called name ("V1", "i4"; case does not matter).
func ParseRole(name string) (Role, error) {
	for r := V1; r < roleCount; r++ {
		if strings.EqualFold(roleNames[r], name) {
			return r, nil
		}
	}
	return NoRole, fmt.Errorf("unknown input %q: use one of V1 V2 V3 V4 V12 V23 V31 I1 I2 I3 I4 I5", name)
}

// Pick is one channel chosen for a Role.
type Pick struct {
	Role Role
	// Channel is the index in Info.Channels.
	Channel int
	// Scale multiplies the stored samples: the unit's prefix (kV: 1000) and -1 for
	// a reversed name (U21 as V12).
	Scale float64
}

// Mapping lists the channels a meter is to see, ordered by Role, each Role once.
type Mapping []Pick

// Of returns the pick for r, if the mapping has one.
func (m Mapping) Of(r Role) (Pick, bool) {
	for _, p := range m {
		if p.Role == r {
			return p, true
		}
	}
	return Pick{}, false
}

// Roles returns the roles in the mapping's order.
func (m Mapping) Roles() []Role {
	roles := make([]Role, len(m))
	for i, p := range m {
		roles[i] = p.Role
	}
	return roles
}
