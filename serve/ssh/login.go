package ssh

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	gossh "golang.org/x/crypto/ssh"

	"github.com/hepmeter/hepmeter/access"
)

// loginPath is the path on which a password is checked before the client has said what it
// wants: the terminal where it is enabled, else file transfer. Wrong passwords count there.
// The path that the client then takes asks the gate again, whose lockout for that path
// holds, too.
func (s *Server) loginPath() access.Path {
	if s.enabled(access.SSH) {
		return access.SSH
	}
	return access.SFTP
}

// banner says who can log in now, before anybody has: under legacy security support the
// model number, too (F15).
func (s *Server) banner() string {
	security := s.gate.Security()
	takes := s.gate.Takes(s.loginPath())
	switch {
	case security.Mode == access.None:
		return "No security is set: any user name and any password will do.\r\n"
	case security.Mode == access.Standard:
		return "Log in with any user name and the meter password.\r\n"
	case slices.Contains(takes, access.ModelNumber):
		return fmt.Sprintf("Log in as an account of this meter (such as USER1), or as %s with USER1's password.\r\n", security.ModelName)
	}
	return "Log in as an account of this meter (such as USER1).\r\n"
}

// config is the library's configuration for one connection.
func (c *connection) config(ctx context.Context, host gossh.Signer) *gossh.ServerConfig {
	config := &gossh.ServerConfig{
		Config: algorithms(), ServerVersion: serverVersion, MaxAuthTries: maxTries,
		BannerCallback: func(gossh.ConnMetadata) string { return c.server.banner() },
		PasswordCallback: func(m gossh.ConnMetadata, password []byte) (*gossh.Permissions, error) {
			return nil, c.login(ctx, m, password)
		},
	}
	config.AddHostKey(host)
	return config
}

// login checks a password. A refusal that is no wrong password is told: it says what to do.
func (c *connection) login(ctx context.Context, m gossh.ConnMetadata, password []byte) (err error) {
	defer c.server.rescue("login", &err)
	c.client, c.clientVersion = clientOf(string(m.ClientVersion()))
	if strings.EqualFold(strings.TrimSpace(m.User()), access.FactoryUser) {
		// The diagnostic code is good once: it logs in to the terminal at once.
		c.show(m.User(), password)
		if _, err = c.enter(ctx, access.SSH); err != nil {
			return explain(err)
		}
	} else {
		who := c.gateClient(c.server.loginPath())
		if err = c.server.gate.Prove(ctx, who, c.client, c.clientVersion, access.Credential{User: m.User(), Given: true, Password: string(password)}); err != nil {
			return explain(err)
		}
		c.show(m.User(), password)
	}
	c.server.loggedIn.Add(1)
	return nil
}

// show keeps what a client has shown until it takes a path.
func (c *connection) show(user string, password []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.user, c.password, c.taken = user, slices.Clone(password), false
}

// explain has the client told why it was refused, where that is more than a wrong name or
// password.
func explain(err error) error {
	var refusal *access.Refusal
	if !errors.As(err, &refusal) || refusal.Code == access.CodeBadCredentials {
		return err
	}
	return &gossh.BannerError{Err: err, Message: sentence(err) + "\r\n"}
}

// clientOf takes a client's version string apart: SSH-2.0-OpenSSH_9.2p1 Debian-2 is OpenSSH,
// 9.2p1 Debian-2.
func clientOf(version string) (name, number string) {
	rest := strings.TrimPrefix(strings.TrimPrefix(version, "SSH-2.0-"), "SSH-1.99-")
	name, number, _ = strings.Cut(rest, "_")
	return name, number
}

// sentence is an error in words for people, on one line.
func sentence(err error) string {
	var refusal *access.Refusal
	if errors.As(err, &refusal) {
		return plain(fmt.Sprintf("refused (%s): %s; %s", refusal.Code, refusal.Reason, refusal.Remedy))
	}
	return plain(err.Error())
}
