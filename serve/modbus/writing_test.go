package modbus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// What is written reaches the meter as changes of what the rows stand for, all registers
// of one request as one transaction.
func TestWritesBecomeChanges(t *testing.T) {
	frequency := access.Change{Kind: access.Set, Object: "Factory/Nominal Frequency", Text: "60 Hz", Value: enum(1, "60 Hz")}
	for _, tc := range []struct {
		name, request, response string
		want                    []access.Change
	}{
		{"6: nominal frequency 60 Hz", "0001 0000 0006 01 06 D47A 0001", "0001 0000 0006 01 06 D47A 0001", []access.Change{frequency}},
		{"16: the same", "0001 0000 0009 01 10 D47A 0001 02 0001", "0001 0000 0006 01 10 D47A 0001", []access.Change{frequency}},
		{"23: writes, then reads", "0001 0000 000D 01 17 0BD3 0002 D47A 0001 02 0001", "0001 0000 0007 01 17 04 4366 4000", []access.Change{frequency}},
		{"6: an enumeration in the map's order", "0001 0000 0006 01 06 E290 0001", "0001 0000 0006 01 06 E290 0001", []access.Change{
			{Kind: access.Set, Object: "Power Meter/Volts Mode", Text: "3W-WYE", Value: enum(1, "3W-WYE")}}},
		{"16: PT ratio as a pair", "0001 0000 000F 01 10 E291 0004 08 0000 2710 0000 0064", "0001 0000 0006 01 10 E291 0004", []access.Change{
			{Kind: access.Set, Object: "Power Meter/PT Prim", Text: "10000", Value: number(10000)},
			{Kind: access.Set, Object: "Power Meter/PT Sec", Text: "100", Value: number(100)}}},
		{"16: clock", "0001 0000 000B 01 10 E299 0002 04 4A4A C320", "0001 0000 0006 01 10 E299 0002", []access.Change{
			{Kind: access.SetTime, Object: "Clock/Universal Time", Time: time.Unix(1246413600, 0).UTC()}}},
		{"6: peak demand reset", "0001 0000 0006 01 06 E29B 0001", "0001 0000 0006 01 06 E29B 0001", []access.Change{
			{Kind: access.Pulse, Object: "Peak Dmd Reset/Trigger"}}},
		{"6: reset of minima and maxima", "0001 0000 0006 01 06 E29C 0001", "0001 0000 0006 01 06 E29C 0001", []access.Change{
			{Kind: access.Pulse, Object: "MnMx Reset/Trigger"}}},
		{"16: External Numeric", "0001 0000 000B 01 10 E2A4 0002 04 4366 4000", "0001 0000 0006 01 10 E2A4 0002", []access.Change{
			{Kind: access.Write, Object: "External Numeric 1/Numeric", Value: number(230.25)}}},
		{"16: External Boolean ON and OFF", "0001 0000 000B 01 10 E2B8 0002 04 0001 0000", "0001 0000 0006 01 10 E2B8 0002", []access.Change{
			{Kind: access.Write, Object: "External Boolean 1/Switch", Value: boolean(true)},
			{Kind: access.Write, Object: "External Boolean 2/Switch", Value: boolean(false)}}},
		{"6: External Pulse", "0001 0000 0006 01 06 E2C9 0001", "0001 0000 0006 01 06 E2C9 0001", []access.Change{
			{Kind: access.Pulse, Object: "External Pulse 8/Trigger"}}},

		{"bad value: an index beyond the enumeration", "0001 0000 0006 01 06 D47A 0002", "0001 0000 0003 01 8603", nil},
		{"bad value: the NOT AVAILABLE pattern", "0001 0000 000B 01 10 E291 0002 04 FFFF FFFF", "0001 0000 0003 01 9003", nil},
		{"bad value: a clock that is NOT AVAILABLE", "0001 0000 000B 01 10 E299 0002 04 FFFF FFFF", "0001 0000 0003 01 9003", nil},
		{"bad value: a reset by 0", "0001 0000 0006 01 06 E29B 0000", "0001 0000 0003 01 8603", nil},
		{"bad value: a pulse by 2", "0001 0000 0006 01 06 E2C9 0002", "0001 0000 0003 01 8603", nil},
		{"bad value: a switch neither ON nor OFF", "0001 0000 0006 01 06 E2B8 0002", "0001 0000 0003 01 8603", nil},
		{"bad value: NaN", "0001 0000 000B 01 10 E2A4 0002 04 7FC0 0000", "0001 0000 0003 01 9003", nil},
		{"bad value in the second of two rows: none is written", "0001 0000 000B 01 10 E2B8 0002 04 0001 0002", "0001 0000 0003 01 9003", nil},

		{"not writable: the first half of a row", "0001 0000 0006 01 06 E291 0001", "0001 0000 0003 01 8602", nil},
		{"not writable: the second half of a row", "0001 0000 0006 01 06 E292 0001", "0001 0000 0003 01 8602", nil},
		{"not writable: a row and half of the next", "0001 0000 000B 01 10 E290 0002 04 0000 0000", "0001 0000 0003 01 9002", nil},
		{"not writable: a reading", "0001 0000 0006 01 06 095F 0001", "0001 0000 0003 01 8602", nil},
		{"not writable: a reading of two registers", "0001 0000 000B 01 10 0BD3 0002 04 0000 0000", "0001 0000 0003 01 9002", nil},
		{"not writable: a gap behind a row", "0001 0000 000B 01 10 D47A 0002 04 0001 0000", "0001 0000 0003 01 9002", nil},
		{"not writable: unassigned", "0001 0000 0006 01 06 C350 0001", "0001 0000 0003 01 8602", nil},
		{"not writable comes before a bad value", "0001 0000 000B 01 10 D47A 0002 04 0002 0000", "0001 0000 0003 01 9002", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			works := new(testWorks)
			gate, log := newTestGate(t, newTestMeter(), openAll(t), works)
			h := newHandler(gate, testMap(t), mbap{})
			_, got, err := h.exchange(enter(t, h), unhex(t, tc.request), make([]byte, 0, answerBuffer))
			if err != nil || !bytes.Equal(got, unhex(t, tc.response)) {
				t.Errorf("% X, %v; want %s", got, err, tc.response)
			}
			var want [][]access.Change
			if tc.want != nil {
				want = [][]access.Change{tc.want}
			}
			done := works.all()
			for i := range done {
				for j := range done[i] {
					done[i][j].Target = "" // another test's
				}
			}
			if !reflect.DeepEqual(done, want) {
				t.Errorf("done %#v\nwant %#v", done, want)
			}
			// Of a setup register that was set the meter's own event tells, with the old value.
			if setup := len(tc.want) > 0 && tc.want[0].Kind == access.Set; (len(log.all()) == 0) != setup {
				t.Errorf("audit records %+v", log.all())
			}
		})
	}
}

