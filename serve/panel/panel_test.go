package panel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/meter"
	"github.com/hepmeter/hepmeter/waveform/synth"
	wire "github.com/hepmeter/hepmeter/wire/panel"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rateHz keeps long spans of these tests cheap.
const rateHz = 3200

const site = `
name: steady site
frequency: {hz: 50}
voltage: {rms: 230}
loads:
  - {name: plant, kW: 60, kvar: 20}
`

// bench is a running meter with its panel, in a bubble of time.
type bench struct {
	*testing.T
	meter *meter.Meter
	door  *pipes
}

// bubble runs a test on a fresh meter of a firmware version.
func bubble(t *testing.T, firmware string, limits access.Limits, test func(b *bench)) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	synctest.Test(t, func(t *testing.T) {
		scenario, err := synth.Parse([]byte(site), "site")
		if err != nil {
			t.Fatal(err)
		}
		source, err := scenario.Source(rateHz, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		m, err := meter.Open(meter.Options{Dir: dir, Model: "PM8000", Serial: "T-1", Firmware: firmware, Source: source, Speed: 1, Limits: limits, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		b := &bench{t, m, &pipes{coming: make(chan net.Conn), closed: make(chan struct{})}}
		ctx, stop := context.WithCancel(t.Context())
		ran := make(chan error, 2)
		served := make(chan error, 1)
		go func() { ran <- m.Run(ctx) }()
		go func() { served <- New(m.Gate(), Options{Log: slog.New(slog.DiscardHandler)}).Serve(ctx, b.door) }()
		time.Sleep(2 * time.Second) // of the bubble: there are readings
		test(b)
		stop()
		if err := errors.Join(<-served, <-ran, m.Close()); err != nil {
			t.Error(err)
		}
	})
}

// pipes is a listener within the bubble.
type pipes struct {
	coming chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.coming:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "bubble", Net: "unix"} }

// glass is a display: what it shows, and its keys.
type glass struct {
	*bench
	conn net.Conn

	mu    sync.Mutex
	shown wire.Picture
	gone  bool
}

// dial connects a display that says nothing yet.
func (b *bench) dial() *glass {
	ours, theirs := net.Pipe()
	b.door.coming <- theirs
	g := &glass{bench: b, conn: ours}
	b.Cleanup(func() { ours.Close() })
	pictures := wire.NewPictures(ours)
	go func() {
		for {
			p, err := pictures.Next()
			g.mu.Lock()
			if g.gone = err != nil; !g.gone {
				g.shown = p
			}
			g.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return g
}

// attach connects a display of 40 columns and 16 rows.
func (b *bench) attach() *glass {
	b.Helper()
	g := b.dial()
	g.say(wire.Request{Version: wire.Version, Columns: 40, Rows: 16})
	return g
}

func (g *glass) say(q wire.Request) {
	g.Helper()
	if err := wire.Write(g.conn, q); err != nil {
		g.Fatalf("%+v: %v", q, err)
	}
	synctest.Wait()
}

// text is what is shown, line by line.
func (g *glass) text() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var b strings.Builder
	for _, line := range g.shown.Lines {
		fmt.Fprintln(&b, strings.TrimRight(line.Text(), " "))
	}
	if g.shown.Error != "" {
		fmt.Fprintf(&b, "%s; %s\n", g.shown.Error, g.shown.Remedy)
	}
	return b.String()
}

func (g *glass) ended() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.gone
}

// see waits until the display shows a text.
func (g *glass) see(text string) {
	g.Helper()
	for range 300 {
		if strings.Contains(g.text(), text) {
			return
		}
		time.Sleep(100 * time.Millisecond) // of the bubble
	}
	g.Fatalf("%q is not to be seen in\n%s", text, g.text())
}

// unseen fails if the display shows a text.
func (g *glass) unseen(text string) {
	g.Helper()
	if strings.Contains(g.text(), text) {
		g.Fatalf("%q is to be seen in\n%s", text, g.text())
	}
}

// press presses keys; a word that is no key is typed.
func (g *glass) press(keys ...wire.Key) {
	g.Helper()
	for _, key := range keys {
		switch key {
		case wire.Up, wire.Down, wire.Left, wire.Right, wire.Enter, wire.Escape, wire.Backspace:
			g.say(wire.Request{Key: key})
		default:
			for i := range key {
				g.say(wire.Request{Key: key[i : i+1]})
			}
		}
	}
}

// open presses Enter on the item of a menu.
func (g *glass) open(item string) {
	g.Helper()
	g.see(item)
	for range 12 {
		if strings.Contains(g.text(), "> "+item) {
			g.press(wire.Enter)
			return
		}
		g.press(wire.Down)
	}
	g.Fatalf("no item %q in\n%s", item, g.text())
}

// register is the value of a register now.
func (b *bench) register(label string) string {
	b.Helper()
	s, err := b.meter.Gate().Open(access.Client{Path: access.ION, Remote: "test"})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if b.meter.Gate().Security().Mode != access.None {
		s = b.as(s, "USER1", "0")
	}
	r := readings(s)
	if r.refused != nil {
		b.Fatal(r.refused)
	}
	return setting(r.value(label))
}

// as logs in.
func (b *bench) as(s *access.Session, user, password string) *access.Session {
	b.Helper()
	named, err := s.With(b.Context(), access.Credential{User: user, Given: true, Password: password})
	if err != nil {
		b.Fatal(err)
	}
	return named
}

// admin is a session of an account, by the object protocol.
func (b *bench) admin(user, password string) *access.Session {
	b.Helper()
	s, err := b.meter.Gate().Open(access.Client{Path: access.ION, Remote: "test"})
	if err != nil {
		b.Fatal(err)
	}
	return b.as(s, user, password)
}

func (b *bench) set(user string, options ...string) {
	b.Helper()
	changes := map[string]string{}
	for i := 0; i < len(options); i += 2 {
		changes[options[i]] = options[i+1]
	}
	b.must(b.admin(user, "0").SetOptions(b.Context(), changes))
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// addUser makes an account with permissions and the password 2.
func (b *bench) addUser(number int, boxes access.Permissions) {
	b.Helper()
	_, err := b.admin("USER1", "0").AddUser(b.Context(), number, boxes, "2")
	b.must(err)
}

// events tells whether an event has a text, and how many have.
func (b *bench) events(text string) (n int) {
	b.Helper()
	log, err := b.admin("USER1", "0").Events(0, 1000)
	b.must(err)
	for _, e := range log.Events {
		if strings.Contains(fmt.Sprint(e), text) {
			n++
		}
	}
	return n
}

var everything = access.OpenLimits()

func TestVoltageIsLive(t *testing.T) {
	bubble(t, "3.0.0", everything, func(b *bench) {
		g := b.attach()
		g.see("Vln a                    230.0 V")
		before := g.text()
		time.Sleep(2100 * time.Millisecond) // of the bubble: more than the Update Rate
		if g.text() == before {
			t.Error("the clock on the screen stands still")
		}
	})
}

func TestScreensGoRound(t *testing.T) {
	bubble(t, "3.0.0", everything, func(b *bench) {
		g := b.attach()
		for _, s := range screens() {
			g.see(s.title)
			g.press(wire.Right)
		}
		g.see("VOLTS")
		g.press(wire.Left)
		g.see("NETWORK")
		g.press(wire.Escape)
		g.see("VOLTS")
	})
}

func TestDisplayOfAnotherSize(t *testing.T) {
	bubble(t, "3.0.0", everything, func(b *bench) {
		g := b.attach()
		g.see("VOLTS")
		for _, size := range [][2]int{{80, 24}, {40, 16}, {200, 100}} {
			g.say(wire.Request{Columns: size[0], Rows: size[1]})
			g.mu.Lock()
			rows, columns := len(g.shown.Lines), len(g.shown.Lines[0].Text())
			g.mu.Unlock()
			if columns != size[0] || rows != size[1] {
				t.Errorf("%d x %d, want %v", columns, rows, size)
			}
		}
	})
}

// A ratio changes as a pair, under LSS with User1's password, and the ledger knows it as
// legacy use.
func TestLSSRatioWithThePasswordOfUser1(t *testing.T) {
	bubble(t, "3.0.0", everything, func(b *bench) {
		g := b.attach()
		g.press(wire.Enter)
		g.open("Basic Setup")
		g.open("PT Ratio")
		g.see("Password of USER1")
		g.unseen("User\n")
		g.press("0", wire.Enter)
		g.see("PT RATIO")
		g.press("14400", wire.Enter, wire.Up, wire.Enter)
		g.see("14400 : 348")
		if prim, sec := b.register("Power Meter/PT Prim"), b.register("Power Meter/PT Sec"); prim != "14400" || sec != "348" {
			t.Errorf("PT %s : %s", prim, sec)
		}
		g.open("CT Ratio") // no new prompt
		g.see("CT RATIO")
		g.press(wire.Escape)
		uses, _, _, err := b.admin("USER1", "0").Uses()
		b.must(err)
		for _, use := range uses {
			if use.Path == access.FrontPanel && use.Class == access.Legacy {
				return
			}
		}
		t.Errorf("the ledger has no legacy use of the panel: %+v", uses)
	})
}

// Nothing is stored of a pair of which one is wrong, and the form stays.
func TestValueBeyondItsLimitsChangesNothing(t *testing.T) {
	bubble(t, "3.0.0", everything, func(b *bench) {
		g := b.attach()
		g.press(wire.Enter)
		g.open("Basic Setup")
		g.open("CT Ratio")
		g.press("0", wire.Enter)
		g.press("200", wire.Enter, "0", wire.Enter)
		g.see("INVALID VALUE")
		g.press(wire.Enter)
		g.see("CT RATIO")
		if prim := b.register("Power Meter/CT Prim"); prim != "5" {
			t.Errorf("CT Prim %s", prim)
		}
		g.press(wire.Escape)
		g.see("5 : 5")
	})
}

func TestInvalidSecurityLevel(t *testing.T) {
	for _, row := range []struct {
		name    string
		boxes   access.Permissions
		refused bool
	}{
		{"LSS, User1 may only read", access.MayRead, true},
		{"LSS, User1 has Full Meter Config", access.MayRead | access.MayConfig, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			bubble(t, "3.0.0", everything, func(b *bench) {
				b.addUser(2, access.MayRead|access.MaySecurity)
				b.must(b.admin("USER2", "2").SetUser(b.Context(), 1, row.boxes, ^row.boxes&all))
				b.change(row.refused, "", "0")
			})
		})
	}
	for _, row := range []struct {
		name    string
		boxes   access.Permissions
		refused bool
	}{
		{"Advanced, an account that may only read", access.MayRead, true},
		{"Advanced, an account with all but Full Meter Config", all &^ access.MayConfig, true},
		{"Advanced, an account with Full Meter Config", access.MayRead | access.MayConfig, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			bubble(t, "3.0.0", everything, func(b *bench) {
				b.addUser(7, row.boxes)
				b.set("USER1", access.RegisterMode, "Advanced")
				b.change(row.refused, "USER7", "2")
			})
		})
	}
}

