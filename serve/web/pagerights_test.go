package web

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"html"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hepmeter/hepmeter/access"
)

// TestPagesByRights: each page by who asks: what he may not see is refused, and is not in
// his navigation.
func TestPagesByRights(t *testing.T) {
	s := lived(t)
	type want struct {
		page  string
		user1 int // Security Config Access
		user2 int // Read and Full Meter Config Access
	}
	admin, reader := s.browser(t, true), s.browser(t, true)
	admin.logIn("USER1", "0")
	reader.logIn("USER2", "pass2")
	for _, w := range []want{
		{"/", 200, 200}, {"/phasors", 200, 200}, {"/waveforms", 200, 200}, {"/harmonics", 200, 200}, {"/harmonics?input=I2", 200, 200},
		{"/harmonics?input=V9", 404, 404}, {"/energy", 200, 200}, {"/logs", 200, 200}, {"/logs?recorder=no+such", 404, 404}, {"/logs?from=yesterday", 422, 422},
		{"/events", 200, 200}, {"/events?priority=x", 400, 400}, {"/setup", 200, 200}, {"/diagnostics", 200, 200}, {"/gateway", 200, 200}, {"/accounts", 200, 403}, {"/connections", 200, 403},
		{"/certificates", 200, 200}, {"/password", 200, 200}, {"/logs/chart?recorder=Hist+High", 200, 200}, {"/logs/csv?recorder=Hist+High", 200, 200},
	} {
		if a := admin.get(w.page); a.StatusCode != w.user1 {
			t.Errorf("%s for USER1: %s\n%.500s", w.page, a.Status, a.text)
		}
		if a := reader.get(w.page); a.StatusCode != w.user2 {
			t.Errorf("%s for USER2: %s\n%.500s", w.page, a.Status, a.text)
		}
	}
	if text := reader.get("/").text; strings.Contains(text, `href="/accounts"`) || !strings.Contains(text, `href="/setup"`) {
		t.Error("the navigation of USER2 is not what he may see")
	}
	if text := reader.get("/").text; !strings.Contains(text, `data-reading="Power Meter/Vln a"`) {
		t.Error("readings are not on the page without a script")
	}
}

// TestSetupByRights: a form is there for who may, and the reason for who may not.
func TestSetupByRights(t *testing.T) {
	s := lived(t)
	b := s.browser(t, true)
	b.logIn("USER2", "pass2") // Full Meter Config Access
	if text := b.get("/setup").text; !strings.Contains(text, `name="Power Meter/CT Prim"`) || strings.Contains(text, `name="Ethernet/Web Access"`) || !strings.Contains(text, "lacks Security Config Access") {
		t.Error("USER2 does not see a form of basic metering, and why there is none of Web Access")
	}
	reader := s.browser(t, true)
	reader.logIn("USER3", "33") // Read Access only
	if text := reader.get("/setup").text; strings.Contains(text, `name="Power Meter/CT Prim"`) || !strings.Contains(text, "<dt>CT Prim</dt>") || !strings.Contains(text, "lacks Full Meter Config Access") {
		t.Error("USER3 does not see basic metering without a form, and why")
	}
	a := b.post("/setup", "action", "set", "section", "metering", "Power Meter/CT Prim", "100", "Power Meter/CT Sec", "5")
	if a.StatusCode != http.StatusSeeOther || !strings.Contains(b.get("/setup").text, "1 register written") {
		t.Fatalf("CT Prim: %s\n%.2000s", a.Status, a.text)
	}
	if text := b.get("/setup").text; !strings.Contains(text, `name="Power Meter/CT Prim" type="number" min="1" max="999999" step="any" value="100"`) {
		t.Error("CT Prim is not 100")
	}
	a = b.post("/setup", "action", "set", "section", "metering", "Power Meter/CT Prim", "0")
	if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.text, `value="0"`) {
		t.Errorf("CT Prim 0: %s; what was typed must stand", a.Status)
	}
	a = reader.submit("/setup", []string{"token", reader.token("/"), "action", "set", "section", "ethernet", "Ethernet/Syslog Port", "515"})
	if a.StatusCode != http.StatusForbidden {
		t.Errorf("USER3 writes a port: %s", a.Status)
	}
	if a = b.post("/setup", "action", "close"); a.StatusCode != http.StatusForbidden {
		t.Errorf("USER2 switches setup: %s", a.Status)
	}
	admin := s.browser(t, true)
	admin.logIn("USER1", "0")
	if a = admin.post("/setup", "action", "close"); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("USER1 switches setup off: %s\n%s", a.Status, a.text)
	}
	if a = b.post("/setup", "action", "set", "section", "metering", "Power Meter/CT Prim", "50"); a.StatusCode != http.StatusForbidden || !strings.Contains(a.text, "setup-closed") {
		t.Errorf("setup that is switched off: %s", a.Status)
	}
	if text := b.get("/setup").text; strings.Contains(text, `name="Power Meter/CT Prim"`) || !strings.Contains(text, "Setup by the web pages is off") {
		t.Error("a form of setup that is switched off")
	}
}

