package access

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

func TestGateReadsThroughAView(t *testing.T) {
	bubble(t, third, func(t *testing.T, m *meter) {
		s := m.client(ModbusMap, "192.0.2.1")
		view, err := s.Registers(Readings)
		want(t, "view", err, "")
		for range 3 {
			if snapshot, err := view.Snapshot(); err != nil || snapshot.Value(view.Find("power meter/VLN A")).Number != 230 {
				t.Fatal(snapshot, err)
			}
		}
		if got := m.gate.Counters(); got.Reads != 3 || got.Connections != 1 || len(m.records) != 0 {
			t.Errorf("%+v, %d records; want 3 reads, 1 connection, no record", got, len(m.records))
		}
		if n := testing.AllocsPerRun(100, func() { _, _ = view.Snapshot() }); n != 0 {
			t.Errorf("%v allocations per read, want 0", n)
		}
		reads := m.gate.Counters().Reads
		s.Close()
		s.Close()
		if _, err := view.Snapshot(); !errors.Is(err, ErrClosed) {
			t.Errorf("reading after Close: %v, want ErrClosed", err)
		}
		if _, err := s.Registers(Readings); !errors.Is(err, ErrClosed) {
			t.Errorf("asking after Close: %v, want ErrClosed", err)
		}
		if got := m.gate.Counters(); got.Connections != 0 || got.Reads != reads {
			t.Errorf("%+v after closing, want no connection and %d reads", got, reads)
		}
		if _, err := (View{}).Snapshot(); err == nil {
			t.Error("the zero view reads; only the gate may hand out views")
		}
	})
}

func TestViewShowsItsSetAlone(t *testing.T) {
	bubble(t, third, func(t *testing.T, m *meter) {
		readings, err := m.client(ION, "192.0.2.1").Registers(Readings)
		want(t, "readings", err, "")
		_, err = m.client(ION, "192.0.2.1").Registers(SecuritySettings)
		want(t, "security, by nobody", err, CodeCredentialsNeeded)
		security, err := m.as(ION, named("USER2", "two")).Registers(SecuritySettings)
		want(t, "security", err, "")
		for _, tc := range []struct {
			label              string
			readings, security Point
		}{
			{"Power Meter/Vln a", 0, NoPoint},
			{"Security Options/Security Mode", NoPoint, 0},
			{"security USER 2/Read Access", NoPoint, 0},
			{"\u017fecurity Options/Security Mode", NoPoint, 0}, // the meter takes it for the same label
			{"No Such/Register", NoPoint, NoPoint},
		} {
			if r, s := readings.Find(tc.label), security.Find(tc.label); r != tc.readings || s != tc.security {
				t.Errorf("%s: readings %d, security %d; want %d, %d", tc.label, r, s, tc.readings, tc.security)
			}
		}
		list, err := m.client(ION, "192.0.2.1").ModuleList("")
		if err != nil || slices.ContainsFunc(list, func(m ModuleEntry) bool { return isSecurity(m.Type) }) || len(list) == 0 {
			t.Errorf("nobody sees which accounts there are: %v, %v", list, err)
		}
		_, err = m.client(ION, "192.0.2.1").Describe("\u017fecurity User 2")
		want(t, "describe an account", err, CodeCredentialsNeeded)
	})
}

// A change of security reaches a session at its next read, not at its next connection.
func TestChangeMakesViewsStale(t *testing.T) {
	bubble(t, third, func(t *testing.T, m *meter) {
		s := m.client(ION, "192.0.2.1")
		view, err := s.Registers(Readings)
		want(t, "view", err, "")
		m.set(RegisterMode, "Advanced")
		if _, err := view.Snapshot(); !errors.Is(err, ErrStale) {
			t.Errorf("the old view: %v, want ErrStale", err)
		}
		_, err = s.Registers(Readings)
		want(t, "a new one", err, CodeUserNeeded)
		if m.told(OperationRefused) != 1 {
			t.Error("the refusal is not recorded")
		}
	})
}

