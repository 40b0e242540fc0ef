// Package fault is a proxy that understands Modbus frames and harms them as a scenario
// says: between a client and a device it loses, delays, doubles, cuts and falsifies
// requests and replies, so that a test can show what either makes of it. Framings are
// Modbus TCP and RTU, over TCP or on serial lines.
//
//	scenario, err := fault.Parse(text, "lossy.yaml")
//	proxy := fault.New(scenario, fault.Options{Seed: 7, Dial: dial})
//	err = proxy.Serve(ctx, listener)   // until ctx is done
//	proxy.Counters().Fired()           // 0: the test has shown nothing
//
// Which frames are harmed depends on the scenario, the seed and the frames that have come
// before: the same traffic meets the same faults. Of scenarios with an outage it depends on
// the time, too.
package fault

import "slices"

// Place is where a fault strikes.
type Place string

// The places.
const (
	Requests    Place = "requests"    // what the client sends
	Replies     Place = "replies"     // what the device sends
	Connections Place = "connections" // a new connection of a client
)

// Kind describes a kind of fault: what a scenario can ask for.
type Kind struct {
	Name   string
	Places []Place // the first is the default; none: it strikes both ways
	Keys   []string
	Does   string
}

// Kinds returns all kinds of faults in the order of the documentation.
func Kinds() []Kind {
	replies, requests := []Place{Replies, Requests}, []Place{Requests, Replies}
	return []Kind{
		{"drop", replies, nil, "the frame is lost"},
		{"delay", replies, []string{"milliseconds"}, "the frame, and all behind it, waits `milliseconds` (default 1000)"},
		{"duplicate", replies, nil, "the frame comes twice"},
		{"reorder", replies, nil, "the frame comes after the next one of its direction, however late that is; it is lost with the connection"},
		{"truncate", replies, []string{"bytes"}, "the last `bytes` (default 1) are missing; the length field and the CRC stay as they were, and one byte at least remains"},
		{"pad", replies, []string{"bytes"}, "`bytes` (default 1) zeros follow the frame"},
		{"corrupt", replies, []string{"bytes", "at"}, "`bytes` (default 1) in a row are changed, from offset `at` (0 is the first byte of the frame; without it anywhere). Frames that end before that pass"},
		{"wrongCRC", replies, nil, "the CRC is wrong (RTU only)"},
		{"wrongUnit", replies, nil, "the unit is one higher; the CRC is right"},
		{"wrongFunction", replies, nil, "the function code is one higher; the CRC is right"},
		{"wrongTransaction", replies, nil, "the transaction is one higher (Modbus TCP only)"},
		{"merge", replies, []string{"milliseconds"}, "the frame waits for the next of its direction, at most `milliseconds` (default 1000), and both are sent as one piece"},
		{"split", replies, []string{"bytes", "milliseconds"}, "the frame comes in pieces of `bytes` (default 1), `milliseconds` (default 5) apart"},
		{"exception", requests, []string{"code"}, "exception `code` (default 11) is answered: to a request, which the device then never sees, or in place of a reply, when the device has done what was asked. Broadcasts pass"},
		{"limit", replies, []string{"bytes", "then", "code"}, "a gateway with a short buffer: of frames longer than `bytes` (default 64, with header and CRC) nothing is passed on (`then: drop`, the default), only the first `bytes` with length and CRC made right (`then: cut`), or exception `code` is answered (`then: exception`)"},
		{"halfOpen", []Place{Connections, Requests, Replies}, nil, "the connection stays open and never answers, from its beginning or from that frame on"},
		{"reset", []Place{Connections, Requests, Replies}, nil, "the client's connection is reset (RST), at its beginning or instead of that frame"},
		{"outage", nil, []string{"aliveSeconds", "deadSeconds", "then"}, "a line that dies: alive for `aliveSeconds` (default 60) from the start of the proxy, dead for `deadSeconds` (default 5), and so on. What is sent while it is dead is lost (`then: drop`, the default), or resets its connection, as opening one does (`then: reset`)"},
	}
}

// kindOf returns the kind of that name.
func kindOf(name string) (Kind, bool) {
	kinds := Kinds()
	i := slices.IndexFunc(kinds, func(k Kind) bool { return k.Name == name })
	if i < 0 {
		return Kind{}, false
	}
	return kinds[i], true
}
