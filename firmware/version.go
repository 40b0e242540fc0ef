package firmware

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Version is the version of a firmware: major, minor, patch.
type Version [3]uint16

// ParseVersion reads a version such as 3.0.0.
func ParseVersion(text string) (Version, error) {
	var v Version
	if n, _ := fmt.Sscanf(text, "%d.%d.%d", &v[0], &v[1], &v[2]); n != len(v) || text != v.String() {
		return Version{}, fmt.Errorf("version %.40q: want three numbers such as 3.0.0", text)
	}
	return v, nil
}

// String writes three numbers with dots.
func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) }

// Compare is negative where v is older than w, 0 for the same, positive where it is newer.
func (v Version) Compare(w Version) int { return slices.Compare(v[:], w[:]) }

// MarshalText makes the form of String that in JSON.
func (v Version) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads what String wrote.
func (v *Version) UnmarshalText(text []byte) (err error) {
	*v, err = ParseVersion(string(text))
	return err
}

// Level is the version of the maker's setup tool that a tool is equivalent to, such as
// 3.2.20218.01 (FA409164); empty where none is asked for or known.
type Level string

// maxLevelParts bounds the numbers of a level.
const maxLevelParts = 4

// Validate refuses a level that is not one to four numbers with dots.
func (l Level) Validate() error {
	if l == "" {
		return nil
	}
	parts := strings.Split(string(l), ".")
	if len(parts) > maxLevelParts {
		return fmt.Errorf("tool level %.40q: want up to %d numbers such as 3.2.20218.01", string(l), maxLevelParts)
	}
	for _, part := range parts {
		if _, err := strconv.ParseUint(part, 10, 32); err != nil {
			return fmt.Errorf("tool level %.40q: want up to %d numbers such as 3.2.20218.01", string(l), maxLevelParts)
		}
	}
	return nil
}

// Compare compares level by level as numbers; a missing one counts as 0.
func (l Level) Compare(m Level) int {
	return slices.CompareFunc(l.numbers(), m.numbers(), cmp.Compare[uint64])
}

func (l Level) numbers() []uint64 {
	numbers := make([]uint64, maxLevelParts)
	for i, part := range strings.SplitN(string(l), ".", maxLevelParts) {
		numbers[i], _ = strconv.ParseUint(part, 10, 32)
	}
	return numbers
}
