package meter

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/ion/template"
	"github.com/hepmeter/hepmeter/store"
	"github.com/hepmeter/hepmeter/wire/routing"
)

// guard is the meter's side of its gate: what the gate keeps, and the registers that
// security is made of.
type guard struct {
	gate       *access.Gate
	generation access.Generation
	modelName  string
	// settings are the registers of security that the gate has now, passwords the
	// verifiers by account.
	settings  map[string]string
	passwords map[int]access.Verifier
	// put and gone are blobs for the next batch.
	put  map[string][]byte
	gone []string
}

// generationOf tells the gate what a firmware version means.
func generationOf(firmware string) (access.Generation, error) {
	g, err := template.GenerationOf(firmware)
	if err != nil {
		return access.Generation{}, err
	}
	out := access.Generation{Name: g.Name, MaxAccounts: g.Accounts, PanelPassword: g.PanelPassword, Terminal: g.SSH}
	for _, name := range g.SecurityModes {
		mode, ok := access.ParseMode(name)
		if !ok {
			return out, fmt.Errorf("firmware %s has a security mode %q that the gate does not know", firmware, name)
		}
		out.Modes = append(out.Modes, mode)
	}
	return out, nil
}

// modelNumber is the name that stands for User1 under LSS: 9000 for an ION9000 and an
// ION9000T.
func modelNumber(model string) string {
	return strings.TrimRight(strings.TrimLeft(model, "IONPM"), "T")
}

// openGate makes the gate from what was kept. A meter without passwords is fresh, and has
// the factory's: 0 for User1, and for the meter password of a generation that has one.
func (m *Meter) openGate(kept map[string][]byte, limits access.Limits) (err error) {
	g := &m.guard
	if g.generation, err = generationOf(m.Firmware()); err != nil {
		return err
	}
	g.modelName = modelNumber(m.identity.Model)
	if g.passwords, err = access.Passwords(kept); err != nil {
		return err
	}
	if len(g.passwords) == 0 {
		zero, err := access.FactoryPassword(rand.Reader)
		if err != nil {
			return err
		}
		g.passwords[0] = zero
		if !slices.Contains(g.generation.Modes, access.Standard) {
			g.passwords = map[int]access.Verifier{1: zero}
		}
		g.keep(access.KeepPasswords(g.passwords))
	}
	g.settings = securitySettings(m.node)
	security, err := access.NewSecurity(g.generation, g.modelName, g.settings, g.passwords)
	if err != nil {
		return err
	}
	g.gate, err = access.NewGate(access.Options{Registers: &m.registers, Security: security, Audit: &m.audit, Works: works{m}, Logs: logBook{m}, Files: files{m}, Scope: &m.scope,
		Now: time.Now, After: time.After, Random: rand.Reader, Limits: limits, Hashing: m.options.Hashing, Kept: kept})
	return err
}

// Gate is the one entrance to the meter, for servers.
func (m *Meter) Gate() *access.Gate { return m.guard.gate }

// Certify has HTTPS prove the names and addresses by which clients know the meter, unless the
// owner's certificate does. It is durable when it returns: whoever reads its fingerprint finds
// it again, also after a power cut. It is to be called before Run.
func (m *Meter) Certify(names []string) error {
	if _, err := m.Gate().Certificate(names); err != nil {
		return err
	}
	m.guard.keep(m.Gate().Keep(time.Now(), false))
	var b store.Batch
	b.Security, b.SecurityDelete = m.guard.take()
	if len(b.Security)+len(b.SecurityDelete) == 0 {
		return nil
	}
	return m.commit(b)
}

// keep has blobs kept with the next batch; an empty one is forgotten.
func (g *guard) keep(blobs map[string][]byte) {
	for name, blob := range blobs {
		if len(blob) == 0 {
			delete(g.put, name)
			g.gone = append(g.gone, name)
			continue
		}
		if g.put == nil {
			g.put = map[string][]byte{}
		}
		g.gone = slices.DeleteFunc(g.gone, func(n string) bool { return n == name })
		g.put[name] = blob
	}
}

// take returns what is to be kept.
func (g *guard) take() (put map[string][]byte, gone []string) {
	put, gone = g.put, g.gone
	g.put, g.gone = nil, nil
	return put, gone
}

// securitySettings are the registers that security is made of, and those by which the meter
// is reached, as text by label.
func securitySettings(node *ion.Node) map[string]string {
	settings := map[string]string{}
	d := node.Directory()
	for _, manager := range d.Managers {
		switch manager.Type.Name {
		case "Security Options", "Security User", "Ethernet", "Display Options", "Communications", routing.Gateway, routing.Options:
		default:
			continue
		}
		for _, at := range manager.Modules {
			module := &d.Modules[at]
			for i := module.First; i < module.First+module.Count; i++ {
				if d.Registers[i].Setup {
					settings[module.Label+"/"+d.Registers[i].Name] = node.Value(i).String()
				}
			}
		}
	}
	return settings
}

