package access

import (
	"testing"
	"testing/synctest"
)

// TestProve: what is right leaves no trace, what is wrong counts like a login, and neither
// takes a connection.
func TestProve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(t, third)
		m.account(2, "123", MayRead)
		m.start()
		prove := func(p Path, c Credential) error {
			return m.gate.Prove(t.Context(), Client{Path: p, Remote: "192.0.2.9:1"}, "test", "1", c)
		}
		if err := prove(SSH, named("USER2", "123")); err != nil {
			t.Errorf("what is right: %v", err)
		}
		if n := m.told(LoginRight); n != 0 {
			t.Errorf("%d records of a login that was none", n)
		}
		want(t, "a password without a name", prove(SSH, passwordOnly("0")), CodeUserNeeded)
		for _, password := range []string{"1", "2", "3", "4", "5"} {
			want(t, "a wrong password", prove(SSH, named("USER2", password)), CodeBadCredentials)
		}
		if wrong, locked := m.told(LoginWrong), m.told(LockedOut); wrong != 5 || locked != 1 {
			t.Errorf("%d records of wrong logins and %d of a lockout, want 5 and 1", wrong, locked)
		}
		want(t, "what is right while it is locked", prove(SSH, named("USER2", "123")), CodeBadCredentials)
		if err := prove(SFTP, named("USER2", "123")); err != nil {
			t.Errorf("on a path where it is not locked: %v", err)
		}
		if n := m.gate.Counters().Connections; n != 0 {
			t.Errorf("%d connections are open", n)
		}
	})
}

// TestRoomIsToldToReaders: who may not read files learns nothing of them.
func TestRoomIsToldToReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(t, third)
		m.account(2, "123", MayReset)
		m.start()
		_, err := m.as(SFTP, named("USER2", "123")).FileRoom()
		want(t, "room for files", err, CodeNoPermission)
	})
}
