package meter

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/access/rules"
	"github.com/hepmeter/hepmeter/access/rules/ruletest"
	"github.com/hepmeter/hepmeter/ion"
	modbusmaster "github.com/hepmeter/hepmeter/master"
	"github.com/hepmeter/hepmeter/registermap"
	"github.com/hepmeter/hepmeter/serve/gateway"
	ionpserver "github.com/hepmeter/hepmeter/serve/ionp"
	modbusserver "github.com/hepmeter/hepmeter/serve/modbus"
	sshserver "github.com/hepmeter/hepmeter/serve/ssh"
	webserver "github.com/hepmeter/hepmeter/serve/web"
	"github.com/hepmeter/hepmeter/wire/ionp"
	"github.com/hepmeter/hepmeter/wire/modbus"
	"github.com/hepmeter/hepmeter/wire/routing"
)

// served is a running meter with its servers.
type served struct {
	*Meter
	ion, modbus, web, ssh string // addresses
	// device is the address of a Modbus device behind the gateway.
	device string
}

// serve runs a fresh meter of a firmware version, and serves it until the test ends.
func serve(t *testing.T, firmware string) *served {
	t.Helper()
	_, source := steady(t, site)
	m, err := Open(Options{Dir: filepath.Join(t.TempDir(), "data"), Model: "PM8000", Serial: "T-1", Firmware: firmware, Source: source, Speed: 1, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	layout, err := registermap.Load()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 5)
	listen := func(serve func(context.Context, net.Listener) error) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() { ended <- serve(ctx, l) }()
		return l.Addr().String()
	}
	quiet := slog.New(slog.DiscardHandler)
	network := modbusmaster.NewNetwork(modbusmaster.NetworkOptions{})
	t.Cleanup(network.Close)
	through := gateway.New(m.Gate(), network, m.Gate().Security().Setting)
	s := &served{m, listen(ionpserver.New(m.Gate(), ionpserver.Options{}).Serve), listen(modbusserver.New(m.Gate(), layout, modbusserver.Options{Gateway: through}).Serve),
		listen(webserver.New(m.Gate(), webserver.Options{Log: quiet}).ServePlain), listen(sshserver.New(m.Gate(), sshserver.Options{Log: quiet}).Serve), behind(t)}
	go func() { ended <- m.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-ended, <-ended, <-ended, <-ended, <-ended, m.Close()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// behind is a Modbus device: it answers a read with what it was asked, and a write as done.
func behind(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	serve := func(conn net.Conn) {
		defer conn.Close()
		frame := make([]byte, 12) // as long as a read, and a write of one register
		for {
			if _, err := io.ReadFull(conn, frame); err != nil {
				return
			}
			header, pdu := modbus.ParseHeader(frame)
			answer := modbus.BeginFrame(nil, header)
			if pdu[0] == byte(modbus.WriteSingleRegister) {
				answer = append(answer, pdu...)
			} else {
				answer = append(answer, pdu[0], 2, pdu[1], pdu[2])
			}
			modbus.EndFrame(answer, 0)
			if _, err := conn.Write(answer); err != nil {
				return
			}
		}
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return l.Addr().String()
}

// client is a connection by the object protocol.
func (s *served) client(t *testing.T, name string) *ionp.Client {
	t.Helper()
	conn, err := net.Dial("tcp", s.ion)
	if err != nil {
		t.Fatal(err)
	}
	c := ionp.NewClient(conn, ionp.ClientOptions{})
	t.Cleanup(func() { c.Close() })
	if _, err := c.Hello(t.Context(), ionp.HelloRequest{ClientName: name, ClientVersion: "1"}); err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *served) modbusClient(t *testing.T, unit byte) *modbus.Client {
	t.Helper()
	conn, err := net.Dial("tcp", s.modbus)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return modbus.NewClient(conn, unit)
}

// probe is a request of the object protocol that can be made again and again.
type probe struct {
	name string
	op   access.Operation
	do   func(context.Context, *ionp.Client, ionp.Identity) error
	// beyond is what the meter answers behind the gate where it does not simply do it.
	beyond ionp.Code
}

// ask makes a probe of an exchange.
func ask[Q, S any](op access.Operation, e ionp.Exchange[Q, S], q Q, beyond ...ionp.Code) probe {
	p := probe{name: e.Operation().String(), op: op, do: func(ctx context.Context, c *ionp.Client, who ionp.Identity) error {
		_, err := ionp.Do(ctx, c, who, e, q)
		return err
	}}
	if len(beyond) > 0 {
		p.beyond = beyond[0]
	}
	return p
}

func writeOf(label, value string) ionp.WriteRequest {
	return ionp.WriteRequest{Changes: []ionp.Change{{Label: label, Text: &value}}}
}

func rehearsal(steps ...ionp.Step) ionp.ProgramRequest {
	return ionp.ProgramRequest{Steps: steps, CheckOnly: true}
}

// probes are all operations that the object protocol can express, each in a way that
// leaves the meter's security as it is. The first of each operation of the gate is asked
// under every set of permissions, the others under those of telling.
func probes(mode access.Mode, now time.Time) []probe {
	sum := sha256.Sum256([]byte("x"))
	const notFound, badFile = "not-found", "documents/none"
	return []probe{
		ask(access.ReadMeasurement, ionp.Read, ionp.ReadRequest{Labels: []string{"Power Meter/Vln a"}}),
		ask(access.ReadMeasurement, ionp.Info, ionp.InfoRequest{}),
		ask(access.ReadMeasurement, ionp.Managers, ionp.ManagersRequest{}),
		ask(access.ReadMeasurement, ionp.Modules, ionp.ModulesRequest{Manager: "Integrator", Limit: 1}),
		ask(access.ReadMeasurement, ionp.Module, ionp.ModuleRequest{Label: "Factory"}),
		ask(access.ReadMeasurement, ionp.TemplateSave, ionp.TemplateSaveRequest{}),
		ask(access.ReadMeasurement, ionp.Clock, ionp.ClockRequest{}),
		ask(access.ReadMeasurement, ionp.Pending, ionp.PendingRequest{}),
		ask(access.ReadMeasurement, ionp.Reset, ionp.ResetRequest{}),
		{name: "subscribe", op: access.ReadMeasurement, do: subscribeOnce},

		ask(access.ReadLog, ionp.Events, ionp.EventsRequest{Limit: 1}),
		ask(access.ReadLog, ionp.EventHead, ionp.EventHeadRequest{}),
		ask(access.ReadLog, ionp.Recorders, ionp.RecordersRequest{}),
		ask(access.ReadLog, ionp.Records, ionp.RecordsRequest{Recorder: "none"}, notFound),
		ask(access.ReadLog, ionp.Gaps, ionp.GapsRequest{}),
		ask(access.ReadFile, ionp.Files, ionp.FilesRequest{}),
		ask(access.ReadFile, ionp.Files, ionp.FilesRequest{Folder: "documents"}),
		ask(access.ReadFile, ionp.FileRead, ionp.FileReadRequest{Path: badFile, Length: 1}, notFound),

		ask(access.ReadSecurity, ionp.SecurityStatus, ionp.SecurityStatusRequest{}),
		ask(access.ReadSecurity, ionp.SecurityExport, ionp.SecurityExportRequest{}),
		ask(access.ReadSecurity, ionp.Ledger, ionp.LedgerRequest{}),
		ask(access.ReadSecurity, ionp.Sessions, ionp.SessionsRequest{}),
		ask(access.ReadSecurity, ionp.Read, ionp.ReadRequest{Labels: []string{"Security Options/Security Mode"}}),
		ask(access.ReadSecurity, ionp.Module, ionp.ModuleRequest{Label: "Security Options"}),
		ask(access.ReadSecurity, ionp.Files, ionp.FilesRequest{Folder: "snapshot"}),
		ask(access.ReadSecurity, ionp.FileRead, ionp.FileReadRequest{Path: "snapshot/none", Length: 1}, notFound),

		ask(access.WriteSetup, ionp.Program, rehearsal(ionp.Step{Kind: ionp.StepSet, A: "Factory/Owner", B: "nobody"})),
		ask(access.WriteSetup, ionp.Write, writeOf("External Numeric 1/Numeric", "1")),
		ask(access.WriteSetup, ionp.Write, writeOf("Factory/Owner", "works")),
		ask(access.WriteSetup, ionp.Pulse, ionp.PulseRequest{Label: "External Pulse 1/Trigger"}),
		ask(access.WriteSetup, ionp.Program, rehearsal(ionp.Step{Kind: ionp.StepRename, A: "External Numeric 1", B: "Number 1"})),
		ask(access.WriteSetup, ionp.ClearLog, ionp.ClearLogRequest{Log: "none"}, notFound),
		ask(access.WriteCommunications, ionp.Program, rehearsal(ionp.Step{Kind: ionp.StepSet, A: "Ethernet/Enable Modbus TCP", B: "OFF"})),
		ask(access.WriteCommunications, ionp.Write, writeOf("COM1/Unit ID", "100")), // as it is: a change would wait for its confirmation
		ask(access.SetClock, ionp.Program, rehearsal(ionp.Step{Kind: ionp.StepSet, A: "Clock/TZ Offset", B: "3600"})),
		ask(access.SetClock, ionp.ClockSet, ionp.ClockSetRequest{Time: now.UnixNano()}),
		ask(access.ResetDemand, ionp.Pulse, ionp.PulseRequest{Label: "Peak Dmd Reset/Trigger"}),

		ask(access.CreateModule, ionp.Program, rehearsal(ionp.Step{Kind: ionp.StepCreate, A: "Maximum", B: "Night peak"})),
		ask(access.LinkModule, ionp.Program, rehearsal(ionp.Step{Kind: ionp.StepLink, A: "Proof/Source", B: "Power Meter/kW tot"})),
		ask(access.DeleteModule, ionp.Program, rehearsal(ionp.Step{Kind: ionp.StepDelete, A: "Proof"})),
		ask(access.LoadTemplate, ionp.TemplateLoad, ionp.TemplateLoadRequest{Text: "no template", DryRun: true}, "bad-request"),
		ask(access.WriteFile, ionp.FileWrite, ionp.FileWriteRequest{Path: "documents/proof", Bytes: []byte("x"), Size: 1, SHA256: sum[:]}),
		ask(access.WriteFile, ionp.FileDelete, ionp.FileDeleteRequest{Path: badFile}, notFound),

		ask(access.AdministerSecurity, ionp.UserUnlock, ionp.UserUnlockRequest{}),
		ask(access.AdministerSecurity, ionp.UserAdd, ionp.UserAddRequest{Number: 3, Password: "too long for a rule"}, "password-rule"),
		ask(access.AdministerSecurity, ionp.UserSet, ionp.UserSetRequest{Number: 9, Grant: []string{"read"}}, "no-such-account"),
		ask(access.AdministerSecurity, ionp.UserRemove, ionp.UserRemoveRequest{Number: 9}, "no-such-account"),
		ask(access.AdministerSecurity, ionp.SecuritySet, ionp.SecuritySetRequest{Options: map[string]string{"Security Options/Lockout Minutes": "15"}}),
		ask(access.AdministerSecurity, ionp.ProvisionalConfirm, ionp.ProvisionalConfirmRequest{}, "nothing-pending"),
		ask(access.AdministerSecurity, ionp.SessionEnd, ionp.SessionEndRequest{ID: "0"}, notFound),
		ask(access.AccessFactory, ionp.FactoryOpen, ionp.FactoryOpenRequest{Minutes: 1}),
		{name: "user password", op: access.ChangeOwnPassword, beyond: "password-rule", do: ownPassword(mode)},
	}
}

func subscribeOnce(ctx context.Context, c *ionp.Client, who ionp.Identity) error {
	s, err := c.Subscribe(ctx, who, ionp.SubscribeRequest{Labels: []string{"Power Meter/Vln a"}, IntervalMS: ionp.MaxInterval})
	if err != nil {
		return err
	}
	return s.Close(ctx)
}

// ownPassword asks for one that breaks the rules: a right one would be no secret of the
// next request's. Without accounts it is the meter password.
func ownPassword(mode access.Mode) func(context.Context, *ionp.Client, ionp.Identity) error {
	return func(ctx context.Context, c *ionp.Client, who ionp.Identity) error {
		account := uint32(1)
		switch {
		case mode == access.None || mode == access.Standard:
			account = 0
		case who.Credential != nil && who.Credential.User != nil && *who.Credential.User == "USER2":
			account = 2
		}
		_, err := ionp.Do(ctx, c, who, ionp.UserPassword, ionp.UserPasswordRequest{Number: account, Password: "too long"})
		return err
	}
}

// shown are the kinds of credential. All passwords are 0.
var shown = []struct {
	kind     access.CredentialKind
	identity ionp.Identity
}{
	{access.NoCredential, ionp.Identity{}},
	{access.PasswordOnly, ionp.Identity{Credential: ionp.PasswordOnly("0")}},
	{access.NamedUser, ionp.Identity{Credential: ionp.NamedUser("USER2", "0")}},
	{access.ModelNumber, ionp.Identity{Credential: ionp.NamedUser("8000", "0")}},
}

// sets are the sets of permissions that are tried, the account that is not there included:
// under the race detector, where all would take minutes, those of telling.
func sets() (list []int) {
	for set := range ruletest.Absent + 1 {
		if !raceDetector || ruletest.Telling(set) {
			list = append(list, set)
		}
	}
	return list
}

// protocols is a run through the protocols of one meter.
type protocols struct {
	*served
	table      ruletest.Table
	cases      *protocolCases
	generation access.Generation
}

// protocolCases counts what was tried and what went wrong.
type protocolCases struct{ ion, modbus, gateway, failures atomic.Int64 }

// set puts a security in force in which both accounts have the same boxes, or are absent.
func (p *protocols) set(t *testing.T, a *rules.Asked) {
	t.Helper()
	var settings map[string]string
	if a.Gateway != "" {
		settings = map[string]string{routing.RegisterUnits: "21=1", routing.Options + "/TCP Connection 1": p.device}
	}
	p.guard.gate.SetSecurity(p.table.Security(t, p.generation, p.guard.modelName, a, settings))
}

// expected is the answer that the table gives to a request through the object protocol.
func (p *protocols) expected(a *rules.Asked, op access.Operation, kind access.CredentialKind) string {
	accounts := a.Mode == "LSS" || a.Mode == "Advanced"
	switch {
	case a.Absent && (kind == access.NamedUser && accounts || kind == access.PasswordOnly && a.Mode == "LSS"):
		// The table is asked about right credentials only, and there is no right one.
		return string(access.CodeBadCredentials)
	case op == access.ChangeOwnPassword && (a.Mode == "None" || kind == access.NoCredential):
		// Nobody's own account: it is that of another.
		op = access.AdministerSecurity
	}
	a.Credential, a.Operation = kind.String(), op.String()
	return p.table.Answer(a)
}

// judged compares what a client was answered with what is expected.
func (p *protocols) judged(t *testing.T, a *rules.Asked, what, want, got string) {
	if got != want && p.cases.failures.Add(1) <= 20 {
		t.Errorf("%s (%s): %s, want %s", a, what, got, want)
	}
}

// answerOf is a client's answer in the words of the table.
func answerOf(err error, beyond ionp.Code) string {
	var refusal *ionp.Refusal
	switch {
	case err == nil:
		return rules.Allow
	case errors.As(err, &refusal) && refusal.Code == beyond && beyond != "":
		return rules.Allow
	case refusal != nil:
		return string(refusal.Code)
	}
	return err.Error()
}

// throughION asks all operations with all credentials under all sets of permissions.
func (p *protocols) throughION(t *testing.T, mode access.Mode) {
	list := probes(mode, time.Now())
	const lanes = 2 // connections for each kind of credential
	clients := make([]*ionp.Client, len(shown)*lanes)
	for i := range clients {
		clients[i] = p.client(t, "proof")
	}
	for _, set := range sets() {
		asked := rules.Asked{Generation: p.generation.Name, Mode: mode.String(), Path: access.ION.String(), MapAccess: "Read Only", Upgrade: "anyone", Broadcast: "on", Absent: set == ruletest.Absent, Boxes: ruletest.Ticked(set)}
		p.set(t, &asked)
		var running sync.WaitGroup
		for i, client := range clients {
			running.Go(func() {
				a, who := asked, shown[i/lanes]
				for n := i % lanes; n < len(list); n += lanes {
					if list[n].op == before(list, n) && !ruletest.Telling(set) {
						continue
					}
					want := p.expected(&a, list[n].op, who.kind)
					p.judged(t, &a, list[n].name, want, answerOf(list[n].do(t.Context(), client, who.identity), list[n].beyond))
					p.cases.ion.Add(1)
				}
			})
		}
		running.Wait()
		if t.Failed() && p.cases.failures.Load() > 20 {
			t.Fatal("and more")
		}
	}
}

// before is the operation of the probe before n.
func before(list []probe, n int) access.Operation {
	if n == 0 {
		return access.SyncClock // which no probe is of
	}
	return list[n-1].op
}

// modbusProbe is a write through the map, or a read where there are no words.
type modbusProbe struct {
	op     access.Operation
	number int // register
	words  []uint16
}

// throughModbus reads and writes the map under all sets of permissions of User1.
func (p *protocols) throughModbus(t *testing.T, mode access.Mode) {
	now := uint32(time.Now().Unix())
	clock := []uint16{uint16(now >> 16), uint16(now)}
	list := []modbusProbe{
		{access.ReadMeasurement, 3028, nil},
		{access.WriteSetup, 58021, []uint16{0x3F80, 0}},
		{access.WriteSetup, 54395, []uint16{0}},
		{access.WriteSetup, 58051, []uint16{1}},
		{access.SetClock, 58010, clock},
		{access.ResetDemand, 58012, []uint16{1}},
		{access.SyncClock, 58010, clock},
	}
	clients := make([]*modbus.Client, len(list))
	for i, probe := range list {
		clients[i] = p.modbusClient(t, map[bool]byte{true: 0, false: 1}[probe.op == access.SyncClock])
	}
	for _, set := range sets() {
		for _, mapAccess := range []string{"None", "Read Only", "Read/Write"} {
			for _, broadcast := range []string{"on", "off"} {
				asked := rules.Asked{Generation: p.generation.Name, Mode: mode.String(), Path: access.ModbusMap.String(), Credential: access.NoCredential.String(), MapAccess: mapAccess,
					Upgrade: "anyone", Broadcast: broadcast, Absent: set == ruletest.Absent, Boxes: ruletest.Ticked(set)}
				p.set(t, &asked)
				var running sync.WaitGroup
				for i, probe := range list {
					if broadcast == "off" && probe.op != access.SyncClock || i > 0 && list[i-1].op == probe.op && !ruletest.Telling(set) {
						continue
					}
					running.Go(func() {
						a := asked
						a.Operation = probe.op.String()
						p.tryModbus(t, &a, clients[i], probe)
					})
				}
				running.Wait()
			}
		}
		if t.Failed() && p.cases.failures.Load() > 20 {
			t.Fatal("and more")
		}
	}
}

// tryModbus makes one request: every no of the gate is exception 2.
func (p *protocols) tryModbus(t *testing.T, a *rules.Asked, client *modbus.Client, probe modbusProbe) {
	want, got := rules.Allow, rules.Allow
	if p.table.Answer(a) != rules.Allow {
		want = modbus.IllegalDataAddress.Error()
	}
	var err error
	if probe.words == nil {
		_, err = client.ReadRegisters(probe.number-1, 2)
	} else {
		err = writeRegisters(client, probe.number, probe.words)
	}
	if err != nil {
		got = err.Error()
	}
	p.cases.modbus.Add(1)
	p.judged(t, a, fmt.Sprint("register ", probe.number), want, got)
}

// throughGateway reads and writes at a device behind the gateway, whatever the map and User1
// may do.
func (p *protocols) throughGateway(t *testing.T, mode access.Mode) {
	client := p.modbusClient(t, 21)
	list := []struct {
		op  access.Operation
		pdu []byte
	}{
		{access.ReadDownstream, modbus.AppendReadRequest(nil, modbus.ReadHoldingRegisters, 0x1234, 1)},
		{access.WriteDownstream, modbus.AppendWriteSingleRequest(nil, 0x1234, 1)},
	}
	for _, set := range sets() {
		for i := range 2 * 3 * 3 {
			asked := rules.Asked{Generation: p.generation.Name, Mode: mode.String(), Path: access.ModbusMap.String(), Credential: access.NoCredential.String(), MapAccess: []string{"None", "Read/Write"}[i%2],
				Upgrade: "anyone", Broadcast: "on", Absent: set == ruletest.Absent, Boxes: ruletest.Ticked(set),
				Gateway: []string{"None", "Read Only", "Read/Write"}[i/2%3], Address: []string{"address none", "address ro", "address rw"}[i/6]}
			p.set(t, &asked)
			for _, probe := range list {
				asked.Operation = probe.op.String()
				want, got := rules.Allow, rules.Allow
				if p.table.Answer(&asked) != rules.Allow {
					want = modbus.IllegalDataAddress.Error()
				}
				answer, err := client.Do(probe.pdu)
				switch {
				case err != nil:
					got = err.Error()
				case len(answer) == 2:
					got = modbus.Exception(answer[1]).Error()
				case !bytes.Contains(answer, []byte{0x12, 0x34}): // each answer of the device has the address
					got = fmt.Sprintf("% X", answer)
				}
				p.cases.gateway.Add(1)
				p.judged(t, &asked, fmt.Sprintf("function %d at unit 21", probe.pdu[0]), want, got)
			}
		}
		if t.Failed() && p.cases.failures.Load() > 20 {
			t.Fatal("and more")
		}
	}
}

// writeRegisters writes with function 16.
func writeRegisters(c *modbus.Client, number int, words []uint16) error {
	pdu := []byte{byte(modbus.WriteMultipleRegisters), byte((number - 1) >> 8), byte(number - 1), 0, byte(len(words)), byte(2 * len(words))}
	for _, w := range words {
		pdu = binary.BigEndian.AppendUint16(pdu, w)
	}
	answer, err := c.Do(pdu)
	switch {
	case err != nil:
		return err
	case len(answer) == 2 && answer[0] == pdu[0]|0x80:
		return modbus.Exception(answer[1])
	case len(answer) != 5 || answer[0] != pdu[0]:
		return fmt.Errorf("answer % X", answer)
	}
	return nil
}

// TestGateThroughProtocols holds a real meter, through its real servers, against the
// table of rules: F8, F9 and F17 in every mode for every set of permissions.
func TestGateThroughProtocols(t *testing.T) {
	table := ruletest.Read(t, filepath.Join("..", "access", "rules.txt"))
	var cases protocolCases
	for _, firmware := range []string{"2.1.0", "3.0.0"} {
		p := &protocols{served: serve(t, firmware), table: table, cases: &cases}
		p.generation = p.guard.generation
		// What is linked and deleted for show.
		if err := p.Program(t.Context(), proofModule(), tester); err != nil {
			t.Fatal(err)
		}
		kept := maps.Clone(p.guard.settings)
		for _, mode := range p.generation.Modes {
			t.Run(strings.Join([]string{p.generation.Name, mode.String(), "ion"}, " "), func(t *testing.T) { p.throughION(t, mode) })
			t.Run(strings.Join([]string{p.generation.Name, mode.String(), "modbus"}, " "), func(t *testing.T) { p.throughModbus(t, mode) })
			t.Run(strings.Join([]string{p.generation.Name, mode.String(), "gateway"}, " "), func(t *testing.T) { p.throughGateway(t, mode) })
		}
		if !maps.Equal(kept, p.guard.settings) {
			t.Error("the run has changed the registers of security")
		}
	}
	t.Logf("gate: %d cases through the object protocol, %d through Modbus, %d through its gateway, %d failures", cases.ion.Load(), cases.modbus.Load(), cases.gateway.Load(), cases.failures.Load())
	fmt.Printf("gate: %d cases through the object protocol, %d through Modbus, %d through its gateway, %d failures\n", cases.ion.Load(), cases.modbus.Load(), cases.gateway.Load(), cases.failures.Load())
}

func proofModule() []ion.Change {
	return []ion.Change{ion.Create{Type: "Maximum", Label: "Proof"}}
}