// all are the permissions.
const all = access.MayRead | access.MayReset | access.MayTime | access.MayConfig | access.MayTest | access.MaySecurity | access.MayComm

// change changes PT Prim at the panel.
func (b *bench) change(refused bool, user, password wire.Key) {
	b.Helper()
	g := b.attach()
	g.see("230.0 V") // in Advanced, too: the data screens
	g.press(wire.Enter)
	g.open("Basic Setup")
	g.open("PT Ratio")
	if user != "" {
		g.see("User")
		g.press(wire.Backspace, wire.Backspace, wire.Backspace, wire.Backspace, wire.Backspace, user, wire.Enter)
	}
	g.press(password, wire.Enter)
	g.see("PT RATIO")
	g.press("480", wire.Enter, wire.Enter)
	want := "480"
	if refused {
		want = "347"
		g.see(invalidLevel)
		if b.events("PT Prim") == 0 {
			b.Error("the refusal is not in the event log")
		}
		g.press(wire.Enter)
	}
	g.see(want + " : 347")
	if prim := b.register("Power Meter/PT Prim"); prim != want {
		b.Errorf("PT Prim %s, want %s", prim, want)
	}
}

func TestGeneration2Prompts(t *testing.T) {
	t.Run("Standard asks for the meter password", func(t *testing.T) {
		bubble(t, "2.1.0", everything, func(b *bench) {
			g := b.attach()
			g.press(wire.Enter)
			g.open("Basic Setup")
			g.open("PT Ratio")
			g.see("Meter password")
			g.press("x0", wire.Enter) // letters are not taken
			g.see("PT RATIO")
			g.press(wire.Up, wire.Enter, wire.Enter)
			g.see("348 : 347")
		})
	})
	t.Run("None asks for nothing", func(t *testing.T) {
		bubble(t, "2.1.0", everything, func(b *bench) {
			b.set("USER1", access.RegisterMode, "None")
			g := b.attach()
			g.press(wire.Enter)
			g.open("Basic Setup")
			g.open("PT Ratio")
			g.see("PT RATIO")
			g.press(wire.Up, wire.Enter, wire.Enter)
			g.see("348 : 347")
			g.press(wire.Escape)
			g.open("Password Setup")
			g.see("without security there is no password")
		})
	})
}

