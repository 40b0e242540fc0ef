package meter

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/ion"
	modbusmaster "github.com/hepmeter/hepmeter/master"
	"github.com/hepmeter/hepmeter/wire/routing"
)

// gatewayUnit is a unit behind the gateway, and where it is.
type gatewayUnit struct {
	ion.Downstream
	place routing.Place
	took  modbusmaster.Latency
}

// gatewayUnits returns the units behind the gateway that were asked, in their order, as the
// registers have them now.
func (m *Meter) gatewayUnits(register func(label string) string) (list []gatewayUnit) {
	if m.options.Downstream == nil {
		return nil
	}
	buses := m.options.Downstream()
	if len(buses) == 0 {
		return nil
	}
	table := routing.Read(register)
	for unit := byte(1); unit <= routing.MaxUnit; unit++ {
		place := table.Of(unit)
		bus := slices.IndexFunc(buses, func(b modbusmaster.BusStatistics) bool { return b.Name == cmp.Or(place.Address, place.Line) })
		if place.Nowhere() || bus < 0 {
			continue
		}
		units := buses[bus].Units
		at := slices.IndexFunc(units, func(u modbusmaster.UnitStatistics) bool { return u.Unit == place.Unit })
		if at < 0 || units[at].Requests == 0 {
			continue
		}
		u := units[at]
		list = append(list, gatewayUnit{place: place, took: u.Latency, Downstream: ion.Downstream{Unit: unit,
			Requests: u.Requests, Answers: u.Answers, Exceptions: u.Exceptions, Timeouts: u.Timeouts, CRCErrors: u.CRCErrors, Lost: u.Lost, Retries: u.Retries,
			Dropped: u.Late + u.Foreign, Cached: u.Cached, Refused: u.Refused, BackingOff: !u.BackingOff.IsZero(),
			LatencyS: seconds(u.Latency, u.Latency.Mean), LatencyP95S: seconds(u.Latency, u.Latency.P95), LatencyMaxS: seconds(u.Latency, u.Latency.Max)}})
	}
	return list
}

// seconds is a time of answers; NaN where there was none.
func seconds(l modbusmaster.Latency, d time.Duration) float64 {
	if l.Count == 0 {
		return math.NaN()
	}
	return d.Seconds()
}

// DownstreamUnits implements access.Works.
func (m works) DownstreamUnits() (list []access.DownstreamUnit) {
	for _, d := range m.gatewayUnits(m.Gate().Security().Setting) {
		list = append(list, access.DownstreamUnit{Unit: d.Unit, Where: cmp.Or(d.place.Address, d.place.Line), UnitThere: d.place.Unit,
			Requests: d.Requests, Answers: d.Answers, Exceptions: d.Exceptions, Timeouts: d.Timeouts, CRCErrors: d.CRCErrors, Lost: d.Lost, Retries: d.Retries,
			Dropped: d.Dropped, Cached: d.Cached, Refused: d.Refused, BackingOff: d.BackingOff,
			Answered: d.took.Count > 0, Latency: d.took.Mean, Latency95: d.took.P95, LatencyMax: d.took.Max})
	}
	return list
}