// F14: switching legacy support off ends sessions of the model number and those without a
// name, for good.
func TestLegacyOffEndsLegacySessions(t *testing.T) {
	bubble(t, third, func(t *testing.T, m *meter) {
		web, err := m.client(Web, "192.0.2.1").Login(t.Context(), named("9000", "0"), time.Hour)
		want(t, "model number", err, "")
		token, err := m.client(ION, "192.0.2.2").Login(t.Context(), passwordOnly("0"), TokenIdle)
		want(t, "password only", err, "")
		stateless := m.as(ION, passwordOnly("0"))
		safe := m.as(ION, named("USER1", "0"))
		if kinds := m.gate.Takes(Web); !slices.Contains(kinds, ModelNumber) || !slices.Contains(kinds, NamedUser) {
			t.Errorf("the login page takes %v", kinds)
		}
		m.set(RegisterMode, "Advanced")
		if kinds := m.gate.Takes(Web); !slices.Equal(kinds, []CredentialKind{NamedUser}) {
			t.Errorf("in Advanced the login page takes %v", kinds)
		}
		m.set(RegisterMode, "LSS")
		for name, s := range map[string]*Session{"model number": web, "token": token, "password only": stateless} {
			_, err := s.Registers(Readings)
			want(t, name, err, Code(ErrClosed.Error()))
		}
		_, err = safe.Registers(Readings)
		want(t, "a named user goes on", err, "")
	})
}

// What nobody checked while there was no security does not become right with it.
func TestNoneVouchesForNobody(t *testing.T) {
	bubble(t, second, func(t *testing.T, m *meter) {
		m.account(4, "", allPermissions) // without a password
		delete(m.passwords, 0)
		m.set(RegisterMode, "None")
		s := m.as(ION, named("USER4", "guess"))
		var only *Session
		want(t, "None is open", s.Change(t.Context(), []Change{{Kind: Set, Object: "Power Meter/PT Prim", Text: "1"}}, false), "")
		m.set(RegisterMode, "Advanced")
		_, err := s.Registers(Readings)
		want(t, "a session of before, in Advanced", err, Code(ErrClosed.Error()))
		m.set(RegisterMode, "None")
		only = m.as(ION, passwordOnly("guess"))
		m.set(RegisterMode, "Standard")
		_, err = only.Registers(Readings)
		want(t, "a session of before, in Standard", err, Code(ErrClosed.Error()))
	})
}

func TestTokens(t *testing.T) {
	bubble(t, third, func(t *testing.T, m *meter) {
		root := m.client(ION, "192.0.2.1")
		token, err := root.Login(t.Context(), named("USER2", "two"), TokenIdle)
		want(t, "login", err, "")
		// Credentials of single requests on the same connection leave it alone.
		for _, c := range []Credential{named("USER3", "three"), named("USER1", "0"), passwordOnly("0"), named("USER2", "two"), named("user3", "three"), named("user1", "0")} {
			one, err := root.With(t.Context(), c)
			want(t, "with", err, "")
			_, err = one.Registers(Readings)
			want(t, "with", err, "")
		}
		if n := len(root.conn.all()); n != 2+rememberedOfConnection {
			t.Errorf("%d sessions on the connection, want the root, the token and %d", n, rememberedOfConnection)
		}
		for range 3 {
			time.Sleep(TokenIdle - time.Second)
			_, err = token.Registers(Readings)
			want(t, "in use", err, "")
		}
		view, err := token.Registers(Readings)
		want(t, "view", err, "")
		for range 10 { // reading keeps it, as Tick tells
			time.Sleep(TokenIdle / 2)
			_, err = view.Snapshot()
			want(t, "reading", err, "")
			m.gate.Tick(m.now())
		}
		time.Sleep(TokenIdle)
		_, err = token.Registers(Readings)
		want(t, "idle", err, CodeSessionEnded)
		// Idle ones make room at Tick, whether they are asked or not.
		for range sessionsOfConnection {
			_, err = root.Login(t.Context(), named("USER2", "two"), TokenIdle)
			want(t, "many", err, "")
		}
		_, err = root.Login(t.Context(), named("USER2", "two"), TokenIdle)
		want(t, "too many", err, CodeBusy)
		time.Sleep(TokenIdle)
		m.gate.Tick(m.now())
		_, err = root.Login(t.Context(), named("USER2", "two"), TokenIdle)
		want(t, "after they were idle", err, "")
	})
}