func TestF18PasswordSetup(t *testing.T) {
	t.Run("3.x has none", func(t *testing.T) {
		bubble(t, "3.0.0", everything, func(b *bench) {
			for _, mode := range []string{"LSS", "Advanced"} {
				b.set("USER1", access.RegisterMode, mode)
				g := b.attach()
				g.press(wire.Enter)
				g.see("Basic Setup")
				g.unseen("Password")
			}
		})
	})
	t.Run("2.1.0 has it in Standard", func(t *testing.T) {
		bubble(t, "2.1.0", everything, func(b *bench) {
			g := b.attach()
			g.press(wire.Enter)
			g.open("Password Setup")
			g.press("0", wire.Enter)
			g.see("New password")
			g.press("4711", wire.Enter, "4712", wire.Enter)
			g.see("THE TWO ARE NOT THE SAME")
			g.press(wire.Escape)
			g.open("Password Setup")
			g.press("4711", wire.Enter, "4711", wire.Enter)
			g.see("PASSWORD CHANGED")
			g.open("Password Setup") // the login goes on
			g.see("New password")
			other := b.attach()
			other.press(wire.Enter)
			other.open("Demand Reset")
			other.press("0", wire.Enter)
			other.see("INVALID PASSWORD")
			other.press(wire.Enter)
			other.open("Demand Reset")
			other.press("4711", wire.Enter)
			other.see("Reset the peak demand?")
		})
	})
	t.Run("2.1.0 has it in Advanced, for the own account (F17)", func(t *testing.T) {
		bubble(t, "2.1.0", everything, func(b *bench) {
			b.addUser(9, all)
			b.addUser(5, access.MayRead)
			b.set("USER1", access.RegisterMode, "Advanced")
			g := b.attach()
			g.press(wire.Enter)
			g.open("Password Setup")
			g.press(wire.Backspace, "5", wire.Enter, "2", wire.Enter)
			g.see("Password of USER5")
			g.press("Ab#1", wire.Enter, "Ab#1", wire.Enter)
			g.see("PASSWORD CHANGED")
			b.admin("USER5", "Ab#1")
		})
	})
}

