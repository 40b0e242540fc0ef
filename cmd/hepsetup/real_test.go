package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/setup"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

// programs are the tool and a meter, built the way they are shipped.
type programs struct{ tool, meter string }

// programsDir is where they are built; TestMain sets it.
var programsDir string

// built builds both programs, once for all tests that need them.
var built = sync.OnceValues(func() (p programs, err error) {
	p.tool, p.meter = filepath.Join(programsDir, "hepsetup"), filepath.Join(programsDir, "hepmeter")
	for binary, source := range map[string]string{p.tool: ".", p.meter: "../hepmeter"} {
		build := exec.Command("go", "build", "-o", binary, source)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return p, err
		}
	}
	return p, nil
})

func TestMain(m *testing.M) {
	var err error
	if programsDir, err = os.MkdirTemp("", "hepsetup-test-"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(programsDir)
	os.Exit(code)
}

// site is a real meter, as a process, and the tool beside it.
type site struct {
	programs
	addr, data string
	endpoints  map[string]string
	meter      *exec.Cmd
	exited     chan struct{}
}

// startSite runs a fresh meter until the test ends.
func startSite(t *testing.T, args ...string) *site {
	t.Helper()
	p, err := built()
	if err != nil {
		t.Fatalf("the programs do not build: %v", err)
	}
	s := &site{programs: p, data: filepath.Join(t.TempDir(), "data")}
	s.start(t, args...)
	return s
}

func (s *site) start(t *testing.T, args ...string) {
	t.Helper()
	readyFile := filepath.Join(t.TempDir(), "ready.json")
	args = append([]string{"run", "--data", s.data, "--port", "ion=0", "--port", "modbus=0", "--port", "modbus-rtu-tcp=0", "--port", "http=0", "--port", "https=0", "--port", "ssh=0", "--port", "ethergate1=0", "--port", "ethergate2=0", "--ready", readyFile}, args...)
	s.meter = exec.Command(s.programs.meter, args...)
	var said bytes.Buffer
	s.meter.Stderr = &said
	if err := s.meter.Start(); err != nil {
		t.Fatal(err)
	}
	meter, exited := s.meter, make(chan struct{})
	s.exited = exited
	go func() {
		_ = meter.Wait()
		close(exited)
	}()
	t.Cleanup(func() {
		_ = meter.Process.Kill()
		<-exited
	})
	var ready struct {
		Endpoints map[string]string `json:"endpoints"`
	}
	eventually(t, "the meter serves", func() bool {
		select {
		case <-exited:
			t.Fatalf("the meter ended: %s", &said)
		default:
		}
		text, err := os.ReadFile(readyFile)
		return err == nil && json.Unmarshal(text, &ready) == nil
	})
	s.endpoints = ready.Endpoints
	if s.addr = ready.Endpoints["ion"]; s.addr == "" {
		t.Fatalf("the meter serves no object protocol: %v", ready.Endpoints)
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	within(t, 30*time.Second, what, condition)
}

// within waits for a condition for as long as it may take.
func within(t *testing.T, limit time.Duration, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came about that %s", what)
		}
	}
}

// answer is what one run of the tool gave.
type answer struct {
	t    *testing.T
	line string
	exit int
	envelope
	raw    json.RawMessage
	stderr string
}

// as is who runs the tool: a user, a password, a new password. An empty password is none.
type as struct{ user, password, new string }

var factoryUser1 = as{password: "0"}

// command is a command line of the tool with ADDR filled in.
func (s *site) command(who as, line ...string) *exec.Cmd {
	args := []string{"--json"}
	if who.user != "" {
		args = append(args, "--user", who.user)
	}
	for _, word := range line {
		if word == "ADDR" {
			word = s.addr
		}
		args = append(args, word)
	}
	cmd := exec.Command(s.tool, args...)
	cmd.Env = append(os.Environ(), "HEPSETUP_PASSWORD="+who.password, "HEPSETUP_NEW_PASSWORD="+who.new)
	return cmd
}