// The order of the checks: the gate's no hides what is wrong with a value.
func TestTheGateAnswersBeforeTheValueIsLookedAt(t *testing.T) {
	gate, _ := newTestGate(t, newTestMeter(), openRead(t), nil)
	h := newHandler(gate, testMap(t), mbap{})
	_, got, err := h.exchange(enter(t, h), unhex(t, "0001 0000 0006 01 06 E2C9 0002"), make([]byte, 0, answerBuffer))
	if want := unhex(t, "0001 0000 0003 01 8602"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("% X, %v; want % X", got, err, want)
	}
}

// One refused write of several registers leaves one audit record, naming the
// register and the client.
func TestRefusedWriteIsAudited(t *testing.T) {
	gate, log := newTestGate(t, newTestMeter(), openRead(t), nil)
	h := newHandler(gate, testMap(t), mbap{})
	if _, _, err := h.exchange(enter(t, h), unhex(t, "0001 0000 000F 01 10 E291 0004 08 0000 2710 0000 0064"), make([]byte, 0, answerBuffer)); err != nil {
		t.Fatal(err)
	}
	records := log.all()
	if len(records) != 1 {
		t.Fatalf("%d records, want 1", len(records))
	}
	r := records[0]
	if r.Kind != access.OperationRefused || r.Code != access.CodeMapReadOnly || r.Operation != access.WriteSetup || r.Remote != "192.0.2.1:99" || r.Target != "register 58002 PT primary" {
		t.Errorf("record %+v", r)
	}
}

// What becomes of an allowed write, as exceptions.
func TestTheMetersNo(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		want string
	}{
		{"done", nil, "0001 0000 0006 01 06 D47A 0001"},
		{"value out of bounds", fmt.Errorf("55 Hz: %w", access.ErrValue), "0001 0000 0003 01 8603"},
		{"refused as a bad value", access.NewRefusal(access.CodeBadValue, ""), "0001 0000 0003 01 8603"},
		{"no such module", access.NewRefusal(access.CodeNotFound, ""), "0001 0000 0003 01 8602"},
		{"not writable", access.NewRefusal(access.CodeNotWritable, ""), "0001 0000 0003 01 8602"},
		{"the meter could not", access.NewRefusal(access.CodeFailed, ""), "0001 0000 0003 01 8604"},
		{"disk trouble", errors.New("no space left"), "0001 0000 0003 01 8604"},
		{"not durable in time", context.DeadlineExceeded, "0001 0000 0003 01 8606"},
		{"busy", access.NewRefusal(access.CodeBusy, ""), "0001 0000 0003 01 8606"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			works := &testWorks{refuse: func(access.Change) error { return tc.err }}
			gate, _ := newTestGate(t, newTestMeter(), openAll(t), works)
			h := newHandler(gate, testMap(t), mbap{})
			_, got, err := h.exchange(enter(t, h), unhex(t, "0001 0000 0006 01 06 D47A 0001"), make([]byte, 0, answerBuffer))
			if want := unhex(t, tc.want); err != nil || !bytes.Equal(got, want) {
				t.Errorf("% X, %v; want % X", got, err, want)
			}
		})
	}
}