func TestIdleConnections(t *testing.T) {
	for p, minutes := range map[Path]int{FrontPanel: 5, Web: 15, SSH: 15, SFTP: 15, ION: 0, ModbusMap: 0} {
		bubble(t, third, func(t *testing.T, m *meter) {
			ended := 0
			_, err := m.gate.Open(Client{Path: p, Remote: "192.0.2.1:1", End: func() { ended++ }})
			want(t, "open", err, "")
			if minutes == 0 {
				time.Sleep(1000 * time.Hour)
				m.gate.Tick(m.now())
			} else {
				time.Sleep(time.Duration(minutes)*time.Minute - time.Second)
				m.gate.Tick(m.now())
				if ended != 0 {
					t.Errorf("%s was ended early", p)
				}
				time.Sleep(time.Second)
				m.gate.Tick(m.now())
			}
			if (ended == 1) != (minutes > 0) {
				t.Errorf("%s: ended %d times", p, ended)
			}
		})
	}
}

// security.md 7.1, and one more that is kept for a named user.
func TestConnectionLimits(t *testing.T) {
	bubble(t, third, func(t *testing.T, m *meter) {
		m.limits = FactoryLimits()
		m.start()
		open := func(p Path) (*Session, error) {
			return m.gate.Open(Client{Path: p, Remote: fmt.Sprintf("192.0.2.%d:1", p)})
		}
		var all []*Session
		for i := range 8 {
			s, err := open([]Path{ION, ModbusMap, IONOverModbus}[i%3])
			want(t, fmt.Sprintf("shared %d", i+1), err, "")
			all = append(all, s)
		}
		_, err := open(ModbusMap)
		want(t, "a ninth reader of the map", err, CodeConnectionsUsed)
		kept, err := open(ION)
		want(t, "the one that is kept", err, "")
		_, err = open(IONOverModbus)
		want(t, "there is one only", err, CodeConnectionsUsed)
		_, err = kept.Registers(Readings)
		want(t, "nobody on it", err, CodeConnectionsUsed)
		_, err = kept.With(t.Context(), passwordOnly("0"))
		want(t, "no name on it", err, CodeConnectionsUsed)
		one, err := kept.With(t.Context(), named("USER2", "two"))
		want(t, "a named user on it", err, "")
		list, err := one.Connections()
		if err != nil || len(list) != 9 || !list[8].KeptForNamed || !list[8].ThisOne || list[8].User != "USER2" {
			t.Errorf("connections %+v, %v", list, err)
		}
		want(t, "end one", one.EndConnection(t.Context(), list[0].ID), "")
		want(t, "end it again", one.EndConnection(t.Context(), list[0].ID), CodeNotFound)
		_, err = all[0].Registers(Readings)
		want(t, "it is ended", err, Code(ErrClosed.Error()))
		_, err = open(ModbusMap)
		want(t, "there is room again", err, "")
		for p, n := range map[Path]int{Web: 10, SFTP: 2} {
			for range n {
				_, err := open(p)
				want(t, p.String(), err, "")
			}
			_, err := open(p)
			want(t, p.String()+", kept", err, "")
			_, err = open(p)
			want(t, p.String()+", beyond", err, CodeConnectionsUsed)
		}
		// Who does not log in gives up the connection that is kept.
		time.Sleep(keptPatience)
		m.gate.Tick(m.now())
		_, err = open(Web)
		want(t, "kept again", err, "")
		_, err = kept.With(t.Context(), named("USER2", "two"))
		want(t, "who has logged in stays", err, "")
	})
}

