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
	User     *string `cbor:"1,keyasint,omitempty"`
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
