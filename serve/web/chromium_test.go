package web

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

const chromiumPath = "/usr/bin/chromium"

// axeVersion is that of scripts/fetch-axe.sh.
const axeVersion = "4.14.1"

// tab is a page in Chromium, with all that it complained of.
type tab struct {
	t    testing.TB
	ctx  context.Context
	base string

	mu         sync.Mutex
	complaints []string
	bytes      float64 // that came over the line
	requests   map[network.RequestID]string
}

// chromium starts Chromium with a fresh profile; without one the test is skipped.
func (s *served) chromium(t testing.TB) *tab {
	t.Helper()
	if _, err := os.Stat(chromiumPath); err != nil {
		t.Skip("chromium is not installed: on Debian, apt-get install chromium")
	}
	profile := t.TempDir()
	allocator, stop := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(chromiumPath), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.IgnoreCertErrors,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("hide-scrollbars", true), chromedp.UserDataDir(profile),
		chromedp.ModifyCmdFunc(func(c *exec.Cmd) { c.Stderr = io.Discard }))
	ctx, leave := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx)
		leave()
		stop()
		for range 100 { // its children write for a while yet
			if os.RemoveAll(profile) == nil {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	})
	p := &tab{t: t, ctx: ctx, base: "https://" + s.tls, requests: map[network.RequestID]string{}}
	if err := chromedp.Listen(ctx, p.hear); err != nil {
		t.Fatal(err)
	}
	p.do(func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		if _, err := cdp.Call(ctx, target, network.Enable, network.EnableParams{}); err != nil {
			return chromedp.Void{}, err
		}
		_, err := cdp.Call(ctx, target, log.Enable, cdp.Empty{})
		return chromedp.Void{}, err
	})
	return p
}

// hear collects what the browser tells of errors and of bytes.
func (p *tab) hear(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	complain := func(format string, args ...any) { p.complaints = append(p.complaints, fmt.Sprintf(format, args...)) }
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" || e.Type == "assert" {
			var words []string
			for _, arg := range e.Args {
				words = append(words, cmp.Or(string(arg.Value), arg.Description))
			}
			complain("console %s: %s", e.Type, strings.Join(words, " "))
		}
	case *runtime.EventExceptionThrown:
		complain("%s", (&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error())
	case *log.EventEntryAdded:
		if e.Entry.Level == "error" || e.Entry.Level == "warning" {
			complain("%s %s: %s (%s)", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		p.requests[e.RequestID] = e.Request.URL
	case *network.EventLoadingFailed:
		if e.BlockedReason != "" || !e.Canceled && !strings.Contains(p.requests[e.RequestID], "/live/") { // leaving a page ends its stream
			complain("%s failed: %s %s", p.requests[e.RequestID], e.ErrorText, e.BlockedReason)
		}
	case *network.EventLoadingFinished:
		p.bytes += e.EncodedDataLength
	case *network.EventResponseReceived:
		if e.Response.Status >= 400 {
			complain("%s: %d", e.Response.URL, e.Response.Status)
		}
	}
}

// complained fails the test where the browser has complained, and begins anew.
func (p *tab) complained(where string) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.complaints {
		p.t.Errorf("%s: %s", where, c)
	}
	p.complaints = nil
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

// open goes to a page.
func (p *tab) open(path string) {
	p.t.Helper()
	p.do(chromedp.Navigate(p.base + path))
}

// eval evaluates an expression on a page.
func eval[T any](p *tab, expression string, options ...chromedp.EvaluateOption) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, options...))
	if err != nil {
		p.t.Fatalf("%.200s: %v", expression, err)
	}
	return v
}

// until waits until an expression on the page is true, for half a minute at most; over
// navigations, too.
func (p *tab) until(expression string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		holds, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
		if holds {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			text, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string]("location.href + '\\n' + document.body.innerText.slice(0, 2000)"))
			p.mu.Lock()
			defer p.mu.Unlock()
			p.t.Fatalf("waiting for %s: %v\n%s\n%s", expression, err, strings.Join(p.complaints, "\n"), text)
		}
	}
}

// logIn logs in as people do.
func (p *tab) logIn(user, password string) {
	p.t.Helper()
	p.open("/login")
	p.do(chromedp.SendKeys(chromedp.CSS("#user"), user), chromedp.SendKeys(chromedp.CSS("#password"), password+"\n"))
	p.until("location.pathname !== '/login' && document.readyState === 'complete'")
}

// look is how a page is looked at.
type look struct {
	name          string
	width, height int64
	dark          bool
}

func looks() []look {
	return []look{{"desktop-light", 1280, 900, false}, {"desktop-dark", 1280, 900, true}, {"phone-light", 390, 844, false}, {"phone-dark", 390, 844, true}}
}

// as has the browser look so from the next page on.
func (p *tab) as(l look) {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(l.width, l.height), func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		scheme := map[bool]string{false: "light", true: "dark"}[l.dark]
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		return chromedp.Void{}, err
	})
}

// shoot keeps a picture of the page where HEPMETER_SCREENSHOTS says.
func (p *tab) shoot(name string) {
	p.t.Helper()
	dir := os.Getenv("HEPMETER_SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		if err = os.MkdirAll(dir, 0o755); err == nil {
			err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644)
		}
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// axe is the script of axe-core; without one the test is skipped.
func axe(t testing.TB) string {
	t.Helper()
	path := os.Getenv("HEPMETER_AXE")
	if path == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Skip(err)
		}
		path = filepath.Join(cache, "hepmeter", "axe-core-"+axeVersion, "axe.min.js")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("axe-core %s is not there: scripts/fetch-axe.sh fetches it, or HEPMETER_AXE names its axe.min.js", axeVersion)
	}
	return string(text)
}

// accessible fails the test where axe finds something serious or critical on the page.
func (p *tab) accessible(axe, where string) {
	p.t.Helper()
	eval[chromedp.Void](p, axe+"\n;undefined")
	type finding struct{ ID, Impact, Help, Node string }
	found := eval[[]finding](p, `axe.run(document, {resultTypes: ["violations"]}).then((r) => r.violations.flatMap((v) => v.nodes.slice(0, 4).map((n) => ({ID: v.id, Impact: v.impact, Help: v.help, Node: n.target.join(" ") + " " + n.failureSummary}))))`, chromedp.EvalAwaitPromise)
	for _, f := range found {
		if slices.Contains([]string{"serious", "critical"}, f.Impact) {
			p.t.Errorf("%s: %s (%s): %s at %s", where, f.ID, f.Impact, f.Help, f.Node)
		} else {
			p.t.Logf("%s: %s (%s): %s at %s", where, f.ID, f.Impact, f.Help, f.Node)
		}
	}
}

// quoted is a text as JavaScript writes it.
func quoted(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(b)
}
