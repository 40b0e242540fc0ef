package access

import (
	"crypto/rand"
	"maps"
	"testing"
)

// F12: what an upgrade from 2.x makes of security.
func TestF12Upgrade(t *testing.T) {
	verifier := func(password string) Verifier {
		v, err := newVerifier(password, rand.Reader, argon2id)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	meter, user1, user7, zero := verifier("4711"), verifier("11"), verifier("77"), verifier("0")
	passwords := map[int]Verifier{0: meter, 1: user1, 7: user7}
	for _, tc := range []struct {
		name string
		mode Mode
		want map[int]Verifier
		then Mode
	}{
		{"F12 Standard: User1 has the meter password, LSS", Standard, map[int]Verifier{1: meter}, LSS},
		{"F12 None: User1 has the password 0, LSS", None, map[int]Verifier{1: zero}, LSS},
		{"F12 Advanced: accounts kept, Advanced", Advanced, map[int]Verifier{1: user1, 7: user7}, Advanced},
	} {
		t.Run(tc.name, func(t *testing.T) {
			settings := map[string]string{RegisterMode: tc.mode.String(), RegisterMapAccess: "Read/Write", registerLockout: "7"}
			for account, boxes := range map[int]Permissions{1: MayRead, 7: MayRead | MaySecurity} {
				for _, c := range boxChanges(account, boxes, allPermissions) {
					settings[c.Object] = c.Text
				}
			}
			given := maps.Clone(settings)
			before, err := NewSecurity(second, "9000", settings, passwords)
			if err != nil {
				t.Fatal(err)
			}
			settings, kept, err := Upgrade(before, passwords, third, zero)
			if err != nil {
				t.Fatal(err)
			}
			after, err := NewSecurity(third, "9000", settings, kept)
			if err != nil {
				t.Fatal(err)
			}
			if after.Mode != tc.then || !maps.Equal(kept, tc.want) || len(after.Accounts) != len(tc.want) {
				t.Errorf("%s, accounts %v, passwords of %d", after.Mode, after.Numbers(), len(kept))
			}
			for n, a := range after.Accounts {
				want := before.Accounts[n].Boxes
				if tc.mode != Advanced {
					want = allPermissions
				}
				if a.Boxes != want || a.verifier != tc.want[n] {
					t.Errorf("USER%d: boxes %s", n, a.Boxes)
				}
			}
			if after.MapAccess != MapReadWrite || after.Setting(registerLockout) != "7" {
				t.Error("other registers of security are not kept")
			}
			if !maps.Equal(given, before.settings) || len(passwords) != 3 {
				t.Error("what was before is changed")
			}
		})
	}
	before, err := NewSecurity(second, "9000", nil, passwords)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Upgrade(before, passwords, second, zero); err == nil {
		t.Error("a generation without legacy support took User1")
	}
}