// TestAccountsByPage: an account is made, changed, locked, unlocked and removed.
func TestAccountsByPage(t *testing.T) {
	s := lived(t)
	b := s.browser(t, true)
	b.logIn("USER1", "0")
	done := func(fields ...string) {
		t.Helper()
		if a := b.post("/accounts", fields...); a.StatusCode != http.StatusSeeOther {
			t.Fatalf("%v: %s\n%.1500s", fields, a.Status, a.text)
		}
	}
	done("action", "add", "account", "7", "password", "seven", "again", "seven", "permission", "read")
	s.browser(t, true).logIn("USER7", "seven")
	done("action", "permissions", "account", "7", "permission", "config")
	if text := b.get("/accounts").text; !strings.Contains(text, "without effect while Read is off: config") {
		t.Error("a box without effect is not told")
	}
	done("action", "password", "account", "7", "password", "eight", "again", "eight")
	if a := b.post("/accounts", "action", "password", "account", "7", "password", "one", "again", "two"); a.StatusCode != http.StatusBadRequest {
		t.Errorf("two different passwords: %s", a.Status)
	}
	if a := b.post("/accounts", "action", "password", "account", "1", "password", "77", "again", "77"); a.StatusCode == http.StatusSeeOther || !strings.Contains(a.text, "My password") {
		t.Errorf("one's own password without the present one: %s", a.Status)
	}
	wrong := s.browser(t, true)
	for range 5 {
		wrong.post("/login", "user", "USER7", "password", "wrong")
	}
	if text := b.get("/connections").text; !strings.Contains(text, `<span class="tag high">locked</span>`) {
		t.Error("the lockout is not on the page")
	}
	if a := b.post("/connections", "action", "unlock", "account", "7", "path", "web"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("unlock: %s", a.Status)
	}
	done("action", "permissions", "account", "7", "permission", "read")
	s.browser(t, true).logIn("USER7", "eight")
	done("action", "remove", "account", "7")
	if a := b.post("/accounts", "action", "remove", "account", "1"); a.StatusCode == http.StatusSeeOther {
		t.Error("the own account was removed")
	}
	reader := s.browser(t, true)
	reader.logIn("USER3", "33")
	if a := reader.submit("/accounts", []string{"token", reader.token("/"), "action", "remove", "account", "2"}); a.StatusCode != http.StatusForbidden {
		t.Errorf("USER3 removes an account: %s", a.Status)
	}
	if a := b.submit("/accounts", []string{"action", "remove", "account", "2"}); a.StatusCode == http.StatusSeeOther {
		t.Error("a form without its token was carried out")
	}
}

// TestStreamsEndWithTheirSession: live values and waveforms end, and say so, when the
// account goes.
func TestStreamsEndWithTheirSession(t *testing.T) {
	s := lived(t)
	b := s.browser(t, true)
	b.logIn("USER3", "33")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.base+"/live/overview", nil)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := b.Do(r)
	if err != nil || stream.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatal(stream, err)
	}
	defer stream.Body.Close()
	lines := bufio.NewScanner(stream.Body)
	lines.Buffer(nil, 1<<20)
	var n notice
	for n.Values["Power Meter/Vln a"] == nil && lines.Scan() { // null until the meter has measured a second
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			if err := json.Unmarshal([]byte(data), &n); err != nil {
				t.Fatalf("%.200s: %v", data, err)
			}
		}
	}
	if n.Values["Power Meter/Vln a"] == nil {
		t.Fatal(lines.Err())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	socket, _, err := websocket.Dial(ctx, "wss://"+s.tls+"/live/waveforms", &websocket.DialOptions{HTTPClient: &http.Client{Jar: b.Jar, Transport: b.Transport}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.CloseNow() }()
	socket.SetReadLimit(1 << 20)
	_, picture, err := socket.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if h, channels := drawn(t, picture); len(channels) < 6 || h.Points == 0 {
		t.Errorf("the picture has %d channels of %d points", len(channels), h.Points)
	}
	s.administer(t, user1, func(session *access.Session) error { return session.RemoveUser(t.Context(), 3) })
	for lines.Scan() && lines.Text() != "event: ended" {
	}
	if lines.Text() != "event: ended" {
		t.Errorf("the stream ended with %q: %v", lines.Text(), lines.Err())
	}
	for err == nil {
		_, _, err = socket.Read(ctx)
	}
	if websocket.CloseStatus(err) != sessionEnded {
		t.Errorf("the socket ended with %v", err)
	}
	if a := b.get("/live/overview"); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("a stream of an ended session: %s", a.Status)
	}
}

