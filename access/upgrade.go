package access

import (
	"errors"
	"maps"
	"strings"
)

// Upgrade tells what the registers of security and the passwords become when a meter moves
// from the generation of before to next (F12): in Standard the accounts, which were without
// effect, are deleted, and User1 gets all permissions and the meter password; without
// security User1 gets the factory's password; both then have legacy support on. From
// Advanced accounts, passwords and mode are kept. Everything else stays as it is. Passwords
// are by account number, 0 for the meter password; factory is the verifier of 0
// (FactoryPassword). The error is for a generation that has no legacy support.
func Upgrade(before *Security, passwords map[int]Verifier, next Generation, factory Verifier) (settings map[string]string, kept map[int]Verifier, err error) {
	settings, kept = maps.Clone(before.settings), maps.Clone(passwords)
	if settings == nil {
		settings = map[string]string{}
	}
	meterPassword := kept[0]
	delete(kept, 0)
	if before.Mode == Advanced || before.Mode == LSS {
		return settings, kept, nil
	}
	if !next.has(LSS) {
		return nil, nil, errors.New("firmware " + next.Name + " has no legacy security support to move User1 to")
	}
	maps.DeleteFunc(settings, func(label, _ string) bool {
		module, _, _ := strings.Cut(label, "/")
		_, account := accountOf(module)
		return account
	})
	for _, c := range boxChanges(1, allPermissions, allPermissions) {
		settings[c.Object] = c.Text
	}
	settings[RegisterMode] = LSS.String()
	user1 := factory
	if before.Mode == Standard {
		user1 = meterPassword
	}
	return settings, map[int]Verifier{1: user1}, nil
}
