package access

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestLockoutScripts plays testdata/lockout/*.txt on real sessions. An indented line is what
// the command above it must give; -update writes them anew.
//
//	set LABEL = TEXT           a register, set beside the gate
//	account N PASSWORD         an account with all boxes
//	at DURATION                the time since the beginning
//	PATH [serial] USER PASS    a login of a new connection; - is none
//	read PATH                  a reading without a credential
//	add N PASS, passwd N PASS, remove N, unlock N [PATH]   by USER50
//	lockouts                   what there is
//	restart [CLOCK]            and the civil clock was set by CLOCK meanwhile
//
// A login tells its answer, how many passwords were hashed for it, and what the log got.
func TestLockoutScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/lockout/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			synctest.Test(t, func(t *testing.T) { playLockouts(t, string(text), &got) })
			if *update {
				if err := os.WriteFile(name, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got.String() != string(text) {
				t.Errorf("got:\n%s\nwant:\n%s", got.String(), text)
			}
		})
	}
}

func playLockouts(t *testing.T, script string, out *strings.Builder) {
	m := newMeter(t, third)
	var hashes atomic.Int64
	count := func(password string, salt []byte) [hashBytes]byte {
		hashes.Add(1)
		return quick(password, salt)
	}
	m.gate.checker.hash = count
	m.account(50, "admin", allPermissions)
	m.set()
	start, connections := time.Now(), 0
	connect := func(p Path, medium Medium) *Session {
		connections++
		s, err := m.gate.Open(Client{Path: p, Medium: medium, Remote: fmt.Sprintf("192.0.2.%d:1", connections)})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	login := func(words []string) string {
		path, known := ParsePath(strings.ReplaceAll(words[0], "-", " "))
		if !known {
			t.Fatalf("there is no path %q", words[0])
		}
		medium := Ethernet
		if words[1] == "serial" {
			medium, words = Serial, words[1:]
		}
		c := Credential{User: strings.Trim(words[1], "-"), Given: words[2] != "-", Password: strings.Trim(words[2], "-")}
		hashes.Store(0)
		s := connect(path, medium)
		var as *Session
		var err error
		if stateless(path) {
			as, err = s.With(t.Context(), c)
		} else {
			as, err = s.Login(t.Context(), c, time.Hour)
		}
		answer := string(codeOf(err))
		if err == nil {
			answer = "right, as " + as.UserName()
		}
		answer += ", hashed " + strconv.FormatInt(hashes.Load(), 10)
		for _, r := range m.records {
			text, logged := map[RecordKind]string{LoginWrong: "wrong", LoginLocked: "locked", LockedOut: "locked out for " + r.Is, LoginRight: "right"}[r.Kind]
			if logged {
				answer += fmt.Sprintf(", logged %s (%s, priority %d)", text, cmp.Or(r.User, "nobody"), r.Priority)
			}
		}
		m.records = nil
		return answer
	}
	admin := func() *Session {
		s, err := connect(Web, Local).Login(t.Context(), named("USER50", "admin"), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	text := func(err error) string { return cmp.Or(string(codeOf(err)), "done") }
	for line := range strings.Lines(script) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "    ") {
			continue
		}
		fmt.Fprintln(out, line)
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		answer := ""
		switch words[0] {
		case "set":
			label, value, _ := strings.Cut(strings.TrimPrefix(line, "set "), " = ")
			m.set(label, value)
		case "account":
			n, _ := strconv.Atoi(words[1])
			m.account(n, words[2], allPermissions)
			m.set()
		case "at":
			d, err := time.ParseDuration(words[1])
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Until(start.Add(d)))
		case "read":
			path, _ := ParsePath(words[1])
			_, err := connect(path, Ethernet).Registers(Readings)
			answer = text(err)
		case "unlock":
			n, _ := strconv.Atoi(words[1])
			var path *Path
			if len(words) > 2 {
				p, _ := ParsePath(words[2])
				path = &p
			}
			cleared, err := admin().Unlock(n, path)
			answer = fmt.Sprint(text(err), ", cleared ", cleared)
			m.records = nil
		case "passwd":
			n, _ := strconv.Atoi(words[1])
			answer = text(admin().SetPassword(t.Context(), n, words[2]))
			m.records = nil
		case "add":
			n, _ := strconv.Atoi(words[1])
			_, err := admin().AddUser(t.Context(), n, MayRead, words[2])
			answer = text(err)
			m.records = nil
		case "remove":
			n, _ := strconv.Atoi(words[1])
			answer = text(admin().RemoveUser(t.Context(), n))
			m.records = nil
		case "lockouts":
			var list []string
			for _, l := range m.gate.lockouts.list(m.now()) {
				one := fmt.Sprintf("%s %s %s: %d wrong", cmp.Or(UserName(l.Account), "meter password"), l.Path, l.Medium, l.Failures)
				if l.Locked {
					one += ", locked for " + l.Remaining.String()
				}
				list = append(list, one)
			}
			answer = cmp.Or(strings.Join(list, "\n    "), "none")
		case "restart":
			m.keep(true)
			if len(words) > 1 {
				d, err := time.ParseDuration(words[1])
				if err != nil {
					t.Fatal(err)
				}
				m.clockOff += d
			}
			m.start()
			m.gate.checker.hash = count
		default:
			answer = login(words)
		}
		if answer != "" {
			fmt.Fprintln(out, "    "+answer)
		}
	}
}

// The vector that the 9410 manual (p. 46) publishes, to the letter: session timeout 30 min,
// lockout 1440 min, User1's password 11 (security.md 4.2).
func TestPublishedLockoutVector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(t, third)
		m.account(1, "11", allPermissions)
		m.set(registerCollapse, "30", registerLockout, "1440", attemptsRegister(ION), "0")
		s, start := m.client(ION, "192.0.2.1"), time.Now()
		for _, tc := range []struct {
			minute  int
			counter int
			logged  int
		}{{0, 1, 1}, {10, 1, 0}, {32, 2, 1}, {65, 3, 1}} {
			time.Sleep(time.Until(start.Add(time.Duration(tc.minute) * time.Minute)))
			_, err := s.With(t.Context(), named("User1", "23"))
			want(t, fmt.Sprintf("minute %d", tc.minute), err, CodeBadCredentials)
			list := m.gate.lockouts.list(m.now())
			if len(list) != 1 || list[0].Failures != tc.counter {
				t.Errorf("minute %d: %+v, want the counter at %d", tc.minute, list, tc.counter)
			}
			if logged := m.told(LoginWrong); logged != tc.logged {
				t.Errorf("minute %d: %d records, want %d", tc.minute, logged, tc.logged)
			}
		}
	})
}

// What is remembered of wrong logins is bounded by the accounts that there can be.
func TestLockoutsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(t, third).set(attemptsRegister(ION), "0")
		s := m.client(ION, "192.0.2.1")
		for i := range 2000 {
			_, err := s.With(t.Context(), named("name"+strconv.Itoa(i), "x"+strconv.Itoa(i%1000)))
			want(t, "a name that is no account", err, CodeBadCredentials)
			_, err = s.With(t.Context(), named("USER"+strconv.Itoa(i), "wrong"))
			want(t, "an account", err, CodeBadCredentials)
		}
		m.gate.lockouts.mu.Lock()
		defer m.gate.lockouts.mu.Unlock()
		if n := len(m.gate.lockouts.counts); n > 51 {
			t.Errorf("%d counts after 4000 wrong logins, at most 51 wanted", n)
		}
		for k, w := range m.gate.lockouts.counts {
			if len(w.recent) > recentPairs {
				t.Errorf("%+v remembers %d pairs, at most %d", k, len(w.recent), recentPairs)
			}
		}
	})
}

// What is known to be right does not let in while the account is locked: not on the same
// connection, and not where the lock came while the password was checked.
func TestLockoutHoldsForWhatIsRight(t *testing.T) {
	bubble(t, third, func(t *testing.T, m *meter) {
		m.set(attemptsRegister(ION), "1")
		s, again := m.client(ION, "192.0.2.1"), named("USER2", "two")
		one, err := s.With(t.Context(), again)
		want(t, "before", err, "")
		_, err = m.client(ION, "192.0.2.2").With(t.Context(), named("USER2", "wrong"))
		want(t, "the wrong one that locks", err, CodeBadCredentials)
		m.told(LoginLocked)
		for range 2 {
			_, err = s.With(t.Context(), again)
			want(t, "the same connection, locked", err, CodeBadCredentials)
		}
		if n := m.told(LoginLocked); n != 1 {
			t.Errorf("the log was told %d times, want once", n)
		}
		time.Sleep(15 * time.Minute)
		same, err := s.With(t.Context(), again)
		want(t, "after it", err, "")
		if same != one {
			t.Error("the session of before is not known again")
		}
	})
	bubble(t, third, func(t *testing.T, m *meter) {
		m.set(attemptsRegister(ION), "1")
		m.gate.checker.hash = newBench().hashing
		wrong := m.client(ION, "192.0.2.2")
		go func() { _, _ = wrong.With(t.Context(), named("USER2", "wrong")) }()
		time.Sleep(cost / 2)
		_, err := m.client(ION, "192.0.2.1").With(t.Context(), named("USER2", "two"))
		want(t, "right, and locked meanwhile", err, CodeBadCredentials)
		if m.told(LoginLocked) != 1 || m.told(LoginRight) != 0 {
			t.Error("the log does not tell that it was locked")
		}
	})
}

// A password that is changed while it is checked is the old one.
func TestPasswordChangedWhileItIsChecked(t *testing.T) {
	bubble(t, third, func(t *testing.T, m *meter) {
		m.gate.checker.hash = newBench().hashing
		go func() {
			time.Sleep(cost / 2)
			m.mu.Lock()
			defer m.mu.Unlock()
			m.account(2, "new", allPermissions)
			m.set()
		}()
		_, err := m.client(ION, "192.0.2.1").With(t.Context(), named("USER2", "two"))
		want(t, "the old one", err, CodeBadCredentials)
	})
}

// A password change ends the account's sessions at once, forgets that the old password was
// right, and the changer goes on where it has a session that lasts (F17).
func TestPasswordChangeCutsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(t, third)
		m.account(2, "old", MayRead)
		m.set()
		stateless, lasting := m.as(ION, named("USER2", "old")), m.client(Web, "192.0.2.7")
		lasting, err := lasting.Login(t.Context(), named("USER2", "old"), time.Hour)
		want(t, "login", err, "")
		view, err := stateless.Registers(Readings)
		want(t, "view", err, "")
		want(t, "own password", lasting.SetPassword(t.Context(), 2, "new"), "")
		if _, err := view.Snapshot(); err == nil {
			t.Error("a view of before the change still reads")
		}
		_, err = stateless.Registers(Readings)
		want(t, "the session of before", err, Code(ErrClosed.Error()))
		_, err = lasting.Registers(Readings)
		want(t, "who changed it", err, "")
		_, err = m.client(ION, "192.0.2.8").With(t.Context(), named("USER2", "old"))
		want(t, "the old password", err, CodeBadCredentials)
		m.as(ION, named("user2", "new"))
	})
}

// Who has changed his password changes it again, and again: the session that holds by the
// one before is not ended by giving another (F17).
func TestPasswordChangedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(t, third)
		m.account(2, "old", MayRead)
		m.set()
		lasting, err := m.client(Web, "192.0.2.7").Login(t.Context(), named("USER2", "old"), time.Hour)
		want(t, "login", err, "")
		for _, password := range []string{"one", "two", "three"} {
			want(t, password, lasting.SetPassword(t.Context(), 2, password), "")
		}
		want(t, "who changed it", lasting.Use(), "")
		m.as(ION, named("user2", "three"))
	})
}

// Stay is for what goes on by itself: it does not keep the session that asks for it.
func TestStayingIsNotUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(t, third)
		m.account(2, "two", MayRead)
		m.set()
		lasting, err := m.client(Web, "192.0.2.7").Login(t.Context(), named("USER2", "two"), 10*time.Minute)
		want(t, "login", err, "")
		for range 2 {
			time.Sleep(4 * time.Minute)
			_, err := lasting.Stay()
			want(t, "stay", err, "")
		}
		time.Sleep(4 * time.Minute)
		_, err = lasting.Stay()
		want(t, "after ten minutes", err, CodeSessionEnded)
	})
}
