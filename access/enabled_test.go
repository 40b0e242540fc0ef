package access

import (
	"testing"
	"time"
)

// switches are registers of which one is a switch.
type switches struct {
	value    Value
	unknown  bool
	noLayout bool // each picture has another layout
	empty    bool // no picture yet
	taken    uint64
}

func (s *switches) Find(label string) Point {
	if s.unknown || label != "Ethernet/Enable Modbus TCP" {
		return NoPoint
	}
	return 0
}

func (s *switches) Snapshot() Snapshot {
	if s.empty {
		return nil
	}
	s.taken++
	return switchesSnapshot{s, s.taken}
}

type switchesSnapshot struct {
	of  *switches
	seq uint64
}

func (s switchesSnapshot) Seq() uint64     { return s.seq }
func (s switchesSnapshot) Time() time.Time { return time.Time{} }
func (s switchesSnapshot) Layout() uint64 {
	if s.of.noLayout {
		return s.seq
	}
	return 1
}

func (s switchesSnapshot) Value(p Point) Value {
	if p == NoPoint {
		return Value{}
	}
	return s.of.value
}

func TestOnlyOffSwitchesAServiceOff(t *testing.T) {
	off := Value{Kind: KindBoolean, Available: true}
	for _, tc := range []struct {
		name string
		r    switches
		want bool
	}{
		{"ON", switches{value: Value{Kind: KindBoolean, Available: true, Number: 1}}, true},
		{"OFF", switches{value: off}, false},
		{"not available", switches{value: Value{Kind: KindBoolean}}, true},
		{"no Boolean", switches{value: Value{Kind: KindNumber, Available: true}}, true},
		{"no such register", switches{value: off, unknown: true}, true},
		{"no picture yet", switches{value: off, empty: true}, true},
		{"registers that are rearranged without end", switches{value: off, noLayout: true}, true},
	} {
		g := &Gate{options: Options{Registers: &tc.r}}
		if got := g.Enabled("Ethernet/Enable Modbus TCP"); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}
