package panel

import (
	"context"
	"errors"
	"strings"

	"github.com/hepmeter/hepmeter/access"
	wire "github.com/hepmeter/hepmeter/wire/panel"
)

// invalidLevel is what the panel says to who lacks the right (security.md 2.2).
const invalidLevel = "INVALID SECURITY LEVEL"

// actor is the session that changes things: that of who has logged in, and without security
// anybody's.
func (d *display) actor() (*access.Session, bool) {
	if d.gate.Security().Mode == access.None {
		return d.root, true
	}
	return d.login, d.login != nil
}

// authorised asks for what the security mode demands, once, and then goes on.
func (d *display) authorised(then func(context.Context)) func(context.Context) {
	return func(ctx context.Context) {
		if _, ok := d.actor(); ok {
			then(ctx)
			return
		}
		d.push(d.prompt(then))
	}
}

// prompt is the form of a login, as generation and mode demand it: the meter password in
// Standard, under LSS User1's, in Advanced a user and a password.
func (d *display) prompt(then func(context.Context)) *form {
	f := &form{title: "LOGIN", help: "enter: next   esc: back"}
	switch d.gate.Security().Mode {
	case access.Standard:
		f.fields = []field{newSecret("Meter password", digits)}
	case access.LSS:
		f.fields = []field{newSecret("Password of USER1", passwords)}
	default:
		f.fields = []field{newName("User", "USER1"), newSecret("Password", passwords)}
	}
	f.done = func(ctx context.Context) {
		c := access.Credential{Given: true, Password: f.fields[len(f.fields)-1].value()}
		wrong := "INVALID PASSWORD"
		if len(f.fields) > 1 {
			c.User, wrong = strings.TrimSpace(f.fields[0].value()), "INVALID USER OR PASSWORD"
			if c.User == "" {
				c.Given = false // without a name it would be another kind of credential
			}
		}
		d.busy()
		d.close(f)
		if len(f.fields) > 1 && c.User == "" {
			d.say("LOGIN", access.NewRefusal(access.CodeUserNeeded, ""))
			return
		}
		s, err := d.root.Login(ctx, c, idle)
		switch {
		case err == nil:
			d.login = s
			then(ctx)
		case codeOf(err) == access.CodeBadCredentials:
			d.push(&message{title: "LOGIN", lines: []string{wrong}})
		default:
			d.say("LOGIN", err)
		}
	}
	return f
}

// outcome shows what became of a change.
func (d *display) outcome(title, done string, err error) {
	if err == nil {
		d.note = done
		return
	}
	d.say(title, err)
}

// say tells why something was not done. A login that has ended is forgotten, so that the
// next change asks for it.
func (d *display) say(title string, err error) {
	if code := codeOf(err); code == access.CodeSessionEnded || errors.Is(err, access.ErrClosed) || code == access.CodeCredentialsNeeded || code == access.CodeUserNeeded {
		d.forget()
	}
	text, remedy := explained(err)
	d.push(&message{title: title, lines: []string{text, remedy}})
}

// explained puts an error in the panel's words: what, and what to do.
func explained(err error) (text, remedy string) {
	var refusal *access.Refusal
	switch {
	case errors.As(err, &refusal) && refusal.Code == access.CodeNoPermission:
		return invalidLevel, refusal.Reason
	case errors.As(err, &refusal) && refusal.Code == access.CodeBadValue:
		return "INVALID VALUE", refusal.Reason
	case errors.As(err, &refusal):
		return refusal.Reason, refusal.Remedy
	case errors.Is(err, access.ErrValue):
		return "INVALID VALUE", err.Error()
	case errors.Is(err, access.ErrClosed):
		return "the session is closed", ""
	case err == nil:
		return "there are no readings yet", ""
	}
	return err.Error(), ""
}

// message is a text that any key closes.
type message struct {
	title string
	lines []string
}

func (m *message) draw(d *display, _ *reading, rows int) (string, []wire.Line, string) {
	lines := []wire.Line{blank()}
	for i, text := range m.lines {
		style := wire.Plain
		if i == 0 {
			style = wire.Alarm
		}
		for _, part := range wrapped(text, d.columns-2) {
			lines = append(lines, wire.Line{{Text: " " + part, Style: style}})
		}
		lines = append(lines, blank())
	}
	return m.title, lines[:min(len(lines), rows)], "any key: back"
}

func (m *message) press(_ context.Context, d *display, _ wire.Key) { d.close(m) }
