package web

import (
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/hepmeter/hepmeter/access"
)

// shownPages are the pages of the navigation, with what tells that a page has come to
// life.
func shownPages() [][2]string {
	const live = `document.querySelector("#live")?.className === "live on"`
	return [][2]string{
		{"/", live + ` && document.querySelector("#trend path.trend-line").getAttribute("d")`},
		{"/phasors", live + ` && document.querySelectorAll("#phasors .tip[visibility=visible]").length >= 6`},
		{"/waveforms", live + ` && document.querySelectorAll("#charts canvas").length === 2`},
		{"/harmonics", live + ` && [...document.querySelectorAll("#bars rect")].some((r) => Number(r.getAttribute("height")) > 10)`},
		{"/harmonics?input=I1", live},
		{"/energy", live},
		{"/logs?recorder=Hist+High", `document.querySelectorAll("#charts canvas").length >= 3`},
		{"/events", `document.querySelectorAll("tbody tr").length > 1`},
		{"/setup", `document.querySelectorAll("select, input[type=number]").length > 20`},
		{"/diagnostics", live},
		{"/gateway", live},
		{"/accounts", `document.querySelectorAll("table.accounts tbody tr").length === 3`},
		{"/connections", `document.querySelectorAll("tbody tr").length > 2`},
		{"/certificates", `document.querySelector("code")`},
		{"/password", `document.querySelector("#new")`},
	}
}

// lived is a meter as one finds it: with accounts, an alarm, logs, and a name.
func lived(t testing.TB) *served {
	t.Helper()
	s := serve(t, "3.0.0")
	s.administer(t, user1, func(session *access.Session) error {
		if _, err := session.AddUser(t.Context(), 2, access.MayRead|access.MayConfig|access.MayTime, "pass2"); err != nil {
			return err
		}
		if _, err := session.AddUser(t.Context(), 3, access.MayRead, "33"); err != nil {
			return err
		}
		return session.Change(t.Context(), []access.Change{
			{Kind: access.Set, Object: "Security Options/Web Configuration", Text: "ON"},
			{Kind: access.Set, Object: "Factory/Device Name", Text: "Main incomer"},
			{Kind: access.Set, Object: "Hist Log Trg/Period", Text: "1"},
			{Kind: access.Create, Object: "Over 10 kW", Text: "Setpoint"},
			{Kind: access.Link, Object: "Over 10 kW/Source", Text: "Power Meter/kW tot"},
			{Kind: access.Set, Object: "Over 10 kW/High Limit", Text: "10"},
			{Kind: access.Set, Object: "Over 10 kW/Low Limit", Text: "9"},
		}, false)
	})
	root, err := s.Gate().Open(access.Client{Path: access.ION, Medium: access.Ethernet, Remote: "192.0.2.7:1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(root.Close)
	root.Call("polling tool", "1.2")
	if _, err := root.With(t.Context(), access.Credential{User: "USER2", Given: true, Password: "wrong"}); err == nil {
		t.Fatal("a wrong password was right")
	}
	if _, err := root.Registers(access.Readings); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestPagesInChromium opens every page at desktop and phone width, in light and dark: all
// come to life without one complaint of the browser.
func TestPagesInChromium(t *testing.T) {
	s := lived(t)
	p := s.chromium(t)
	for _, l := range looks() {
		p.as(l)
		if l == looks()[0] {
			p.open("/login")
			p.shoot("login-" + l.name)
			p.logIn("USER1", "0")
		}
		for _, page := range shownPages() {
			p.open(page[0])
			p.until(page[1])
			if wide := eval[float64](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); wide > 0 {
				t.Errorf("%s %s is %v pixels wider than the screen", l.name, page[0], wide)
			}
			if page[0] == "/" && l == looks()[0] && os.Getenv("HEPMETER_SCREENSHOTS") != "" {
				p.until(`document.querySelector("#trend path.trend-line").getAttribute("d").split("L").length > 25`) // the picture of a course
			}
			p.shoot(strings.NewReplacer("/", "", "?", "-", "=", "-", "+", "-").Replace(strings.Replace(page[0], "/", "", 1)) + name(page[0]) + "-" + l.name)
			p.complained(l.name + " " + page[0])
		}
	}
}

// TestClickingThrough goes by the navigation as people do, changes a setup by its form,
// and logs out.
func TestClickingThrough(t *testing.T) {
	s := lived(t)
	p := s.chromium(t)
	p.as(looks()[2])
	p.logIn("USER1", "0")
	shown := `getComputedStyle(document.getElementById("pages")).display !== "none"`
	if eval[bool](p, shown) {
		t.Error("the navigation is not folded on a phone")
	}
	for _, link := range eval[[]string](p, `[...document.querySelectorAll("#pages a")].map((a) => a.getAttribute("href"))`) {
		p.do(chromedp.Click(chromedp.CSS("#menu")))
		p.until(shown + ` && document.getElementById("menu").getAttribute("aria-expanded") === "true"`)
		p.do(chromedp.Click(chromedp.CSS("#pages a[href=" + quoted(link) + "]")))
		p.until("location.pathname === " + quoted(link) + ` && document.readyState === "complete" && document.querySelector("#pages a[aria-current=page]").getAttribute("href") === ` + quoted(link))
		p.complained(link)
	}
	p.as(looks()[0])
	p.open("/setup")
	field := chromedp.CSS(`[name="Factory/Owner"]`)
	p.do(chromedp.SetValue(field, "Works department"), chromedp.Submit(field))
	p.until(`document.querySelector(".said")?.textContent.includes("1 register written")`)
	if owner := eval[string](p, `document.querySelector('[name="Factory/Owner"]').value`); owner != "Works department" {
		t.Errorf("the owner is %q", owner)
	}
	p.do(chromedp.KeyEvent("\t"))
	if first := eval[string](p, `document.activeElement.className`); first != "skip" {
		t.Errorf("the first stop of the keyboard is %q, want the link to the content", first)
	}
	p.do(chromedp.Click(chromedp.CSS("form.who button")))
	p.until(`location.pathname === "/login"`)
	p.complained("logout")
}

func name(path string) string {
	if path == "/" {
		return "overview"
	}
	return ""
}

// TestAccessibilityOfPages: axe-core finds nothing serious or critical on any page.
func TestAccessibilityOfPages(t *testing.T) {
	script := axe(t)
	s := lived(t)
	p := s.chromium(t)
	p.open("/login")
	p.accessible(script, "/login")
	p.logIn("USER1", "0")
	for _, l := range looks()[1:3] {
		p.as(l)
		for _, page := range shownPages() {
			p.open(page[0])
			p.until(page[1])
			p.accessible(script, l.name+" "+page[0])
		}
	}
}
