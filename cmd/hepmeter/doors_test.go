package main

import (
	"bytes"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/boot"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

// doorway is a running program, and how people come to it.
type doorway struct {
	*process
	*testing.T
	binary, data string
	dir          string // of cookies, and of the host keys that ssh knows
}

// TestDoors runs the real program, and comes to it with the real curl, ssh, sftp and tmux.
func TestDoors(t *testing.T) {
	binary := buildHepmeter(t)
	for _, row := range []struct {
		name     string
		firmware string // empty for this build's
		programs []string
		test     func(*doorway)
	}{
		{"F11 redirect to HTTPS", "", []string{"curl"}, (*doorway).redirects},
		{"F14 names at the web login", "", []string{"curl"}, (*doorway).webNames},
		{"F15 names at the ssh login", "", []string{"ssh", "sftp", "sshpass"}, (*doorway).sshNames},
		{"F17 own password", "", []string{"curl", "ssh", "sftp", "sshpass"}, (*doorway).ownPasswords},
		{"F18 no password at the panel of 3.x", "", []string{"tmux"}, (*doorway).panelWithoutPassword},
		{"F18 a password at the panel of 2.x", "2.1.0", []string{"tmux"}, (*doorway).panelPassword},
		{"restart over ssh", "", []string{"ssh", "sshpass"}, (*doorway).restarts},
		{"stranding guard over the web and ssh", "", []string{"curl", "ssh", "sshpass"}, (*doorway).guards},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, program := range row.programs {
				if _, err := exec.LookPath(program); err != nil {
					t.Skipf("%s is not installed", program)
				}
			}
			dir, err := os.MkdirTemp("", "hep") // the panel's socket must have a short path
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(dir) })
			data := filepath.Join(dir, "m")
			var args []string
			if row.firmware != "" {
				args = []string{"--firmware", row.firmware}
			}
			p := startMeter(t, binary, data, args...)
			defer p.kill()
			row.test(&doorway{p, t, binary, data, dir})
		})
	}
}

func (d *doorway) address(s boot.Service) (host, port string) {
	d.Helper()
	host, port, err := net.SplitHostPort(d.ready.Endpoints[s])
	if err != nil {
		d.Fatalf("%s: %v", s, err)
	}
	return host, port
}

// ran is what a program did.
type ran struct {
	out, err string
	code     int
}

