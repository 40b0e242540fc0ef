package access

import (
	"fmt"
	"strings"
)

// Limits of a password before firmware 4.0 (FA279497, security.md 3.3).
const (
	maxDigits     = 8
	maxCharacters = 6
)

// CheckPassword returns a *Refusal that names the broken rule, or nil.
func CheckPassword(password string) error {
	broken := func(format string, args ...any) error {
		return refuse(CodePasswordRule, fmt.Sprintf(format, args...)).of(ChangeOwnPassword)
	}
	switch {
	case password == "":
		return broken("the password is empty")
	case strings.ContainsFunc(password, func(r rune) bool { return r < '!' || r > '~' }):
		return broken("the password has a blank, an accented or a control character")
	case !Numeric(password) && len(password) > maxCharacters:
		return broken("the password has %d characters: with one that is no digit it has at most %d", len(password), maxCharacters)
	case Numeric(password) && len(password) > maxDigits:
		return broken("the password has %d digits: at most %d", len(password), maxDigits)
	case Numeric(password) && len(password) > 1 && password[0] == '0':
		return broken("a password of digits does not begin with 0")
	}
	return nil
}

// Numeric reports whether a password has digits only: what a client of the time of
// Standard security can type.
func Numeric(password string) bool {
	return password != "" && !strings.ContainsFunc(password, func(r rune) bool { return r < '0' || r > '9' })
}

// normal is the password as it is compared: leading zeros of a number do not count.
func normal(password string) string {
	if !Numeric(password) {
		return password
	}
	if trimmed := strings.TrimLeft(password, "0"); trimmed != "" {
		return trimmed
	}
	return "0"
}

// maxPresented bounds a password that a client presents: nothing longer can be right,
// and nothing longer is hashed.
const maxPresented = 64
