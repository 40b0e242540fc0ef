package setup

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/wire/eventchain"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

// fake is a meter as far as the tool can see: enough of one to try the library against
// without the rooms that it must not know.
type fake struct {
	mu       sync.Mutex
	handlers map[ionp.Operation]func(*ionp.Request) (ionp.Body, error)
	asked    []string // operations, in their order
	now      time.Time

	mode        string
	passwords   map[int]string
	boxes       map[int][]string
	provisional bool
	ledger      []ionp.LedgerEntry
	modules     []ionp.ModuleReply
	values      map[string]ionp.Value
	before      eventchain.Hash // of the first of events
	events      []eventchain.Event
	files       map[string][]byte
	template    string
	// breaks, where it is not 0, is how many requests a connection lives for: the last is carried
	// out and not answered.
	breaks int
	// wrongHash makes the file read state a hash that is not that of the file.
	wrongHash bool
	// restored is the snapshot that was taken; becomes is what the meter does with it.
	restored string
	becomes  func()
	applied  string // the security file
}

var fakeKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{5}, ed25519.SeedSize))

func newFake() *fake {
	f := &fake{
		handlers: map[ionp.Operation]func(*ionp.Request) (ionp.Body, error){}, now: time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC),
		mode: ModeLSS, passwords: map[int]string{1: "0"}, boxes: map[int][]string{1: PermissionWords()},
		values: map[string]ionp.Value{"Power Meter/Vln a": ionp.Number(230.5, "V"), "Power Meter/Vln b": ionp.NotAvailable(ionp.ValueNumber, "V"), "kWh del/Result": {Kind: ionp.ValueCount, Available: true, Number: 12.345, Count: 12345, Unit: "kWh"}, "kWh del/Rollover Count": ionp.Number(0, "")},
		files:  map[string][]byte{}, template: "# hepmeter template 1\nMaximum | Night peak\n",
	}
	f.modules = []ionp.ModuleReply{
		{Label: "Power Meter", Type: "Power Meter", Outputs: []ionp.Output{{Name: "Vln a", Unit: "V"}, {Name: "Vln b", Unit: "V"}}, Setups: []ionp.Setup{{Name: "PT Prim", Value: "347"}}},
		{Label: "kWh del", Type: "Integrator", Outputs: []ionp.Output{{Name: "Result", Unit: "Wh"}, {Name: "Rollover Count"}}},
		{Label: "Factory", Type: "Factory", Setups: []ionp.Setup{{Name: "Owner", Value: "Anna"}, {Name: "Nominal", Value: "230"}}},
		{Label: "Clock", Type: "Clock", Setups: []ionp.Setup{{Name: "TZ Offset", Value: "3600"}}},
	}
	f.before = eventchain.Hash{9}
	for i := range 3 {
		f.events = append(f.events, eventchain.Event{Sequence: uint64(7 + i), Time: f.now.Add(time.Duration(i) * time.Second), Priority: 10, Cause: "Power Meter", Effect: "Setup change", User: "USER1"})
	}
	on(f, ionp.Hello, false, func(ionp.HelloRequest) (ionp.HelloReply, error) {
		takes := []string{"none", "password", "user"}
		if f.mode == ModeAdvanced {
			takes = []string{"user"}
		}
		return ionp.HelloReply{Version: 3, LargestFrame: 512, Model: "ION9000", Firmware: "3.0.0", Credentials: takes}, nil
	})
	on(f, ionp.Info, false, func(ionp.InfoRequest) (ionp.InfoReply, error) {
		return ionp.InfoReply{Model: "ION9000", Serial: "F-1", Firmware: "3.0.0", Generation: "3.x", Fingerprint: eventchain.PublicKeyOf(fakeKey).Fingerprint(), Time: f.now.Unix()}, nil
	})
	on(f, ionp.Modules, false, func(q ionp.ModulesRequest) (s ionp.ModulesReply, err error) {
		for i, m := range f.modules {
			if q.Manager == "" || q.Manager == m.Type {
				s.Modules = append(s.Modules, ionp.ModuleSummary{Label: m.Label, Type: m.Type, Number: uint32(i + 1), Online: true})
			}
		}
		page := s.Modules[min(int(q.From), len(s.Modules)):]
		if len(page) > 2 { // pages of two
			page, s.Next = page[:2], q.From+2
		}
		s.Modules = page
		return s, nil
	})
	on(f, ionp.Module, false, func(q ionp.ModuleRequest) (ionp.ModuleReply, error) {
		for _, m := range f.modules {
			if strings.EqualFold(m.Label, q.Label) {
				return m, nil
			}
		}
		return ionp.ModuleReply{}, refused("not-found", "there is no module "+q.Label)
	})
	on(f, ionp.Read, false, func(q ionp.ReadRequest) (s ionp.ReadReply, err error) {
		s.Sequence, s.Time = 1, f.now.UnixNano()
		for _, label := range q.Labels {
			v, ok := f.values[label]
			if !ok {
				return s, refused("not-found", "there is no register "+label)
			}
			s.Readings = append(s.Readings, ionp.Reading{Label: label, Value: v})
		}
		return s, nil
	})
	on(f, ionp.Write, true, func(q ionp.WriteRequest) (s ionp.WriteReply, err error) {
		for _, c := range q.Changes {
			module, register, _ := strings.Cut(c.Label, "/")
			for i, m := range f.modules {
				for j, x := range m.Setups {
					if m.Label == module && x.Name == register {
						f.modules[i].Setups[j].Value = *c.Text
						s.Written++
					}
				}
			}
		}
		return s, nil
	})
	on(f, ionp.TemplateSave, false, func(ionp.TemplateSaveRequest) (ionp.TemplateSaveReply, error) {
		f.files["template/current.txt"] = []byte(f.template)
		return ionp.TemplateSaveReply{Path: "template/current.txt", Size: uint64(len(f.template))}, nil
	})
	on(f, ionp.TemplateLoad, true, func(q ionp.TemplateLoadRequest) (s ionp.TemplateLoadReply, err error) {
		text := q.Text
		if q.Path != "" {
			text = string(f.files[q.Path])
		}
		if text != f.template {
			s.Differences = []string{"Maximum 1 | Night peak: added"}
		}
		if !q.DryRun {
			f.template = text
		}
		return s, nil
	})
	on(f, ionp.Snapshot, true, func(ionp.SnapshotRequest) (ionp.SnapshotReply, error) {
		f.files["snapshot/1"] = bytes.Repeat([]byte("state"), 20000)
		return ionp.SnapshotReply{Path: "snapshot/1"}, nil
	})
	on(f, ionp.SnapshotRestore, true, func(q ionp.SnapshotRestoreRequest) (s ionp.SnapshotRestoreReply, err error) {
		if content, ok := f.files[q.Path]; !ok || !bytes.HasPrefix(content, []byte("state")) {
			return s, refused("snapshot-damaged", "it is none")
		}
		if !q.DryRun {
			f.restored = q.Path
			f.becomes()
		}
		return ionp.SnapshotRestoreReply{Model: "ION9000", Serial: "F-1", Made: 7e9, Accounts: 2}, nil
	})
	on(f, ionp.Recorders, false, func(ionp.RecordersRequest) (ionp.RecordersReply, error) { return ionp.RecordersReply{}, nil })
	on(f, ionp.FileDelete, true, func(q ionp.FileDeleteRequest) (ionp.FileDeleteReply, error) {
		delete(f.files, q.Path)
		return ionp.FileDeleteReply{}, nil
	})
	on(f, ionp.FileRead, false, func(q ionp.FileReadRequest) (s ionp.FileReadReply, err error) {
		content, ok := f.files[q.Path]
		if !ok {
			return s, refused("not-found", "there is no file "+q.Path)
		}
		sum := sha256.Sum256(content)
		if f.wrongHash {
			sum[0]++
		}
		rest := content[min(q.Offset, uint64(len(content))):]
		return ionp.FileReadReply{Bytes: rest[:min(len(rest), int(q.Length))], Size: uint64(len(content)), SHA256: sum[:]}, nil
	})
	on(f, ionp.FileWrite, true, func(q ionp.FileWriteRequest) (ionp.FileWriteReply, error) {
		f.files[q.Path] = append(f.files[q.Path][:q.Offset], q.Bytes...)
		n := uint64(len(f.files[q.Path]))
		return ionp.FileWriteReply{Received: n, Done: n == q.Size}, nil
	})
	on(f, ionp.Events, false, func(q ionp.EventsRequest) (s ionp.EventsReply, err error) {
		hash := f.before
		s.First, s.Next = f.events[0].Sequence, f.events[len(f.events)-1].Sequence+1
		for i := range f.events {
			e := &f.events[i]
			before := hash
			hash = eventchain.EventHash(hash, e)
			if e.Sequence < q.From || len(s.Events) == 2 { // pages of two
				continue
			}
			if len(s.Events) == 0 {
				s.PreviousHash = bytes.Clone(before[:])
			}
			s.Next = e.Sequence + 1
			s.Events = append(s.Events, ionp.Event{Sequence: e.Sequence, Time: e.Time.UnixNano(), Priority: uint32(e.Priority), Cause: e.Cause, CauseValue: e.CauseValue,
				Effect: e.Effect, EffectValue: e.EffectValue, User: e.User, Origin: e.Origin, Hash: bytes.Clone(hash[:])})
		}
		return s, nil
	})
	on(f, ionp.EventHead, false, func(ionp.EventHeadRequest) (s ionp.EventHeadReply, err error) {
		hash := f.before
		for i := range f.events {
			hash = eventchain.EventHash(hash, &f.events[i])
		}
		last := f.events[len(f.events)-1]
		statement := eventchain.Statement{Header: eventchain.Header{Model: "ION9000", Serial: "F-1", Firmware: "3.0.0", Key: eventchain.PublicKeyOf(fakeKey), First: f.events[0].Sequence, Previous: f.before},
			Head: last.Sequence, Hash: hash, Signed: f.now}
		signature, err := statement.Sign(fakeKey)
		return ionp.EventHeadReply{Serial: "F-1", Sequence: last.Sequence, Time: f.now.UnixNano(), Hash: hash[:], Signature: signature[:], PublicKey: statement.Key[:]}, err
	})
	on(f, ionp.SecurityStatus, true, func(ionp.SecurityStatusRequest) (ionp.SecurityStatusReply, error) { return f.status(), nil })
	on(f, ionp.Ledger, true, func(ionp.LedgerRequest) (ionp.LedgerReply, error) {
		return ionp.LedgerReply{Entries: f.ledger, Since: f.now.Add(-240 * time.Hour).UnixNano()}, nil
	})
	on(f, ionp.UserAdd, true, func(q ionp.UserAddRequest) (ionp.UserAddReply, error) {
		n := int(q.Number)
		f.boxes[n], f.passwords[n] = q.Permissions, string(q.Password)
		return ionp.UserAddReply{Number: q.Number, Name: UserName(n)}, nil
	})
	on(f, ionp.UserSet, true, func(q ionp.UserSetRequest) (ionp.UserSetReply, error) {
		n := int(q.Number)
		f.boxes[n] = slices.DeleteFunc(append(slices.Clone(f.boxes[n]), q.Grant...), func(word string) bool { return slices.Contains(q.Revoke, word) })
		return ionp.UserSetReply{}, nil
	})
	on(f, ionp.UserPassword, true, func(q ionp.UserPasswordRequest) (ionp.UserPasswordReply, error) {
		f.passwords[int(q.Number)] = string(q.Password)
		return ionp.UserPasswordReply{}, nil
	})
	on(f, ionp.SecuritySet, true, func(q ionp.SecuritySetRequest) (ionp.SecuritySetReply, error) {
		f.mode = q.Options[RegisterMode]
		return ionp.SecuritySetReply{Written: 1}, nil
	})
	on(f, ionp.ProvisionalBegin, true, func(q ionp.ProvisionalBeginRequest) (ionp.ProvisionalBeginReply, error) {
		f.provisional = true
		return ionp.ProvisionalBeginReply{Deadline: f.now.Add(time.Duration(q.WithinSeconds) * time.Second).UnixNano()}, nil
	})
	on(f, ionp.SecurityExport, true, func(q ionp.SecurityExportRequest) (ionp.SecurityExportReply, error) {
		if q.Verifiers {
			return ionp.SecurityExportReply{Text: "hepmeter security 1\ngeneration 3.x\naccount USER1 = read\npassword USER1 = none\naccount USER2 = read\npassword USER2 = $hash\n"}, nil
		}
		return ionp.SecurityExportReply{Text: "hepmeter security 1\ngeneration 3.x\naccount USER1 = read\naccount USER2 = read\n"}, nil
	})
	on(f, ionp.SecurityApply, true, func(q ionp.SecurityApplyRequest) (s ionp.SecurityApplyReply, err error) {
		f.applied = q.Text
		s.Changes = []string{"USER2: added with read"}
		if q.Passwords["USER2"] == "" && !strings.Contains(q.Text, "password USER2") {
			s.Changes = append(s.Changes, "USER2: has no password, and cannot log in until it is given one")
		}
		return s, nil
	})
	return f
}

