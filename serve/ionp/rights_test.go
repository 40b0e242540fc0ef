package ionp

import (
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

// F9: under LSS a request without a user name acts as User1. Reading needs no password,
// every other operation needs User1's.
func TestF9LegacySecuritySupport(t *testing.T) {
	t.Run("reading needs no password", func(t *testing.T) {
		s := factory(t)
		c := s.client(t)
		do(t, c, nobody, ionp.Read, volts)
		do(t, c, nobody, ionp.Events, ionp.EventsRequest{})
		do(t, c, nobody, ionp.Info, ionp.InfoRequest{})
		do(t, c, nobody, ionp.Modules, ionp.ModulesRequest{})
	})
	t.Run("every other operation needs User1's", func(t *testing.T) {
		s := factory(t)
		c := s.client(t)
		refused(t, access.CodeCredentialsNeeded, c, nobody, ionp.Write, owner("me"))
		refused(t, access.CodeCredentialsNeeded, c, nobody, ionp.Pulse, ionp.PulseRequest{Label: "Horn/Trigger"})
		refused(t, access.CodeCredentialsNeeded, c, nobody, ionp.Program, ionp.ProgramRequest{Steps: []ionp.Step{{Kind: ionp.StepDelete, A: "Horn"}}})
		refused(t, access.CodeCredentialsNeeded, c, nobody, ionp.TemplateLoad, ionp.TemplateLoadRequest{Text: "Factory/Owner = me"})
		refused(t, access.CodeCredentialsNeeded, c, nobody, ionp.ClockSet, ionp.ClockSetRequest{Time: 1})
		refused(t, access.CodeCredentialsNeeded, c, nobody, ionp.Reset, ionp.ResetRequest{Name: "Harmonics"})
		refused(t, access.CodeCredentialsNeeded, c, nobody, ionp.ClearLog, ionp.ClearLogRequest{Log: "events"})
		refused(t, access.CodeCredentialsNeeded, c, nobody, ionp.SecurityStatus, ionp.SecurityStatusRequest{})
		refused(t, access.CodeCredentialsNeeded, c, nobody, ionp.Snapshot, ionp.SnapshotRequest{})
		refused(t, access.CodeCredentialsNeeded, c, nobody, ionp.Login, ionp.LoginRequest{})
		if n := s.recorded(access.OperationRefused); n != 9 { // the login is refused before the gate
			t.Errorf("%d refusals on record, want 9", n)
		}
		do(t, c, password("0"), ionp.Write, owner("me"))
	})
	t.Run("a set that needs another right is read with that only", func(t *testing.T) {
		s := factory(t)
		c := s.client(t)
		both := ionp.ReadRequest{Labels: []string{"Power Meter/Vln a", "Security Options/Security Mode"}}
		refused(t, access.CodeCredentialsNeeded, c, nobody, ionp.Read, both)
		refused(t, access.CodeCredentialsNeeded, c, nobody, ionp.Module, ionp.ModuleRequest{Label: "Security User 1"})
		do(t, c, password("0"), ionp.Read, both)
		refused(t, access.CodeCredentialsNeeded, c, nobody, ionp.Read, both) // the plan is known, the right is not
	})
	t.Run("an absent password is not the password 0, and not an empty one", func(t *testing.T) {
		s := factory(t)
		c := s.client(t)
		refused(t, access.CodeCredentialsNeeded, c, nobody, ionp.Write, owner("me"))
		refused(t, access.CodeBadCredentials, c, password(""), ionp.Write, owner("me"))
		user := "USER1"
		refused(t, access.CodeCredentialsNeeded, c, ionp.Identity{Credential: &ionp.Credential{User: &user}}, ionp.Write, owner("me"))
	})
	t.Run("a wrong one is refused and counted against User1", func(t *testing.T) {
		s := factory(t)
		c := s.client(t)
		two := named(s.addUser(t, c, "pass7", "read", "security"), "pass7")
		do(t, c, two, ionp.Read, volts)
		refused(t, access.CodeBadCredentials, c, password("7"), ionp.Read, volts)
		if l := do(t, c, two, ionp.SecurityStatus, ionp.SecurityStatusRequest{}).Lockouts; len(l) != 1 || l[0].User != "USER1" || l[0].Attempts != 1 {
			t.Errorf("%+v", l)
		}
		do(t, c, password("0"), ionp.Read, volts)
		if l := do(t, c, two, ionp.SecurityStatus, ionp.SecurityStatusRequest{}).Lockouts; len(l) != 0 {
			t.Errorf("a right one begins the count anew: %+v", l)
		}
	})
	t.Run("User1 acts with his own permissions", func(t *testing.T) {
		s := factory(t)
		c := s.client(t)
		s.addUser(t, c, "pass7", "read", "security")
		do(t, c, named("USER2", "pass7"), ionp.UserSet, ionp.UserSetRequest{Number: 1, Revoke: []string{"config"}})
		refused(t, access.CodeNoPermission, c, password("0"), ionp.Write, owner("me"))
		refused(t, access.CodeNoPermission, c, named("USER1", "0"), ionp.Write, owner("me"))
	})
}

// F8: 2.x on paths that carry credentials.
func TestF8SecondGeneration(t *testing.T) {
	for _, row := range []struct {
		mode              access.Mode
		who               string
		as                ionp.Identity
		readCode, setCode access.Code // empty: allowed
	}{
		{access.None, "nobody", nobody, "", ""},
		{access.None, "any password", password("123"), "", ""},
		{access.Standard, "nobody", nobody, "", access.CodeCredentialsNeeded},
		{access.Standard, "the meter password", password("0"), "", ""},
		{access.Standard, "the meter password and any name", named("someone", "0"), "", ""},
		{access.Standard, "a wrong password", password("5"), access.CodeBadCredentials, access.CodeBadCredentials},
		{access.Advanced, "nobody", nobody, access.CodeUserNeeded, access.CodeUserNeeded},
		{access.Advanced, "a password alone", password("0"), access.CodeUserNeeded, access.CodeUserNeeded},
		{access.Advanced, "user and password", named("USER1", "0"), "", ""},
		{access.Advanced, "user and wrong password", named("USER1", "1"), access.CodeBadCredentials, access.CodeBadCredentials},
		{access.Advanced, "a user that is none", named("USER9", "0"), access.CodeBadCredentials, access.CodeBadCredentials},
	} {
		t.Run(row.mode.String()+", "+row.who, func(t *testing.T) {
			s := start(t, newMeter(t, generation2, row.mode), Options{})
			c := s.client(t)
			if row.readCode == "" {
				do(t, c, row.as, ionp.Read, volts)
			} else {
				refused(t, row.readCode, c, row.as, ionp.Read, volts)
			}
			if row.setCode == "" {
				do(t, c, row.as, ionp.Write, owner("me"))
			} else {
				refused(t, row.setCode, c, row.as, ionp.Write, owner("me"))
			}
		})
	}
	t.Run("the meter password is changed with itself", func(t *testing.T) {
		s := start(t, newMeter(t, generation2, access.Standard), Options{})
		c := s.client(t)
		do(t, c, password("0"), ionp.UserPassword, ionp.UserPasswordRequest{Password: "4711"})
		refused(t, access.CodeBadCredentials, c, password("0"), ionp.Write, owner("me"))
		do(t, c, password("4711"), ionp.Write, owner("me"))
	})
}

// F16: nobody changes the permissions of the account that he is connected with, or
// deletes it, by any route.
func TestF16OwnAccount(t *testing.T) {
	for _, as := range []struct {
		name string
		who  ionp.Identity
	}{{"named", named("USER1", "0")}, {"without a name", password("0")}} {
		for _, route := range []struct {
			name string
			ask  func(t *testing.T, c *ionp.Client, who ionp.Identity)
		}{
			{"user set", func(t *testing.T, c *ionp.Client, who ionp.Identity) {
				refused(t, access.CodeOwnAccount, c, who, ionp.UserSet, ionp.UserSetRequest{Number: 1, Revoke: []string{"test"}})
			}},
			{"user remove", func(t *testing.T, c *ionp.Client, who ionp.Identity) {
				refused(t, access.CodeOwnAccount, c, who, ionp.UserRemove, ionp.UserRemoveRequest{Number: 1})
			}},
			{"write", func(t *testing.T, c *ionp.Client, who ionp.Identity) {
				refused(t, access.CodeOwnAccount, c, who, ionp.Write, setText("Security User 1/Test Mode Access", "OFF"))
			}},
			{"program", func(t *testing.T, c *ionp.Client, who ionp.Identity) {
				refused(t, access.CodeOwnAccount, c, who, ionp.Program, ionp.ProgramRequest{Steps: []ionp.Step{{Kind: ionp.StepDelete, A: "security user 1"}}})
			}},
			{"template load", func(t *testing.T, c *ionp.Client, who ionp.Identity) {
				refused(t, access.CodeOwnAccount, c, who, ionp.TemplateLoad, ionp.TemplateLoadRequest{Text: "Security User 1/Test Mode Access = OFF"})
			}},
			{"security set", func(t *testing.T, c *ionp.Client, who ionp.Identity) {
				refused(t, access.CodeOwnAccount, c, who, ionp.SecuritySet, ionp.SecuritySetRequest{Options: map[string]string{"Security User 1/Test Mode Access": "OFF"}})
			}},
			{"security apply", func(t *testing.T, c *ionp.Client, who ionp.Identity) {
				text := "hepmeter security 1\ngeneration 3.x\naccount USER1 = read,security\n"
				refused(t, access.CodeOwnAccount, c, who, ionp.SecurityApply, ionp.SecurityApplyRequest{Text: text})
			}},
		} {
			t.Run(as.name+", "+route.name, func(t *testing.T) {
				s := factory(t)
				route.ask(t, s.client(t), as.who)
				if len(s.gate.Security().Accounts) != 1 || s.gate.Security().Accounts[1].Boxes.Words() == nil || len(s.gate.Security().Accounts[1].Boxes.Words()) != 7 {
					t.Error("the account has changed")
				}
			})
		}
	}
}

// F17: a user changes the password of the account that he is connected with.
func TestF17OwnPassword(t *testing.T) {
	t.Run("stateless", func(t *testing.T) {
		s := factory(t)
		c := s.client(t)
		s.addUser(t, c, "pass7", "read")
		do(t, c, named("USER2", "pass7"), ionp.UserPassword, ionp.UserPasswordRequest{Number: 2, Password: "pass8"})
		refused(t, access.CodeBadCredentials, c, named("USER2", "pass7"), ionp.Read, volts)
		do(t, c, named("USER2", "pass8"), ionp.Read, volts)
	})
	t.Run("with a token, which goes on while those of others end", func(t *testing.T) {
		s := factory(t)
		c, other := s.client(t), s.client(t)
		who := named(s.addUser(t, c, "pass7", "read"), "pass7")
		mine, others := do(t, c, who, ionp.Login, ionp.LoginRequest{}).Token, do(t, other, who, ionp.Login, ionp.LoginRequest{}).Token
		do(t, c, withToken(mine), ionp.UserPassword, ionp.UserPasswordRequest{Number: 2, Password: "pass8"})
		do(t, c, withToken(mine), ionp.Read, volts)
		refused(t, access.CodeSessionEnded, other, withToken(others), ionp.Read, volts)
	})
	t.Run("without a name, User1's", func(t *testing.T) {
		s := factory(t)
		c := s.client(t)
		do(t, c, password("0"), ionp.UserPassword, ionp.UserPasswordRequest{Number: 1, Password: "99"})
		do(t, c, password("99"), ionp.Write, owner("me"))
	})
	t.Run("not another's", func(t *testing.T) {
		s := factory(t)
		c := s.client(t)
		s.addUser(t, c, "pass7", "read")
		refused(t, access.CodeNoPermission, c, named("USER2", "pass7"), ionp.UserPassword, ionp.UserPasswordRequest{Number: 1, Password: "1"})
	})
	t.Run("by the rule", func(t *testing.T) {
		s := factory(t)
		refused(t, access.CodePasswordRule, s.client(t), named("USER1", "0"), ionp.UserPassword, ionp.UserPasswordRequest{Number: 1, Password: "too long"})
	})
}

// Credentials that take turns on one connection leave each its own rights.
func TestCredentialsTakeTurns(t *testing.T) {
	s := factory(t)
	c := s.client(t)
	two := named(s.addUser(t, c, "pass7", "read"), "pass7")
	token := withToken(do(t, c, two, ionp.Login, ionp.LoginRequest{}).Token)
	for range 3 {
		do(t, c, named("USER1", "0"), ionp.Write, owner("1"))
		refused(t, access.CodeNoPermission, c, two, ionp.Write, owner("2"))
		do(t, c, two, ionp.Read, volts)
		refused(t, access.CodeCredentialsNeeded, c, nobody, ionp.Write, owner("0"))
		do(t, c, nobody, ionp.Read, volts)
		refused(t, access.CodeNoPermission, c, token, ionp.Write, owner("2"))
		do(t, c, token, ionp.Read, volts)
	}
}

func TestTokens(t *testing.T) {
	login := func(t *testing.T, c *ionp.Client) ionp.Identity {
		t.Helper()
		return withToken(do(t, c, named("USER1", "0"), ionp.Login, ionp.LoginRequest{}).Token)
	}
	t.Run("idle for five minutes", func(t *testing.T) {
		s := factory(t)
		c := s.client(t)
		token := login(t, c)
		for range 3 { // reading keeps it up, also by a view that the gate does not see
			s.ticks.Add(int64(4 * time.Minute))
			do(t, c, token, ionp.Read, volts)
		}
		s.ticks.Add(int64(5 * time.Minute))
		refused(t, access.CodeSessionEnded, c, token, ionp.Read, volts)
		refused(t, access.CodeSessionEnded, c, token, ionp.Read, volts)
	})
	t.Run("logout", func(t *testing.T) {
		s := factory(t)
		c := s.client(t)
		one, two := login(t, c), login(t, c)
		do(t, c, one, ionp.Logout, ionp.LogoutRequest{})
		refused(t, access.CodeSessionEnded, c, one, ionp.Read, volts)
		do(t, c, two, ionp.Write, owner("me"))
	})
	t.Run("another connection does not take it", func(t *testing.T) {
		s := factory(t)
		token := login(t, s.client(t))
		refused(t, access.CodeSessionEnded, s.client(t), token, ionp.Read, volts)
	})
	t.Run("a wrong one", func(t *testing.T) {
		s := factory(t)
		c := s.client(t)
		token := login(t, c)
		token.Token[15] ^= 1
		refused(t, access.CodeSessionEnded, c, token, ionp.Read, volts)
	})
	t.Run("sixteen, and room again when they have ended", func(t *testing.T) {
		s := factory(t)
		c := s.client(t)
		for range maxTokens {
			login(t, c)
		}
		refused(t, access.CodeBusy, c, named("USER1", "0"), ionp.Login, ionp.LoginRequest{})
		s.ticks.Add(int64(access.TokenIdle))
		login(t, c)
	})
	t.Run("ends with its account", func(t *testing.T) {
		s := factory(t)
		c := s.client(t)
		name := s.addUser(t, c, "pass7", "read")
		token := withToken(do(t, c, named(name, "pass7"), ionp.Login, ionp.LoginRequest{}).Token)
		do(t, c, token, ionp.Read, volts)
		do(t, c, named("USER1", "0"), ionp.UserRemove, ionp.UserRemoveRequest{Number: 2})
		refused(t, access.CodeSessionEnded, c, token, ionp.Read, volts)
	})
	t.Run("of the diagnostic code", func(t *testing.T) {
		s := factory(t)
		c := s.client(t)
		code := do(t, c, named("USER1", "0"), ionp.FactoryOpen, ionp.FactoryOpenRequest{Minutes: 1}).Code
		token := withToken(do(t, c, named("FACTORY", string(code)), ionp.Login, ionp.LoginRequest{}).Token)
		do(t, c, token, ionp.Write, owner("the factory"))
		refused(t, access.CodeNoPermission, c, token, ionp.SecuritySet, ionp.SecuritySetRequest{Options: map[string]string{"Security Options/Security Mode": "Advanced"}})
		s.ticks.Add(int64(time.Minute))
		refused(t, access.CodeSessionEnded, c, token, ionp.Read, volts)
	})
}
