package access

import "strings"

// Credential is what a client shows: with each request on stateless protocols, once at a
// login elsewhere.
type Credential struct {
	// User is the name, empty for none.
	User string
	// Given tells that there is a password. One that is not given is not the password 0,
	// and not an empty one.
	Given    bool
	Password string
}

// Identity is who a session is found to be.
type Identity struct {
	Kind CredentialKind
	// Account acts: of a NamedUser, and User1 for PasswordOnly and ModelNumber under LSS.
	// 0 is none: nobody, or who knows the meter password of Standard.
	Account int
	// verifier is what the password was checked with.
	verifier Verifier
	// factory is the opening of factory access whose diagnostic code was shown; 0 is none.
	factory uint64
}

// userName is the account that acts, empty for none.
func (id Identity) userName() string {
	if id.factory != 0 {
		return FactoryUser
	}
	return UserName(id.Account)
}

// eventName is how events name the user: where no name was given, they say so
// (security.md 6.1).
func (id Identity) eventName() string {
	switch {
	case id.Kind == NamedUser:
		return id.userName()
	case id.Account != 0:
		return UserName(id.Account) + " (no name given)"
	}
	return "no name given"
}

// isModelNumber reports whether a name is the model number: 9000 for an ION9000 and an
// ION9000T.
func (s *Security) isModelNumber(name string) bool {
	return name != "" && s.ModelName == name
}

// kind tells what a credential is, before anything is checked.
func (s *Security) kind(c Credential) CredentialKind {
	name := strings.TrimSpace(c.User)
	switch {
	case name == "" && !c.Given:
		return NoCredential
	case name == "":
		return PasswordOnly
	case s.isModelNumber(name):
		return ModelNumber
	}
	return NamedUser
}

// claim is what a credential must be checked against.
type claim struct {
	identity Identity
	// account is what wrong passwords are counted for.
	account  int
	verifier Verifier
	// unchecked: nothing is to be checked (no credential, or no security).
	unchecked bool
}

// claimed returns what a credential claims on a path, or why it cannot be right there.
func (s *Security) claimed(p Path, c Credential) (claim, *Refusal) {
	kind := s.kind(c)
	if kind == NoCredential || s.Mode == None {
		id := Identity{Kind: kind}
		if n, ok := ParseUser(strings.TrimSpace(c.User)); ok && kind == NamedUser {
			if _, there := s.Accounts[n]; there {
				id.Account = n // for the log; nothing depends on it
			}
		}
		return claim{identity: id, unchecked: true}, nil
	}
	if s.Mode == Standard { // one password, and the user name adds nothing
		return claim{identity: Identity{Kind: kind}, verifier: s.meterPassword}, s.incomplete(c)
	}
	switch kind {
	case NamedUser:
		n, ok := ParseUser(strings.TrimSpace(c.User))
		if !ok || n > s.Generation.MaxAccounts {
			return claim{account: foreign}, refuse(CodeBadCredentials, "")
		}
		// One that is not there answers, takes its time and is locked like one that is.
		return claim{identity: Identity{Kind: kind, Account: n}, account: n, verifier: s.Accounts[n].verifier}, s.incomplete(c)
	case ModelNumber:
		if refusal := s.modelNumber(p); refusal != nil {
			return claim{account: foreign}, refusal
		}
	case PasswordOnly:
		if s.Mode != LSS {
			return claim{account: foreign}, refuse(CodeUserNeeded, "")
		}
	}
	return claim{identity: Identity{Kind: kind, Account: 1}, account: 1, verifier: s.Accounts[1].verifier}, s.incomplete(c)
}

// modelNumber refuses the model number as a name where it is none. It is no guess: whoever
// connects is told the model.
func (s *Security) modelNumber(p Path) *Refusal {
	switch {
	case !takesModelNumber(p):
		return refuse(CodeUserNeeded, "the model number is a name for web, ssh and sftp only")
	case s.Mode != LSS:
		return refuse(CodeUserNeeded, "the model number is a name only while legacy security support is on")
	}
	return nil
}

// incomplete refuses a name without a password, which is no guess and counts as none.
func (s *Security) incomplete(c Credential) *Refusal {
	if !c.Given {
		return refuse(CodeCredentialsNeeded, "a user name comes with its password")
	}
	return nil
}