func (f *fake) status() ionp.SecurityStatusReply {
	s := ionp.SecurityStatusReply{Generation: "3.x", Mode: f.mode, Modes: []string{ModeLSS, ModeAdvanced}, You: ionp.You{User: "USER1", Kind: "password"}}
	for _, n := range []int{1, 2, 3} {
		if boxes, ok := f.boxes[n]; ok {
			s.Accounts = append(s.Accounts, ionp.Account{Number: uint32(n), Name: UserName(n), Permissions: boxes, Effective: boxes, HasPassword: f.passwords[n] != "", You: n == 1})
		}
	}
	return s
}

func refused(code ionp.Code, reason string) error {
	return &ionp.Refusal{Code: code, Reason: reason, Remedy: "do otherwise"}
}

// on answers an operation; a guarded one wants the password of an account.
func on[Q, S any](f *fake, e ionp.Exchange[Q, S], guarded bool, answer func(Q) (S, error)) {
	f.handlers[e.Operation()] = func(r *ionp.Request) (ionp.Body, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		name := "nobody"
		if c := r.Credential; c != nil {
			n := 1
			if name = "password"; c.User != nil {
				name = *c.User
				n, _ = ParseUser(name)
			}
			if c.Password == nil || f.passwords[n] == "" || string(*c.Password) != f.passwords[n] {
				return nil, refused("bad-credentials", "the user name or the password is wrong")
			}
		} else if guarded {
			return nil, refused("credentials-needed", "this needs a password")
		}
		f.asked = append(f.asked, e.String()+" by "+name)
		q, err := e.DecodeRequest(r.Body)
		if err != nil {
			return nil, refused("bad-request", err.Error())
		}
		s, err := answer(q)
		if err != nil {
			return nil, err
		}
		return e.EncodeReply(s)
	}
}

