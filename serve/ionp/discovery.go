package ionp

import (
	"math"
	"time"

	"github.com/hepmeter/hepmeter/wire/ionp"
)

// This file tells what the meter is and what there is to read, link and set.

// modulesOfPage is how many modules a page has where the client does not say.
const modulesOfPage = 500

func (r *request) info(*ionp.InfoRequest) (s ionp.InfoReply, err error) {
	i, err := r.session.Info()
	if err != nil {
		return s, err
	}
	return ionp.InfoReply{
		Model: i.Model, Serial: i.Serial, Firmware: i.Firmware, Generation: i.Generation, DeviceName: i.DeviceName, Owner: i.Owner, Tag1: i.Tag1, Tag2: i.Tag2,
		Fingerprint: i.Fingerprint, Version: ionp.Version, Time: i.Time.Unix(), UptimeSeconds: seconds(i.Uptime), PowerUps: uint64(max(0, i.PowerUps)),
		Template: i.Template, Modules: uint32(max(0, i.Modules)), Source: i.Source, Sessions: uint32(r.server.gate.Counters().Connections), Endpoints: i.Endpoints,
	}, nil
}

// seconds is a duration in whole seconds, rounded up: what is left for less than a second
// is not 0.
func seconds(d time.Duration) uint64 {
	return uint64(max(0, d+time.Second-1) / time.Second)
}

func (r *request) managers(*ionp.ManagersRequest) (s ionp.ManagersReply, err error) {
	list, err := r.session.Managers()
	for _, m := range list {
		s.Managers = append(s.Managers, ionp.Manager{Type: m.Type, Number: uint32(m.Number), Kind: m.Kind, Rate: m.Rate, Doc: m.Doc, Modules: uint32(m.Modules)})
	}
	return s, err
}

func (r *request) modules(q *ionp.ModulesRequest) (s ionp.ModulesReply, err error) {
	list, err := r.session.ModuleList(q.Manager)
	if err != nil {
		return s, err
	}
	from := int(min(q.From, uint64(len(list))))
	limit := int(q.Limit)
	if limit == 0 {
		limit = modulesOfPage
	}
	page := list[from:min(from+limit, len(list))]
	for _, m := range page {
		s.Modules = append(s.Modules, ionp.ModuleSummary{Label: m.Label, Type: m.Type, Number: uint32(m.Number), Online: m.Offline == "", Offline: m.Offline, SetupCount: m.SetupCount})
	}
	if next := from + len(page); next < len(list) {
		s.Next = uint64(next)
	}
	return s, nil
}

func (r *request) module(q *ionp.ModuleRequest) (s ionp.ModuleReply, err error) {
	d, err := r.session.Describe(q.Label)
	if err != nil {
		return s, err
	}
	s.Label, s.Type = d.Label, d.Type
	for _, i := range d.Inputs {
		s.Inputs = append(s.Inputs, ionp.Input{Name: i.Name, Link: i.Link, Classes: i.Classes, Mandatory: i.Mandatory, Fixed: i.Fixed})
	}
	for _, o := range d.Outputs {
		s.Outputs = append(s.Outputs, ionp.Output{Name: o.Name, Class: o.Class, Unit: o.Unit, Owners: o.Owners})
	}
	for _, x := range d.Setups {
		setup := ionp.Setup{Name: x.Name, Class: x.Class, Unit: x.Unit, Whole: x.Whole, Options: x.Options, MaxLength: uint32(max(0, x.MaxLength)), Default: x.Default, Doc: x.Doc, Value: x.Value}
		if x.Low != x.High { // both 0 where the class has no bounds
			setup.Low, setup.High = bound(x.Low), bound(x.High)
		}
		s.Setups = append(s.Setups, setup)
	}
	return s, nil
}

// bound is a bound of a register, nil where there is none.
func bound(x float64) *float64 {
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return nil
	}
	return &x
}

// The registers of the Clock that tell local time.
const (
	clockUniversal = "Clock/Universal Time"
	clockLocal     = "Clock/Local Time"
	clockDST       = "Clock/DST"
	clockSource    = "Clock/Clock Source"
)

func (r *request) clock(*ionp.ClockRequest) (s ionp.ClockReply, err error) {
	i, err := r.session.Info()
	if err != nil {
		return s, err
	}
	s.Time = i.Time.UnixNano()
	values, err := newPlan([]string{clockUniversal, clockLocal, clockDST, clockSource}).values(r.looked())
	if err != nil {
		return s, err
	}
	if utc, local := values[0], values[1]; utc.Available && local.Available {
		s.OffsetSeconds = int32(math.Round(local.Number - utc.Number))
	}
	s.DST = values[2].Available && values[2].Number != 0
	if values[3].Available {
		s.Source = values[3].Text
	}
	return s, nil
}

func (r *request) clockSet(q *ionp.ClockSetRequest) (s ionp.ClockSetReply, err error) {
	return s, r.session.SetClock(r.ctx, time.Unix(0, q.Time).UTC())
}

func (r *request) reset(q *ionp.ResetRequest) (s ionp.ResetReply, err error) {
	if q.Name != "" {
		return s, r.session.Reset(r.ctx, q.Name)
	}
	list, err := r.session.Resets()
	for _, reset := range list {
		s.Names = append(s.Names, reset.Name)
	}
	return s, err
}
