package ion

import (
	"cmp"
	"slices"
)

// Claim is a run of Modbus registers, by number, that a module serves.
type Claim struct{ First, Last int }

// checkClaims refuses registers that two modules would serve. Core modules have none in
// common, so that there is nothing to see where they are alone.
func (d *draft) checkClaims() {
	type held struct {
		Claim
		module *module
	}
	var claims []held
	contended := false
	for _, m := range d.modules {
		if m.typ.Claims == nil {
			continue
		}
		for _, c := range m.typ.Claims(d.plans[m].settings, d.plans[m].linked()) {
			claims = append(claims, held{c, m})
			contended = contended || m.typ.Kind != Core
		}
	}
	if !contended {
		return
	}
	slices.SortStableFunc(claims, func(a, b held) int { return cmp.Compare(a.First, b.First) })
	last := held{}
	for _, c := range claims {
		if last.module != nil && c.First <= last.Last {
			asks, has := c.module, last.module
			if d.touched(has) && !d.touched(asks) {
				asks, has = has, asks
			}
			d.refuse(d.plans[asks].label, "Modbus register %d is taken by %s", c.First, d.plans[has].label)
		}
		if last.module == nil || c.Last > last.Last {
			last = c
		}
	}
}

// touched reports whether the changes are about a module.
func (d *draft) touched(m *module) bool {
	return slices.ContainsFunc(d.steps, func(s step) bool { return s.module == m })
}