func (d *doorway) program(input string, env []string, name string, args ...string) ran {
	d.Helper()
	cmd := exec.CommandContext(d.Context(), name, args...)
	cmd.Stdin, cmd.Env = strings.NewReader(input), append(os.Environ(), env...)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); cmd.ProcessState == nil {
		d.Fatal(err)
	}
	return ran{out.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// curl asks for a page with the cookies of a browser, and returns the status, where it
// leads, and the page.
func (d *doorway) curl(browser, address string, args ...string) (status, location, page string) {
	d.Helper()
	jar := filepath.Join(d.dir, browser+".jar")
	r := d.program("", nil, "curl", append([]string{"-sSk", "--max-time", "30", "-b", jar, "-c", jar, "-w", "\n%{http_code} %{redirect_url}", address}, args...)...)
	if r.code != 0 {
		d.Fatalf("curl %s: %+v", address, r)
	}
	end := strings.LastIndex(r.out, "\n")
	status, location, _ = strings.Cut(r.out[end+1:], " ")
	return status, location, r.out[:end]
}

func (d *doorway) page(path string) string {
	d.Helper()
	_, port := d.address(boot.HTTPS)
	return "https://127.0.0.1:" + port + path
}

var tokenOnPage = regexp.MustCompile(`name="token" value="([^"]*)"`)

// post sends a form of a page.
func (d *doorway) post(browser, path string, fields ...string) (status, location, page string) {
	d.Helper()
	_, _, from := d.curl(browser, d.page("/login"))
	found := tokenOnPage.FindStringSubmatch(from)
	if found == nil {
		d.Fatalf("no token in\n%s", from)
	}
	args := []string{"--data-urlencode", "token=" + found[1]}
	for _, field := range fields {
		args = append(args, "--data-urlencode", field)
	}
	return d.curl(browser, d.page(path), args...)
}

// logIn logs in with a browser.
func (d *doorway) logIn(browser, user, password string) {
	d.Helper()
	if status, _, page := d.post(browser, "/login", "user="+user, "password="+password); status != "303" {
		d.Fatalf("login as %s: %s\n%s", user, status, page)
	}
}

// options of the OpenSSH programs: nothing of the machine's own, and the meter's key is to
// stay what it was at first.
func (d *doorway) options() []string {
	return []string{"-F", "/dev/null", "-o", "UserKnownHostsFile=" + filepath.Join(d.dir, "known"), "-o", "StrictHostKeyChecking=accept-new",
		"-o", "NumberOfPasswordPrompts=1", "-o", "LogLevel=INFO", "-o", "ConnectTimeout=10"}
}

func (d *doorway) sshAs(user, password, input string, command ...string) ran {
	d.Helper()
	host, port := d.address(boot.SSH)
	args := append([]string{"-e", "ssh"}, d.options()...)
	return d.program(input, []string{"SSHPASS=" + password}, "sshpass", append(append(args, "-p", port, user+"@"+host), command...)...)
}

func (d *doorway) sftpAs(user, password string, lines ...string) ran {
	d.Helper()
	host, port := d.address(boot.SSH)
	args := append([]string{"-e", "sftp"}, d.options()...)
	return d.program(strings.Join(lines, "\n")+"\n", []string{"SSHPASS=" + password}, "sshpass", append(args, "-o", "BatchMode=no", "-P", port, "-b", "-", user+"@"+host)...)
}

// advanced switches legacy security support off, as a tool does.
func (d *doorway) advanced() {
	d.Helper()
	if code := outcome(d.ionClient(d), as("USER1", "0"), ionp.SecuritySet, securityMode("Advanced")); code != "" {
		d.Fatal(code)
	}
}

func (d *doorway) addUser2(password string, permissions ...string) {
	d.Helper()
	if code := outcome(d.ionClient(d), as("USER1", "0"), ionp.UserAdd, ionp.UserAddRequest{Number: 2, Password: ionp.Secret(password), Permissions: permissions}); code != "" {
		d.Fatal(code)
	}
}

// contains fails unless a text has all parts.
func (d *doorway) contains(what, text string, parts ...string) {
	d.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			d.Errorf("%s: no %q in\n%s", what, part, text)
		}
	}
}

// F11: as the factory delivers it, everything in clear is led to the same place on HTTPS.
func (d *doorway) redirects() {
	_, plain := d.address(boot.HTTP)
	for _, path := range []string{"/", "/events?from=1&x=%20a", "/api/v1/info"} {
		status, location, _ := d.curl("any", "http://127.0.0.1:"+plain+path)
		if status != "308" || location != d.page(path) {
			d.Errorf("%s: %s to %s, want 308 to %s", path, status, location, d.page(path))
		}
	}
	if status, location, _ := d.curl("any", "http://127.0.0.1:"+plain+"/login", "-d", "user=USER1"); status != "308" || location != d.page("/login") {
		d.Errorf("a form: %s to %s", status, location)
	}
	if status, _, page := d.curl("any", "http://localhost:"+plain+"/login", "-L"); status != "200" || !strings.Contains(page, `action="/login"`) {
		d.Errorf("followed to the end: %s\n%s", status, page)
	}
}

// F14: the model number is a name of the web login while legacy security support is on.
// When that is switched off, its session is gone, and the login page names accounts only.
func (d *doorway) webNames() {
	_, _, page := d.curl("legacy", d.page("/login"))
	d.contains("the login page under LSS", page, "an account such as USER1, or the model number (9000)")
	d.logIn("legacy", "9000", "0")
	d.logIn("account", "USER1", "0")
	for _, browser := range []string{"legacy", "account"} {
		if status, _, page := d.curl(browser, d.page("/")); status != "200" {
			d.Errorf("%s under LSS: %s\n%s", browser, status, page)
		}
	}
	d.advanced()
	if status, _, page := d.curl("account", d.page("/")); status != "200" {
		d.Errorf("the account's session after LSS: %s\n%s", status, page)
	}
	if status, location, _ := d.curl("legacy", d.page("/")); status != "303" || location != d.page("/login") {
		d.Errorf("the model number's session after LSS: %s to %s", status, location)
	}
	_, _, page = d.curl("legacy", d.page("/login"))
	d.contains("the login page after LSS", page, "legacy security support was switched off", "an account such as USER1. The model number is no name here: legacy security support is off")
	if status, _, page := d.post("legacy", "/login", "user=9000", "password=0"); status != "403" || !strings.Contains(page, "user-needed") {
		d.Errorf("login as 9000 after LSS: %s\n%s", status, page)
	}
	if status, _, page := d.curl("program", d.page("/api/v1/info"), "-u", "9000:0"); status != "401" || !strings.Contains(page, `"code":"user-needed"`) {
		d.Errorf("the API as 9000 after LSS: %s %s", status, page)
	}
	if status, _, page := d.curl("program", d.page("/api/v1/info"), "-u", "USER1:0"); status != "200" {
		d.Errorf("the API as USER1 after LSS: %s %s", status, page)
	}
}

