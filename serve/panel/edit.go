package panel

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// setting writes the value of a setup register as the menus show it.
func setting(v access.Value) string {
	if v.Available && (v.Kind == access.KindNumber || v.Kind == access.KindCount) {
		return strconv.FormatFloat(v.Number, 'f', -1, 64)
	}
	return state(v)
}

// edit opens the form of some setup registers, which change together: all, or none.
func (d *display) edit(title string, registers []string) {
	r := d.read()
	f := &form{title: strings.ToUpper(title), help: "arrows: change   enter: next   esc: back"}
	for _, register := range registers {
		each, err := d.fieldOf(r, register)
		if err != nil {
			d.say(title, err)
			return
		}
		f.fields = append(f.fields, each)
	}
	f.done = func(ctx context.Context) {
		var changes []access.Change
		for i, each := range f.fields {
			if each.changed() {
				changes = append(changes, access.Change{Kind: access.Set, Object: registers[i], Text: each.value()})
			}
		}
		if len(changes) == 0 {
			d.close(f)
			d.note = "NOT CHANGED"
			return
		}
		d.change(f, "STORED", func(s *access.Session) error { return s.Change(ctx, changes, false) })
	}
	d.push(f)
}

// change carries out what a form is about. The form stays where the value can be put right.
func (d *display) change(f *form, done string, do func(*access.Session) error) {
	s, ok := d.actor()
	if !ok { // the login has ended meanwhile
		d.close(f)
		d.say(f.title, access.NewRefusal(access.CodeSessionEnded, ""))
		return
	}
	d.busy()
	err := do(s)
	if code := codeOf(err); !errors.Is(err, access.ErrValue) && code != access.CodeBadValue && code != access.CodePasswordRule {
		d.close(f)
	} else {
		f.focus(0)
	}
	d.outcome(f.title, done, err)
}

// fieldOf returns the field of a setup register at its present value.
func (d *display) fieldOf(r *reading, register string) (field, error) {
	module, name, _ := strings.Cut(register, "/")
	s, err := d.reader(access.ReadMeasurement)
	if err != nil {
		return nil, err
	}
	description, err := s.Describe(module)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(description.Setups, func(s access.SetupDescription) bool { return strings.EqualFold(s.Name, name) })
	if i < 0 {
		return nil, access.NewRefusal(access.CodeNotFound, "this meter has no "+register)
	}
	setup, now := description.Setups[i], r.value(register)
	switch {
	case len(setup.Options) > 0:
		return newChoice(setup.Name, setup.Options, state(now)), nil
	case now.Kind == access.KindBoolean:
		return newChoice(setup.Name, []string{"ON", "OFF"}, state(now)), nil
	case setup.High > setup.Low:
		return newNumber(setup.Name, setup.Unit, setup.Low, setup.High, setup.Whole, now.Number), nil
	}
	return nil, access.NewRefusal(access.CodeNotWritable, register+" cannot be set here")
}

// setClock opens the form of the clock. It is in UTC: the local time of the night in which
// daylight saving ends would be ambiguous.
func (d *display) setClock() {
	now := d.read().at
	if now.IsZero() { // who may set the clock need not be one who may read it
		now = d.now()
	}
	f := &form{title: "SET CLOCK (UTC)", help: "arrows: change   enter: next   esc: back",
		fields: []field{newMoment("Date", "year-month-day", "-", now.UTC().Format(time.DateOnly)), newMoment("Time", "hours:minutes:seconds", ":", now.UTC().Format(time.TimeOnly))}}
	f.done = func(ctx context.Context) {
		t, err := time.Parse(time.DateTime, f.fields[0].value()+" "+f.fields[1].value())
		if err != nil {
			f.focus(0)
			d.push(&message{title: f.title, lines: []string{"INVALID VALUE", f.fields[0].value() + " " + f.fields[1].value() + " is no date and time"}})
			return
		}
		d.change(f, "CLOCK SET", func(s *access.Session) error { return s.SetClock(ctx, t) })
	}
	d.push(f)
}

// resetDemand asks once more, and resets the peak demand.
func (d *display) resetDemand() {
	f := &form{title: "DEMAND RESET", help: "enter: reset   esc: back", lines: []string{"Reset the peak demand?"}}
	f.done = func(ctx context.Context) {
		d.change(f, "DEMAND RESET", func(s *access.Session) error { return s.Reset(ctx, "demand") })
	}
	d.push(f)
}

// passwordSetup is the item of 2.x: the meter password in Standard, in Advanced that of the
// own account.
func (d *display) passwordSetup(ctx context.Context) {
	const title = "PASSWORD SETUP"
	security := d.gate.Security()
	if refusal := security.Decide(access.Request{Path: access.FrontPanel, Credential: access.PasswordOnly, Operation: access.ChangeOwnPassword}); refusal != nil && security.Mode == access.None {
		d.say(title, refusal)
		return
	}
	d.authorised(func(context.Context) {
		s, _ := d.actor()
		account := s.Identity().Account
		alphabet, whose := digits, "Meter password"
		if account != 0 {
			alphabet, whose = passwords, "Password of "+access.UserName(account)
		}
		f := &form{title: title, help: "enter: next   esc: back", lines: []string{whose},
			fields: []field{newSecret("New password", alphabet), newSecret("Again", alphabet)}}
		f.done = func(ctx context.Context) {
			password := f.fields[0].value()
			if password != f.fields[1].value() {
				d.close(f)
				d.push(&message{title: title, lines: []string{"THE TWO ARE NOT THE SAME", "nothing was changed"}})
				return
			}
			d.change(f, "PASSWORD CHANGED", func(s *access.Session) error { return s.SetPassword(ctx, account, password) })
		}
		d.push(f)
	})(ctx)
}
