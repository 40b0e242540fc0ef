// Package aroundregisters is handed the registers beside the gate.
package aroundregisters

import gate "github.com/hepmeter/hepmeter/access"

func read(r gate.Registers) gate.Value { return r.Snapshot().Value(r.Find("Power Meter/Vln a")) }
