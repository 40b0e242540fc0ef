package setup

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// keepOwn makes a security file leave the permissions of the account that the tool is
// connected with as they are, since nobody changes his own (F16), and tells what is left. A
// password of the file is taken: everybody changes his own (F17).
func (m *Meter) keepOwn(ctx context.Context, file string) (text string, left []string, err error) {
	left = []string{}
	s, err := m.Security(ctx)
	if err != nil {
		return "", nil, err
	}
	own, ok := s.Own()
	if !ok {
		return file, left, nil
	}
	stays := fmt.Sprintf("account %s = %s\n", own.Name, strings.Join(own.Boxes, ","))
	there := false
	var b strings.Builder
	for line := range strings.Lines(file) {
		word, name, value := securityLine(line)
		switch {
		case !strings.EqualFold(name, own.Name):
		case word == "account":
			there = true
			if boxes := permissionsOf(value); !sameBoxes(boxes, own.Boxes) {
				left = append(left, fmt.Sprintf("%s: keeps %s, and the backup has %s: it is the account you are connected with", own.Name, orNone(own.Boxes), orNone(boxes)))
			}
			line = stays
		case word == "password" && strings.EqualFold(value, "none"):
			left = append(left, own.Name+": keeps its password, and the backup has none: it is the account you are connected with")
			continue
		}
		b.WriteString(line)
	}
	if !there {
		left = append(left, own.Name+": stays, and the backup does not have it: it is the account you are connected with")
		b.WriteString("\n" + stays)
	}
	return b.String(), left, nil
}

// securityLine reads `word name = value` of a security file.
func securityLine(line string) (word, name, value string) {
	word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	name, value, _ = strings.Cut(rest, "=")
	return word, strings.TrimSpace(name), strings.TrimSpace(value)
}

func permissionsOf(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
}

func sameBoxes(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
