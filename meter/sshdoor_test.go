package meter

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pkg/sftp"
	gossh "golang.org/x/crypto/ssh"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/access/rules"
	"github.com/hepmeter/hepmeter/access/rules/ruletest"
)

// sshProbe is a command of the terminal that can be given again and again.
type sshProbe struct {
	ops     []access.Operation // in the order in which they are decided
	command string
	input   string
	// beyond is what the meter answers behind the gate where it does not simply do it.
	beyond access.Code
}

// sshProbes are all commands that need a right, each in a way that leaves the meter's
// security as it is. The first of each operation is given under every set of permissions,
// the others under those of telling.
func sshProbes() []sshProbe {
	of := func(ops ...access.Operation) []access.Operation { return ops }
	read, log, secret, admin := of(access.ReadMeasurement), of(access.ReadLog), of(access.ReadSecurity), of(access.AdministerSecurity)
	return []sshProbe{
		{read, "read Power Meter/Vln a", "", ""},
		{log, "logs", "", ""},
		{secret, "read Security Options/Security Mode", "", ""},
		{admin, "accounts set USER9 +read", "", access.CodeNoSuchAccount},
		{of(access.ChangeOwnPassword), "password", "too long for a rule\n", access.CodePasswordRule},
		{of(access.AccessFactory), "factory open 0", "", access.CodeBadValue},
		{of(access.RestartMeter), "restart --yes", "", ""},

		{read, "status", "", ""},
		{read, "network", "", ""},
		{of(access.ReadMeasurement, access.ReadSecurity), "connections", "", ""},
		{admin, "connections end 0", "", access.CodeNotFound},
		{secret, "accounts", "", ""},
		{admin, "accounts add USER1 read --no-password", "", access.CodeAccountExists},
		{admin, "accounts passwd USER9", "x\n", access.CodeNoSuchAccount},
		{admin, "accounts remove USER9", "", access.CodeNoSuchAccount},
		{admin, "accounts unlock USER9", "", access.CodeNoSuchAccount},
		{of(access.ReadSecurity, access.AdministerSecurity), "accounts unlock all", "", ""},
		{log, "log none", "", access.CodeNotFound},
		{log, "events --last 1", "", ""},
		{secret, "factory", "", ""},
		{of(access.AccessFactory), "factory close", "", access.CodeFactoryClosed},
		{admin, "confirm", "", access.CodeNothingPending},
	}
}

// sshVisitor is a client of the SSH server, which always shows a password.
type sshVisitor struct {
	kind access.CredentialKind
	user string

	address string
	told    string // by the server, before the login
	client  *gossh.Client
}

func (d *doors) sshVisitors(t *testing.T) []*sshVisitor {
	list := []*sshVisitor{{kind: access.NamedUser, user: "USER2"}, {kind: access.ModelNumber, user: d.guard.modelName}, {kind: access.PasswordOnly}}
	for _, v := range list {
		v.address = d.ssh
		t.Cleanup(v.leave)
	}
	return list
}

func (v *sshVisitor) leave() {
	if v.client != nil {
		v.client.Close()
		v.client = nil
	}
}

// refusalInWords finds the code in what people read.
var refusalInWords = regexp.MustCompile(`refused \(([a-z-]+)\)`)

// codeIn is the code of a refusal that people read, or all that they read.
func codeIn(text string) string {
	if found := refusalInWords.FindStringSubmatch(text); found != nil {
		return found[1]
	}
	return strings.TrimSpace(text)
}

// enter logs in where that was not done, and returns what it was answered.
func (v *sshVisitor) enter() string {
	if v.client != nil {
		return rules.Allow
	}
	v.told = ""
	var err error
	v.client, err = gossh.Dial("tcp", v.address, &gossh.ClientConfig{User: v.user, Auth: []gossh.AuthMethod{gossh.Password("0")}, HostKeyCallback: gossh.InsecureIgnoreHostKey(),
		BannerCallback: func(text string) error { v.told += text; return nil }})
	switch {
	case err == nil:
		return rules.Allow
	case refusalInWords.MatchString(v.told):
		return codeIn(v.told)
	case strings.Contains(err.Error(), "unable to authenticate"):
		return string(access.CodeBadCredentials) // which a client is not told of in words
	}
	return err.Error()
}

// run gives a command, and returns the answer in the words of the table, and what it wrote.
func (v *sshVisitor) run(command, input string) (answer, out string) {
	session, err := v.client.NewSession()
	if err != nil {
		return err.Error(), ""
	}
	defer session.Close()
	var stdout, stderr bytes.Buffer
	session.Stdin, session.Stdout, session.Stderr = strings.NewReader(input), &stdout, &stderr
	if err := session.Run(command); err != nil {
		return cmp.Or(codeIn(stderr.String()), err.Error()), stdout.String()
	}
	return rules.Allow, stdout.String()
}

