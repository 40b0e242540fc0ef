package ionp

import (
	"errors"
	"strings"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

// Bounds of the plans that a connection keeps: a client that polls asks few different
// questions, again and again.
const (
	maxPlans       = 16
	maxPlanRequest = 4 << 10 // of a request's body, in bytes
)

// plan is where the registers of a request are found, in one layout. It is decided who
// may read each time it is used.
type plan struct {
	labels []string
	// sets tells which sets of registers it takes the right to read of.
	sets   [2]bool
	layout uint64
	found  bool
	points []access.Point
	units  []string

	// reply is the body made of the snapshot with the number seq.
	seq   uint64
	reply ionp.Body
}

func newPlan(labels []string) *plan {
	p := &plan{labels: labels}
	for _, label := range labels {
		p.sets[access.SetOf(label)] = true
	}
	return p
}

var errNoSnapshot = errors.New("the meter has no registers to show yet")

// look asks for the newest snapshot in the name of a session, and finds the registers in
// its layout.
func (p *plan) look(l *looker) (access.Snapshot, error) {
	// The layout may change while they are found; the next turn then sees the new one. A
	// meter that is rebuilt faster than that is not one to take readings from.
	for range 3 {
		var views [2]access.View
		var snapshot access.Snapshot
		var err error
		for set, needed := range p.sets {
			if !needed {
				continue
			}
			if views[set], snapshot, err = l.view(access.RegisterSet(set)); err != nil {
				return nil, err
			}
		}
		if snapshot == nil {
			return nil, errNoSnapshot
		}
		if p.found && p.layout == snapshot.Layout() {
			return snapshot, nil
		}
		if err := p.find(l.session, views); err != nil {
			return nil, err
		}
		p.layout, p.found, p.reply = snapshot.Layout(), true, nil
	}
	return nil, errors.New("the registers are being rearranged; ask again")
}

// find finds the registers and their units.
func (p *plan) find(session *access.Session, views [2]access.View) error {
	p.points, p.units = make([]access.Point, len(p.labels)), make([]string, len(p.labels))
	described := map[string]map[string]string{}
	for i, label := range p.labels {
		p.points[i] = views[access.SetOf(label)].Find(label)
		if p.points[i] == access.NoPoint {
			continue
		}
		module, register, _ := strings.Cut(strings.ToLower(label), "/")
		units := described[module]
		if units == nil {
			units = map[string]string{}
			described[module] = units
			d, err := session.Describe(module)
			var refusal *access.Refusal
			if errors.As(err, &refusal) && refusal.Code == access.CodeNotFound {
				continue // it has just gone
			}
			if err != nil {
				return err
			}
			for _, o := range d.Outputs {
				units[strings.ToLower(o.Name)] = o.Unit
			}
			for _, s := range d.Setups {
				units[strings.ToLower(s.Name)] = s.Unit
			}
		}
		p.units[i] = units[register]
	}
	return nil
}

// values returns the values of one snapshot.
func (p *plan) values(l *looker) ([]access.Value, error) {
	snapshot, err := p.look(l)
	if err != nil {
		return nil, err
	}
	values := make([]access.Value, len(p.points))
	for i, point := range p.points {
		values[i] = snapshot.Value(point)
	}
	return values, nil
}

// readings appends the values of a snapshot as the protocol has them.
func (p *plan) readings(dst []ionp.Reading, snapshot access.Snapshot) []ionp.Reading {
	for i, point := range p.points {
		dst = append(dst, ionp.Reading{Label: p.labels[i], Value: valueOf(snapshot.Value(point), p.units[i])})
	}
	return dst
}

// read answers with the values of the registers asked for, from one snapshot.
func (r *request) read() (ionp.Body, error) {
	p := r.plans[string(r.body)]
	if p == nil {
		q, err := ionp.Read.DecodeRequest(r.body)
		if err != nil {
			return nil, badRequest(err)
		}
		p = newPlan(q.Labels)
		if len(r.body) <= maxPlanRequest {
			if len(r.plans) >= maxPlans {
				clear(r.plans)
			}
			r.plans[string(r.body)] = p
		}
	}
	snapshot, err := p.look(r.looked())
	if err != nil {
		return nil, err
	}
	if p.reply != nil && p.seq == snapshot.Seq() {
		return p.reply, nil
	}
	s := ionp.ReadReply{Sequence: snapshot.Seq(), Time: snapshot.Time().UnixNano(), Readings: p.readings(make([]ionp.Reading, 0, len(p.points)), snapshot)}
	if p.reply, err = ionp.Read.EncodeReply(s); err != nil {
		return nil, err
	}
	p.seq = snapshot.Seq()
	return p.reply, nil
}
