package ionp

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

// Every operation that the protocol has is served, but those of the upgrade.
func TestAllOperationsAreServed(t *testing.T) {
	h := handlers()
	for op := ionp.Operation(0); op < 256; op++ {
		_, there := h[op]
		if upgrade := op >= ionp.UpgradeStatus; there != (op.Known() && !upgrade) {
			t.Errorf("%s: served %t", op, there)
		}
	}
}

// tester sends syslog test messages nowhere.
type tester struct{}

func (tester) TestSyslog(_ context.Context, _ access.ForwardTarget, by access.By) (string, error) {
	return "by " + by.User, nil
}

// The operations, each on a fresh meter, by User1.
func TestOperations(t *testing.T) {
	who := named("USER1", "0")
	for _, row := range []struct {
		name string
		run  func(t *testing.T, s *served, c *ionp.Client)
	}{
		{"hello", func(t *testing.T, s *served, c *ionp.Client) {
			reply, err := s.dial(t).Hello(within(t), ionp.HelloRequest{Version: 2, ClientName: "old", ClientVersion: "2.6"})
			if err != nil || reply.Version != 2 || reply.Model != "ION9000" || reply.Firmware != "3.x" || reply.LargestFrame != ionp.LargestFrame ||
				!slices.Equal(reply.Credentials, []string{"none", "password", "user"}) {
				t.Errorf("%+v, %v", reply, err)
			}
		}},
		{"login and logout", func(t *testing.T, s *served, c *ionp.Client) {
			reply := do(t, c, who, ionp.Login, ionp.LoginRequest{})
			if len(reply.Token) != ionp.TokenLength || reply.IdleSeconds != 300 || reply.User != "USER1" || len(reply.Permissions) != 7 {
				t.Errorf("%+v", reply)
			}
			do(t, c, withToken(reply.Token), ionp.Logout, ionp.LogoutRequest{})
			refused(t, access.CodeBadRequest, c, who, ionp.Logout, ionp.LogoutRequest{})
		}},
		{"info", func(t *testing.T, s *served, c *ionp.Client) {
			i := do(t, c, who, ionp.Info, ionp.InfoRequest{})
			if i.Serial != "SW-1" || i.Version != ionp.Version || i.Tag2 != "two" || i.UptimeSeconds != 60 || i.Sessions != 1 || i.Endpoints["ion"] != ":7700" {
				t.Errorf("%+v", i)
			}
		}},
		{"managers", func(t *testing.T, s *served, c *ionp.Client) {
			if m := do(t, c, who, ionp.Managers, ionp.ManagersRequest{}).Managers; len(m) != 9 || m[0].Type != "Power Meter" || m[3].Modules != 2 {
				t.Errorf("%+v", m)
			}
		}},
		{"modules, page by page", func(t *testing.T, s *served, c *ionp.Client) {
			var labels []string
			for from := uint64(0); ; {
				page := do(t, c, who, ionp.Modules, ionp.ModulesRequest{From: from, Limit: 3})
				for _, m := range page.Modules {
					labels = append(labels, m.Label)
				}
				if from = page.Next; from == 0 {
					break
				}
			}
			if len(labels) != 10 || labels[9] != "Security User 1" {
				t.Errorf("%q", labels)
			}
			if m := do(t, c, who, ionp.Modules, ionp.ModulesRequest{Manager: "external pulse"}).Modules; len(m) != 2 {
				t.Errorf("%+v", m)
			}
			refused(t, access.CodeNotFound, c, who, ionp.Modules, ionp.ModulesRequest{Manager: "Nonsense"})
		}},
		{"module", func(t *testing.T, s *served, c *ionp.Client) {
			m := do(t, c, who, ionp.Module, ionp.ModuleRequest{Label: "kwh DEL"})
			if m.Label != "kWh del" || m.Inputs[0].Link != "Power Meter/kW tot" || m.Outputs[0].Unit != "kWh" {
				t.Errorf("%+v", m)
			}
			if m := do(t, c, who, ionp.Module, ionp.ModuleRequest{Label: "Security User 1"}); *m.Setups[0].Low != 1 || m.Setups[0].Value != "ON" {
				t.Errorf("%+v", m)
			}
			refused(t, access.CodeNotFound, c, who, ionp.Module, ionp.ModuleRequest{Label: "Nonsense"})
		}},
		{"read", func(t *testing.T, s *served, c *ionp.Client) {
			labels := []string{"power METER/vln A", "kWh del/Result", "Power Meter/PF lag", "Nonsense/None", "Power Meter/Phase Rev", "Clock/Universal Time", "Clock/DST", "Security Options/Security Mode"}
			r := do(t, c, who, ionp.Read, ionp.ReadRequest{Labels: labels})
			want := []ionp.Value{
				ionp.Number(230.5, "V"),
				{Kind: ionp.ValueCount, Available: true, Number: 1234.567, Count: 1_234_567, Unit: "kWh"},
				ionp.NotAvailable(ionp.ValueNumber, ""),
				{},
				ionp.Enum(0, "ABC"),
				ionp.Time(1_700_000_000_000_000_000),
				ionp.Boolean(true),
				ionp.Text("LSS"),
			}
			for i, reading := range r.Readings {
				if reading.Label != labels[i] || reading.Value != want[i] {
					t.Errorf("%s: got %+v, want %+v", reading.Label, reading.Value, want[i])
				}
			}
			if len(r.Readings) != len(labels) || r.Sequence != 1 || r.Time == 0 {
				t.Errorf("%+v", r)
			}
		}},
		{"read again after a new snapshot, and in a new layout", func(t *testing.T, s *served, c *ionp.Client) {
			do(t, c, who, ionp.Read, volts)
			s.set("Power Meter/Vln a", access.Value{Kind: access.KindNumber, Available: true, Number: 231})
			if v := do(t, c, who, ionp.Read, volts).Readings[0].Value; v.Number != 231 {
				t.Errorf("%+v", v)
			}
			s.set("Power Meter/A first", access.Value{Kind: access.KindText, Available: true, Text: "moves all points"})
			if v := do(t, c, who, ionp.Read, volts).Readings[0].Value; v != ionp.Number(231, "V") {
				t.Errorf("%+v", v)
			}
		}},
		{"write", func(t *testing.T, s *served, c *ionp.Client) {
			on := ionp.Boolean(true)
			name := "me"
			w := do(t, c, who, ionp.Write, ionp.WriteRequest{Changes: []ionp.Change{{Label: "factory/owner", Text: &name}, {Label: "Lamp/Switch", Value: &on}}})
			r := do(t, c, who, ionp.Read, ionp.ReadRequest{Labels: []string{"Factory/Owner", "Lamp/Switch"}})
			if w.Written != 2 || r.Readings[0].Value.Text != "me" || r.Readings[1].Value != ionp.Boolean(true) {
				t.Errorf("%+v %+v", w, r)
			}
			do(t, c, who, ionp.Write, setText("Lamp/Switch", "OFF"))
			number := ionp.Number(415.5, "")
			do(t, c, who, ionp.Write, ionp.WriteRequest{Changes: []ionp.Change{{Label: "Power Meter/PT Prim", Value: &number}}})
			r = do(t, c, who, ionp.Read, ionp.ReadRequest{Labels: []string{"Lamp/Switch", "Power Meter/PT Prim"}})
			if r.Readings[0].Value != ionp.Boolean(false) || r.Readings[1].Value.Text != "415.5" {
				t.Errorf("%+v", r)
			}
		}},
		{"write all or nothing", func(t *testing.T, s *served, c *ionp.Client) {
			name, wrong := "me", "*"
			refused(t, access.CodeBadValue, c, who, ionp.Write, ionp.WriteRequest{Changes: []ionp.Change{{Label: "Factory/Owner", Text: &name}, {Label: "Power Meter/PT Prim", Text: &wrong}}})
			refused(t, access.CodeNotFound, c, who, ionp.Write, setText("Nonsense/Owner", "me"))
			if r := do(t, c, who, ionp.Read, ionp.ReadRequest{Labels: []string{"Factory/Owner"}}); r.Readings[0].Value.Text != "nobody" {
				t.Errorf("%+v", r)
			}
		}},
		{"pulse", func(t *testing.T, s *served, c *ionp.Client) {
			do(t, c, who, ionp.Pulse, ionp.PulseRequest{Label: "Horn/Trigger"})
			if !slices.Equal(s.pulsed, []string{"Horn/Trigger"}) {
				t.Errorf("%q", s.pulsed)
			}
		}},
		{"program", func(t *testing.T, s *served, c *ionp.Client) {
			steps := []ionp.Step{{Kind: ionp.StepCreate, A: "Maximum", B: "Peak", Number: 4}, {Kind: ionp.StepLink, A: "Peak/Source", B: "Power Meter/Vln a"},
				{Kind: ionp.StepSet, A: "Peak/EvPriority", B: "9"}, {Kind: ionp.StepRename, A: "Peak", B: "Summit"}, {Kind: ionp.StepDelete, A: "Horn"}}
			do(t, c, who, ionp.Program, ionp.ProgramRequest{Steps: steps, CheckOnly: true})
			if _, _, there := (&works{meter: s.meter}).Module("Summit"); there {
				t.Error("a rehearsal made a module")
			}
			if n := do(t, c, who, ionp.Program, ionp.ProgramRequest{Steps: steps}).Changed; n != 5 {
				t.Errorf("%d changed", n)
			}
			m := do(t, c, who, ionp.Module, ionp.ModuleRequest{Label: "Summit"})
			if m.Type != "Maximum" || m.Inputs[0].Link != "Power Meter/Vln a" || m.Setups[0].Value != "9" {
				t.Errorf("%+v", m)
			}
		}},
		{"template save, fetched as a file", func(t *testing.T, s *served, c *ionp.Client) {
			saved := do(t, c, who, ionp.TemplateSave, ionp.TemplateSaveRequest{})
			var text []byte
			for uint64(len(text)) < saved.Size {
				block := do(t, c, who, ionp.FileRead, ionp.FileReadRequest{Path: saved.Path, Offset: uint64(len(text)), Length: 50})
				if !bytes.Equal(block.SHA256, saved.SHA256) {
					t.Fatal("another template")
				}
				text = append(text, block.Bytes...)
			}
			if sum := sha256.Sum256(text); !bytes.Equal(sum[:], saved.SHA256) || !strings.Contains(string(text), "Power Meter") {
				t.Errorf("%s", text)
			}
		}},
		{"template load", func(t *testing.T, s *served, c *ionp.Client) {
			load := ionp.TemplateLoadRequest{Text: "Factory/Owner = the template\n", DryRun: true}
			if d := do(t, c, who, ionp.TemplateLoad, load).Differences; len(d) != 1 {
				t.Errorf("%q", d)
			}
			file := []byte("Factory/Owner = the file\n")
			upload(t, c, who, "upload/t.txt", file, 10)
			do(t, c, who, ionp.TemplateLoad, ionp.TemplateLoadRequest{Path: "upload/t.txt"})
			if r := do(t, c, who, ionp.Read, ionp.ReadRequest{Labels: []string{"Factory/Owner"}}); r.Readings[0].Value.Text != "the file" {
				t.Errorf("%+v", r)
			}
			refused(t, access.CodeNotFound, c, who, ionp.TemplateLoad, ionp.TemplateLoadRequest{Path: "upload/none.txt"})
		}},
		{"snapshot", func(t *testing.T, s *served, c *ionp.Client) {
			made := do(t, c, who, ionp.Snapshot, ionp.SnapshotRequest{})
			block := do(t, c, who, ionp.FileRead, ionp.FileReadRequest{Path: made.Path, Length: ionp.MaxBlock})
			if string(block.Bytes) != "everything" || !bytes.Equal(block.SHA256, made.SHA256) {
				t.Errorf("%+v", block)
			}
			// It tells everything: who may only read does not get it.
			refused(t, access.CodeCredentialsNeeded, c, nobody, ionp.FileRead, ionp.FileReadRequest{Path: made.Path, Length: 1})
			if l := do(t, c, who, ionp.Files, ionp.FilesRequest{Folder: "snapshot"}).Files; len(l) != 1 || l[0].Name != "now.hmx" || l[0].MayWrite {
				t.Errorf("%+v", l)
			}
		}},
		{"snapshot restore", func(t *testing.T, s *served, c *ionp.Client) {
			upload(t, c, who, "snapshot/it.hmx", []byte("everything"), 4)
			q := ionp.SnapshotRestoreRequest{Path: "snapshot/it.hmx", DryRun: true}
			if r := do(t, c, who, ionp.SnapshotRestore, q); r.Serial != "S-1" || r.Made != 7e9 || r.Accounts != 2 || r.Records != 4 || s.twin != "" {
				t.Errorf("%+v, took %q", r, s.twin)
			}
			// Each of the two rights is not enough.
			security, config := named(s.addUser(t, c, "pass7", "read", "security"), "pass7"), named(s.addUser(t, c, "pass8", "read", "config"), "pass8")
			q.DryRun = false
			refused(t, access.CodeNoPermission, c, security, ionp.SnapshotRestore, q)
			refused(t, access.CodeNoPermission, c, config, ionp.SnapshotRestore, q)
			refused(t, access.CodeCredentialsNeeded, c, nobody, ionp.SnapshotRestore, q)
			refused(t, access.CodeNoPermission, c, config, ionp.FileWrite, ionp.FileWriteRequest{Path: "snapshot/other.hmx", SHA256: make([]byte, 32)})
			refused(t, access.CodeNotFound, c, who, ionp.SnapshotRestore, ionp.SnapshotRestoreRequest{Path: "snapshot/none.hmx"})
			if do(t, c, who, ionp.SnapshotRestore, q); s.twin != "snapshot/it.hmx" {
				t.Errorf("took %q", s.twin)
			}
		}},
		{"events with their chain, resumed", func(t *testing.T, s *served, c *ionp.Client) {
			for _, name := range []string{"a", "b", "c"} {
				do(t, c, who, ionp.Write, owner(name))
			}
			one := do(t, c, who, ionp.Events, ionp.EventsRequest{Limit: 2})
			two := do(t, c, who, ionp.Events, ionp.EventsRequest{From: one.Next})
			if len(one.Events) != 2 || one.Next != 3 || one.PreviousHash != nil || len(two.Events) != 1 || two.Next != 4 || !bytes.Equal(two.PreviousHash, one.Events[1].Hash) {
				t.Errorf("%+v\n%+v", one, two)
			}
			if e := one.Events[0]; e.User != "USER1" || !strings.HasPrefix(e.Origin, "ion 127.0.0.1") || e.Priority != 128 {
				t.Errorf("%+v", e)
			}
			head := do(t, c, who, ionp.EventHead, ionp.EventHeadRequest{})
			if head.Sequence != 3 || !bytes.Equal(head.Hash, two.Events[0].Hash) || !ed25519.Verify(head.PublicKey, head.Hash, head.Signature) {
				t.Errorf("%+v", head)
			}
			if rest := do(t, c, who, ionp.Events, ionp.EventsRequest{From: 4}); len(rest.Events) != 0 || rest.Next != 4 {
				t.Errorf("%+v", rest)
			}
		}},
		{"recorders and their records", func(t *testing.T, s *served, c *ionp.Client) {
			if l := do(t, c, who, ionp.Recorders, ionp.RecordersRequest{}).Recorders; l[0].Count != 10_000 || l[0].Columns[0].Unit != "kW" {
				t.Errorf("%+v", l)
			}
			next, n := uint64(0), uint64(0)
			for next < 10_001 {
				page := do(t, c, who, ionp.Records, ionp.RecordsRequest{Recorder: "data rec 1", From: next, Limit: ionp.MaxPage})
				for _, record := range page.Records {
					n++
					if v := record.Values[0]; record.Sequence != n || v.Available != (n%3 != 0) || v.Available && v.Number != float64(n) {
						t.Fatalf("record %d: %+v", n, record)
					}
				}
				next = page.Next
			}
			if n != 10_000 {
				t.Errorf("%d records", n)
			}
			refused(t, access.CodeNotFound, c, who, ionp.Records, ionp.RecordsRequest{Recorder: "Nonsense"})
		}},
		{"gaps", func(t *testing.T, s *served, c *ionp.Client) {
			if g := do(t, c, who, ionp.Gaps, ionp.GapsRequest{}).Gaps; len(g) != 1 || g[0].From != 1e9 || !g[0].Clean {
				t.Errorf("%+v", g)
			}
		}},
		{"clear log", func(t *testing.T, s *served, c *ionp.Client) {
			do(t, c, who, ionp.ClearLog, ionp.ClearLogRequest{Log: "Data Rec 1"})
			do(t, c, who, ionp.ClearLog, ionp.ClearLogRequest{Log: "events"})
			if !slices.Equal(s.cleared, []string{"Data Rec 1", "events"}) {
				t.Errorf("%q", s.cleared)
			}
		}},
		{"files", func(t *testing.T, s *served, c *ionp.Client) {
			content := bytes.Repeat([]byte("0123456789"), 50_000)
			upload(t, c, who, "upload/big.bin", content, ionp.MaxBlock)
			if l := do(t, c, who, ionp.Files, ionp.FilesRequest{}).Files; len(l) != 2 || l[0].Name != "upload/" {
				t.Errorf("%+v", l)
			}
			if l := do(t, c, who, ionp.Files, ionp.FilesRequest{Folder: "upload"}).Files; len(l) != 1 || l[0].Name != "big.bin" || l[0].Size != 500_000 || !l[0].MayWrite {
				t.Errorf("%+v", l)
			}
			if l := do(t, c, nobody, ionp.Files, ionp.FilesRequest{Folder: "upload"}).Files; len(l) != 1 || !l[0].MayRead || l[0].MayWrite {
				t.Errorf("%+v", l)
			}
			if b := do(t, c, nobody, ionp.FileRead, ionp.FileReadRequest{Path: "upload/big.bin", Offset: 499_995, Length: 100}); string(b.Bytes) != "56789" || b.Size != 500_000 {
				t.Errorf("%+v", b)
			}
			do(t, c, who, ionp.FileDelete, ionp.FileDeleteRequest{Path: "upload/big.bin"})
			refused(t, access.CodeNotFound, c, who, ionp.FileRead, ionp.FileReadRequest{Path: "upload/big.bin", Length: 1})
		}},
		{"clock", func(t *testing.T, s *served, c *ionp.Client) {
			now := do(t, c, who, ionp.Clock, ionp.ClockRequest{})
			if now.OffsetSeconds != 7200 || !now.DST || time.Since(time.Unix(0, now.Time)).Abs() > time.Minute {
				t.Errorf("%+v", now)
			}
			do(t, c, who, ionp.ClockSet, ionp.ClockSetRequest{Time: 1_800_000_000_000_000_001})
			if !s.meter.clock.Equal(time.Unix(1_800_000_000, 1)) {
				t.Errorf("%s", s.meter.clock)
			}
		}},
		{"resets", func(t *testing.T, s *served, c *ionp.Client) {
			if l := do(t, c, who, ionp.Reset, ionp.ResetRequest{}).Names; !slices.Equal(l, []string{"Demand", "Harmonics"}) {
				t.Errorf("%q", l)
			}
			do(t, c, who, ionp.Reset, ionp.ResetRequest{Name: "Demand"})
			if !slices.Equal(s.pulsed, []string{"Demand"}) {
				t.Errorf("%q", s.pulsed)
			}
		}},
		{"syslog test", func(t *testing.T, s *served, c *ionp.Client) {
			refused(t, access.CodeCredentialsNeeded, c, nobody, ionp.SyslogTest, ionp.SyslogTestRequest{})
			refused(t, access.CodeBadRequest, c, who, ionp.SyslogTest, ionp.SyslogTestRequest{}) // no server is set
			do(t, c, who, ionp.Write, setText("Ethernet/Syslog Server", "192.0.2.7"))
			refused(t, access.CodeNotFound, c, who, ionp.SyslogTest, ionp.SyslogTestRequest{}) // nobody sends
			s.gate.Forward().Attend(tester{})
			if r := do(t, c, who, ionp.SyslogTest, ionp.SyslogTestRequest{}); r != (ionp.SyslogTestReply{Server: "192.0.2.7:514", Transport: "UDP", Message: "by USER1"}) {
				t.Errorf("%+v", r)
			}
		}},
		{"security status", func(t *testing.T, s *served, c *ionp.Client) {
			refused(t, access.CodeBadCredentials, c, named("USER1", "77"), ionp.Info, ionp.InfoRequest{})
			now := do(t, c, password("0"), ionp.SecurityStatus, ionp.SecurityStatusRequest{})
			if now.Mode != "LSS" || !slices.Equal(now.Modes, []string{"LSS", "Advanced"}) || now.You != (ionp.You{User: "USER1", Kind: "password"}) || now.Options["Security Options/Security Mode"] != "LSS" {
				t.Errorf("%+v", now)
			}
			if a := now.Accounts; len(a) != 1 || !a[0].You || a[0].PasswordKind != "numeric" || len(a[0].Effective) != 7 {
				t.Errorf("%+v", a)
			}
			if e := now.Exposure; len(e) != 8 || e[1].Path != "ion" || !e[1].Enabled {
				t.Errorf("%+v", e)
			}
		}},
		{"users", func(t *testing.T, s *served, c *ionp.Client) {
			if name := s.addUser(t, c, "pass7", "read", "reset"); name != "USER2" {
				t.Fatal(name)
			}
			refused(t, access.CodeNoPermission, c, named("USER2", "pass7"), ionp.Write, owner("2"))
			do(t, c, who, ionp.UserSet, ionp.UserSetRequest{Number: 2, Grant: []string{"config"}, Revoke: []string{"reset"}})
			do(t, c, named("user2", "pass7"), ionp.Write, owner("2"))
			refused(t, access.CodeNoPermission, c, named("USER2", "pass7"), ionp.Reset, ionp.ResetRequest{Name: "Demand"})
			do(t, c, who, ionp.UserPassword, ionp.UserPasswordRequest{Number: 2, Password: "other"})
			refused(t, access.CodeBadCredentials, c, named("USER2", "pass7"), ionp.Info, ionp.InfoRequest{})
			do(t, c, named("USER2", "other"), ionp.Info, ionp.InfoRequest{})
			refused(t, access.CodeBadRequest, c, who, ionp.UserSet, ionp.UserSetRequest{Number: 2, Grant: []string{"fly"}})
			do(t, c, who, ionp.UserRemove, ionp.UserRemoveRequest{Number: 2})
			refused(t, access.CodeNoSuchAccount, c, who, ionp.UserRemove, ionp.UserRemoveRequest{Number: 2})
			refused(t, access.CodeBadCredentials, c, named("USER2", "other"), ionp.Info, ionp.InfoRequest{})
		}},
		{"lockout and unlock", func(t *testing.T, s *served, c *ionp.Client) {
			s.addUser(t, c, "pass7", "read", "security")
			for _, guess := range []string{"1", "2"} {
				refused(t, access.CodeBadCredentials, c, named("USER2", guess), ionp.Info, ionp.InfoRequest{})
			}
			if l := do(t, c, who, ionp.SecurityStatus, ionp.SecurityStatusRequest{}).Lockouts; len(l) != 1 || l[0].User != "USER2" || l[0].Attempts != 2 || l[0].Path != "ion" || l[0].Connection != "ethernet" {
				t.Errorf("%+v", l)
			}
			refused(t, access.CodeBadRequest, c, who, ionp.UserUnlock, ionp.UserUnlockRequest{Number: 2, Path: "pigeon"})
			do(t, c, who, ionp.UserUnlock, ionp.UserUnlockRequest{Number: 2, Path: "ion"})
			if l := do(t, c, who, ionp.SecurityStatus, ionp.SecurityStatusRequest{}).Lockouts; len(l) != 0 {
				t.Errorf("%+v", l)
			}
		}},
		{"security set", func(t *testing.T, s *served, c *ionp.Client) {
			do(t, c, who, ionp.SecuritySet, ionp.SecuritySetRequest{Options: map[string]string{"Security Options/Security Mode": "Advanced", "Security Options/Modbus Map Access": "None"}})
			refused(t, access.CodeUserNeeded, c, nobody, ionp.Read, volts)
			refused(t, access.CodeUserNeeded, c, password("0"), ionp.Read, volts)
			do(t, c, who, ionp.Read, volts)
			if now := do(t, c, who, ionp.SecurityStatus, ionp.SecurityStatusRequest{}); now.Mode != "Advanced" || now.Options["Security Options/Modbus Map Access"] != "None" {
				t.Errorf("%+v", now)
			}
		}},
		{"provisional, not confirmed", func(t *testing.T, s *served, c *ionp.Client) {
			do(t, c, who, ionp.ProvisionalBegin, ionp.ProvisionalBeginRequest{WithinSeconds: 60})
			do(t, c, who, ionp.SecuritySet, ionp.SecuritySetRequest{Options: map[string]string{"Security Options/Security Mode": "Advanced"}})
			if p := do(t, c, who, ionp.SecurityStatus, ionp.SecurityStatusRequest{}).Provisional; !p.Active || p.By != "USER1" || p.RemainingSeconds == 0 {
				t.Errorf("%+v", p)
			}
			s.pass(t, time.Minute)
			if now := do(t, c, who, ionp.SecurityStatus, ionp.SecurityStatusRequest{}); now.Mode != "LSS" || now.Provisional.Active {
				t.Errorf("%+v", now)
			}
		}},
		{"provisional, confirmed, and taken back", func(t *testing.T, s *served, c *ionp.Client) {
			do(t, c, who, ionp.ProvisionalBegin, ionp.ProvisionalBeginRequest{WithinSeconds: 60})
			refused(t, access.CodeConfirmPending, c, who, ionp.ProvisionalBegin, ionp.ProvisionalBeginRequest{WithinSeconds: 60})
			do(t, c, who, ionp.ProvisionalConfirm, ionp.ProvisionalConfirmRequest{})
			refused(t, access.CodeNothingPending, c, who, ionp.ProvisionalConfirm, ionp.ProvisionalConfirmRequest{})
			do(t, c, who, ionp.ProvisionalBegin, ionp.ProvisionalBeginRequest{WithinSeconds: 60})
			do(t, c, who, ionp.SecuritySet, ionp.SecuritySetRequest{Options: map[string]string{"Security Options/Security Mode": "Advanced"}})
			do(t, c, who, ionp.ProvisionalCancel, ionp.ProvisionalCancelRequest{})
			s.pass(t, 0)
			if now := do(t, c, who, ionp.SecurityStatus, ionp.SecurityStatusRequest{}); now.Mode != "LSS" {
				t.Errorf("%+v", now)
			}
		}},
		{"ledger", func(t *testing.T, s *served, c *ionp.Client) {
			do(t, s.dial(t), nobody, ionp.Read, volts)
			do(t, c, password("0"), ionp.Read, volts)
			do(t, c, who, ionp.Write, owner("me"))
			l := do(t, c, who, ionp.Ledger, ionp.LedgerRequest{})
			class := map[string]string{}
			for _, e := range l.Entries {
				class[e.Client+" "+e.Kind] = e.Class
				if e.Kind == "user" && (e.User != "USER1" || e.ClientVersion != "3.2.20218.01" || !slices.Contains(e.Asked, "Factory/Owner")) {
					t.Errorf("%+v", e)
				}
			}
			if class[" none"] != "legacy" || class["test password"] != "legacy" || class["test user"] != "safe" {
				t.Errorf("%v", class)
			}
		}},
		{"factory access", func(t *testing.T, s *served, c *ionp.Client) {
			refused(t, access.CodeFactoryClosed, c, nobody, ionp.FactoryUse, ionp.FactoryUseRequest{Code: "AAAA", Command: "status"})
			open := do(t, c, who, ionp.FactoryOpen, ionp.FactoryOpenRequest{Minutes: 5})
			refused(t, access.CodeBadRequest, c, nobody, ionp.FactoryUse, ionp.FactoryUseRequest{Code: open.Code, Command: "erase"})
			if text := do(t, c, nobody, ionp.FactoryUse, ionp.FactoryUseRequest{Code: open.Code, Command: "status"}).Text; !strings.Contains(text, "SW-1") {
				t.Error(text)
			}
			refused(t, access.CodeFactoryClosed, c, nobody, ionp.FactoryUse, ionp.FactoryUseRequest{Code: open.Code, Command: "status"})
			do(t, c, who, ionp.FactoryClose, ionp.FactoryCloseRequest{})
			refused(t, access.CodeFactoryClosed, c, who, ionp.FactoryClose, ionp.FactoryCloseRequest{})
		}},
		{"sessions, and ending one", func(t *testing.T, s *served, c *ionp.Client) {
			other := s.client(t)
			l := do(t, c, who, ionp.Sessions, ionp.SessionsRequest{}).Sessions
			if len(l) != 2 || l[0].User != "USER1" || l[0].Kind != "user" || l[1].Client != "test 3.2.20218.01" || l[1].Path != "ion" {
				t.Fatalf("%+v", l)
			}
			do(t, c, who, ionp.SessionEnd, ionp.SessionEndRequest{ID: l[1].ID})
			if _, err := ionp.Do(within(t), other, nobody, ionp.Read, volts); err == nil {
				t.Error("the connection goes on")
			}
			refused(t, access.CodeNotFound, c, who, ionp.SessionEnd, ionp.SessionEndRequest{ID: l[1].ID})
			refused(t, access.CodeNotFound, c, who, ionp.SessionEnd, ionp.SessionEndRequest{ID: "x"})
		}},
		{"security export and apply", func(t *testing.T, s *served, c *ionp.Client) {
			text := do(t, c, who, ionp.SecurityExport, ionp.SecurityExportRequest{}).Text
			if strings.Contains(text, "argon2") || !strings.Contains(text, "account USER1") {
				t.Error(text)
			}
			refused(t, access.CodeCredentialsNeeded, c, nobody, ionp.SecurityExport, ionp.SecurityExportRequest{Verifiers: true})
			with := do(t, c, who, ionp.SecurityExport, ionp.SecurityExportRequest{Verifiers: true}).Text
			if !strings.Contains(with, "password USER1 = $argon2id$") || strings.Contains(text, "argon2id") {
				t.Errorf("with verifiers:\n%s\nwithout:\n%s", with, text)
			}
			apply := ionp.SecurityApplyRequest{Text: text + "account USER3 = read\n", Passwords: map[string]ionp.Secret{"USER3": "three"}, DryRun: true}
			if l := do(t, c, who, ionp.SecurityApply, apply).Changes; len(l) != 2 {
				t.Errorf("%q", l)
			}
			refused(t, access.CodeBadCredentials, c, named("USER3", "three"), ionp.Read, volts)
			apply.DryRun = false
			do(t, c, who, ionp.SecurityApply, apply)
			s.pass(t, time.Hour) // the wrong pair is told from the right one then
			do(t, c, named("USER3", "three"), ionp.Read, volts)
		}},
		{"upgrade is not served yet", func(t *testing.T, s *served, c *ionp.Client) {
			_, err := c.Call(within(t), &ionp.Request{Operation: ionp.UpgradeStatus, Credential: who.Credential})
			if r, ok := err.(*ionp.Refusal); !ok || r.Code != ionp.CodeUnknownOperation {
				t.Error(err)
			}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := factory(t)
			row.run(t, s, s.client(t))
		})
	}
}

// upload brings a file by blocks.
func upload(t *testing.T, c *ionp.Client, who ionp.Identity, path string, content []byte, block int) {
	t.Helper()
	sum := sha256.Sum256(content)
	for at := 0; ; {
		part := content[at:min(at+block, len(content))]
		reply := do(t, c, who, ionp.FileWrite, ionp.FileWriteRequest{Path: path, Offset: uint64(at), Bytes: part, Size: uint64(len(content)), SHA256: sum[:]})
		at = int(reply.Received)
		if reply.Done {
			return
		}
	}
}