func TestEndConnectionNeedsAnAdministrator(t *testing.T) {
	bubble(t, third, func(t *testing.T, m *meter) {
		ended := make(chan struct{})
		victim, err := m.gate.Open(Client{Path: SSH, Remote: "192.0.2.5:22", End: func() { close(ended) }})
		want(t, "open", err, "")
		login, err := victim.Login(t.Context(), named("USER3", "three"), time.Hour)
		want(t, "login", err, "")
		want(t, "a reader", login.EndConnection(t.Context(), 1), CodeNoPermission)
		_, err = login.Connections()
		want(t, "a reader lists", err, CodeNoPermission)
		want(t, "an administrator", m.as(ION, named("USER2", "two")).EndConnection(t.Context(), victim.conn.id), "")
		<-ended
		_, err = login.Registers(Readings)
		want(t, "all sessions are ended", err, Code(ErrClosed.Error()))
		if m.told(SessionClosed) != 1 {
			t.Error("it is not recorded")
		}
	})
}

func TestFilesOfSnapshots(t *testing.T) {
	bubble(t, third, func(t *testing.T, m *meter) {
		m.account(4, "four", MayRead|MayConfig)
		m.set()
		s := m.as(ION, named("USER4", "four"))
		for path, code := range map[string]Code{
			"snapshot/1.sqlite": CodeNoPermission, "SNAPSHOT/1.sqlite": CodeNoPermission, "snapshot": CodeNoPermission,
			"documents/../snapshot/1": CodeBadRequest, "/snapshot/1": CodeBadRequest, "./snapshot/1": CodeBadRequest, "documents//1": CodeBadRequest, "": CodeBadRequest, ".": CodeBadRequest,
		} {
			_, _, err := s.ReadFile(path, 0, 1)
			want(t, "read "+path, err, code)
			want(t, "delete "+path, s.DeleteFile(t.Context(), path), code)
			_, err = s.WriteFile(t.Context(), path, 0, nil, 1, nil)
			want(t, "write "+path, err, code)
			_, err = s.Files(path)
			want(t, "list "+path, err, code)
		}
	})
}

func TestGreetingSaysLittle(t *testing.T) {
	bubble(t, third, func(t *testing.T, m *meter) {
		m.set(RegisterMode, "Advanced")
		model, firmware, takes := m.client(ION, "192.0.2.1").Greeting()
		if model != "ION9000" || firmware != "3.0.0" || !slices.Equal(takes, []CredentialKind{NamedUser}) {
			t.Error(model, firmware, takes)
		}
	})
}

// A login page, and the hello, say which kinds of credential there are.
func TestTakes(t *testing.T) {
	for _, tc := range []struct {
		g    Generation
		mode Mode
		path Path
		want []CredentialKind
	}{
		{third, LSS, ION, []CredentialKind{NoCredential, PasswordOnly, NamedUser}},
		{third, LSS, Web, []CredentialKind{NamedUser, ModelNumber}},
		{third, LSS, SSH, []CredentialKind{NamedUser, ModelNumber}},
		{third, LSS, FrontPanel, []CredentialKind{NoCredential, PasswordOnly, NamedUser}},
		{third, Advanced, ION, []CredentialKind{NamedUser}},
		{third, Advanced, FrontPanel, []CredentialKind{NoCredential, NamedUser}},
		{second, Advanced, SSH, nil},
		{second, Advanced, SFTP, []CredentialKind{NamedUser}},
		{second, Standard, SSH, nil},
		{second, Standard, ION, []CredentialKind{NoCredential, PasswordOnly, NamedUser}},
		{second, Standard, SFTP, []CredentialKind{PasswordOnly, NamedUser, ModelNumber}},
	} {
		bubble(t, tc.g, func(t *testing.T, m *meter) {
			m.set(RegisterMode, tc.mode.String())
			if got := m.gate.Takes(tc.path); !slices.Equal(got, tc.want) {
				t.Errorf("%s %s, %s: %v, want %v", tc.g.Name, tc.mode, tc.path, got, tc.want)
			}
		})
	}
}