// 5 minutes without a key (security.md 2.2).
func TestIdleMinutes(t *testing.T) {
	bubble(t, "3.0.0", everything, func(b *bench) {
		g := b.attach()
		g.press(wire.Right)
		g.press(wire.Enter)
		g.open("Basic Setup")
		g.open("PT Ratio")
		g.press("0", wire.Enter)
		g.see("PT RATIO")
		for range 2 {
			time.Sleep(idle - 2*time.Second) // each key begins it anew
			g.press(wire.Up)
			g.see("PT RATIO")
		}
		time.Sleep(idle + 2*time.Second)
		g.see("AMPS")
		if prim := b.register("Power Meter/PT Prim"); prim != "347" {
			t.Errorf("PT Prim %s: what was not finished is stored", prim)
		}
		g.press(wire.Enter)
		g.open("Basic Setup")
		g.open("PT Ratio")
		g.see("Password of USER1") // the login is forgotten
		time.Sleep(idle + 2*time.Second)
		g.see("AMPS") // and the panel stays attached
		if g.ended() {
			t.Error("the panel has ended")
		}
	})
}

func TestPanelLockoutAttempts(t *testing.T) {
	bubble(t, "3.0.0", everything, func(b *bench) {
		b.set("USER1", "Security Options/Panel Lockout Attempts", "2", "Security Options/Lockout Minutes", "3")
		g := b.attach()
		g.press(wire.Enter)
		try := func(password wire.Key) {
			t.Helper()
			g.open("Demand Reset")
			g.press(password, wire.Enter)
		}
		for range 2 {
			try("1")
			g.see("INVALID PASSWORD")
			g.press(wire.Enter)
		}
		try("0") // locked: the right one, too
		g.see("INVALID PASSWORD")
		g.press(wire.Enter)
		b.admin("USER1", "0") // other paths are open
		time.Sleep(3*time.Minute + time.Second)
		try("0")
		g.see("Reset the peak demand?")
		g.press(wire.Enter)
		g.see("DEMAND RESET")
		g.see("> Demand Reset")
	})
}

