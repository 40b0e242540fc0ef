package web

import (
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// DownstreamUnits are two units of a line: one answers, and one never did.
func (nothing) DownstreamUnits() []access.DownstreamUnit {
	return []access.DownstreamUnit{
		{Unit: 5, Where: "COM1", UnitThere: 5, Requests: 1234, Answers: 1230, Answered: true, Latency: 12_340 * time.Microsecond, Latency95: 20 * time.Millisecond, LatencyMax: time.Second},
		{Unit: 21, Where: "192.0.2.7:502", UnitThere: 255, Requests: 7, Timeouts: 6, Lost: 1, BackingOff: true},
	}
}

// TestGatewayPage: what a unit has not is a dash, and never a number.
func TestGatewayPage(t *testing.T) {
	g := behindGate(t, third, access.LSS, access.OpenLimits())
	b := g.browser(t, true)
	b.logIn("USER1", "0")
	page := b.get("/gateway").text
	for _, want := range []string{`<tr data-unit="5">`, `"unit 5/Requests">1234<`, `"unit 5/Mean, ms">12.3<`, `"unit 5/Longest, ms">1000.0<`, `"unit 5/State">answers<`,
		"192.0.2.7:502, unit 255", `"unit 21/State">backing off<`, `"unit 21/Time-outs">6<`, `"unit 21/Lost">1<`, `"unit 21/Mean, ms"><span class="na"`, `"Modbus Gateway/Requests"><span class="na"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not have %s", want)
		}
	}
	if t.Failed() {
		t.Log(page)
	}
}