// Everything at once, for the race detector: whatever happens, who has no right gets none,
// and nothing is left over.
func TestGateTakesManyAtOnce(t *testing.T) {
	bubble(t, third, func(t *testing.T, m *meter) {
		var all sync.WaitGroup
		for i := range 16 {
			random := rand.New(rand.NewPCG(7, uint64(i)))
			all.Go(func() {
				for range 20 {
					s, err := m.gate.Open(Client{Path: Path(random.IntN(int(paths))), Remote: fmt.Sprintf("192.0.2.%d:1", i%9), End: func() {}})
					if err != nil {
						t.Error(err)
						continue
					}
					s.Call(fmt.Sprint(i), "")
					credentials := []Credential{{}, named("USER1", "0"), named("USER2", "two"), named("USER3", "three"), named("9000", "0"), passwordOnly("0"), named("USER3", "wrong")}
					c := credentials[random.IntN(len(credentials))]
					one, err := s.With(t.Context(), c)
					if random.IntN(2) == 0 {
						one, err = s.Login(t.Context(), c, time.Second)
					}
					if err == nil {
						if view, err := one.Registers(Readings); err == nil {
							_, _ = view.Snapshot()
						}
						err = one.SetUser(t.Context(), 3, MayTime, 0)
						if err == nil && one.identity.Account != 1 && one.identity.Account != 2 {
							t.Errorf("%+v may administer", one.identity)
						}
						_, _ = one.Connections()
						_, _, _, _ = one.Uses()
						_ = one.Change(t.Context(), []Change{{Kind: Set, Object: "Power Meter/PT Prim", Text: fmt.Sprint(i)}}, false)
						if random.IntN(5) == 0 {
							_ = one.EndConnection(t.Context(), uint64(random.IntN(500)))
						}
						_ = one.Own()
						one.Close()
					}
					time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond)
					m.gate.Tick(m.now())
					_ = m.gate.Counters()
					_ = m.gate.Keep(m.now(), false)
					s.Close()
				}
			})
		}
		all.Wait()
		if c := m.gate.Counters(); c.Connections != 0 {
			t.Errorf("%d connections are left", c.Connections)
		}
	})
}

func TestExposure(t *testing.T) {
	bubble(t, third, func(t *testing.T, m *meter) {
		m.set("Ethernet/Enable SFTP", "OFF", RegisterWebAccess, "HTTP")
		status, err := m.as(ION, named("USER2", "two")).Status()
		want(t, "status", err, "")
		type row struct {
			enabled, encrypted             bool
			anonymous, passwordOnly, named string
		}
		all := "read, write setup, reset demand, set clock, security"
		for i, w := range []row{
			{true, true, "read", all, "what the account may"},
			{true, false, "read", all, "what the account may"},
			{true, false, "read", all, "what the account may"},
			{true, false, "read", "no place for one", "no place for one"},
			{true, false, "nothing", "as 9000: read, reset demand, security", "what the account may"}, // Web Configuration is off
			{true, true, "nothing", "as 9000: " + all, "what the account may"},
			{false, true, "nothing", "as 9000: " + all, "what the account may"},
		} {
			e := status.Exposure[i]
			if got := (row{e.Enabled, e.Encrypted, e.Anonymous, e.PasswordOnly, e.Named}); got != w || e.Path != Path(i) {
				t.Errorf("%s: %+v, want %+v", e.Path, got, w)
			}
		}
		if len(status.Accounts) != 3 || !status.Accounts[1].You || !status.Accounts[0].NumericPassword || status.Accounts[1].NumericPassword {
			t.Errorf("accounts %+v", status.Accounts)
		}
		_, err = m.as(ION, named("USER3", "three")).Status()
		want(t, "who may not", err, CodeNoPermission)
	})
}

func TestNewGateWants(t *testing.T) {
	s := &Security{}
	for i, o := range []Options{{}, {Registers: &meter{}}, {Registers: &meter{}, Security: s}, {Registers: &meter{}, Security: s, Audit: &meter{}}} {
		if _, err := NewGate(o); err == nil {
			t.Errorf("%d: NewGate accepts %+v", i, o)
		}
	}
}