// notServed begins what a client is told to whom a door is no door: it names no code.
const notServed = "the terminal is not served"

// throughSSH gives all commands under all sets of permissions.
func (d *doors) throughSSH(t *testing.T, mode access.Mode) {
	d.nobodyThroughSSH(t)
	list, visitors := sshProbes(), d.sshVisitors(t)
	d.forAll(t, mode, access.SSH, func(asked rules.Asked, telling bool) {
		var running sync.WaitGroup
		for _, v := range visitors {
			running.Go(func() { d.visitTerminal(t, v, asked, list, telling) })
		}
		running.Wait()
	})
}

// forAll puts the sets of permissions in force, one after the other.
func (d *doors) forAll(t *testing.T, mode access.Mode, path access.Path, do func(asked rules.Asked, telling bool)) {
	for _, set := range doorSets(mode) {
		asked := d.under(mode, path, set, "")
		d.set(t, &asked)
		do(asked, ruletest.Telling(set))
		d.enough(t)
	}
}

// admitted logs in, and reports whether there is more to try.
func (d *doors) admitted(t *testing.T, v *sshVisitor, asked rules.Asked) bool {
	want := d.atLogin(asked, v.kind)
	if want == string(access.CodeNotInThisFirmware) { // file transfer is there, so that there is a login
		files := asked
		files.Path = access.SFTP.String()
		want = d.atLogin(files, v.kind)
	}
	if want != rules.Allow {
		v.leave()
	}
	got := v.enter()
	d.judged(t, asked, v.kind, "login", want, got)
	return got == rules.Allow
}

// visitTerminal is one user of the terminal under one set of permissions.
func (d *doors) visitTerminal(t *testing.T, v *sshVisitor, asked rules.Asked, list []sshProbe, telling bool) {
	d.cases.ssh.Add(1)
	if !d.admitted(t, v, asked) {
		return
	}
	d.whoami(t, v, asked)
	seen := map[access.Operation]bool{}
	for i := range list {
		p := &list[i]
		first := !seen[last(p.ops)]
		seen[last(p.ops)] = true
		if !first && !telling || asked.Generation == "2.x" && !(first && telling) {
			continue // a firmware without a terminal wants a login for each no
		}
		want := d.expected(asked, v.kind, p.ops)
		got, _ := v.run(p.command, p.input)
		switch {
		case got == string(p.beyond) && p.beyond != "":
			got = rules.Allow
		case strings.HasPrefix(got, notServed):
			got = string(access.CodeNotInThisFirmware)
			v.leave() // a connection is for one purpose, and this one was for none
			v.enter()
		}
		d.cases.ssh.Add(1)
		d.judged(t, asked, v.kind, p.command, want, got)
	}
}

// whoami compares what a user is told that he may with the whole table.
func (d *doors) whoami(t *testing.T, v *sshVisitor, asked rules.Asked) {
	answer, out := v.run("whoami", "")
	if asked.Generation == "2.x" { // which the commands say
		v.leave()
		v.enter()
		return
	}
	_, may, _ := strings.Cut(out, "you may")
	told := map[string]bool{}
	for op := range strings.SplitSeq(may, ",") {
		told[strings.TrimSpace(op)] = answer == rules.Allow
	}
	d.tells(t, asked, v.kind, "whoami", told, &d.cases.ssh)
}

// sftpProbe is a request of file transfer. Its path is told with a refusal.
type sftpProbe struct {
	op   access.Operation
	path string
	do   func(c *sftp.Client, path string) error
}

// ownFile is the meter's own, which nobody removes.
const ownFile = "/template/current.txt"

// sftpProbes are all that file transfer can ask for, on paths that differ.
func sftpProbes() []sftpProbe {
	list := func(c *sftp.Client, path string) error { _, err := c.ReadDir(path); return err }
	stat := func(c *sftp.Client, path string) error { _, err := c.Stat(path); return err }
	room := func(c *sftp.Client, path string) error { _, err := c.StatVFS(path); return err }
	get := func(c *sftp.Client, path string) error {
		f, err := c.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := f.Read(make([]byte, 100)); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		return nil
	}
	put := func(c *sftp.Client, path string) error {
		f, err := c.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
		if err != nil {
			return err
		}
		_, err = f.Write([]byte("x"))
		return errors.Join(err, f.Close())
	}
	return []sftpProbe{
		{access.ReadFile, "/documents", list},
		{access.ReadLog, "/logs", list},
		{access.ReadSecurity, "/snapshot", list},
		{access.WriteFile, "/documents/older", func(c *sftp.Client, path string) error { return c.Rename(path, "/documents/newer") }},

		{access.WriteFile, ownFile, (*sftp.Client).Remove},
		{access.WriteFile, "/documents/proof", put},
		{access.WriteFile, "/documents/old", func(c *sftp.Client, path string) error { return c.PosixRename(path, "/documents/new") }},
		{access.ReadFile, "/", list},
		{access.ReadFile, "/documents/nothing", stat},
		{access.ReadFile, "/documents/missing", get},
		{access.ReadFile, ownFile, get},
		{access.ReadFile, "/template", room},
		{access.ReadLog, "/logs/events.csv", get},
		{access.ReadLog, "/logs/none.csv", stat},
		{access.ReadSecurity, "/snapshot/none", get},
		{access.ReadSecurity, "/snapshot/nothing", stat},
	}
}

