package access

import "net/netip"

// Request is what is decided on, beside the generation and the mode.
type Request struct {
	Path Path
	// Credential is what the client has shown, and the gate has found right: a wrong
	// password never comes this far.
	Credential CredentialKind
	// Account is that of a NamedUser, 0 otherwise.
	Account   int
	Operation Operation
	// Address is that of the client, for what depends on it; the zero value where it has none.
	Address netip.Addr
}

// Decide returns nil where r is allowed, or the refusal. It is the whole decision table;
// rules.txt states the expected answers, and the test goes through all of them.
func (s *Security) Decide(r Request) *Refusal {
	if refusal := s.decide(r); refusal != nil {
		return refusal.of(r.Operation)
	}
	return nil
}

func (s *Security) decide(r Request) *Refusal {
	switch r.Operation {
	case SyncClock:
		return s.decideBroadcast(r.Path)
	case ReadDownstream, WriteDownstream:
		return s.decideGateway(r)
	}
	if r.Path == ModbusMap {
		return s.decideMap(r.Operation)
	}
	if refusal := s.exists(r); refusal != nil {
		return refusal
	}
	switch s.Mode {
	case None:
		return nil
	case Standard:
		return s.decideStandard(r)
	case LSS:
		return s.decideLSS(r)
	}
	return s.decideAdvanced(r)
}

// exists refuses what a path, a mode or a firmware does not have, whoever asks.
func (s *Security) exists(r Request) *Refusal {
	switch {
	case r.Path == SSH && !s.Generation.Terminal:
		return refuse(CodeNotInThisFirmware, "firmware "+s.Generation.Name+" has no SSH terminal")
	case r.Operation == ChangeOwnPassword && r.Path == FrontPanel && !s.Generation.PanelPassword:
		return refuse(CodeNotOnThisPath, "the front panel of firmware "+s.Generation.Name+" cannot change a password")
	case r.Path == Web && !s.WebSetup && setsUp(r.Operation):
		return refuse(CodeSetupClosed, "setup by the web pages is off: Security Options/Web Configuration")
	case r.Path == FrontPanel && !s.PanelSetup && setsUp(r.Operation):
		return refuse(CodeSetupClosed, "setup at the front panel is off: Display Options/Front Panel Programming")
	case r.Operation == ChangeOwnPassword && s.Mode == None:
		return refuse(CodeNotInThisMode, "without security there is no password")
	}
	return nil
}

// setsUp reports whether an operation is setup, which can be switched off for the web
// pages and for the front panel (security.md 5.3). Accounts, resets and logs are not.
func setsUp(op Operation) bool {
	switch op {
	case WriteSetup, WriteCommunications, SetClock, CreateModule, LinkModule, DeleteModule, LoadTemplate:
		return true
	}
	return false
}

// decideBroadcast: a broadcast comes in on Modbus, and the clock obeys it or not. It names
// no user: under LSS User1's permission must allow it, too (security.md 2.2, 13 row 8).
func (s *Security) decideBroadcast(p Path) *Refusal {
	switch {
	case p != ModbusMap:
		return refuse(CodeNotOnThisPath, "a broadcast comes over Modbus only")
	case !s.Broadcast:
		return refuse(CodeNoPermission, "broadcast time synchronisation is switched off")
	case s.Mode == LSS && !s.may(1, MayTime):
		return refuse(CodeNoPermission, "User1, whom a broadcast stands for under LSS, lacks "+lacking(MayTime, s.effective(1)))
	}
	return nil
}

// decideMap: the Modbus map has no place for a credential. Its own register decides, and
// under LSS User1's permissions, too (security.md 13 row 8).
func (s *Security) decideMap(op Operation) *Refusal {
	map1 := s.MapAccess
	switch s.Mode {
	case None:
		map1 = MapReadWrite
	case Standard: // programming over Modbus is off in Standard, and no choice
		map1 = MapReadOnly
	}
	switch op {
	case ReadMeasurement:
		switch {
		case map1 == MapNone:
			return refuse(CodeMapClosed, "")
		case s.Mode == LSS && !s.may(1, MayRead):
			return refuse(CodeMapClosed, "User1, whom the map stands for under LSS, has no Read Access")
		}
		return nil
	case WriteSetup, SetClock, ResetDemand:
		need := mapNeeds(op)
		switch {
		case map1 != MapReadWrite || s.Mode == Advanced:
			return refuse(CodeMapReadOnly, "")
		case s.Mode == LSS && !s.may(1, need):
			return refuse(CodeMapReadOnly, "User1, whom the map stands for under LSS, lacks "+lacking(need, s.effective(1)))
		}
		return nil
	}
	return refuse(CodeNotOnThisPath, "the Modbus map has no register for that")
}

// mapNeeds is what User1 needs under LSS: Full Meter Config Access for every write, and
// what the operation needs of any account.
func mapNeeds(op Operation) Permissions {
	switch op {
	case ResetDemand:
		return MayRead | MayConfig | MayReset
	case SetClock:
		return MayRead | MayConfig | MayTime
	}
	return MayRead | MayConfig
}

// decideStandard: reading is free, and the meter password, with whatever name, does the
// rest.
func (s *Security) decideStandard(r Request) *Refusal {
	if r.Credential != NoCredential {
		return nil
	}
	return s.decideAnonymous(r)
}

