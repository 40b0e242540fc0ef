package meter

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/access/rules"
	"github.com/hepmeter/hepmeter/access/rules/ruletest"
)

// webProbe is a request of a browser or a program that can be made again and again.
type webProbe struct {
	ops  []access.Operation // in the order in which they are decided
	path string
	form func() []string // names and values; nil for what is only looked at
	// beyond is what the meter answers behind the gate where it does not simply do it.
	beyond access.Code
}

// api tells whether programs can ask it, who show a name and a password with each request.
func (p *webProbe) api() bool {
	return strings.HasPrefix(p.path, "/api/") || p.path == "/metrics"
}

// view is a page, what a script of a page asks for, or a resource of the API.
func view(op access.Operation, path string, beyond ...access.Code) webProbe {
	return webProbe{ops: []access.Operation{op}, path: path, beyond: append(beyond, "")[0]}
}

// form is one on a page that needs onPage.
func form(onPage, op access.Operation, path string, beyond access.Code, fields ...string) webProbe {
	return webProbe{ops: []access.Operation{onPage, op}, path: path, beyond: beyond, form: func() []string { return fields }}
}

// webProbes are all operations that the pages and the API can express, each in a way that
// leaves the meter's security as it is. The first of each operation is asked under every
// set of permissions, the others under those of telling.
func webProbes() []webProbe {
	const (
		read, log, secret = access.ReadMeasurement, access.ReadLog, access.ReadSecurity
		setup, admin      = access.WriteSetup, access.AdministerSecurity
	)
	var owners atomic.Int64
	list := []webProbe{
		view(read, "/api/v1/registers?name=Power+Meter/Vln+a"),
		view(log, "/api/v1/logs"),
		view(secret, "/accounts"),
		form(read, setup, "/setup", access.CodeBadValue, "action", "set", "section", "metering", "Power Meter/CT Prim", "0"),
		form(read, access.WriteCommunications, "/setup", access.CodeBadValue, "action", "set", "section", "COM1", "COM1/RTS Delay", "-1"),
		form(read, access.SetClock, "/setup", access.CodeBadValue, "action", "clock", "time", "2150-01-01T00:00:00"),
		form(read, access.ResetDemand, "/energy", "", "action", "reset", "name", "demand"),
		form(secret, admin, "/accounts", "", "action", "unlock", "account", "0"),
		form(read, access.RestartMeter, "/diagnostics", "", "action", "restart"),
		form(access.ChangeOwnPassword, access.ChangeOwnPassword, "/password", access.CodePasswordRule, "action", "change", "now", "0", "new", "too long for a rule", "again", "too long for a rule"),

		{ops: []access.Operation{read, setup}, path: "/setup", form: func() []string {
			return []string{"action", "set", "section", "names", "Factory/Owner", "works " + strconv.FormatInt(owners.Add(1), 10)}
		}},
		form(read, setup, "/energy", access.CodeNotFound, "action", "reset", "name", "none"),
		form(log, setup, "/logs", access.CodeNotFound, "action", "clear", "recorder", "none"),
		form(read, access.SetClock, "/setup", access.CodeBadValue, "action", "set", "section", "time", "Clock/TZ Offset", "1e9"),
		{ops: []access.Operation{read, access.SetClock}, path: "/setup", form: func() []string {
			return []string{"action", "clock", "time", time.Now().UTC().Format("2006-01-02T15:04:05")}
		}},
		form(read, admin, "/setup", "", "action", "open"),
		form(secret, admin, "/accounts", access.CodePasswordRule, "action", "add", "account", "3", "password", "too long for a rule", "again", "too long for a rule"),
		form(secret, admin, "/accounts", access.CodeNoSuchAccount, "action", "permissions", "account", "9", "permission", "read"),
		form(secret, admin, "/accounts", access.CodeNoSuchAccount, "action", "password", "account", "9", "password", "x", "again", "x"),
		form(secret, admin, "/accounts", access.CodeNoSuchAccount, "action", "unlock", "account", "9"),
		form(secret, admin, "/accounts", access.CodeNoSuchAccount, "action", "remove", "account", "9"),
		form(secret, admin, "/connections", access.CodeNotFound, "action", "end", "connection", "0"),
		form(secret, admin, "/connections", "", "action", "unlock", "account", "0", "path", "web"),
		form(read, admin, "/certificates", access.CodeBadValue, "action", "install", "pem", "no certificate"),
		form(read, admin, "/certificates", access.CodeNotFound, "action", "remove"),
		form(read, admin, "/pending", access.CodeNothingPending, "action", "confirm"),
		form(read, admin, "/pending", access.CodeNothingPending, "action", "cancel"),
		view(secret, "/connections"),
		view(access.ChangeOwnPassword, "/password"),
		{ops: []access.Operation{read, secret}, path: "/api/v1/registers?name=Security+Options/Security+Mode"},
		{ops: []access.Operation{read, secret}, path: "/api/v1/modules/Security%20Options"},
		view(read, "/api/v1/waveform", access.CodeNotFound), // a busy machine may have no samples for a moment
		view(log, "/api/v1/logs/none", access.CodeNotFound), view(log, "/logs/chart?recorder=none", access.CodeNotFound), view(log, "/logs/csv?recorder=none", access.CodeNotFound),
	}
	for _, path := range []string{"/", "/phasors", "/waveforms", "/harmonics", "/energy", "/setup", "/diagnostics", "/certificates",
		"/live/overview", "/live/phasors", "/live/harmonics", "/live/energy", "/live/diagnostics", "/live/waveforms",
		"/api/v1/info", "/api/v1/modules?type=Integrator", "/api/v1/modules/Factory", "/api/v1/session", "/metrics"} {
		list = append(list, view(read, path))
	}
	for _, path := range []string{"/logs", "/events", "/api/v1/events?limit=1", "/api/v1/gaps"} {
		list = append(list, view(log, path))
	}
	return list
}

