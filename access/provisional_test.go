package access

import (
	"maps"
	"strings"
	"testing"
	"time"
)

// carryOut does what the meter does once a second.
func (m *meter) carryOut() {
	if due := m.gate.Tick(m.now()); due != nil {
		m.gate.Returned(m.Change(m.t.Context(), *due, By{}, nil, false))
	}
}

// harden is what the tool does: a second administrator, User1 cut down, legacy support off.
func harden(t *testing.T, m *meter) {
	t.Helper()
	two := m.as(ION, named("USER2", "two"))
	_, err := two.AddUser(t.Context(), 5, allPermissions, "five")
	want(t, "add", err, "")
	want(t, "restrict User1", two.SetUser(t.Context(), 1, 0, allPermissions&^MayRead), "")
	want(t, "User1's password", two.SetPassword(t.Context(), 1, "new"), "")
	want(t, "USER3 goes", two.RemoveUser(t.Context(), 3), "")
	want(t, "USER5's password", two.SetPassword(t.Context(), 5, "fives"), "")
	want(t, "Advanced", two.SetOptions(t.Context(), map[string]string{RegisterMode: "Advanced", RegisterWebAccess: "Disabled"}), "")
}

func TestProvisional(t *testing.T) {
	type step func(t *testing.T, m *meter)
	wait := func(d time.Duration) step {
		return func(_ *testing.T, m *meter) {
			for ; d > 0; d -= time.Second {
				time.Sleep(time.Second)
				m.carryOut()
			}
		}
	}
	confirm := func(t *testing.T, m *meter) {
		want(t, "confirm", m.as(ION, named("USER2", "two")).ConfirmProvisional(t.Context()), "")
	}
	cancel := func(t *testing.T, m *meter) {
		want(t, "cancel", m.as(ION, named("USER2", "two")).CancelProvisional(t.Context()), "")
		m.carryOut()
	}
	restart := func(off, clock time.Duration) step {
		return func(_ *testing.T, m *meter) {
			m.keep(true)
			time.Sleep(off)
			m.clockOff += clock
			m.start()
			m.carryOut()
		}
	}
	disk := func(err error) step { return func(_ *testing.T, m *meter) { m.disk = err } }
	for _, tc := range []struct {
		name    string
		steps   []step
		returns bool
		pending bool
	}{
		{"not due yet", []step{wait(4*time.Minute + 59*time.Second)}, false, true},
		{"not confirmed", []step{wait(5 * time.Minute)}, true, false},
		{"confirmed", []step{wait(4 * time.Minute), confirm, wait(5 * time.Minute), restart(0, 0)}, false, false},
		{"cancelled", []step{cancel}, true, false},
		{"restarted before it is due", []step{wait(time.Minute), restart(0, 0), wait(3 * time.Minute)}, false, true},
		{"restarted, then due", []step{wait(time.Minute), restart(0, 0), wait(4 * time.Minute)}, true, false},
		{"off while it came due", []step{restart(time.Hour, 0)}, true, false},
		{"off, the clock set back", []step{restart(time.Minute, -time.Hour), wait(5 * time.Minute)}, true, false},
		{"off, the clock set forward", []step{restart(time.Minute, time.Hour)}, true, false},
		{"the disk is full when it is due", []step{disk(errDisk), wait(6 * time.Minute)}, false, true},
		{"and has room later", []step{disk(errDisk), wait(6 * time.Minute), disk(nil), wait(time.Second)}, true, false},
		{"the disk is full when it is confirmed", []step{disk(errDisk), func(t *testing.T, m *meter) {
			want(t, "confirm", m.as(ION, named("USER2", "two")).ConfirmProvisional(t.Context()), Code(errDisk.Error()))
		}, disk(nil), wait(5 * time.Minute)}, true, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, third, func(t *testing.T, m *meter) {
				before, passwords := maps.Clone(m.settings), maps.Clone(m.passwords)
				_, err := m.as(ION, named("USER2", "two")).BeginProvisional(t.Context(), 5*time.Minute)
				want(t, "begin", err, "")
				harden(t, m)
				for _, step := range tc.steps {
					step(t, m)
				}
				m.disk = nil
				if returned := maps.Equal(before, m.settings) && maps.Equal(passwords, m.passwords); returned != tc.returns {
					t.Errorf("all is as before: %v, want %v\n%v", returned, tc.returns, m.settings)
				}
				status, err := m.as(ION, named("USER2", "two")).Status()
				if err != nil || status.Provisional.Active != tc.pending {
					t.Errorf("%+v, %v; pending wanted %v", status.Provisional, err, tc.pending)
				}
				// A return that fails is told once, however often it is tried.
				failed := strings.HasPrefix(tc.name, "the disk is full when it is due") || tc.name == "and has room later"
				if told, times := m.told(Returned), map[bool]int{true: 1}; told != times[tc.returns]+times[failed] {
					t.Errorf("the log was told %d times of a return", told)
				}
			})
		})
	}
}