// secure has the gate follow what a command did. It runs on the engine goroutine, before
// the next command is judged.
func (m *Meter) secure(passwords map[int]access.Verifier) {
	g := &m.guard
	settings := securitySettings(m.node)
	if len(passwords) == 0 && maps.Equal(settings, g.settings) {
		return
	}
	now := maps.Clone(g.passwords)
	for account, v := range passwords {
		if v.Set() {
			now[account] = v
		} else {
			delete(now, account)
		}
	}
	// A password goes with its account.
	for account := range now {
		if _, there := settings[fmt.Sprintf("Security User %d/Read Access", account)]; account != 0 && !there {
			delete(now, account)
			g.keep(access.KeepPasswords(map[int]access.Verifier{account: {}}))
		}
	}
	g.keep(access.KeepPasswords(passwords))
	security, err := access.NewSecurity(g.generation, g.modelName, settings, now)
	if err != nil {
		m.note(ion.PriorityFailure, "security: "+err.Error(), "as before")
		return
	}
	g.settings, g.passwords = settings, now
	g.gate.SetSecurity(security)
}

// guardTick has the gate do what is due.
func (m *Meter) guardTick(now time.Time) {
	g := &m.guard
	if due := g.gate.Tick(now); due != nil {
		err := m.carryOut(*due, ion.By{Origin: "meter"}, m.now())
		g.gate.Returned(err)
	}
}

// works is what the gate has the meter carry out.
type works struct{ *Meter }

// Change implements access.Works.
func (m works) Change(ctx context.Context, t access.Transaction, by access.By, judge access.Judge, rehearse bool) error {
	do := func(now time.Time) error {
		if err := judge(directory{m.node.Directory()}, t.Changes); err != nil {
			return err
		}
		if rehearse {
			_, err := m.prepare(t.Changes)
			return err
		}
		return m.carryOut(t, ion.By(by), now)
	}
	return m.order(ctx, command{do: do, asks: rehearse, done: make(chan error, 1)})
}

// directory tells the gate what labels stand for.
type directory struct{ *ion.Directory }

func (d directory) Module(label string) (typeName string, number int, ok bool) {
	module := d.Directory.Module(label)
	if module == nil {
		return "", 0, false
	}
	return module.Type.Name, module.Handle.Number(), true
}

// carryOut carries out a transaction on the engine goroutine: all of it, or nothing.
func (m *Meter) carryOut(t access.Transaction, by ion.By, now time.Time) error {
	p, err := m.prepare(t.Changes)
	if err != nil {
		return err
	}
	if len(p.program) > 0 {
		if err := m.node.Program(p.program, by, now); err != nil {
			return refusalOf(err)
		}
	}
	for _, act := range p.acts {
		if err := act(by, now); err != nil {
			return refusalOf(err) // prepare has looked for all that can be wrong
		}
	}
	m.guard.keep(t.Keep)
	m.secure(t.Passwords)
	return nil
}

// LoadTemplate implements access.Works.
func (m works) LoadTemplate(ctx context.Context, text []byte, by access.By, judge access.Judge, rehearse bool) ([]string, error) {
	changed, err := m.loadTemplate(ctx, text, ion.By(by), judge, rehearse)
	lines := make([]string, len(changed))
	for i, d := range changed {
		lines[i] = d.String()
	}
	return lines, err
}

// Info implements access.Works.
func (m *Meter) Info() access.Info {
	s := m.registers.published.Load().ion
	text := func(label string) string {
		if i, ok := s.Find(label); ok {
			if v := s.Value(i); v.Available {
				return v.Text
			}
		}
		return ""
	}
	id := m.identity
	return access.Info{Model: id.Model, Serial: id.Serial, Firmware: m.Firmware(), Generation: m.guard.generation.Name,
		DeviceName: text("Factory/Device Name"), Owner: text("Factory/Owner"), Tag1: text("Factory/Tag 1"), Tag2: text("Factory/Tag 2"),
		Fingerprint: m.Fingerprint(), Template: text("Factory/Template"), Source: cmp.Or(m.options.SourceName, m.input.info.Format),
		Modules: len(s.Directory().Modules), PowerUps: int(m.powerUps), Time: s.Time(), Uptime: time.Since(m.opened), Endpoints: m.options.Endpoints()}
}
