package setup

import (
	"bytes"
	"context"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/wire/eventchain"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

func TestConnectSaysWhatIsWrong(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody, _ := ParseAddress(l.Addr().String())
	l.Close()
	if _, err := Connect(context.Background(), nobody, Options{}); !HasCode(err, CodeCannotConnect) || err.(*Error).Kind != Unreachable {
		t.Errorf("nobody there: %v", err)
	}
	l, err = net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "SSH-2.0-other\r\n")
			conn.Close()
		}
	}()
	other, _ := ParseAddress(l.Addr().String())
	if _, err := Connect(context.Background(), other, Options{}); !HasCode(err, CodeNotAMeter) || err.(*Error).Kind != Unreachable {
		t.Errorf("another service: %v", err)
	}
}

func TestReadByEndOfLabel(t *testing.T) {
	m := newFake().connect(t, Options{})
	r, err := m.ReadNamed(context.Background(), []string{"vln A", "Power Meter/Vln b", "result"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range r.Values {
		got = append(got, v.Register+"="+v.Value.String()+v.Unit)
	}
	if want := []string{"Power Meter/Vln a=230.50V", "Power Meter/Vln b=N/AV", "kWh del/Result=12.345kWh"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Whole labels need no list of what there is.
func TestWholeLabelsAreReadAtOnce(t *testing.T) {
	f := newFake()
	m := f.connect(t, Options{})
	if _, err := m.ReadNamed(context.Background(), []string{"Power Meter/Vln a"}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"hello by nobody", "read by nobody"}; !slices.Equal(f.asked, want) {
		t.Errorf("asked %q, want %q", f.asked, want)
	}
}

func TestTheMeterIsAskedForAPasswordOnce(t *testing.T) {
	f := newFake()
	times := 0
	m := f.connect(t, Options{Ask: func(_ context.Context, refusal *Error) (Credential, bool) {
		times++
		if refusal.Code != "credentials-needed" {
			t.Errorf("asked after %v", refusal)
		}
		return Credential{Password: text("0")}, true
	}})
	if _, err := m.Security(context.Background()); err != nil || times != 1 {
		t.Errorf("asked %d times, %v", times, err)
	}
	f.handlers[ionp.Ledger.Operation()] = func(*ionp.Request) (ionp.Body, error) { return nil, refused("user-needed", "name") }
	if _, err := m.Ledger(context.Background()); !HasCode(err, "user-needed") || times != 1 {
		t.Errorf("asked %d times, %v", times, err)
	}
}

func TestRefusalsKeepTheirThreeParts(t *testing.T) {
	m := newFake().connect(t, Options{})
	_, err := m.Security(context.Background())
	e, ok := err.(*Error)
	if !ok || e.Kind != Refused || e.Code != "credentials-needed" || e.What != "reading security" || e.Reason != "this needs a password" || e.Remedy != "do otherwise" {
		t.Errorf("%#v", err)
	}
}

func TestAMeterThatGoesAway(t *testing.T) {
	f := newFake()
	m := f.connect(t, Options{})
	f.handlers[ionp.Info.Operation()] = func(*ionp.Request) (ionp.Body, error) {
		panic("never")
	}
	a, b := net.Pipe()
	go func() { // says hello and hangs up at the next request
		r, w := ionp.NewReader(b), ionp.NewWriter(b)
		for n := 0; ; n++ {
			message, err := r.Next()
			if err != nil || n == 1 {
				b.Close()
				return
			}
			body, _ := ionp.Hello.EncodeReply(ionp.HelloReply{Version: 3, LargestFrame: 256})
			_ = w.Reply(message.ID, &ionp.Reply{Body: body})
			_ = w.Flush()
		}
	}()
	m, err := Connect(context.Background(), m.Address(), Options{Dialer: piped{a}})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := m.Info(context.Background()); !HasCode(err, CodeConnectionLost) || err.(*Error).Kind != Failed {
		t.Errorf("%v", err)
	}
}

type piped struct{ io.ReadWriteCloser }

func (p piped) Dial(context.Context, Address) (io.ReadWriteCloser, error) { return p, nil }

func TestTimeout(t *testing.T) {
	f := newFake()
	held := make(chan struct{})
	f.handlers[ionp.Info.Operation()] = func(*ionp.Request) (ionp.Body, error) {
		<-held
		return nil, refused("busy", "")
	}
	m := f.connect(t, Options{Timeout: 20 * time.Millisecond})
	defer close(held)
	if _, err := m.Info(context.Background()); !HasCode(err, CodeTimeout) {
		t.Errorf("%v", err)
	}
}

// F20: who is cut off is told before the password is written.
func TestF20CutOff(t *testing.T) {
	f := newFake()
	f.ledger = []ionp.LedgerEntry{
		{Address: "192.0.2.5", Path: "ion", Client: "OldSCADA", Kind: "password", Class: Legacy, Last: f.now.UnixNano()},
		{Address: "192.0.2.6", Path: "ion", Client: "Reader", Kind: "none", Class: Legacy, Last: f.now.UnixNano()},
		{Address: "192.0.2.7", Path: "ion", Client: "NewEMS", Kind: "user", Class: Safe, Last: f.now.UnixNano()},
		{Address: "127.0.0.1", Path: "ion", Client: ClientName, Kind: "password", Class: Legacy, Last: f.now.UnixNano()},
	}
	m := f.connect(t, withPassword())
	tests := []struct {
		name     string
		number   int
		password string
		warns    bool
	}{
		{"a number of User1", 1, "4711", false},
		{"letters of User1", 1, "a4711", true},
		{"letters of another account", 2, "a4711", false},
	}
	for _, tt := range tests {
		w, err := m.CutOff(context.Background(), tt.number, tt.password)
		if err != nil || (w != nil) != tt.warns {
			t.Errorf("%s: %v, %v", tt.name, w, err)
		}
		if w != nil && (len(w.Clients) != 1 || w.Clients[0].Client != "OldSCADA") {
			t.Errorf("%s: names %v", tt.name, w.Clients)
		}
	}
	if f.passwords[1] != "0" {
		t.Error("it was written")
	}
}

func TestAfterOwnPasswordTheToolShowsTheNewOne(t *testing.T) {
	m := newFake().connect(t, withPassword())
	if err := m.SetPassword(context.Background(), 1, "4711"); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Security(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestAssess(t *testing.T) {
	f := newFake()
	f.ledger = []ionp.LedgerEntry{
		{Address: "192.0.2.5", Path: "ion", Client: "OldSCADA", Kind: "password", Class: Legacy, Last: f.now.Add(-time.Hour).UnixNano()},
		{Address: "192.0.2.6", Path: "ion", Client: "Retired", Kind: "none", Class: Legacy, Last: f.now.Add(-100 * 24 * time.Hour).UnixNano()},
		{Address: "192.0.2.7", Path: "ion", Client: "NewEMS", Kind: "user", User: "USER3", Class: Safe, Last: f.now.UnixNano()},
		{Address: "192.0.2.8", Path: "modbus map", Kind: "none", Class: Unaffected, Last: f.now.UnixNano()},
		{Address: "127.0.0.1", Path: "ion", Client: ClientName, Kind: "password", Class: Legacy, Last: f.now.UnixNano()},
	}
	m := f.connect(t, withPassword())
	tests := []struct {
		name   string
		since  time.Time
		legacy int
		clear  bool
	}{
		{"all that was seen", time.Time{}, 3, false},
		{"the last 30 days", f.now.Add(-30 * 24 * time.Hour), 2, false},
		{"the last minute", f.now.Add(-time.Minute), 1, true}, // only this tool
	}
	for _, tt := range tests {
		a, err := m.Assess(context.Background(), tt.since)
		if err != nil || len(a.Legacy) != tt.legacy || a.Clear != tt.clear || len(a.Safe) != 1 || len(a.Unaffected) != 1 {
			t.Errorf("%s: %+v, %v", tt.name, a, err)
		}
		if a.Clear != strings.Contains(a.Verdict, "can be switched off") {
			t.Errorf("%s: %s", tt.name, a.Verdict)
		}
	}
}

func hardening(f *fake) Hardening {
	return Hardening{Within: 5 * time.Minute, AdministratorGrant: PermissionWords(), User1Grant: []string{"read"}, QuietFor: 24 * time.Hour,
		Now: func() time.Time { return f.now }, NewPassword: func(string, bool) (string, error) { return "4711", nil }}
}

func TestHardenWalksTheSafeOrder(t *testing.T) {
	f := newFake()
	m := f.connect(t, withPassword())
	h := hardening(f)
	var steps []int
	h.Did = func(step int, _ string) { steps = append(steps, step) }
	plan, err := m.Harden(context.Background(), h)
	if err != nil {
		t.Fatal(err)
	}
	var changes []string
	for _, asked := range f.asked {
		if !strings.HasPrefix(asked, "hello") && !strings.HasPrefix(asked, "ledger") && asked != "security status by password" {
			changes = append(changes, asked)
		}
	}
	want := []string{"provisional begin by password", "user add by password", "security status by USER2", "user set by USER2", "security set by USER2"}
	if !slices.Equal(changes, want) {
		t.Errorf("asked %q, want %q", changes, want)
	}
	if !slices.Equal(steps, []int{1, 2, 3, 4, 5}) || len(plan.Steps) != 5 || plan.Administrator != "USER2" {
		t.Errorf("steps %v of %+v", steps, plan)
	}
	if f.mode != ModeAdvanced || !slices.Equal(f.boxes[1], []string{"read"}) || !f.provisional {
		t.Errorf("mode %s, User1 %v, provisional %v", f.mode, f.boxes[1], f.provisional)
	}
}

func TestHardenIsNotBegun(t *testing.T) {
	tests := []struct {
		name   string
		change func(*fake, *Hardening)
		code   string
		says   string
	}{
		{"legacy clients were here", func(f *fake, _ *Hardening) {
			f.ledger = []ionp.LedgerEntry{{Address: "192.0.2.5", Path: "ion", Client: "OldSCADA", Class: Legacy, Last: f.now.Add(-time.Hour).UnixNano()}}
		}, CodeLegacyInUse, "OldSCADA at 192.0.2.5"},
		{"it is off", func(f *fake, _ *Hardening) { f.mode = ModeAdvanced }, CodeAlreadyHard, "Advanced"},
		{"the password breaks a rule", func(_ *fake, h *Hardening) {
			h.NewPassword = func(string, bool) (string, error) { return "toolong7", nil }
		}, CodePasswordRule, "8 characters"},
		{"nobody gives a password", func(_ *fake, h *Hardening) {
			h.NewPassword = func(string, bool) (string, error) { return "", NewError(CodePasswordNeeded, "") }
		}, CodePasswordNeeded, ""},
		{"User1 is to administer", func(_ *fake, h *Hardening) { h.Administrator = 1 }, CodeUsage, "USER1"},
		{"an administrator without the right", func(f *fake, h *Hardening) { h.Administrator, f.boxes[3] = 3, []string{"read"} }, CodeUsage, "USER3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake()
			m := f.connect(t, withPassword())
			h := hardening(f)
			tt.change(f, &h)
			if _, err := m.Harden(context.Background(), h); !HasCode(err, tt.code) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want %s", err, tt.code)
			}
			for _, asked := range f.asked {
				if strings.HasPrefix(asked, "provisional") || strings.HasPrefix(asked, "user") {
					t.Errorf("it was begun: %s", asked)
				}
			}
		})
	}
}

func TestHardenByForce(t *testing.T) {
	f := newFake()
	f.ledger = []ionp.LedgerEntry{{Address: "192.0.2.5", Client: "OldSCADA", Class: Legacy, Last: f.now.UnixNano()}}
	h := hardening(f)
	h.Force = true
	if plan, err := f.connect(t, withPassword()).Harden(context.Background(), h); err != nil || plan.Assessment.Clear {
		t.Errorf("%+v, %v", plan.Assessment, err)
	}
}

func TestExportedEventsVerify(t *testing.T) {
	f := newFake()
	m := f.connect(t, Options{})
	var log bytes.Buffer
	if err := m.ExportEvents(context.Background(), &log); err != nil {
		t.Fatal(err)
	}
	info, err := m.Info(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	verify := func(text, trusted string) (Verified, error) {
		return VerifyEvents(func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }, trusted)
	}
	if v, err := verify(log.String(), info.Fingerprint); err != nil || v.Events != 3 || v.First != 7 || v.Last != 9 || !v.Compared {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err := verify(log.String(), ""); err != nil || v.Compared || v.Fingerprint != info.Fingerprint {
		t.Errorf("without a fingerprint: %+v, %v", v, err)
	}
	if _, err := verify(strings.Replace(log.String(), "USER1", "USER2", 1), ""); !HasCode(err, CodeLogEdited) || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("an edit: %v", err)
	}
	if _, err := verify(log.String(), "SHA256:other"); !HasCode(err, CodeLogEdited) {
		t.Errorf("another key: %v", err)
	}
}

// The ring loses its oldest event between the head and the events: the export is begun
// anew, and is sound.
func TestExportWhileTheLogMovesOn(t *testing.T) {
	f := newFake()
	m := f.connect(t, Options{})
	head := f.handlers[ionp.EventHead.Operation()]
	heads := 0
	f.handlers[ionp.EventHead.Operation()] = func(r *ionp.Request) (ionp.Body, error) {
		body, err := head(r)
		f.mu.Lock()
		defer f.mu.Unlock()
		if heads++; heads == 1 {
			f.before = eventchain.EventHash(f.before, &f.events[0])
			f.events = f.events[1:]
		}
		return body, err
	}
	var log bytes.Buffer
	if err := m.ExportEvents(context.Background(), &log); err != nil || heads != 2 {
		t.Errorf("%d heads, %v", heads, err)
	}
	if v, err := VerifyEvents(func() (io.ReadCloser, error) { return io.NopCloser(&log), nil }, eventchain.PublicKeyOf(fakeKey).Fingerprint()); err != nil || v.First != 8 {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestFetchProvesTheHash(t *testing.T) {
	f := newFake()
	f.files["a/b"] = bytes.Repeat([]byte("x"), 100_000)
	m := f.connect(t, Options{})
	var got bytes.Buffer
	if err := m.Fetch(context.Background(), "a/b", &got, nil); err != nil || !bytes.Equal(got.Bytes(), f.files["a/b"]) {
		t.Errorf("%d bytes, %v", got.Len(), err)
	}
	f.wrongHash = true
	if err := m.Fetch(context.Background(), "a/b", io.Discard, nil); err == nil || !strings.Contains(err.Error(), "hash") {
		t.Errorf("%v", err)
	}
	if err := m.Fetch(context.Background(), "a/c", io.Discard, nil); !HasCode(err, "not-found") {
		t.Errorf("%v", err)
	}
}

func TestLargeTemplatesAreSentAsFiles(t *testing.T) {
	f := newFake()
	m := f.connect(t, withPassword())
	large := bytes.Repeat([]byte("# comment\n"), 20_000)
	if _, err := m.LoadTemplate(context.Background(), large, false); err != nil || f.template != string(large) {
		t.Errorf("%d bytes came, %v", len(f.template), err)
	}
}

func backup(t *testing.T, m *Meter) []byte {
	t.Helper()
	var out bytes.Buffer
	if _, err := m.Backup(context.Background(), &out, time.Now(), nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func read(t *testing.T, file []byte) Backed {
	t.Helper()
	b, err := ReadBackup(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBackupAndRestore(t *testing.T) {
	f := newFake()
	b := read(t, backup(t, f.connect(t, withPassword())))
	if string(b.Template) != f.template || !b.Verifiers || !strings.Contains(b.Security, "password USER2 = $hash") || len(b.Snapshot) == 0 || len(b.Manifest.SHA256) != 9 || b.Head.Sequence != 9 || *b.Accumulators["kWh del/Result"] != 12.345 {
		t.Fatalf("%+v, %+v", b.Manifest, b.Head)
	}
	other := newFake()
	other.template = "# hepmeter template 1\n"
	other.modules[2].Setups[0].Value = ""
	to := other.connect(t, withPassword())
	dry, err := to.Restore(context.Background(), b, Restoring{DryRun: true})
	if err != nil || other.template == f.template || len(dry.Without) != 0 || len(dry.Setup) != 1 || len(dry.Left) != 2 || !strings.HasPrefix(dry.Left[0], "USER1: keeps ") {
		t.Errorf("dry run: %+v, %v", dry, err)
	}
	if _, err := to.Restore(context.Background(), b, Restoring{}); err != nil || other.template != f.template || other.modules[2].Setups[0].Value != "Anna" {
		t.Errorf("%q, %v", other.template, err)
	}
	// F16: one's own account is as it was.
	if want := "account USER1 = " + strings.Join(PermissionWords(), ",") + "\n"; !strings.Contains(other.applied, want) || strings.Contains(other.applied, "password USER1") || !strings.Contains(other.applied, "password USER2 = $hash") {
		t.Errorf("applied\n%s", other.applied)
	}
	// A backup of an older tool has no verifiers.
	b.Security, b.Verifiers = "hepmeter security 1\ngeneration 3.x\naccount USER2 = read\n", false
	old, err := to.Restore(context.Background(), b, Restoring{DryRun: true})
	if err != nil || !slices.Equal(old.Without, []string{"USER2"}) || len(old.Left) != 1 || !strings.HasPrefix(old.Left[0], "USER1: stays") {
		t.Errorf("%+v, %v", old, err)
	}
	if done, err := to.Restore(context.Background(), b, Restoring{Passwords: map[string]string{"USER2": "4711"}}); err != nil || len(done.Without) != 0 {
		t.Errorf("%+v, %v", done, err)
	}
	// The owner's names are those of the one meter.
	other.modules[2].Setups[0].Value, b.Info.Serial = "Berta", "F-2"
	if _, err := to.Restore(context.Background(), b, Restoring{}); err != nil || other.modules[2].Setups[0].Value != "Berta" {
		t.Errorf("%q, %v", other.modules[2].Setups[0].Value, err)
	}
	for _, asked := range other.asked {
		if strings.HasPrefix(asked, "pulse") || strings.HasPrefix(asked, "reset") || strings.HasPrefix(asked, "snapshot") {
			t.Errorf("a restore asked for %s", asked)
		}
	}
	b.Info.Model = "PM8000"
	if _, err := to.Restore(context.Background(), b, Restoring{}); !HasCode(err, CodeWrongModel) {
		t.Errorf("another model: %v", err)
	}
}

func TestRestoreIntoANewMeter(t *testing.T) {
	f := newFake()
	b := read(t, backup(t, f.connect(t, withPassword())))
	for _, tt := range []struct {
		name    string
		damage  func(*Backed, *fake)
		becomes func(*fake)
		code    string
		differs string
	}{
		{"whole", func(*Backed, *fake) {}, func(m *fake) { m.template, m.modules[2].Setups[0].Value = f.template, "Anna" }, "", ""},
		{"its accounts let nobody read", func(*Backed, *fake) {}, func(m *fake) {
			m.template, m.modules[2].Setups[0].Value = f.template, "Anna"
			on(m, ionp.Info, true, func(ionp.InfoRequest) (ionp.InfoReply, error) { return ionp.InfoReply{Serial: "F-1"}, nil })
		}, "", ""},
		{"another template in the end", func(*Backed, *fake) {}, func(m *fake) { m.modules[2].Setups[0].Value = "Anna" }, "", "the template is another"},
		{"less energy in the end", func(*Backed, *fake) {}, func(m *fake) {
			m.template, m.modules[2].Setups[0].Value = f.template, "Anna"
			m.values["kWh del/Result"] = ionp.Number(1, "kWh")
		}, "", "kWh del/Result is 1: want 12.345 at least"},
		{"another log in the end", func(*Backed, *fake) {}, func(m *fake) {
			m.template, m.modules[2].Setups[0].Value = f.template, "Anna"
			m.events[2].User = "USER2"
		}, "", "event 9 is not that of the backup"},
		{"another model", func(b *Backed, _ *fake) { b.Info.Model = "PM8000" }, nil, CodeWrongModel, ""},
		{"another firmware", func(b *Backed, _ *fake) { b.Info.Firmware = "2.1.0" }, nil, CodeNotInThisFirmware, ""},
		{"no snapshot", func(b *Backed, _ *fake) { b.Snapshot = nil }, nil, CodeBackupDamaged, ""},
		{"a snapshot that the meter refuses", func(b *Backed, _ *fake) { b.Snapshot = []byte("else") }, nil, "snapshot-damaged", ""},
		{"a used meter", func(_ *Backed, m *fake) { m.boxes[3] = []string{"read"} }, nil, CodeNotFresh, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, m := b, newFake()
			tt.damage(&b, m)
			m.template, m.modules[2].Setups[0].Value = "# hepmeter template 1\n", ""
			m.becomes = func() { tt.becomes(m) }
			to := m.connect(t, withPassword())
			dry, err := to.Restore(context.Background(), b, Restoring{IntoNew: true, DryRun: true})
			if m.restored != "" || len(m.files) > 0 {
				t.Errorf("a dry run took %q and left %d files", m.restored, len(m.files))
			}
			if tt.code != "" {
				if _, err2 := to.Restore(context.Background(), b, Restoring{IntoNew: true}); !HasCode(err, tt.code) || !HasCode(err2, tt.code) || m.restored != "" {
					t.Errorf("%v, %v, want %s", err, err2, tt.code)
				}
				return
			}
			if err != nil || dry.Twin.Accounts != 2 {
				t.Fatalf("%+v, %v", dry, err)
			}
			done, err := to.Restore(context.Background(), b, Restoring{IntoNew: true})
			if err != nil || done.Twin.NotCompared != "" || len(done.Twin.Compared) != 6 || strings.Join(done.Twin.Differences, "; ") != tt.differs {
				t.Errorf("%+v, %v, want the difference %q", done.Twin, err, tt.differs)
			}
		})
	}
}

func TestBackupWithoutTheRightSaysWhatIsMissing(t *testing.T) {
	f := newFake()
	m := f.connect(t, Options{})
	file := backup(t, m)
	b, err := ReadBackup(bytes.NewReader(file), int64(len(file)))
	if err != nil || b.Manifest.Missing[backupSecurity] == "" || b.Manifest.Missing[backupSnapshot] == "" || b.Security != "" {
		t.Errorf("%+v, %v", b.Manifest, err)
	}
}

func TestDamagedBackups(t *testing.T) {
	f := newFake()
	file := backup(t, f.connect(t, withPassword()))
	for at := 0; at < len(file); at += 37 {
		damaged := bytes.Clone(file)
		damaged[at] ^= 0x10
		b, err := ReadBackup(bytes.NewReader(damaged), int64(len(damaged)))
		if err != nil && !HasCode(err, CodeBackupDamaged) {
			t.Fatalf("byte %d: %v has no code", at, err)
		}
		if err == nil && string(b.Template) != f.template {
			t.Fatalf("byte %d: another template was read", at)
		}
	}
}

func FuzzReadBackup(f *testing.F) {
	m := newFake()
	var out bytes.Buffer
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	go func() {
		if conn, err := l.Accept(); err == nil {
			m.converse(conn)
		}
	}()
	a, _ := ParseAddress(l.Addr().String())
	meter, err := Connect(context.Background(), a, withPassword())
	if err != nil {
		f.Fatal(err)
	}
	if _, err := meter.Backup(context.Background(), &out, time.Unix(0, 0), nil); err != nil {
		f.Fatal(err)
	}
	meter.Close()
	l.Close()
	f.Add(out.Bytes())
	f.Add([]byte("PK"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := ReadBackup(bytes.NewReader(b), int64(len(b))); err != nil && !HasCode(err, CodeBackupDamaged) {
			t.Errorf("%v has no code", err)
		}
	})
}