// TestSocketOfAnotherSite: a page of another site gets no picture.
func TestSocketOfAnotherSite(t *testing.T) {
	s := lived(t)
	b := s.browser(t, true)
	b.logIn("USER1", "0")
	_, response, err := websocket.Dial(t.Context(), "wss://"+s.tls+"/live/waveforms", &websocket.DialOptions{HTTPClient: &http.Client{Jar: b.Jar, Transport: b.Transport}, HTTPHeader: http.Header{"Origin": {"https://elsewhere.example"}}})
	if err == nil || response.StatusCode != http.StatusForbidden {
		t.Errorf("a socket of another site: %v, %v", response, err)
	}
}

// TestLogFiles: CSV is as long as its range, holds nothing for NOT AVAILABLE, and a chart
// has the same records.
func TestLogFiles(t *testing.T) {
	s := lived(t)
	b := s.browser(t, true)
	b.logIn("USER1", "0")
	var c chart
	for len(c.Times) < 3 {
		if err := json.Unmarshal([]byte(b.get("/logs/chart?recorder=Hist+Mean").text), &c); err != nil {
			t.Fatal(err)
		}
	}
	from := time.UnixMilli(int64(c.Times[1] * 1000)).UTC().Format("2006-01-02T15:04:05")
	to := time.UnixMilli(int64(c.Times[2] * 1000)).UTC().Add(time.Second).Format("2006-01-02T15:04:05")
	a := b.get("/logs/csv?recorder=Hist+Mean&from=" + from + "&to=" + to)
	rows, err := csv.NewReader(strings.NewReader(a.text)).ReadAll()
	if err != nil || len(rows) != 3 || rows[0][1] != "Time (UTC)" || !strings.HasPrefix(rows[0][2], "Vll ab mean/SWinDemand") {
		t.Fatalf("%v\n%s", err, a.text)
	}
	// A demand of a quarter of an hour is not available in its first seconds.
	if rows[1][2] != "" || c.Columns[0].Values[1] != nil {
		t.Errorf("a mean that is not available is %q in the file, %v in the chart", rows[1][2], c.Columns[0].Values[1])
	}
	page := b.get("/logs?recorder=Hist+Mean&from=" + from + "&to=" + to).text
	_, link, _ := strings.Cut(page, `href="/logs/csv`)
	link, _, _ = strings.Cut(link, `"`)
	if linked := b.get("/logs/csv" + html.UnescapeString(link)); linked.text != a.text {
		t.Errorf("the link on the page, %q, leads to another file: %s", link, linked.Status)
	}
	if a.Header.Get("Content-Disposition") != `attachment; filename="Hist-Mean.csv"` {
		t.Error(a.Header.Get("Content-Disposition"))
	}
}

// TestPagesWithoutALogin: firmware 2.x in Standard shows its readings to everyone, and
// what needs the meter password to nobody else.
func TestPagesWithoutALogin(t *testing.T) {
	s := serve(t, "2.1.0")
	s.set(t, access.Credential{Given: true, Password: "0"}, map[string]string{access.RegisterMode: "Standard", access.RegisterWebAccess: "HTTP"})
	b := s.browser(t, false)
	for _, page := range []string{"/", "/phasors", "/harmonics", "/energy", "/logs", "/events", "/setup", "/diagnostics", "/gateway"} {
		if a := b.get(page); a.StatusCode != http.StatusOK {
			t.Errorf("%s without a login: %s\n%.600s", page, a.Status, a.text)
		}
	}
	if a := b.get("/accounts"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("accounts without a login: %s", a.Status)
	}
	if text := b.get("/energy").text; strings.Contains(text, `value="reset"`) {
		t.Error("a reset without a login")
	}
	b.logIn("9000", "0")
	if text := b.get("/accounts").text; !strings.Contains(text, "New meter password") {
		t.Errorf("no form of the meter password:\n%.1500s", text)
	}
	if a := b.post("/accounts", "action", "password", "account", "0", "password", "42", "again", "42"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("the meter password: %s\n%.1500s", a.Status, a.text)
	}
}

