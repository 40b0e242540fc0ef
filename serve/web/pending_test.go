package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestPendingChanges: a port that is changed by its form waits for its confirmation on
// every page, with the time that is left.
func TestPendingChanges(t *testing.T) {
	s := lived(t)
	b := s.browser(t, true)
	b.logIn("USER1", "0")
	if a := b.post("/setup", "action", "set", "section", "ethernet", "Ethernet/ION Port", "7799"); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("%s\n%s", a.Status, a.text)
	}
	const question = "Confirm, or it returns"
	if text := b.get("/").text; !strings.Contains(text, question) || !strings.Contains(text, "Ethernet/ION Port") {
		t.Fatal("no page asks for the confirmation")
	}
	p := s.chromium(t)
	p.as(looks()[0])
	p.logIn("USER1", "0")
	p.shoot("pending")
	p.do(chromedp.Click(chromedp.CSS(`form[action="/pending"] button`)))
	p.until(`document.querySelector(".said")?.textContent.includes("kept")`)
	if strings.Contains(b.get("/").text, question) {
		t.Error("what is confirmed is asked for again")
	}
	p.complained("confirmation")
}