// F15: accounts log in to the terminal and to file transfer, and the model number while
// legacy security support is on.
func (d *doorway) sshNames() {
	d.addUser2("22", "read")
	for user, password := range map[string]string{"USER1": "0", "9000": "0", "USER2": "22"} {
		if r := d.sshAs(user, password, "", "whoami"); r.code != 0 || !strings.Contains(r.out, user) {
			d.Errorf("ssh as %s under LSS: %+v", user, r)
		}
		if r := d.sftpAs(user, password, "ls"); r.code != 0 || !strings.Contains(r.out, "documents") {
			d.Errorf("sftp as %s under LSS: %+v", user, r)
		}
	}
	d.advanced()
	if r := d.sshAs("9000", "0", "", "whoami"); r.code == 0 || !strings.Contains(r.err, "refused (user-needed)") {
		d.Errorf("ssh as 9000 in Advanced: %+v", r)
	}
	if r := d.sftpAs("9000", "0", "ls"); r.code == 0 || strings.Contains(r.out, "documents") {
		d.Errorf("sftp as 9000 in Advanced: %+v", r)
	}
	if r := d.sshAs("USER2", "22", "", "whoami"); r.code != 0 {
		d.Errorf("ssh as USER2 in Advanced: %+v", r)
	}
}

// F17: a user changes the password that he is connected with by the form of the pages and
// in the terminal; file transfer has no way to say it, and takes the new one.
func (d *doorway) ownPasswords() {
	d.addUser2("22", "read")
	d.logIn("own", "USER2", "22")
	if status, _, page := d.post("own", "/password", "action=change", "now=22", "new=33", "again=33"); status != "303" {
		d.Fatalf("by the form: %s\n%s", status, page)
	}
	if status, _, _ := d.curl("own", d.page("/")); status != "200" {
		d.Errorf("the session that changed it has ended: %s", status)
	}
	if r := d.sshAs("USER2", "22", "", "whoami"); r.code == 0 {
		d.Errorf("the old password still logs in: %+v", r)
	}
	if r := d.sshAs("USER2", "33", "44\n", "password"); r.code != 0 || !strings.Contains(r.out, "the password is changed") {
		d.Fatalf("in the terminal: %+v", r)
	}
	if status, _, _ := d.curl("own", d.page("/")); status != "303" {
		d.Errorf("another session goes on with the old password: %s", status)
	}
	if r := d.sftpAs("USER2", "44", "ls"); r.code != 0 {
		d.Errorf("file transfer with the new password: %+v", r)
	}
	d.logIn("own", "USER2", "44")
}

// F18: the panel of 3.x has no item for a password.
func (d *doorway) panelWithoutPassword() {
	term := newTerminal(d.T, 80, 24)
	term.run(d.binary + " panel --data " + d.data)
	term.see("VOLTS", " V\n")
	term.keys("Enter")
	term.see("> Basic Setup", "Communications", "Display\n")
	if shown := term.screen(); strings.Contains(shown, "Password") {
		d.Errorf("a password in\n%s", shown)
	}
}

// F18 from the other side: the panel of 2.x has Password Setup, and it works.
func (d *doorway) panelPassword() {
	term := newTerminal(d.T, 80, 24)
	term.run(d.binary + " panel --data " + d.data)
	term.see("VOLTS", " V\n")
	term.keys("Enter")
	term.see("> Basic Setup", "Password Setup")
	term.keys("Down", "Down", "Down", "Down", "Down", "Enter")
	term.see("Meter password")
	term.keys("0", "Enter")
	term.see("New password")
	term.keys("4", "7", "1", "1", "Enter", "4", "7", "1", "1", "Enter")
	term.see("PASSWORD CHANGED")
	ion := d.ionClient(d)
	if code := outcome(ion, as("", "4711"), ionp.SecurityStatus, ionp.SecurityStatusRequest{}); code != "" {
		d.Errorf("the new password: %s", code)
	}
	if code := outcome(ion, as("", "0"), ionp.SecurityStatus, ionp.SecurityStatusRequest{}); code != "bad-credentials" {
		d.Errorf("the old password: %q", code)
	}
}