// TestEventFilter: priority and text choose events, and pages follow each other without a
// gap.
func TestEventFilter(t *testing.T) {
	s := lived(t)
	b := s.browser(t, true)
	b.logIn("USER1", "0")
	if text := b.get("/events?priority=128").text; !strings.Contains(text, "medium 128") || strings.Contains(text, "information 10") {
		t.Error("the filter of priorities lets others through")
	}
	if text := b.get("/events?text=DEVICE+name").text; !strings.Contains(text, "Main incomer") || strings.Contains(text, "Security User 2") {
		t.Error("the filter of texts lets others through")
	}
	if text := b.get("/events").text; !strings.Contains(text, "Over 10 kW") {
		t.Error("the alarm is not listed")
	}
	s.administer(t, user1, func(session *access.Session) error {
		whole, err := session.Events(0, 1)
		if err != nil {
			return err
		}
		f := eventFilter{Before: whole.Next}
		found, older, _, err := f.find(session)
		if err != nil || older != 0 || uint64(len(found)) != whole.Next-whole.First || found[0].Sequence != whole.Next-1 {
			t.Errorf("%d events found of %d to %d, older %d: %v", len(found), whole.First, whole.Next, older, err)
		}
		return nil
	})
}

// TestNotAvailableIsNoNumber: nothing that is not available is shown as 0.
func TestNotAvailableIsNoNumber(t *testing.T) {
	for _, v := range []access.Value{{Kind: access.KindNumber}, {Kind: access.KindCount}, {Kind: access.KindBoolean}, {Kind: access.KindTime}} {
		if text := valueText(v, 2); text != "" {
			t.Errorf("kind %d: %q", v.Kind, text)
		}
	}
	s := lived(t)
	b := s.browser(t, true)
	b.logIn("USER1", "0")
	text := b.get("/energy").text
	_, cell, _ := strings.Cut(text, `data-reading="kW sd/SWinDemand">`)
	if !strings.HasPrefix(cell, `<span class="na" title="not available" aria-hidden="true">—</span><span class="unseen">not available</span>`) {
		t.Errorf("a demand before its first interval: %.200s", cell)
	}
}

// TestWatchingIsNotUse: who only looks at live values is logged out like anyone who does
// nothing, and the page is told so.
func TestWatchingIsNotUse(t *testing.T) {
	g := behindGate(t, third, access.Advanced, access.OpenLimits())
	b := g.browser(t, true)
	b.logIn("USER2", "0")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.base+"/live/overview", nil)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := b.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	lines := bufio.NewScanner(stream.Body)
	lines.Buffer(nil, 1<<20)
	if lines.Scan(); !strings.Contains(lines.Text(), `"Power Meter/Vln a":null`) {
		t.Fatalf("the first event is %.300s", lines.Text())
	}
	g.pass(loginIdle * 2 / 3)
	g.pass(loginIdle * 2 / 3)
	for lines.Scan() && lines.Text() != "event: ended" {
	}
	if lines.Text() != "event: ended" {
		t.Errorf("the stream ended with %q: %v", lines.Text(), lines.Err())
	}
}

// TestBeginningAnewIsNotUse: a page whose stream breaks off again and again, and begins
// anew by itself, does not keep its session either.
func TestBeginningAnewIsNotUse(t *testing.T) {
	for _, path := range []string{"/live/overview", "/live/harmonics?input=V1", "/live/waveforms"} {
		t.Run(path, func(t *testing.T) {
			g := behindGate(t, third, access.Advanced, access.OpenLimits())
			b := g.browser(t, true)
			b.logIn("USER2", "0")
			begin := func() int {
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.base+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				answer, err := b.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				answer.Body.Close()
				return answer.StatusCode
			}
			for range 2 {
				g.pass(loginIdle * 2 / 5)
				if status := begin(); status == http.StatusUnauthorized {
					t.Fatal("the session has ended too early")
				}
			}
			g.pass(loginIdle * 2 / 5)
			if status := begin(); status != http.StatusUnauthorized {
				t.Errorf("after %v without use a stream begins with %d", loginIdle*6/5, status)
			}
		})
	}
}

// TestLiveAfterNewPassword: pages are live for who has just changed his password.
func TestLiveAfterNewPassword(t *testing.T) {
	s := serve(t, "3.0.0")
	b := s.browser(t, true)
	b.logIn("USER1", "0")
	for i, fresh := range []string{"11", "12", "13"} {
		if a := b.post("/password", "action", "change", "now", []string{"0", "11", "12"}[i], "new", fresh, "again", fresh); a.StatusCode != 303 {
			t.Fatalf("password %s: %s\n%s", fresh, a.Status, a.text)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.base+"/live/energy", nil)
		if err != nil {
			t.Fatal(err)
		}
		stream, err := b.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(stream.Body)
		lines.Buffer(nil, 1<<20)
		if lines.Scan(); !strings.HasPrefix(lines.Text(), "data: ") {
			t.Errorf("after password %s the stream says %q", fresh, lines.Text())
		}
		stream.Body.Close()
	}
}