func TestFrontPanelProgrammingOff(t *testing.T) {
	bubble(t, "3.0.0", everything, func(b *bench) {
		g := b.attach()
		g.press(wire.Enter)
		g.open("Basic Setup")
		g.open("PT Ratio")
		g.press("0", wire.Enter)
		g.see("PT RATIO")
		off := []access.Change{{Kind: access.Set, Object: access.RegisterPanelSetup, Text: "OFF"}}
		b.must(b.admin("USER1", "0").Change(b.Context(), off, false))
		g.press(wire.Up, wire.Enter, wire.Enter) // in a form that was open before
		g.see("Front Panel Programming")
		if prim := b.register("Power Meter/PT Prim"); prim != "347" {
			t.Errorf("PT Prim %s", prim)
		}
		g.press(wire.Enter, wire.Escape)
		for _, item := range []string{"Basic Setup", "Clock", "Communications", "Display"} {
			g.open(item)
			g.see("Programming")
			g.press(wire.Enter)
			g.see("> " + item)
			g.see("switched off")
			g.press(wire.Up, wire.Up, wire.Up, wire.Up, wire.Up)
		}
		g.open("Demand Reset") // is no setup
		g.see("Reset the peak demand?")
	})
}

func TestClockIsSet(t *testing.T) {
	bubble(t, "3.0.0", everything, func(b *bench) {
		g := b.attach()
		g.press(wire.Enter)
		g.open("Clock")
		g.open("Set Clock")
		g.press("0", wire.Enter)
		g.press("20301399", wire.Enter, "123000", wire.Enter)
		g.see("INVALID VALUE")
		g.press(wire.Enter, "20300102", wire.Enter, "123000", wire.Enter)
		g.see("2030/01/02 12:30")
	})
}

func TestEnumerationWithArrows(t *testing.T) {
	bubble(t, "3.0.0", everything, func(b *bench) {
		g := b.attach()
		g.press(wire.Enter)
		g.open("Communications")
		g.open("COM1")
		g.open("Baud Rate")
		g.press(wire.Up, wire.Enter) // the password by the arrows
		g.see("19200")
		g.press(wire.Down, wire.Enter)
		g.see("38400")
		if rate := b.register("COM1/Baud Rate"); rate != "38400" {
			t.Errorf("Baud Rate %s", rate)
		}
		g.open("Parity")
		g.press(wire.Enter)
		g.see("NOT CHANGED")
	})
}

func TestDisplayOptionsAreObeyed(t *testing.T) {
	bubble(t, "3.0.0", everything, func(b *bench) {
		b.must(b.admin("USER1", "0").Change(b.Context(), []access.Change{
			{Kind: access.Set, Object: "Display Options/Volts Digits", Text: "3"},
			{Kind: access.Set, Object: "Display Options/Digit Group", Text: "1 000,0"},
			{Kind: access.Set, Object: "Display Options/Date Format", Text: "DD/MM/YYYY"},
			{Kind: access.Set, Object: "Clock/TZ Offset", Text: "3600"},
		}, false))
		g := b.attach()
		g.see("230,00")
		g.see("01/01/2000 01:00:")
	})
}

// Under LSS without Read Access of User1 there is nothing to see, which is told to the
// display each second and to the log once.
func TestNothingToSeeWithoutReadAccess(t *testing.T) {
	bubble(t, "3.0.0", everything, func(b *bench) {
		b.addUser(2, all)
		b.must(b.admin("USER2", "2").SetUser(b.Context(), 1, 0, all))
		g := b.attach()
		g.see(invalidLevel)
		g.unseen("230")
		time.Sleep(6 * time.Minute)
		g.see(invalidLevel)
		log, err := b.admin("USER2", "2").Events(0, 1000)
		b.must(err)
		refused := 0
		for _, e := range log.Events {
			if strings.Contains(e.Origin, "front panel") {
				refused++
			}
		}
		if refused > 1 {
			t.Errorf("%d events of the panel", refused)
		}
	})
}

// In Advanced the event log needs a login.
func TestAdvancedEventLogAfterALogin(t *testing.T) {
	bubble(t, "3.0.0", everything, func(b *bench) {
		b.set("USER1", access.RegisterMode, "Advanced")
		g := b.attach()
		g.press(wire.Left, wire.Left, wire.Left)
		g.see("EVENT LOG")
		g.see("names its user")
		g.press(wire.Enter)
		g.open("Demand Reset")
		g.press(wire.Enter, "0", wire.Enter, wire.Escape, wire.Escape)
		g.see("newest first")
	})
}