// dialer connects to the fake over TCP, as to any meter.
func (f *fake) serve(t *testing.T) Address {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		running.Wait()
	})
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { f.converse(conn) })
		}
	})
	a, err := ParseAddress(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (f *fake) converse(conn net.Conn) {
	defer conn.Close()
	r, w := ionp.NewReader(conn), ionp.NewWriter(conn)
	r.SetLimits(ionp.LargestFrame, ionp.DefaultMaxMessage)
	for served := 1; ; served++ {
		m, err := r.Next()
		if err != nil {
			return
		}
		var request ionp.Request
		if err := ionp.DecodeRequest(m.Bytes, &request); err != nil {
			return
		}
		reply := &ionp.Reply{}
		answer, ok := f.handlers[request.Operation]
		if !ok {
			reply = refused("unknown-operation", fmt.Sprint("there is no ", request.Operation)).(*ionp.Refusal).Reply()
		} else if reply.Body, err = answer(&request); err != nil {
			reply = err.(*ionp.Refusal).Reply()
		}
		if served == f.breaks {
			return
		}
		if w.Reply(m.ID, reply) != nil || w.Flush() != nil {
			return
		}
		f.mu.Lock()
		over := request.Operation == ionp.SnapshotRestore.Operation() && f.restored != ""
		f.mu.Unlock()
		if over { // it starts again
			return
		}
	}
}

// connect connects as User1 by its password alone, or with what is given.
func (f *fake) connect(t *testing.T, o Options) *Meter {
	t.Helper()
	m, err := Connect(context.Background(), f.serve(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func text(s string) *string { return &s }

func withPassword() Options { return Options{Credential: Credential{Password: text("0")}} }