func TestProvisionalRefusals(t *testing.T) {
	bubble(t, third, func(t *testing.T, m *meter) {
		two := m.as(ION, named("USER2", "two"))
		want(t, "nothing to confirm", two.ConfirmProvisional(t.Context()), CodeNothingPending)
		want(t, "nothing to cancel", two.CancelProvisional(t.Context()), CodeNothingPending)
		for _, d := range []time.Duration{0, time.Second - 1, 24*time.Hour + 1} {
			_, err := two.BeginProvisional(t.Context(), d)
			want(t, d.String(), err, CodeBadValue)
		}
		_, err := m.as(ION, named("USER3", "three")).BeginProvisional(t.Context(), time.Minute)
		want(t, "who may not", err, CodeNoPermission)
		m.disk = errDisk
		_, err = two.BeginProvisional(t.Context(), time.Minute)
		want(t, "a full disk", err, Code(errDisk.Error()))
		m.disk = nil
		_, err = two.BeginProvisional(t.Context(), time.Minute)
		want(t, "begin", err, "")
		_, err = two.BeginProvisional(t.Context(), time.Minute)
		want(t, "again", err, CodeConfirmPending)
	})
}

// security.md 5.4: closed by default, opened for minutes, one code, one login, and neither a
// restart nor the end of its time leaves anything open.
func TestFactoryAccess(t *testing.T) {
	bubble(t, third, func(t *testing.T, m *meter) {
		two := m.as(ION, named("USER2", "two"))
		login := func(code string) (*Session, error) {
			return m.client(SSH, "192.0.2.77").Login(t.Context(), named("factory", code), time.Hour)
		}
		open := func() string {
			code, _, err := two.OpenFactory(t.Context(), 10)
			want(t, "open", err, "")
			return code
		}
		_, err := login("")
		want(t, "closed at first", err, CodeFactoryClosed)
		_, _, err = m.as(ION, named("USER3", "three")).OpenFactory(t.Context(), 10)
		want(t, "who may not", err, CodeNoPermission)
		for _, minutes := range []int{0, -1, maxFactoryMinutes + 1} {
			_, _, err = two.OpenFactory(t.Context(), minutes)
			want(t, "minutes", err, CodeBadValue)
		}
		code := open()
		_, err = login(code + "A")
		want(t, "a wrong code", err, CodeFactoryClosed)
		_, err = m.client(ION, "192.0.2.3").With(t.Context(), named("FACTORY", code))
		want(t, "not with single requests", err, CodeBadCredentials)
		s, err := login(code)
		want(t, "the code", err, "")
		_, err = login(code)
		want(t, "once", err, CodeFactoryClosed)
		want(t, "it writes", s.Change(t.Context(), []Change{{Kind: Set, Object: "Power Meter/PT Prim", Text: "1"}}, false), "")
		want(t, "but not security", s.SetUser(t.Context(), 3, MayConfig, 0), CodeNoPermission)
		_, err = s.ExportSecurity()
		want(t, "nor reads it", err, CodeNoPermission)
		_, _, err = s.OpenFactory(t.Context(), 10)
		want(t, "nor opens it for longer", err, CodeNoPermission)
		want(t, "close", two.CloseFactory(), "")
		want(t, "twice", two.CloseFactory(), CodeFactoryClosed)
		again := open()
		_, err = s.Registers(Readings)
		want(t, "who came in by the first opening, in the second", err, Code(ErrClosed.Error()))
		s, err = login(again)
		want(t, "the second code", err, "")
		again = open()
		_, err = s.Registers(Readings)
		want(t, "opening anew ends who is there", err, Code(ErrClosed.Error()))
		s, err = login(again)
		want(t, "the third code", err, "")
		time.Sleep(10 * time.Minute)
		m.gate.Tick(m.now())
		_, err = s.Registers(Readings)
		want(t, "its time is over", err, Code(ErrClosed.Error()))
		code = open()
		m.powerCycle()
		_, err = login(code)
		want(t, "after a restart", err, CodeFactoryClosed)
		if n := m.told(FactoryAccess); n != 4+3+1+1 { // opened, used, closed, over
			t.Errorf("%d records, want 9: four openings, three uses, a closing, an end", n)
		}
	})
}