func TestOnePanelWithFactoryLimits(t *testing.T) {
	bubble(t, "3.0.0", access.FactoryLimits(), func(b *bench) {
		first := b.attach()
		first.see("230.0 V")
		for range 2 { // the one that the gate keeps for named users, too
			second := b.attach()
			second.see("connection")
			if !second.ended() {
				t.Error("the second panel goes on")
			}
		}
		first.conn.Close()
		synctest.Wait()
		b.attach().see("230.0 V")
	})
}

func TestOneScreenAsText(t *testing.T) {
	bubble(t, "3.0.0", everything, func(b *bench) {
		for _, row := range []struct{ screen, want string }{
			{"volts", "Vln a                    230.0 V"},
			{"HARMONICS", "HARMONICS"},
			{"soup", "there are volts, amps"},
		} {
			g := b.dial()
			g.say(wire.Request{Version: wire.Version, Screen: row.screen, Columns: 80})
			g.see(row.want)
			if !g.ended() {
				t.Errorf("%s: it goes on", row.screen)
			}
		}
	})
}

func TestWhoSpeaksOtherwiseIsClosed(t *testing.T) {
	bubble(t, "3.0.0", everything, func(b *bench) {
		g := b.dial()
		g.say(wire.Request{Version: 9})
		g.see("version 1")
		for _, said := range []string{"GET / HTTP/1.1\r\n", `{"version":1,"columns":80}` + "\n" + `{"key":"f12"}` + "\n", strings.Repeat("x", 4*wire.MaxRequest)} {
			g := b.dial()
			_, err := io.WriteString(g.conn, said)
			synctest.Wait()
			if !g.ended() {
				t.Errorf("%.20q: it goes on (%v)", said, err)
			}
		}
		silent := b.dial()
		time.Sleep(11 * time.Second) // of the bubble: Patience
		if !silent.ended() {
			t.Error("a silent display is waited for")
		}
		if n := b.meter.Gate().Counters().Connections; n != 0 {
			t.Errorf("%d connections are left", n)
		}
	})
}

// A panel that somebody ends is told so.
func TestAdministratorEndsThePanel(t *testing.T) {
	bubble(t, "3.0.0", everything, func(b *bench) {
		g := b.attach()
		g.see("VOLTS")
		admin := b.admin("USER1", "0")
		list, err := admin.Connections()
		b.must(err)
		for _, c := range list {
			if c.Path == access.FrontPanel {
				b.must(admin.EndConnection(b.Context(), c.ID))
			}
		}
		synctest.Wait()
		if !g.ended() {
			t.Error("it goes on")
		}
	})
}

// Whatever keys are pressed on whatever display, a whole picture is shown. The keys are
// those of a seed.
func TestNoKeysBreakThePanel(t *testing.T) {
	bubble(t, "2.1.0", everything, func(b *bench) {
		gate := b.meter.Gate()
		root, err := gate.Open(access.Client{Path: access.FrontPanel, Medium: access.Local, Remote: "panel"})
		b.must(err)
		defer root.Close()
		d := newDisplay(gate, root, Options{}.withDefaults())
		d.login, err = root.Login(b.Context(), access.Credential{Given: true, Password: "0"}, idle)
		b.must(err)
		random := rand.New(rand.NewPCG(1, 2))
		keys := []wire.Key{wire.Up, wire.Down, wire.Left, wire.Right, wire.Enter, wire.Enter, wire.Enter, wire.Escape, wire.Backspace, "0", "5", ".", "-", "z"}
		pages := map[string]bool{}
		presses := 3000
		if raceDetector {
			presses = 300
		}
		for range presses {
			d.resize(wire.Request{Columns: wire.LeastColumns + random.IntN(80), Rows: wire.LeastRows + random.IntN(30)})
			d.press(b.Context(), keys[random.IntN(len(keys))])
			lines := d.draw("")
			pages[strings.TrimSpace(lines[0].Text()[:20])] = true
			if len(lines) != d.rows {
				t.Fatalf("%d lines on %d rows", len(lines), d.rows)
			}
			for _, line := range lines {
				if n := len([]rune(line.Text())); n > d.columns {
					t.Fatalf("%q has %d characters on %d columns", line.Text(), n, d.columns)
				}
			}
		}
		if len(pages) < presses/200 {
			t.Errorf("only %d pages were reached: %v", len(pages), pages)
		}
	})
}