// run runs the tool and reads its one object.
func (s *site) run(t *testing.T, who as, line ...string) answer {
	t.Helper()
	cmd := s.command(who, line...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	a := answer{t: t, line: strings.Join(line, " "), exit: cmd.ProcessState.ExitCode(), stderr: errs.String()}
	var read struct {
		OK     *bool           `json:"ok"`
		Code   string          `json:"code"`
		Reason string          `json:"reason"`
		Remedy string          `json:"remedy"`
		Result json.RawMessage `json:"result"`
	}
	d := json.NewDecoder(&out)
	if jsonErr := d.Decode(&read); jsonErr != nil || read.OK == nil || d.More() {
		t.Fatalf("%s: not one JSON object (%v, %v): %s%s", a.line, jsonErr, err, out.String(), a.stderr)
	}
	a.envelope, a.raw = envelope{*read.OK, read.Code, read.Reason, read.Remedy, nil}, read.Result
	if a.OK != (a.exit == 0) {
		t.Errorf("%s: exit %d with ok %v", a.line, a.exit, a.OK)
	}
	for _, secret := range []string{who.password, who.new} {
		if len(secret) > 3 && strings.Contains(out.String()+a.stderr+a.Reason+a.Remedy+string(a.raw), secret) {
			t.Errorf("%s: a password is in what the tool says: %s", a.line, a.raw)
		}
	}
	return a
}

// done fails the test unless the tool did it.
func (a answer) done() answer {
	a.t.Helper()
	if !a.OK {
		a.t.Fatalf("%s: exit %d, %s: %s; %s\n%s", a.line, a.exit, a.Code, a.Reason, a.Remedy, a.stderr)
	}
	return a
}

// refused fails the test unless the tool ended with an exit code and a reason code.
func (a answer) refused(exit int, code string) answer {
	a.t.Helper()
	if a.exit != exit || a.Code != code {
		a.t.Errorf("%s: exit %d, %s (%s), want %d, %s", a.line, a.exit, a.Code, a.Reason, exit, code)
	}
	if a.Reason == "" || a.Remedy == "" {
		a.t.Errorf("%s: reason %q, remedy %q", a.line, a.Reason, a.Remedy)
	}
	return a
}

func result[T any](a answer) (v T) {
	a.t.Helper()
	if err := json.Unmarshal(a.done().raw, &v); err != nil {
		a.t.Fatalf("%s: %v: %s", a.line, err, a.raw)
	}
	return v
}

func (s *site) security(t *testing.T, who as) setup.Security {
	t.Helper()
	return result[setup.Security](s.run(t, who, "security", "show", "ADDR"))
}

// read returns values by label, as JSON has them; without names the overview.
func (s *site) read(t *testing.T, who as, names ...string) map[string]any {
	t.Helper()
	list := result[struct {
		Values []struct {
			Register string
			Value    any
		}
	}](s.run(t, who, append([]string{"read", "ADDR"}, names...)...))
	values := map[string]any{}
	for _, v := range list.Values {
		values[v.Register] = v.Value
	}
	return values
}

// administrator makes USER2, who may do everything.
func (s *site) administrator(t *testing.T) as {
	t.Helper()
	s.run(t, as{password: "0", new: "271828"}, "users", "add", "ADDR", "USER2", "--grant", "all").done()
	return as{user: "USER2", password: "271828"}
}

// client is another program's connection, under its own name.
func (s *site) client(t *testing.T, name, version string) *ionp.Client {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	c := ionp.NewClient(conn, ionp.ClientOptions{})
	t.Cleanup(func() { c.Close() })
	if _, err := c.Hello(context.Background(), ionp.HelloRequest{ClientName: name, ClientVersion: version}); err != nil {
		t.Fatal(err)
	}
	return c
}

const ptPrim = "Power Meter/PT Prim"

// F10: a meter as it left the factory.
func TestF10Factory(t *testing.T) {
	s := startSite(t)
	security := s.security(t, factoryUser1)
	if security.Mode != setup.ModeLSS || len(security.Accounts) != 1 || security.Generation != "3.x" {
		t.Fatalf("mode %s, generation %s, accounts %+v", security.Mode, security.Generation, security.Accounts)
	}
	if u := security.Accounts[0]; u.Name != "USER1" || !slices.Equal(u.Effective, setup.PermissionWords()) || u.Password != "numeric" {
		t.Errorf("%+v", u)
	}
	s.run(t, as{user: "USER1", password: "0"}, "users", "list", "ADDR").done()
	s.run(t, as{user: "user1", password: "1"}, "users", "list", "ADDR").refused(3, "bad-credentials")
}

// F8: the 2.x rules on a path that carries credentials.
func TestF8Generation2(t *testing.T) {
	s := startSite(t, "--firmware", "2.1.0")
	nobody, password := as{}, as{password: "0"}
	read := func(who as) answer { return s.run(t, who, "read", "ADDR", ptPrim) }
	write := func(who as, value string) answer { return s.run(t, who, "write", "ADDR", ptPrim+"="+value) }

	// Standard: anonymous reads, the password writes.
	read(nobody).done()
	write(nobody, "400").refused(3, "credentials-needed")
	write(as{password: "9"}, "400").refused(3, "bad-credentials")
	write(password, "400").done()
	if mode := s.security(t, password).Mode; mode != setup.ModeStandard {
		t.Errorf("mode %s", mode)
	}

	// The meter password is changed by whoever knows it; it has digits only.
	s.run(t, as{password: "0", new: "a4711"}, "users", "passwd", "ADDR").refused(5, "password-rule")
	s.run(t, as{password: "0", new: "24680"}, "users", "passwd", "ADDR").done()
	write(password, "401").refused(3, "bad-credentials")
	password = as{password: "24680"}

	// None: open.
	s.run(t, password, "security", "mode", "ADDR", "none").done()
	read(nobody).done()
	write(nobody, "401").done()

	// Advanced: user and password for either.
	s.run(t, as{password: "24680", new: "271828"}, "users", "add", "ADDR", "--grant", "all").done()
	s.run(t, password, "security", "mode", "ADDR", "advanced").done()
	read(nobody).refused(3, "user-needed")
	read(password).refused(3, "user-needed")
	named := as{user: "USER1", password: "271828"}
	read(named).done()
	write(named, "402").done()

	// What 2.x does not have is known before anything is sent.
	s.run(t, named, "security", "legacy", "ADDR", "on").refused(5, "not-in-this-firmware")
}

// F9: under LSS, who gives no name acts as User1: reading is free, the rest needs the
// password; none is not 0; a wrong one counts against User1.
func TestF9LegacySupport(t *testing.T) {
	s := startSite(t)
	write := func(who as, value string) answer { return s.run(t, who, "write", "ADDR", ptPrim+"="+value) }
	s.run(t, as{}, "read", "ADDR", ptPrim).done()
	write(as{}, "400").refused(3, "credentials-needed")
	write(as{password: "12"}, "400").refused(3, "bad-credentials")
	write(factoryUser1, "400").done()
	if got := s.read(t, as{}, "pt prim"); got[ptPrim] != 400.0 {
		t.Errorf("%v", got)
	}
	admin := s.administrator(t)
	s.run(t, admin, "users", "set", "ADDR", "USER1", "--revoke", "config").done()
	write(factoryUser1, "401").refused(3, "no-permission")
	s.run(t, admin, "users", "set", "ADDR", "USER1", "--revoke", "read").done()
	s.run(t, as{}, "read", "ADDR", ptPrim).refused(3, "no-permission")
}

// A wrong password without a name is counted against User1, and locks it.
func TestF9WrongPasswordsLockUser1(t *testing.T) {
	s := startSite(t)
	admin := s.administrator(t)
	for _, wrong := range []string{"11", "12", "13", "14", "15"} {
		s.run(t, as{password: wrong}, "users", "list", "ADDR").refused(3, "bad-credentials")
	}
	s.run(t, factoryUser1, "users", "list", "ADDR").refused(3, "bad-credentials")
	locked := slices.ContainsFunc(s.security(t, admin).Lockouts, func(l setup.Lockout) bool {
		return l.User == "USER1" && l.Locked && l.RemainingS > 0 && l.Path == "ion"
	})
	if !locked {
		t.Errorf("%+v", s.security(t, admin).Lockouts)
	}
	s.run(t, admin, "users", "unlock", "ADDR", "USER1").done()
	s.run(t, factoryUser1, "users", "list", "ADDR").done()
}

// F16: nobody changes the permissions of his own account, or deletes it, by any route.
func TestF16OwnAccount(t *testing.T) {
	s := startSite(t)
	admin := s.administrator(t)
	for _, who := range []as{factoryUser1, {user: "USER1", password: "0"}} {
		s.run(t, who, "users", "set", "ADDR", "USER1", "--revoke", "config").refused(3, "own-account")
		s.run(t, who, "users", "remove", "ADDR", "USER1").refused(3, "own-account")
	}
	s.run(t, admin, "users", "set", "ADDR", "USER2", "--revoke", "comm").refused(3, "own-account")
	s.run(t, admin, "write", "ADDR", "Security User 2/Comm Config Access=OFF").refused(3, "own-account")
	s.run(t, admin, "modules", "delete", "ADDR", "Security User 2").refused(3, "own-account")

	dir := t.TempDir()
	file := filepath.Join(dir, "security.txt")
	s.run(t, admin, "security", "export", "ADDR", "--out", file).done()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	less := strings.Replace(string(text), "account USER2 = read,reset,time,config,test,security,comm", "account USER2 = read,security", 1)
	if less == string(text) {
		t.Fatalf("the security file has no line of USER2:\n%s", text)
	}
	if err := os.WriteFile(file, []byte(less), 0o600); err != nil {
		t.Fatal(err)
	}
	s.run(t, admin, "security", "apply", "ADDR", file).refused(3, "own-account")
	s.run(t, admin, "security", "apply", "ADDR", file, "--dry-run").refused(3, "own-account")
	s.run(t, factoryUser1, "security", "apply", "ADDR", file).done()

	// A restore is no way around it either: the backup has USER2 with less.
	saved := filepath.Join(dir, "meter.backup")
	s.run(t, factoryUser1, "backup", "ADDR", "--out", saved).done()
	s.run(t, factoryUser1, "users", "set", "ADDR", "USER2", "--grant", "config").done()
	if done := result[setup.Restored](s.run(t, admin, "restore", "ADDR", saved)); len(done.Left) != 1 || !strings.HasPrefix(done.Left[0], "USER2: keeps ") {
		t.Errorf("%+v", done)
	}
	if u, _ := s.security(t, factoryUser1).Account(2); !slices.Contains(u.Boxes, "config") {
		t.Errorf("USER2 has changed his own permissions to %v", u.Boxes)
	}
	s.run(t, factoryUser1, "restore", "ADDR", saved).done()

	for _, u := range s.security(t, factoryUser1).Accounts {
		if u.Number == 1 && !slices.Equal(u.Boxes, setup.PermissionWords()) || u.Number == 2 && !slices.Equal(u.Boxes, []string{"read", "security"}) {
			t.Errorf("%+v", u)
		}
	}
}

// The number of those who may change security never reaches zero.
func TestTheLastAdministratorStays(t *testing.T) {
	s := startSite(t)
	s.run(t, as{password: "0", new: "4711"}, "users", "add", "ADDR", "USER3", "--grant", "read").done()
	s.run(t, factoryUser1, "users", "remove", "ADDR", "USER1").refused(3, "own-account")
	admin := s.administrator(t)
	s.run(t, admin, "users", "remove", "ADDR", "USER1").done()
	s.run(t, admin, "users", "remove", "ADDR", "USER2").refused(3, "own-account")
}

// F17: everyone changes the password of his own account.
func TestF17OwnPassword(t *testing.T) {
	s := startSite(t)
	for number, grant := range map[string]string{"USER3": "read", "USER4": "none"} {
		s.run(t, as{password: "0", new: "314159"}, "users", "add", "ADDR", number, "--grant", grant).done()
		s.run(t, as{number, "314159", "161803"}, "users", "passwd", "ADDR").done()
		s.run(t, as{number, "314159", "99999"}, "users", "passwd", "ADDR").refused(3, "bad-credentials")
		s.run(t, as{number, "161803", "99999"}, "users", "passwd", "ADDR", "USER1").refused(3, "no-permission")
	}
	s.run(t, as{password: "0", new: "5772"}, "users", "passwd", "ADDR").done()
	s.run(t, as{password: "5772"}, "users", "list", "ADDR").done()
}

// F19: the rule that is broken is told before anything is sent; the meter holds it, too.
func TestF19PasswordRule(t *testing.T) {
	s := startSite(t)
	for _, password := range []string{"12345678", "0A123", "#A134", "01234$", "A^@g5", "4711"} {
		s.run(t, as{password: "0", new: password}, "users", "add", "ADDR", "USER9").done()
		s.run(t, as{user: "USER9", password: password}, "read", "ADDR", ptPrim).done()
		s.run(t, factoryUser1, "users", "remove", "ADDR", "USER9").done()
	}
	for _, password := range []string{"123456789", "012345", "abcdefg", "a b", "pässwd"} {
		s.run(t, as{password: "0", new: password}, "users", "add", "ADDR", "USER9").refused(5, "password-rule")
		_, err := ionp.Do(context.Background(), s.client(t, "test", "1"), ionp.Identity{Credential: ionp.PasswordOnly("0")}, ionp.UserAdd, ionp.UserAddRequest{Number: 9, Permissions: []string{"read"}, Password: ionp.Secret(password)})
		if refusal, ok := err.(*ionp.Refusal); !ok || refusal.Code != "password-rule" {
			t.Errorf("%q: the meter says %v", password, err)
		}
	}
}

// F20: letters in User1's password are taken, and who is cut off is named before.
func TestF20WhoIsCutOff(t *testing.T) {
	s := startSite(t)
	old := s.client(t, "OldSCADA", "7.1")
	label := "400"
	if _, err := ionp.Do(context.Background(), old, ionp.Identity{Credential: ionp.PasswordOnly("0")}, ionp.Write, ionp.WriteRequest{Changes: []ionp.Change{{Label: ptPrim, Text: &label}}}); err != nil {
		t.Fatal(err)
	}
	a := s.run(t, as{password: "0", new: "a4711"}, "users", "passwd", "ADDR", "USER1").done()
	if !strings.Contains(a.stderr, "OldSCADA 7.1") || !strings.Contains(a.stderr, "127.0.0.1") || !strings.Contains(a.stderr, "digits only") {
		t.Errorf("the warning is %q", a.stderr)
	}
	s.run(t, as{password: "a4711"}, "users", "list", "ADDR").done()
	if a := s.run(t, as{password: "a4711", new: "4711"}, "users", "passwd", "ADDR", "USER1").done(); a.stderr != "" {
		t.Errorf("a number warns: %q", a.stderr)
	}
}

// Three legacy clients are named, a fourth with an account is safe.
func TestAssessNamesLegacyClients(t *testing.T) {
	s := startSite(t)
	s.run(t, as{password: "0", new: "4711"}, "users", "add", "ADDR", "USER3").done()
	read := ionp.ReadRequest{Labels: []string{"Power Meter/Vln a"}}
	begun := time.Now().Add(-time.Second)
	for _, client := range []struct {
		name string
		who  ionp.Identity
	}{{"PollerA", ionp.Identity{}}, {"PollerB", ionp.Identity{}}, {"WriterC", ionp.Identity{Credential: ionp.PasswordOnly("0")}}, {"NewEMS", ionp.Identity{Credential: ionp.NamedUser("USER3", "4711")}}} {
		if _, err := ionp.Do(context.Background(), s.client(t, client.name, "2.4"), client.who, ionp.Read, read); err != nil {
			t.Fatalf("%s: %v", client.name, err)
		}
	}
	a := result[setup.Assessment](s.run(t, factoryUser1, "security", "assess", "ADDR"))
	var legacy, safe []string
	for _, u := range a.Legacy {
		if u.You {
			continue
		}
		legacy = append(legacy, u.Client)
		if u.Path != "ion" || u.Address != "127.0.0.1" || u.Last.Before(begun) || u.ClientVersion != "2.4" {
			t.Errorf("%+v", u)
		}
	}
	for _, u := range a.Safe {
		safe = append(safe, u.Client+" "+u.User)
	}
	slices.Sort(legacy)
	if !slices.Equal(legacy, []string{"PollerA", "PollerB", "WriterC"}) || !slices.Contains(safe, "NewEMS USER3") || a.Clear {
		t.Errorf("legacy %v, safe %v, clear %v", legacy, safe, a.Clear)
	}
	s.run(t, as{password: "0", new: "271828"}, "security", "harden", "ADDR").refused(5, "legacy-in-use")
	off := s.run(t, factoryUser1, "security", "legacy", "ADDR", "off").done()
	for _, name := range legacy {
		if !strings.Contains(off.stderr, name) {
			t.Errorf("%s is not named before it is cut off: %s", name, off.stderr)
		}
	}
}

// What is asked of a meter that cannot be read says what the meter is all the same.
func TestInfoInAdvanced(t *testing.T) {
	s := startSite(t, "--model", "PM8000")
	s.run(t, factoryUser1, "security", "legacy", "ADDR", "off").done()
	a := s.run(t, as{}, "info", "ADDR").refused(3, "user-needed")
	if !strings.Contains(string(a.raw), `"model":"PM8000"`) || !strings.Contains(string(a.raw), `"takes":["user"]`) {
		t.Errorf("%s", a.raw)
	}
	s.run(t, as{user: "USER1", password: "0"}, "info", "ADDR").done()
	s.run(t, as{user: "USER1", password: "0"}, "security", "legacy", "ADDR", "on").done()
	s.run(t, as{}, "info", "ADDR").done()
}

// before is what must come back: accounts, permissions and mode.
func (s *site) before(t *testing.T, who as) string {
	t.Helper()
	return result[struct{ Text string }](s.run(t, who, "security", "export", "ADDR")).Text
}

func TestHardenAndConfirm(t *testing.T) {
	s := startSite(t)
	plan := result[setup.HardeningPlan](s.run(t, factoryUser1, "security", "harden", "ADDR", "--plan"))
	if len(plan.Steps) != 5 || plan.Administrator != "USER2" {
		t.Errorf("%+v", plan)
	}
	if s.security(t, factoryUser1).Provisional.Active {
		t.Error("--plan has begun")
	}
	s.run(t, as{password: "0", new: "271828"}, "security", "harden", "ADDR", "--confirm-within", "1m").done()
	admin := as{user: "USER2", password: "271828"}
	s.run(t, as{}, "read", "ADDR", ptPrim).refused(3, "user-needed")
	if p := s.security(t, admin).Provisional; !p.Active || p.RemainingS < 1 || p.RemainingS > 60 {
		t.Errorf("%+v", p)
	}
	s.run(t, admin, "security", "confirm", "ADDR").done()
	s.run(t, admin, "security", "confirm", "ADDR").refused(3, "nothing-pending")
	security := s.security(t, admin)
	user1, _ := security.Account(1)
	if security.Mode != setup.ModeAdvanced || !slices.Equal(user1.Boxes, []string{"read"}) || security.Provisional.Active {
		t.Errorf("mode %s, USER1 %+v", security.Mode, user1)
	}
	s.run(t, as{user: "USER2", password: "271828", new: "1"}, "security", "harden", "ADDR").refused(5, "already-hardened")
}

func TestUnconfirmedHardeningReturns(t *testing.T) {
	s := startSite(t)
	before := s.before(t, factoryUser1)
	s.run(t, as{password: "0", new: "271828"}, "security", "harden", "ADDR", "--confirm-within", "5s").done()
	eventually(t, "the meter has returned", func() bool { return s.run(t, factoryUser1, "security", "show", "ADDR").OK })
	if after := s.before(t, factoryUser1); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	s.run(t, as{user: "USER2", password: "271828"}, "info", "ADDR").refused(3, "bad-credentials")
}

// Nor does a power cut help who was cut off to stay so.
func TestUnconfirmedHardeningReturnsAfterAPowerCut(t *testing.T) {
	s := startSite(t)
	before := s.before(t, factoryUser1)
	s.run(t, as{password: "0", new: "271828"}, "security", "harden", "ADDR", "--confirm-within", "8s").done()
	if err := s.meter.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.exited
	s.start(t)
	eventually(t, "the meter has returned", func() bool { return s.run(t, factoryUser1, "security", "show", "ADDR").OK })
	if after := s.before(t, factoryUser1); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// The tool is killed after each step of harden: the meter returns by itself.
func TestHardenKilledAtEachStep(t *testing.T) {
	for step := 1; step <= 5; step++ {
		t.Run("after step "+string(rune('0'+step)), func(t *testing.T) {
			t.Parallel()
			s := startSite(t)
			before := s.before(t, factoryUser1)
			cmd := s.command(as{password: "0", new: "271828"}, "security", "harden", "ADDR", "--confirm-within", "10s")
			cmd.Env = append(cmd.Env, "HEPSETUP_STOP_AFTER="+string(rune('0'+step)))
			progress, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			reached := make(chan bool, 1)
			go func() {
				var said []byte
				buffer := make([]byte, 4096)
				for {
					n, err := progress.Read(buffer)
					said = append(said, buffer[:n]...)
					if strings.Contains(string(said), string(rune('0'+step))+". done") {
						reached <- true
						return
					}
					if err != nil {
						reached <- false
						return
					}
				}
			}()
			if !<-reached {
				t.Error("the tool ended before its step was done")
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			eventually(t, "the meter has returned", func() bool {
				a := s.run(t, factoryUser1, "security", "show", "ADDR")
				return a.OK && !result[setup.Security](a).Provisional.Active
			})
			if after := s.before(t, factoryUser1); after != before {
				t.Errorf("before:\n%s\nafter:\n%s", before, after)
			}
		})
	}
}

// An exported log is proved, and any edit of it is found.
func TestLogsVerify(t *testing.T) {
	s := startSite(t)
	s.run(t, as{}, "write", "ADDR", ptPrim+"=400").refused(3, "credentials-needed")
	s.run(t, factoryUser1, "write", "ADDR", ptPrim+"=400").done()
	file := filepath.Join(t.TempDir(), "events.jsonl")
	s.run(t, as{}, "logs", "events", "ADDR", "--out", file).done()
	info := result[setup.Info](s.run(t, as{}, "info", "ADDR"))
	v := result[setup.Verified](s.run(t, as{}, "logs", "verify", file, "--fingerprint", info.Fingerprint))
	if v.Serial != info.Serial || v.Events == 0 || !v.Compared {
		t.Errorf("%+v", v)
	}
	s.run(t, as{}, "logs", "verify", "ADDR").done()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte("USER1")) {
		t.Errorf("the log does not tell who wrote:\n%s", text)
	}
	if err := os.WriteFile(file, bytes.Replace(text, []byte("USER1"), []byte("USER2"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	s.run(t, as{}, "logs", "verify", file).refused(1, "log-edited")
}

// backedUp is a meter that was set up and has logged and counted, and its backup.
func backedUp(t *testing.T) (s *site, admin as, file string) {
	t.Helper()
	s = startSite(t)
	admin = s.administrator(t)
	s.run(t, admin, "write", "ADDR", ptPrim+"=480", "Factory/Owner=Anna").done()
	s.run(t, admin, "modules", "create", "ADDR", "Maximum", "Night peak").done()
	s.run(t, admin, "modules", "link", "ADDR", "Night peak/Source", "Power Meter/kW tot").done()
	s.run(t, as{admin.user, admin.password, "ab1"}, "users", "add", "ADDR", "USER3", "--grant", "read,time").done()
	file = filepath.Join(t.TempDir(), "meter.backup")
	s.run(t, admin, "backup", "ADDR", "--out", file).done()
	return s, admin, file
}

func TestBackupIntoANewMeter(t *testing.T) {
	s, admin, file := backedUp(t)
	twin := startSite(t)
	own := result[setup.Info](twin.run(t, as{}, "info", "ADDR"))
	theirs := result[setup.Info](s.run(t, as{}, "info", "ADDR"))
	before := twin.before(t, factoryUser1)
	dry := result[setup.Restored](twin.run(t, factoryUser1, "restore", "ADDR", file, "--into-new", "--dry-run")).Twin
	if dry == nil || dry.From != theirs.Serial || dry.Serial != own.Serial || dry.Accounts != 3 || dry.Events == 0 || dry.Logs == 0 || dry.Retained == 0 {
		t.Errorf("%+v", dry)
	}
	if after := twin.before(t, factoryUser1); after != before {
		t.Errorf("a dry run changed\n%s\nto\n%s", before, after)
	}
	twin.run(t, as{}, "restore", "ADDR", file, "--into-new").refused(3, "credentials-needed")

	done := result[setup.Restored](twin.run(t, factoryUser1, "restore", "ADDR", file, "--into-new")).Twin
	if done == nil || done.NotCompared != "" || len(done.Compared) != 6 || len(done.Differences) != 0 {
		t.Errorf("%+v", done)
	}
	if a, b := s.before(t, admin), twin.before(t, admin); a != b {
		t.Errorf("security of the two:\n%s\n%s", a, b)
	}
	if got := twin.read(t, admin, "Factory/Owner", ptPrim); got["Factory/Owner"] != "Anna" || got[ptPrim] != 480.0 {
		t.Errorf("%v", got)
	}
	twin.run(t, admin, "modules", "show", "ADDR", "Night peak").done()
	// Passwords came, and the factory's is not theirs.
	twin.run(t, as{user: "USER3", password: "ab1"}, "read", "ADDR").done()
	if now := result[setup.Info](twin.run(t, as{}, "info", "ADDR")); now.Serial != own.Serial || now.Fingerprint != own.Fingerprint || now.Fingerprint == theirs.Fingerprint {
		t.Errorf("%+v", now)
	}
	// The chain of theirs goes on, signed by the twin, and says where it comes from.
	events := filepath.Join(t.TempDir(), "events.jsonl")
	twin.run(t, as{}, "logs", "events", "ADDR", "--out", events).done()
	if v := result[setup.Verified](twin.run(t, as{}, "logs", "verify", events, "--fingerprint", own.Fingerprint)); v.Serial != own.Serial {
		t.Errorf("%+v", v)
	}
	if text, err := os.ReadFile(events); err != nil || !bytes.Contains(text, []byte("restored from a snapshot of ION9000 serial "+theirs.Serial+" made at ")) {
		t.Errorf("%v, no event tells of it:\n%s", err, text)
	}
	twin.run(t, admin, "restore", "ADDR", file, "--into-new").refused(5, "not-fresh")

	older := startSite(t, "--firmware", "2.1.0")
	older.run(t, factoryUser1, "restore", "ADDR", file, "--into-new").refused(5, "not-in-this-firmware")
	older.run(t, factoryUser1, "restore", "ADDR", file).refused(3, "not-in-this-firmware")
	other := startSite(t, "--model", "PM8000")
	other.run(t, factoryUser1, "restore", "ADDR", file, "--into-new").refused(5, "wrong-model")
}

// A plain restore brings accounts with their passwords, leaves the account that one is
// connected with as it is (F16), and counts nothing back.
func TestRestoreBringsPasswords(t *testing.T) {
	s, admin, file := backedUp(t)
	s.run(t, admin, "users", "remove", "ADDR", "USER3").done()
	s.run(t, as{admin.user, admin.password, "1111"}, "users", "passwd", "ADDR", "USER1").done()
	s.run(t, admin, "users", "set", "ADDR", "USER1", "--revoke", "time").done()
	s.run(t, admin, "write", "ADDR", "Factory/Owner=Berta").done()
	user1 := as{user: "USER1", password: "1111"}
	dry := result[setup.Restored](s.run(t, user1, "restore", "ADDR", file, "--dry-run"))
	if len(dry.Left) != 1 || !strings.HasPrefix(dry.Left[0], "USER1: keeps ") || len(dry.Without) != 0 || !slices.Contains(dry.Security, "USER1: new password") || !slices.Contains(dry.Security, "USER3: new password") {
		t.Errorf("%+v", dry)
	}
	s.run(t, user1, "restore", "ADDR", file).done()
	s.run(t, as{user: "USER1", password: "0"}, "read", "ADDR").done()
	s.run(t, as{user: "USER3", password: "ab1"}, "read", "ADDR").done()
	if a, _ := s.security(t, admin).Account(1); slices.Contains(a.Boxes, "time") {
		t.Errorf("USER1 gave himself %v", a.Boxes)
	}
	if got := s.read(t, admin, "Factory/Owner"); got["Factory/Owner"] != "Anna" {
		t.Errorf("%v", got)
	}
	events := filepath.Join(t.TempDir(), "events.jsonl")
	s.run(t, as{}, "logs", "events", "ADDR", "--out", events).done()
	if text, err := os.ReadFile(events); err != nil || !bytes.Contains(text, []byte("security file with password verifiers")) || bytes.Contains(text, []byte("argon2")) {
		t.Errorf("%v: who took the verifiers is not logged, or they are", err)
	}
}

// A meter that is killed at any moment of becoming a twin is the old one or the twin, whole.
func TestKilledWhileBecomingATwin(t *testing.T) {
	s, admin, file := backedUp(t)
	want := s.before(t, admin)
	olds, twins := 0, 0
	for i := range 12 {
		twin := startSite(t)
		fresh := twin.before(t, factoryUser1)
		tool := twin.command(factoryUser1, "restore", "ADDR", file, "--into-new")
		if err := tool.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(10+i*30) * time.Millisecond) // the moment of the kill is what varies
		_ = twin.meter.Process.Kill()
		<-twin.exited
		_ = tool.Process.Kill()
		_ = tool.Wait()
		check, err := exec.Command(twin.programs.meter, "check", twin.data).CombinedOutput()
		if err != nil || !bytes.Contains(check, []byte("sound")) {
			t.Fatalf("killed at the moment %d: %v\n%s", i, err, check)
		}
		twin.start(t)
		if a := twin.run(t, admin, "security", "export", "ADDR"); a.OK {
			twins++
			if got := twin.before(t, admin); got != want {
				t.Errorf("killed at the moment %d, half a twin:\n%s", i, got)
			}
		} else {
			olds++
			if got := twin.before(t, factoryUser1); got != fresh {
				t.Errorf("killed at the moment %d, half a meter:\n%s", i, got)
			}
		}
		_ = twin.meter.Process.Kill()
		<-twin.exited
	}
	t.Logf("%d were the old meter, %d the twin", olds, twins)
}

func TestReadings(t *testing.T) {
	s := startSite(t)
	eventually(t, "there is a voltage", func() bool {
		volts, ok := s.read(t, as{})["Power Meter/Vln a"].(float64)
		return ok && volts > 200 && volts < 260
	})
	s.run(t, as{}, "read", "ADDR", "Vln q").refused(5, "no-such-register")
	s.run(t, as{}, "read", "ADDR", "Vnl a").refused(5, "no-such-register")
	s.run(t, as{}, "watch", "ADDR", "Power Meter/Vln a", "--count", "2").done()
	s.run(t, as{}, "modules", "list", "ADDR", "Integrator").done()
	s.run(t, as{}, "modules", "list", "ADDR", "--types").done()
	s.run(t, as{}, "logs", "data", "ADDR").done()
	s.run(t, as{}, "logs", "waveforms", "ADDR").done()
	s.run(t, as{}, "logs", "gaps", "ADDR").done()
	s.run(t, as{}, "reset", "ADDR").done()
	clock := result[setup.Clock](s.run(t, as{}, "clock", "ADDR"))
	if clock.AheadS > 2 || clock.AheadS < -2 {
		t.Errorf("%+v", clock)
	}
	s.run(t, as{}, "clock", "ADDR", "--set").refused(3, "credentials-needed")
	s.run(t, factoryUser1, "clock", "ADDR", "--set").done()
	s.run(t, factoryUser1, "reset", "ADDR", "dem").done()
	s.run(t, factoryUser1, "reset", "ADDR", "nothing of the kind").refused(2, "usage")
}

func TestSyslog(t *testing.T) {
	s := startSite(t)
	s.run(t, as{}, "syslog", "test", "ADDR").refused(3, "credentials-needed")
	if a := s.run(t, factoryUser1, "syslog", "test", "ADDR").refused(3, "bad-request"); !strings.Contains(a.Remedy, "Ethernet/Syslog Transport") {
		t.Errorf("%s", a.Remedy)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	s.run(t, factoryUser1, "syslog", "trust", "ADDR", file).refused(5, "file")
	server := httptest.NewUnstartedServer(nil) // for its certificate
	server.StartTLS()
	defer server.Close()
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	s.run(t, as{}, "syslog", "trust", "ADDR", file).refused(3, "credentials-needed")
	trusted := result[struct{ Authorities []string }](s.run(t, factoryUser1, "syslog", "trust", "ADDR", file))
	if len(trusted.Authorities) != 1 || !strings.Contains(trusted.Authorities[0], "Acme") {
		t.Errorf("%+v", trusted)
	}
}

func TestSessionsAndFactory(t *testing.T) {
	s := startSite(t)
	other := s.client(t, "Poller", "1")
	list := result[struct{ Sessions []setup.Session }](s.run(t, factoryUser1, "sessions", "list", "ADDR"))
	id := ""
	for _, each := range list.Sessions {
		if strings.HasPrefix(each.Client, "Poller") {
			id = each.ID
		}
	}
	s.run(t, factoryUser1, "sessions", "end", "ADDR", id).done()
	eventually(t, "the session has ended", func() bool {
		_, err := ionp.Do(context.Background(), other, ionp.Identity{}, ionp.Info, ionp.InfoRequest{})
		return err != nil
	})
	s.run(t, as{}, "factory", "open", "ADDR").refused(3, "credentials-needed")
	s.run(t, factoryUser1, "factory", "open", "ADDR", "--minutes", "1").done()
	if f := s.security(t, factoryUser1).Factory; !f.Open || f.RemainingS > 60 {
		t.Errorf("%+v", f)
	}
	s.run(t, factoryUser1, "factory", "close", "ADDR").done()
	if s.security(t, factoryUser1).Factory.Open {
		t.Error("it is still open")
	}
}

// The template comes back as it was, and an edit of it is told before it is loaded.
func TestTemplateRoundTrip(t *testing.T) {
	s := startSite(t)
	file := filepath.Join(t.TempDir(), "site.template")
	s.run(t, as{}, "template", "save", "ADDR", file).done()
	type differences struct{ Differences []string }
	if d := result[differences](s.run(t, factoryUser1, "template", "diff", "ADDR", file)); len(d.Differences) != 0 {
		t.Errorf("%q", d.Differences)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(text, "\nMaximum | Night peak | Source <- Power Meter/kW tot\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	s.run(t, as{}, "template", "load", "ADDR", file).refused(3, "credentials-needed")
	if d := result[differences](s.run(t, factoryUser1, "template", "load", "ADDR", file)); len(d.Differences) == 0 {
		t.Error("nothing differed")
	}
	if d := result[differences](s.run(t, factoryUser1, "template", "diff", "ADDR", file)); len(d.Differences) != 0 {
		t.Errorf("%q", d.Differences)
	}
}

// The stranding guard: what might cut the tool off is confirmed over a new connection, and
// where there can be none, the tool says so and the meter takes it back.
func TestStrandingGuard(t *testing.T) {
	s := startSite(t)
	who := s.administrator(t)
	s.run(t, who, "write", "ADDR", "Ethernet/Enable SSH=OFF").done()
	witness := s.client(t, "witness", "1")
	identity := ionp.Identity{Credential: ionp.NamedUser(who.user, who.password)}
	pending := func() ionp.PendingReply {
		p, err := ionp.Do(t.Context(), witness, identity, ionp.Pending, ionp.PendingRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if p := pending(); p.Active {
		t.Errorf("after a change that leaves the tool its way in, %s waits", p.What)
	}
	s.run(t, who, "write", "ADDR", "Ethernet/Enable ION=OFF").refused(1, "cut-off")
	if p := pending(); !p.Active || p.What != "Ethernet/Enable ION" || p.By != who.user || p.RemainingSeconds < 200 {
		t.Errorf("after a change that cuts the tool off: %+v", p)
	}
	s.run(t, who, "read", "ADDR").refused(4, "not-a-meter") // it takes no new connections
	if _, err := ionp.Do(t.Context(), witness, identity, ionp.ProvisionalCancel, ionp.ProvisionalCancelRequest{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the meter takes it back", func() bool { return s.run(t, who, "read", "ADDR").OK })
	eventually(t, "its registers show it", func() bool {
		v := s.read(t, who, "Ethernet/Enable SSH", "Ethernet/Enable ION")
		return v["Ethernet/Enable SSH"] == false && v["Ethernet/Enable ION"] == true
	})
}