// The meter starts again when the terminal says so: on the same ports, with the same keys
// and with what it had counted.
func (d *doorway) restarts() {
	counts := func() energies { return readEnergies(d, d.dial(d)) }
	for deadline := time.Now().Add(20 * time.Second); counts()[8] == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			d.Fatal("the meter counts nothing")
		}
	}
	before, counted := d.ready, counts()
	if err := os.Remove(d.readyFile); err != nil {
		d.Fatal(err)
	}
	if r := d.sshAs("USER1", "0", "", "restart", "--yes"); r.code != 0 || !strings.Contains(r.out, "the meter restarts") {
		d.Fatalf("restart: %+v", r)
	}
	d.serves(d) // the ready file is written anew
	if !maps.Equal(before.Endpoints, d.ready.Endpoints) || !maps.Equal(before.Fingerprints, d.ready.Fingerprints) || before.Serial != d.ready.Serial {
		d.Errorf("before %+v, now %+v", before, d.ready)
	}
	for i, now := range counts() {
		if i%4 != 3 && now < counted[i] {
			d.Errorf("energy %d fell from %d to %d", i, counted[i], now)
		}
	}
	// ssh refuses a host key that is not the one of the first login.
	if r := d.sshAs("USER1", "0", "", "status"); r.code != 0 || !strings.Contains(r.out, "2 power-ups") {
		d.Errorf("status after the restart: %+v", r)
	}
}

// guards: a service that is switched off by the pages waits for its confirmation, which
// everybody sees; `confirm` in the terminal keeps it, and the pages take it back.
func (d *doorway) guards() {
	d.logIn("admin", "USER1", "0")
	if status, _, page := d.post("admin", "/setup", "action=open"); status != "303" {
		d.Fatalf("setup by the pages: %s\n%s", status, page)
	}
	if status, _, page := d.post("admin", "/setup", "action=set", "section=ethernet", "Ethernet/Enable ION=OFF"); status != "303" {
		d.Fatalf("Enable ION OFF: %s\n%s", status, page)
	}
	_, _, page := d.curl("admin", d.page("/"))
	d.contains("a page", page, "Confirm, or it returns: ", "Ethernet/Enable ION")
	if r := d.sshAs("USER1", "0", "", "status"); r.code != 0 || !strings.Contains(r.out, "waits for `confirm`") || !strings.Contains(r.out, "Ethernet/Enable ION") {
		d.Errorf("status: %+v", r)
	}
	if r := d.sshAs("USER1", "0", "", "confirm"); r.code != 0 || !strings.Contains(r.out, "the changes are kept") {
		d.Fatalf("confirm: %+v", r)
	}
	if r := d.sshAs("USER1", "0", "", "confirm"); r.code == 0 || !strings.Contains(r.err, "nothing-pending") {
		d.Errorf("confirm again: %+v", r)
	}
	if r := d.sshAs("USER1", "0", "", "read", "Ethernet/Enable ION"); !strings.Contains(r.out, "OFF") {
		d.Errorf("it is not kept: %+v", r)
	}
	_, _, page = d.curl("admin", d.page("/"))
	if strings.Contains(page, "Confirm, or it returns") {
		d.Errorf("the page still asks for a confirmation:\n%s", page)
	}
	if status, _, page := d.post("admin", "/setup", "action=set", "section=ethernet", "Ethernet/Enable SSH=OFF"); status != "303" {
		d.Fatalf("Enable SSH OFF: %s\n%s", status, page)
	}
	if r := d.sshAs("USER1", "0", "", "status"); r.code == 0 {
		d.Errorf("a terminal that is switched off: %+v", r)
	}
	if status, _, page := d.post("admin", "/pending", "action=cancel"); status != "303" {
		d.Fatalf("take back: %s\n%s", status, page)
	}
	for deadline := time.Now().Add(20 * time.Second); d.sshAs("USER1", "0", "", "status").code != 0; {
		if time.Now().After(deadline) {
			d.Fatal("the terminal does not come back")
		}
	}
}
