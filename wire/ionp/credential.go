package ionp

// Secret is a text that must not be seen: it prints as dots. Convert it to string to
// use it.
type Secret string

// String hides the text.
func (Secret) String() string { return "******" }

// GoString hides the text.
func (Secret) GoString() string { return "******" }

// Credential says who asks. Without a user name it is the password alone, as clients of
// the time before user accounts send it. An absent text is not an empty one.
type Credential struct {
	// User is the name of an account.
	User *string `cbor:"1,keyasint,omitempty"`
	// Password is that of the account or, without a user name, of whom the meter then takes
	// the client for.
	Password *Secret `cbor:"2,keyasint,omitempty"`
}

// NamedUser returns a credential of user name and password.
func NamedUser(user, password string) *Credential {
	secret := Secret(password)
	return &Credential{User: &user, Password: &secret}
}

// PasswordOnly returns a credential without a user name.
func PasswordOnly(password string) *Credential {
	secret := Secret(password)
	return &Credential{Password: &secret}
}

func (c *Credential) check() error {
	if c.User != nil {
		if err := text("user name", *c.User, MaxUser); err != nil {
			return err
		}
	}
	if c.Password != nil && len(*c.Password) > MaxPassword {
		return tooLong("password", len(*c.Password), MaxPassword)
	}
	return nil
}

func (c *Credential) appendTo(dst []byte) []byte {
	dst = appendHead(dst, majorMap, fieldCount(c.User != nil, c.Password != nil))
	if c.User != nil {
		dst = appendText(append(dst, 1), *c.User)
	}
	if c.Password != nil {
		dst = appendText(append(dst, 2), *c.Password)
	}
	return dst
}

func readCredential(c *cursor) *Credential {
	v := new(Credential)
	key := 0
	for range c.pairs() {
		switch key = c.key(key); key {
		case 1:
			user := c.text()
			v.User = &user
		case 2:
			password := Secret(c.text())
			v.Password = &password
		default:
			c.fail()
		}
	}
	return v
}
