package access

import (
	"fmt"
	"strings"
)

// Permissions are the boxes of a Security User module that are ticked
// (security.md 3.2).
type Permissions uint8

// The seven permissions.
const (
	MayRead Permissions = 1 << iota
	MayReset
	MayTime
	MayConfig
	MayTest
	MaySecurity
	MayComm

	allPermissions = MayRead | MayReset | MayTime | MayConfig | MayTest | MaySecurity | MayComm
)

// permission describes one box.
type permission struct {
	bit Permissions
	// word is how tools write it, register the module's name for it, text what it allows.
	word, register, text string
}

var permissionList = [...]permission{
	{MayRead, "read", "Read Access", "read everything but security"},
	{MayReset, "reset", "Peak Demand Reset Access", "reset the peak demand"},
	{MayTime, "time", "Time Sync Access", "set the clock"},
	{MayConfig, "config", "Full Meter Config Access", "change everything but security, peak demand and test mode"},
	{MayTest, "test", "Test Mode Access", "enter test mode"},
	{MaySecurity, "security", "Security Config Access", "change security and the other accounts"},
	{MayComm, "comm", "Comm Config Access", "change communications"},
}

// needRead are the permissions that are without effect while Read Access is off. Of
// Comm Config Access no page says so: it is taken to need it, too.
const needRead = MayReset | MayConfig | MayTest | MaySecurity | MayComm

// Effective returns what the ticked boxes really allow.
func (p Permissions) Effective() Permissions {
	if p&MayRead == 0 {
		return p &^ needRead
	}
	return p
}

// Words returns the permissions as tools write them.
func (p Permissions) Words() []string {
	words := []string{}
	for _, known := range permissionList {
		if p&known.bit != 0 {
			words = append(words, known.word)
		}
	}
	return words
}

func (p Permissions) String() string { return strings.Join(p.Words(), ",") }

// ParsePermissions reads words such as "read" and "config".
func ParsePermissions(words []string) (Permissions, error) {
	var p Permissions
next:
	for _, word := range words {
		for _, known := range permissionList {
			if strings.EqualFold(known.word, word) {
				p |= known.bit
				continue next
			}
		}
		return 0, refuse(CodeBadRequest, fmt.Sprintf("there is no permission %q: the permissions are %s", word, allPermissions))
	}
	return p, nil
}

// permissionOf returns the box that a register of the Security User module is.
func permissionOf(register string) Permissions {
	for _, known := range permissionList {
		if strings.EqualFold(known.register, register) {
			return known.bit
		}
	}
	return 0
}