// Requests behind a write wait for it, so that they see what it did.
func TestServeStopsBehindAWrite(t *testing.T) {
	gate, _ := newTestGate(t, newTestMeter(), openAll(t), nil)
	h := newHandler(gate, testMap(t), mbap{})
	read, write := unhex(t, "0001 0000 0006 01 03 0BD3 0002"), unhex(t, "0002 0000 0006 01 06 D47A 0001")
	in := append(append(append([]byte(nil), read...), write...), read...)
	used, out, due, err := h.serve(enter(t, h), in, make([]byte, 0, answerBuffer))
	if used != len(read)+len(write) || due == nil || err != nil {
		t.Fatalf("used %d bytes, due %v, %v; want the first two frames", used, due, err)
	}
	if want := unhex(t, "0001 0000 0007 01 03 04 4366 4000"); !bytes.Equal(out, want) {
		t.Errorf("% X, want the answer to the read alone", out)
	}
}

// Unit 0 in RTU frames: writes are carried out in silence, all else is ignored. In Modbus
// TCP it is a unit like any other.
func TestUnitZero(t *testing.T) {
	const clock, pair = "0001 0000 000B 00 10 E299 0002 04 4A4A C320", "0001 0000 0006 00 10 E299 0002"
	open := func(t testing.TB) *access.Security { return openAll(t) }
	readOnly := func(t testing.TB) *access.Security { return openRead(t) }
	closed := func(t testing.TB) *access.Security { return closedMapping(t) }
	off := func(t testing.TB) *access.Security {
		return securitySet(t, generation3, allBoxes, map[string]string{"Modbus Map Access": "Read/Write", "Allow Broadcast Time Sync": "OFF"})
	}
	advanced := func(t testing.TB) *access.Security {
		return securitySet(t, generation3, allBoxes, map[string]string{"Security Mode": "Advanced", "Modbus Map Access": "Read/Write"})
	}
	for _, tc := range []struct {
		name     string
		security func(testing.TB) *access.Security
		request  string
		answer   string // in Modbus TCP
		done     bool
		silent   bool // done in RTU frames
	}{
		{"clock, map open", open, clock, pair, true, true},
		{"clock, map read only", readOnly, clock, pair, true, true},
		{"clock, map closed", closed, clock, pair, true, true},
		{"clock, Advanced", advanced, clock, pair, true, true},
		{"clock, broadcast time sync off", off, clock, "0001 0000 0003 00 9002", false, false},
		{"clock with a bad value", open, "0001 0000 000B 00 10 E299 0002 04 FFFF FFFF", "0001 0000 0003 00 9003", false, false},
		{"clock and more, map open", open, "0001 0000 000D 00 10 E299 0003 06 4A4A C320 0001", "0001 0000 0006 00 10 E299 0003", true, true},
		{"clock and more, map read only", readOnly, "0001 0000 000D 00 10 E299 0003 06 4A4A C320 0001", "0001 0000 0003 00 9002", false, false},
		{"another write, map open", open, "0001 0000 0006 00 06 D47A 0001", "0001 0000 0006 00 06 D47A 0001", true, true},
		{"another write, map read only", readOnly, "0001 0000 0006 00 06 D47A 0001", "0001 0000 0003 00 8602", false, false},
		{"a read", open, "0001 0000 0006 00 03 0BD3 0002", "0001 0000 0007 00 03 04 4366 4000", false, false},
		{"a write that reads", open, "0001 0000 000D 00 17 0BD3 0002 D47A 0001 02 0001", "0001 0000 0007 00 17 04 4366 4000", true, false},
		{"an unknown function", open, "0001 0000 0002 00 07", "0001 0000 0003 00 8701", false, false},
	} {
		for _, line := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, RTU %v", tc.name, line), func(t *testing.T) {
				works := new(testWorks)
				gate, _ := newTestGate(t, newTestMeter(), tc.security(t), works)
				h, request, want, done := newHandler(gate, testMap(t), mbap{}), unhex(t, tc.request), unhex(t, tc.answer), tc.done
				if line {
					h.framing, request, want, done = rtu{func() int { return 1 }}, inRTU(t, tc.request), nil, tc.silent
				}
				used, got, err := h.exchange(enter(t, h), request, make([]byte, 0, answerBuffer))
				if err != nil || used != len(request) || !bytes.Equal(got, want) {
					t.Errorf("% X, %v; want % X", got, err, want)
				}
				if (len(works.all()) == 1) != done {
					t.Errorf("done: %+v, want %v", works.all(), done)
				}
			})
		}
	}
}

// To another unit the clock is set under the map's rules.
func TestClockOfOneUnitIsNoBroadcast(t *testing.T) {
	works := new(testWorks)
	gate, log := newTestGate(t, newTestMeter(), openRead(t), works)
	h := newHandler(gate, testMap(t), mbap{})
	_, got, err := h.exchange(enter(t, h), unhex(t, "0001 0000 000B 01 10 E299 0002 04 4A4A C320"), make([]byte, 0, answerBuffer))
	if want := unhex(t, "0001 0000 0003 01 9002"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("% X, %v; want % X", got, err, want)
	}
	if r := log.all(); len(r) != 1 || r[0].Operation != access.SetClock || r[0].Code != access.CodeMapReadOnly {
		t.Errorf("records %+v", r)
	}
}
