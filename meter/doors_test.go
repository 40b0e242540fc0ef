package meter

import (
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/access/rules"
	"github.com/hepmeter/hepmeter/access/rules/ruletest"
)

// doors is a run through the doors that people use of one meter: web pages, terminal and
// file transfer.
type doors struct {
	*served
	table      ruletest.Table
	generation access.Generation
	cases      *doorCases
}

// doorCases counts what was tried and what went wrong, and how often each answer was right.
type doorCases struct {
	web, ssh, sftp, failures atomic.Int64

	mu      sync.Mutex
	answers map[string]int
}

// doorSets are the sets of permissions that are tried in a mode. Without accounts they are
// without effect.
func doorSets(mode access.Mode) []int {
	if mode == access.None || mode == access.Standard {
		return []int{0, ruletest.Absent}
	}
	return sets()
}

// set puts a security in force in which both accounts have the same boxes, or are absent.
func (d *doors) set(t *testing.T, a *rules.Asked) {
	t.Helper()
	d.guard.gate.SetSecurity(d.table.Security(t, d.generation, d.guard.modelName, a, map[string]string{access.RegisterWebAccess: "HTTP"}))
}

// under are the words of a set of permissions on a path.
func (d *doors) under(mode access.Mode, path access.Path, set int, setup string) rules.Asked {
	return rules.Asked{Generation: d.generation.Name, Mode: mode.String(), Path: path.String(), Setup: setup, MapAccess: "Read Only", Upgrade: "anyone", Broadcast: "on",
		Absent: set == ruletest.Absent, Boxes: ruletest.Ticked(set)}
}

// atLogin is what a login is answered, which comes before any operation: a wrong one, and
// one with what the mode does not take, get no further.
func (d *doors) atLogin(a rules.Asked, kind access.CredentialKind) string {
	a.Credential, a.Operation = kind.String(), access.ReadMeasurement.String()
	// The table is asked about right credentials only, and here there is no right one.
	nobody := a.Absent && (a.Mode == "LSS" || a.Mode == "Advanced")
	// The pages check a password without a name before they say that they want a name.
	checked := nobody && a.Mode == "LSS" && a.Path == access.Web.String()
	switch answer := d.table.Answer(&a); {
	case answer == string(access.CodeUserNeeded) && !checked, answer == string(access.CodeNotInThisFirmware):
		return answer
	case nobody:
		return string(access.CodeBadCredentials)
	}
	return rules.Allow
}

// expected is the answer of the table to operations that follow each other: a page's, and
// then that of its form.
func (d *doors) expected(a rules.Asked, kind access.CredentialKind, ops []access.Operation) string {
	a.Credential = kind.String()
	for _, op := range ops {
		a.Operation = op.String()
		if answer := d.table.Answer(&a); answer != rules.Allow {
			return answer
		}
	}
	return rules.Allow
}

// tells compares the operations that a client is told to be allowed with the whole table.
func (d *doors) tells(t *testing.T, asked rules.Asked, who access.CredentialKind, what string, told map[string]bool, cases *atomic.Int64) {
	says := map[bool]string{true: rules.Allow, false: "not allowed"}
	for op := access.ReadMeasurement; op.String() != "unknown operation"; op++ {
		cases.Add(1)
		want := d.expected(asked, who, []access.Operation{op}) == rules.Allow
		d.judged(t, asked, who, what+": "+op.String(), says[want], says[told[op.String()]])
	}
}

// judged compares what a client was answered with what is expected.
func (d *doors) judged(t *testing.T, a rules.Asked, who access.CredentialKind, what, want, got string) {
	d.cases.mu.Lock()
	d.cases.answers[want]++
	d.cases.mu.Unlock()
	if got != want && d.cases.failures.Add(1) <= 20 {
		a.Credential, a.Operation = who.String(), what
		t.Errorf("%s: %s, want %s", &a, got, want)
	}
}

// enough stops a run in which too much has failed.
func (d *doors) enough(t *testing.T) {
	if d.cases.failures.Load() > 20 {
		t.Fatal("and more")
	}
}

// openSetup switches setup by the pages on, as a form of theirs will have it: what is there
// already changes nothing.
func (d *doors) openSetup(t *testing.T) {
	t.Helper()
	root, err := d.Gate().Open(access.Client{Path: access.ION, Remote: "192.0.2.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	admin, err := root.With(t.Context(), access.Credential{User: "USER1", Given: true, Password: "0"})
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.SetOptions(t.Context(), map[string]string{access.RegisterWebSetup: "ON"}); err != nil {
		t.Fatal(err)
	}
}

// last is the operation that a probe is about.
func last(ops []access.Operation) access.Operation { return ops[len(ops)-1] }

// TestGateThroughDoors holds a real meter, through its web pages, its terminal and its file
// transfer, against the table of rules: F14, F15 and F17 in every mode for every set of
// permissions.
func TestGateThroughDoors(t *testing.T) {
	table := ruletest.Read(t, filepath.Join("..", "access", "rules.txt"))
	cases := doorCases{answers: map[string]int{}}
	for _, firmware := range []string{"2.1.0", "3.0.0"} {
		d := &doors{served: serve(t, firmware), table: table, cases: &cases}
		d.generation = d.guard.generation
		d.openSetup(t)
		kept := maps.Clone(d.guard.settings)
		for _, mode := range d.generation.Modes {
			for door, through := range map[string]func(*testing.T, access.Mode){"web": d.throughWeb, "ssh": d.throughSSH, "sftp": d.throughSFTP} {
				t.Run(strings.Join([]string{d.generation.Name, mode.String(), door}, " "), func(t *testing.T) { through(t, mode) })
			}
		}
		if !maps.Equal(kept, d.guard.settings) {
			t.Error("the run has changed the registers of security")
		}
	}
	text := fmt.Sprintf("gate: %d cases through the web, %d through ssh, %d through sftp, %d failures", cases.web.Load(), cases.ssh.Load(), cases.sftp.Load(), cases.failures.Load())
	t.Log(text, cases.answers)
	fmt.Println(text)
	for _, code := range []access.Code{rules.Allow, access.CodeNoPermission, access.CodeSetupClosed, access.CodeNotInThisMode, access.CodeNotInThisFirmware, access.CodeCredentialsNeeded,
		access.CodeUserNeeded, access.CodeBadCredentials} {
		if cases.answers[string(code)] == 0 {
			t.Errorf("nothing was to be answered with %s", code)
		}
	}
}
