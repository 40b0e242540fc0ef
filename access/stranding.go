package access

import (
	"crypto/tls"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/wire/routing"
)

// The stranding guard: a change after which its author might not reach the meter any more
// returns by itself, on whatever path it came, unless somebody confirms within
// strandingPatience that the meter can still be reached. It joins changes of security that
// wait for their confirmation anyway.

// strandingPatience is how long there is to come back and confirm.
const strandingPatience = 5 * time.Minute

// stranding is one register that might strand, with what it was.
type stranding struct {
	label, before, after string
	needs                Operation
}

func (s stranding) String() string { return fmt.Sprintf("%s: %s -> %s", s.label, s.before, s.after) }

// strands reports whether a change of a setup register may cut clients off: a service or
// setup at a door that is switched off, another port, another way to speak on a line. What
// only adds a way in does not.
func strands(typeName, label, before, after string) bool {
	_, register, _ := strings.Cut(label, "/")
	is := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, register) })
	}
	switch {
	case sameText(before, after):
		return false
	case strings.EqualFold(label, RegisterPanelSetup), strings.EqualFold(label, RegisterWebSetup):
		return isOn(before)
	case strings.EqualFold(label, RegisterWebAccess):
		return !strings.EqualFold(before, "Disabled")
	case strings.EqualFold(typeName, ethernet):
		_, enables := cutFold(register, "Enable ")
		return enables && !is("Enable Syslog") && isOn(before) || strings.HasSuffix(fold(register), fold(" Port")) && !is("Syslog Port")
	case strings.EqualFold(typeName, "Communications"):
		return is("Protocol", "Baud Rate", "Parity", "Unit ID", "Comm Mode", "RTS/CTS Level", "Hardware Handshake")
	// While there is a gateway, most units are no longer the meter.
	case strings.EqualFold(label, routing.RegisterUnits):
		return before == ""
	case strings.EqualFold(typeName, routing.Options):
		_, serial := cutFold(register, "Serial Connection ")
		return (serial || is("Modbus Gateway Connection")) && !strings.EqualFold(after, "None")
	}
	return false
}

// sameText reports whether two texts stand for the same value of a register.
func sameText(a, b string) bool {
	if strings.EqualFold(a, b) || isOn(a) && takenForOn(b) {
		return true
	}
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return errX == nil && errY == nil && x == y
}

// takenForOn reports whether a text is one that the meter takes for ON.
func takenForOn(text string) bool {
	return slices.ContainsFunc([]string{"ON", "yes", "true", "1", "enabled"}, func(word string) bool { return strings.EqualFold(word, text) })
}

// stranding finds the changes of a transaction that might strand.
func (p *programmed) stranding(settings map[string]string, changes []Change) (list []stranding) {
	for _, c := range changes {
		if c.Kind != Set {
			continue
		}
		label := labelIn(settings, c.Object)
		before, known := settings[label]
		if typeName := p.typeOf(moduleOf(label)); known && strands(typeName, label, before, c.Text) {
			op, _ := p.operation(c)
			list = append(list, stranding{label, before, c.Text, op})
		}
	}
	return list
}

// guard has what might strand return unless it is confirmed. It runs on the goroutine that
// carries the change out, just before it does; undo is for a change that is refused then.
func (g *Gate) guard(by string, list []stranding) (undo func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	old, p := g.provisional, g.joined(by)
	for _, s := range list {
		if _, earlier := p.setups[s.label]; !earlier {
			p.setups[s.label] = s.before
		}
		p.require(s.needs)
	}
	g.provisional, g.provisionalChanged = p, true
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.provisional == p {
			g.provisional, g.provisionalChanged = old, true
		}
	}
}

// joined is what waits already, to be added to, with the time for one more change; the
// caller holds mu.
func (g *Gate) joined(by string) *provisional {
	p := &provisional{by: by}
	if g.provisional != nil {
		*p = *g.provisional
	}
	setups := map[string]string{}
	maps.Copy(setups, p.setups)
	p.setups = setups
	if until := g.options.Now().Add(strandingPatience); until.After(p.until) {
		p.until = until
	}
	return p
}

// guardCertificate puts a certificate of HTTPS in use, the meter's own where c is nil, and is
// guard for it.
func (g *Gate) guardCertificate(by string, c *tls.Certificate, text []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.joined(by)
	if !p.certified {
		p.certified, p.certificate = true, g.keys.installed
	}
	p.require(AdministerSecurity)
	g.provisional, g.provisionalChanged = p, true
	g.keys.owner, g.keys.installed = c, text
}
