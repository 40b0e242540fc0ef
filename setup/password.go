package setup

import (
	"fmt"
	"strings"
)

// Limits of a password before firmware 4.0 (FA279497, F19).
const (
	maxPasswordDigits     = 8
	maxPasswordCharacters = 6
)

// CheckPassword tells which rule a new password breaks, before it is sent. The error has
// the code password-rule and does not repeat the password.
func CheckPassword(password string) error {
	broken := func(format string, args ...any) error {
		return NewError(CodePasswordRule, "%s", fmt.Sprintf(format, args...))
	}
	switch {
	case password == "":
		return broken("the password is empty")
	case strings.ContainsFunc(password, func(r rune) bool { return r < '!' || r > '~' }):
		return broken("the password has a blank, an accented or a control character")
	case !Numeric(password) && len(password) > maxPasswordCharacters:
		return broken("the password has %d characters: with one that is no digit it has at most %d", len(password), maxPasswordCharacters)
	case Numeric(password) && len(password) > maxPasswordDigits:
		return broken("the password has %d digits: at most %d", len(password), maxPasswordDigits)
	case Numeric(password) && len(password) > 1 && password[0] == '0':
		return broken("a password of digits does not begin with 0")
	}
	return nil
}

// Numeric reports whether a password has digits only, which is all that clients of the
// time of Standard security can send.
func Numeric(password string) bool {
	return password != "" && !strings.ContainsFunc(password, func(r rune) bool { return r < '0' || r > '9' })
}