// transfer is file transfer with what the server tells beside its answers, by path.
type transfer struct {
	*sftp.Client
	session *gossh.Session

	mu    sync.Mutex
	told  map[string]string
	fresh chan struct{}
}

// transfer begins one on the visitor's connection.
func (v *sshVisitor) transfer() (*transfer, error) {
	session, err := v.client.NewSession()
	if err != nil {
		return nil, err
	}
	in, err1 := session.StdinPipe()
	out, err2 := session.StdoutPipe()
	words, err3 := session.StderrPipe()
	if err := errors.Join(err1, err2, err3, session.RequestSubsystem("sftp")); err != nil {
		session.Close()
		return nil, err
	}
	f := &transfer{session: session, told: map[string]string{}, fresh: make(chan struct{}, 1)}
	go f.listen(words)
	if f.Client, err = sftp.NewClientPipe(out, in); err != nil {
		session.Close()
	}
	return f, err
}

// listen notes what the server tells.
func (f *transfer) listen(words io.Reader) {
	for lines := bufio.NewScanner(words); lines.Scan(); {
		quoted, text, _ := strings.Cut(lines.Text(), ": ")
		path := strings.Trim(quoted, `"`)
		f.mu.Lock()
		if _, known := f.told[path]; !known {
			f.told[path] = text
		}
		f.mu.Unlock()
		select {
		case f.fresh <- struct{}{}:
		default:
		}
	}
}

// why is what the server tells of a path.
func (f *transfer) why(path string) string {
	for enough := time.After(10 * time.Second); ; {
		f.mu.Lock()
		text, known := f.told[path]
		f.mu.Unlock()
		if known {
			return codeIn(text)
		}
		select {
		case <-f.fresh:
		case <-enough:
			return "no word of why"
		}
	}
}

func (f *transfer) end() {
	f.Client.Close()
	f.session.Close()
}

// throughSFTP asks for all that file transfer has, under all sets of permissions.
func (d *doors) throughSFTP(t *testing.T, mode access.Mode) {
	list, visitors := sftpProbes(), d.sshVisitors(t)
	d.forAll(t, mode, access.SFTP, func(asked rules.Asked, telling bool) {
		var running sync.WaitGroup
		for _, v := range visitors {
			running.Go(func() { d.visitFiles(t, v, asked, list, telling) })
		}
		running.Wait()
	})
}

// visitFiles is one user of file transfer under one set of permissions.
func (d *doors) visitFiles(t *testing.T, v *sshVisitor, asked rules.Asked, list []sftpProbe, telling bool) {
	d.cases.sftp.Add(1)
	if !d.admitted(t, v, asked) {
		return
	}
	f, err := v.transfer()
	if err != nil {
		d.judged(t, asked, v.kind, "file transfer", rules.Allow, err.Error())
		return
	}
	defer f.end()
	seen := map[access.Operation]bool{}
	for i := range list {
		p := &list[i]
		first := !seen[p.op]
		seen[p.op] = true
		if !first && !telling {
			continue
		}
		want, got := d.expected(asked, v.kind, []access.Operation{p.op}), rules.Allow
		if err := p.do(f.Client, p.path); err != nil && !errors.Is(err, os.ErrNotExist) { // which only who may is told
			got = f.why(p.path)
		}
		if strings.HasSuffix(got, "is made by the meter") { // behind the gate
			got = rules.Allow
		}
		d.cases.sftp.Add(1)
		d.judged(t, asked, v.kind, p.path, want, got)
	}
}

// nobodyThroughSSH: the protocol knows no client that shows nothing.
func (d *doors) nobodyThroughSSH(t *testing.T) {
	conn, err := net.Dial("tcp", d.ssh)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, _, _, err := gossh.NewClientConn(conn, d.ssh, &gossh.ClientConfig{User: "USER2", HostKeyCallback: gossh.InsecureIgnoreHostKey()}); err == nil {
		t.Error("a client that shows no password is let in")
	}
}