// webVisitor is a client of the web server that shows the same all the time.
type webVisitor struct {
	kind           access.CredentialKind
	user, password string
	// basic tells that it is a program, which shows them with each request.
	basic bool

	client *http.Client
	base   string
	token  string // of its forms
	inside bool   // it has logged in
}

func (d *doors) webVisitors(t *testing.T) []*webVisitor {
	number := d.guard.modelName
	list := []*webVisitor{
		{kind: access.NoCredential}, {kind: access.NamedUser, user: "USER2", password: "0"}, {kind: access.ModelNumber, user: number, password: "0"}, {kind: access.PasswordOnly, password: "0"},
		{kind: access.NamedUser, user: "USER2", password: "0", basic: true}, {kind: access.ModelNumber, user: number, password: "0", basic: true}, {kind: access.PasswordOnly, password: "0", basic: true},
	}
	for _, v := range list {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		transport := &http.Transport{DisableCompression: true}
		t.Cleanup(transport.CloseIdleConnections)
		v.base, v.client = "http://"+d.web, &http.Client{Jar: jar, Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return list
}

// loginFirst is where browsers are sent that have not logged in: there is no code.
const loginFirst = "the login page"

var (
	refusalOnPage = regexp.MustCompile(`role="alert">.*<small>([a-z-]+)</small>`)
	tokenOnPage   = regexp.MustCompile(`name="token" value="([^"]*)"`)
)

// ask sends a request, and returns its answer in the words of the table.
func (v *webVisitor) ask(t *testing.T, path string, fields []string) string {
	answer, _ := v.send(t, path, fields)
	return answer
}

// send is ask with what came with the answer.
func (v *webVisitor) send(t *testing.T, path string, fields []string) (word string, text []byte) {
	method, body := http.MethodGet, io.Reader(nil)
	if fields != nil {
		values := url.Values{"token": {v.token}}
		for i := 0; i+1 < len(fields); i += 2 {
			values.Set(fields[i], fields[i+1])
		}
		method, body = http.MethodPost, strings.NewReader(values.Encode())
	}
	r, err := http.NewRequestWithContext(t.Context(), method, v.base+path, body)
	if err != nil {
		return err.Error(), nil
	}
	if fields != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if v.basic {
		r.SetBasicAuth(v.user, v.password)
	}
	answer, err := v.client.Do(r)
	if err != nil {
		return err.Error(), nil
	}
	defer answer.Body.Close()
	if strings.HasPrefix(answer.Header.Get("Content-Type"), "text/event-stream") {
		return rules.Allow, nil // and it goes on
	}
	if text, err = io.ReadAll(answer.Body); err != nil {
		return err.Error(), nil
	}
	if found := tokenOnPage.FindSubmatch(text); found != nil {
		v.token = string(found[1])
	}
	switch found := refusalOnPage.FindSubmatch(text); {
	case answer.StatusCode == http.StatusSeeOther && strings.HasPrefix(answer.Header.Get("Location"), "/login"):
		return loginFirst, text
	case answer.StatusCode == http.StatusSeeOther, answer.StatusCode == http.StatusUpgradeRequired: // a socket is let in, and this is none
		return rules.Allow, text
	case answer.Header.Get("Content-Type") == "application/problem+json":
		var problem struct{ Code string }
		if err := json.Unmarshal(text, &problem); err != nil {
			return err.Error(), nil
		}
		return problem.Code, text
	case found != nil:
		return string(found[1]), text
	case answer.StatusCode == http.StatusOK:
		return rules.Allow, text
	}
	return answer.Status + " " + string(text), text
}

// enter logs in where that was not done, and returns what it was answered.
func (v *webVisitor) enter(t *testing.T) string {
	if v.token == "" {
		v.ask(t, "/login", nil)
	}
	if v.kind == access.NoCredential || v.inside {
		return rules.Allow
	}
	answer := v.ask(t, "/login", []string{"user", v.user, "password", v.password})
	if v.inside = answer == rules.Allow; v.inside {
		v.ask(t, "/login", nil) // for the token of the new session
	}
	return answer
}

// throughWeb asks all that the web server can be asked, under all sets of permissions.
func (d *doors) throughWeb(t *testing.T, mode access.Mode) {
	list := webProbes()
	visitors := d.webVisitors(t)
	for _, set := range doorSets(mode) {
		for _, setup := range []string{"setup on", "setup off"} {
			telling := ruletest.Telling(set)
			if setup == "setup off" && !telling {
				continue
			}
			asked := d.under(mode, access.Web, set, setup)
			d.set(t, &asked)
			var running sync.WaitGroup
			for _, v := range visitors {
				running.Go(func() { d.visitWeb(t, v, asked, list, telling) })
			}
			running.Wait()
			d.enough(t)
		}
	}
}

// visitWeb is one visitor under one set of permissions.
func (d *doors) visitWeb(t *testing.T, v *webVisitor, asked rules.Asked, list []webProbe, telling bool) {
	atLogin := d.atLogin(asked, v.kind)
	if !v.basic {
		v.inside = v.inside && atLogin == rules.Allow
		got := v.enter(t)
		d.cases.web.Add(1)
		if v.kind == access.NoCredential {
			atLogin = rules.Allow
		}
		d.judged(t, asked, v.kind, "the login page", atLogin, got)
		if got != rules.Allow {
			return
		}
	}
	d.ownRights(t, v, asked)
	seen := map[access.Operation]bool{}
	for i := range list {
		p := &list[i]
		first := !seen[last(p.ops)]
		seen[last(p.ops)] = true
		if v.basic && !p.api() || !first && !(telling && (p.form != nil || asked.Setup == "setup on")) {
			continue // what is only looked at is no setup
		}
		var fields []string
		if p.form != nil {
			fields = p.form()
		}
		got := v.ask(t, p.path, fields)
		want := d.expected(asked, v.kind, p.ops)
		switch {
		case v.basic && atLogin != rules.Allow:
			want = atLogin
		case v.kind == access.NoCredential && !p.api() && want != rules.Allow && slices.Contains([]string{loginFirst, string(access.CodeCredentialsNeeded)}, got):
			got = want // the pages and their scripts say to log in, whatever the reason
		case got == string(p.beyond) && p.beyond != "":
			got = rules.Allow
		}
		d.cases.web.Add(1)
		d.judged(t, asked, v.kind, p.path+" "+strings.Join(fields, " "), want, got)
		if v.basic && atLogin == string(access.CodeBadCredentials) {
			return // the same is asked again, and each wrong password has to wait
		}
	}
}

// ownRights compares what who may read is told that he may with the whole table.
func (d *doors) ownRights(t *testing.T, v *webVisitor, asked rules.Asked) {
	if d.atLogin(asked, v.kind) != rules.Allow && v.kind != access.NoCredential || d.expected(asked, v.kind, []access.Operation{access.ReadMeasurement}) != rules.Allow {
		return
	}
	var own struct{ May []string }
	told := map[string]bool{}
	if answer, text := v.send(t, "/api/v1/session", nil); answer == rules.Allow && json.Unmarshal(text, &own) == nil {
		for _, op := range own.May {
			told[op] = true
		}
	}
	d.tells(t, asked, v.kind, "/api/v1/session", told, &d.cases.web)
}
