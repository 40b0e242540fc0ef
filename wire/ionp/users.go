package ionp

import "fmt"

// UserAddRequest makes an account.
type UserAddRequest struct {
	// Number is that of the account; 0 for the lowest that is free.
	Number uint32 `cbor:"1,keyasint,omitempty"`
	// Permissions are the boxes to tick.
	Permissions []string `cbor:"2,keyasint,omitempty"`
	Password    Secret   `cbor:"3,keyasint,omitempty"`
}

func (r *UserAddRequest) check() error {
	return first(texts("permission", r.Permissions, MaxNames, MaxName), required("password", r.Password, MaxPassword))
}

// UserAddReply is the new account.
type UserAddReply struct {
	Number uint32 `cbor:"1,keyasint"`
	Name   string `cbor:"2,keyasint,omitempty"`
}

// UserSetRequest changes the permissions of an account.
type UserSetRequest struct {
	// Number is that of the account: 1 for USER1.
	Number uint32 `cbor:"1,keyasint,omitempty"`
	// Grant are the boxes to tick.
	Grant []string `cbor:"2,keyasint,omitempty"`
	// Revoke are the boxes to clear.
	Revoke []string `cbor:"3,keyasint,omitempty"`
}

func (r *UserSetRequest) check() error {
	return first(account(r.Number), texts("permission to grant", r.Grant, MaxNames, MaxName),
		texts("permission to revoke", r.Revoke, MaxNames, MaxName))
}

// UserSetReply says that the permissions are changed.
type UserSetReply struct{}

// UserPasswordRequest gives an account a new password.
type UserPasswordRequest struct {
	// Number is that of the account: 1 for USER1, 0 for the meter password of Standard.
	Number uint32 `cbor:"1,keyasint,omitempty"`
	// Password is the new one.
	Password Secret `cbor:"2,keyasint,omitempty"`
}

func (r *UserPasswordRequest) check() error {
	return required("password", r.Password, MaxPassword)
}

// UserPasswordReply says that the new password holds.
type UserPasswordReply struct{}

// UserRemoveRequest removes an account.
type UserRemoveRequest struct {
	// Number is that of the account: 1 for USER1.
	Number uint32 `cbor:"1,keyasint,omitempty"`
}

func (r *UserRemoveRequest) check() error { return account(r.Number) }

// UserRemoveReply says that the account is gone.
type UserRemoveReply struct{}

// UserUnlockRequest ends the lockouts of an account.
type UserUnlockRequest struct {
	// Number is that of the account: 1 for USER1, 0 for the meter password of Standard.
	Number uint32 `cbor:"1,keyasint,omitempty"`
	// Path is one path; empty for all.
	Path string `cbor:"2,keyasint,omitempty"`
}

func (r *UserUnlockRequest) check() error {
	return text("path", r.Path, MaxName)
}

// UserUnlockReply says that the account is not locked.
type UserUnlockReply struct{}

// account holds the number of an account against 0, which is none.
func account(number uint32) error {
	if number == 0 {
		return fmt.Errorf("account number is missing")
	}
	return nil
}