// decideAnonymous: who shows nothing may read on paths that carry requests without
// credentials. Web pages, the terminal and file transfer begin with a login.
func (s *Security) decideAnonymous(r Request) *Refusal {
	switch r.Path {
	case Web:
		if s.Mode != Standard { // web pages of 2.x are read without a login
			return refuse(CodeCredentialsNeeded, "the web pages begin with a login")
		}
	case SSH, SFTP:
		return refuse(CodeCredentialsNeeded, r.Path.String()+" begins with a login")
	}
	switch r.Operation {
	case ReadMeasurement, ReadLog, ReadFile:
		return nil
	}
	return refuse(CodeCredentialsNeeded, "")
}

// decideLSS: without a user name a client acts as User1. Reading needs no password,
// every other operation needs User1's (F9).
func (s *Security) decideLSS(r Request) *Refusal {
	account := r.Account
	switch r.Credential {
	case NoCredential:
		if refusal := s.decideAnonymous(r); refusal != nil {
			return refusal
		}
		account = 1
	case PasswordOnly:
		if r.Path == Web || r.Path == SSH || r.Path == SFTP {
			return refuse(CodeUserNeeded, r.Path.String()+" logs in with a name: an account, or the model number while LSS is on")
		}
		account = 1
	case ModelNumber:
		if refusal := s.modelNumber(r.Path); refusal != nil {
			return refusal
		}
		account = 1
	}
	if r.Operation == UpgradeFirmware && r.Credential != NamedUser {
		return s.decideLegacyUpgrade()
	}
	return s.decideAccount(account, r.Operation)
}

// decideLegacyUpgrade: User1's password will do for an upgrade, if User1 may configure
// the meter and no named user is required.
func (s *Security) decideLegacyUpgrade() *Refusal {
	_, there := s.Accounts[1]
	switch {
	case s.NamedUpgrade:
		return refuse(CodeUserNeeded, "this meter takes firmware from a named user only")
	case !there:
		return refuse(CodeNoSuchAccount, UserName(1)+" does not exist")
	case !s.may(1, MayRead|MayConfig):
		return refuse(CodeNoPermission, "User1 lacks "+lacking(MayRead|MayConfig, s.effective(1)))
	}
	return nil
}

// takesModelNumber reports whether a path takes the model number as a name.
func takesModelNumber(p Path) bool { return p == Web || p == SSH || p == SFTP }

// decideAdvanced: accounts only. The panel's data screens stay readable.
func (s *Security) decideAdvanced(r Request) *Refusal {
	switch {
	case r.Credential == NamedUser:
		return s.decideAccount(r.Account, r.Operation)
	case r.Credential == NoCredential && r.Path == FrontPanel && r.Operation == ReadMeasurement:
		return nil
	case r.Credential == ModelNumber:
		return s.modelNumber(r.Path)
	}
	return refuse(CodeUserNeeded, "")
}

// decideAccount: what the account's permissions allow (security.md 3.2).
func (s *Security) decideAccount(account int, op Operation) *Refusal {
	if _, ok := s.Accounts[account]; !ok {
		return refuse(CodeNoSuchAccount, UserName(account)+" does not exist")
	}
	if op == ChangeOwnPassword {
		return nil
	}
	have := s.effective(account)
	if op == WriteCommunications {
		if have&(MayComm|MayConfig) == 0 {
			return refuse(CodeNoPermission, UserName(account)+" lacks Comm Config Access, and Full Meter Config Access, which would do, too")
		}
		return nil
	}
	if need := needs[op]; have&need != need {
		return refuse(CodeNoPermission, UserName(account)+" lacks "+lacking(need, have))
	}
	return nil
}

// needs are the permissions that each operation needs of an account.
var needs = [operations]Permissions{
	ReadMeasurement:    MayRead,
	ReadSecurity:       MayRead | MaySecurity,
	WriteSetup:         MayRead | MayConfig,
	SetClock:           MayTime,
	ResetDemand:        MayRead | MayReset,
	EnterTestMode:      MayRead | MayTest,
	AdministerSecurity: MayRead | MaySecurity,
	CreateModule:       MayRead | MayConfig,
	LinkModule:         MayRead | MayConfig,
	DeleteModule:       MayRead | MayConfig,
	LoadTemplate:       MayRead | MayConfig,
	ReadLog:            MayRead,
	ReadFile:           MayRead,
	WriteFile:          MayRead | MayConfig,
	UpgradeFirmware:    MayRead | MayConfig | MaySecurity,
	AccessFactory:      MayRead | MaySecurity,
	RestartMeter:       MayRead | MayConfig,
	ReadDownstream:     MayRead, // no account is asked for it: it is use that only reads
}

// effective is what an account's boxes allow; nothing for one that is not there.
func (s *Security) effective(account int) Permissions { return s.Accounts[account].Boxes.Effective() }

func (s *Security) may(account int, need Permissions) bool {
	return s.effective(account)&need == need
}

// lacking names the permissions of need that are not in have.
func lacking(need, have Permissions) string {
	text := ""
	for _, p := range permissionList {
		if need&p.bit == 0 || have&p.bit != 0 {
			continue
		}
		if text != "" {
			text += " and "
		}
		text += p.register
	}
	return text
}
