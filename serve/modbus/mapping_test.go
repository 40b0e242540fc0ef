package modbus

import (
	"bytes"
	"testing"

	"github.com/hepmeter/hepmeter/access"
)

func boolean(on bool) access.Value {
	v := access.Value{Kind: access.KindBoolean, Available: true}
	if on {
		v.Number = 1
	}
	return v
}

// A Data Mapping that is off takes its group out of the map, and EnableUnmapped the rows
// that none feeds, for reading and for writing.
func TestDisabledGroupsReadUnassigned(t *testing.T) {
	const voltsMode, vln, freq = "0001 0000 0006 01 03 E290 0001", "0001 0000 0006 01 03 0BD3 0002", "0001 0000 0006 01 03 0C25 0002"
	for _, tc := range []struct {
		name     string
		switches map[string]access.Value
		want     map[string]string // answers by request
	}{
		{"all on", map[string]access.Value{"Data Mapping voltage/Enable Modbus": boolean(true)}, map[string]string{
			vln: "0001 0000 0007 01 03 04 4366 4000", freq: "0001 0000 0007 01 03 04 4248 0A3D", voltsMode: "0001 0000 0005 01 03 02 0002"}},
		{"voltage off", map[string]access.Value{"Data Mapping voltage/Enable Modbus": boolean(false)}, map[string]string{
			vln: "0001 0000 0007 01 03 04 FFFF FFFF", freq: "0001 0000 0007 01 03 04 4248 0A3D", voltsMode: "0001 0000 0005 01 03 02 0002"}},
		{"unmapped off", map[string]access.Value{"Data Mapping identity/Enable Unmapped Registers": boolean(false)}, map[string]string{
			vln: "0001 0000 0007 01 03 04 4366 4000", voltsMode: "0001 0000 0005 01 03 02 FFFF"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			meter := newTestMeter()
			meter.set(tc.switches)
			gate, _ := newTestGate(t, meter, openRead(t), nil)
			h := newHandler(gate, testMap(t), mbap{})
			c := enter(t, h)
			for request, want := range tc.want {
				_, got, err := h.exchange(c, unhex(t, request), make([]byte, 0, answerBuffer))
				if err != nil || !bytes.Equal(got, unhex(t, want)) {
					t.Errorf("%s: % X, %v; want %s", request, got, err, want)
				}
			}
		})
	}
}

func TestWritesToUnmappedRowsThatAreOffAreRefused(t *testing.T) {
	meter := newTestMeter()
	meter.set(map[string]access.Value{"Data Mapping identity/Enable Unmapped Registers": boolean(false)})
	works := new(testWorks)
	gate, _ := newTestGate(t, meter, openAll(t), works)
	h := newHandler(gate, testMap(t), mbap{})
	c := enter(t, h)
	for _, row := range []struct{ request, want string }{
		{"0001 0000 0006 01 03 D47A 0001", "0001 0000 0005 01 03 02 FFFF"},
		{"0001 0000 0006 01 06 D47A 0001", "0001 0000 0003 01 8602"},
	} {
		if _, got, err := h.exchange(c, unhex(t, row.request), make([]byte, 0, answerBuffer)); err != nil || !bytes.Equal(got, unhex(t, row.want)) {
			t.Errorf("%s: % X, %v; want %s", row.request, got, err, row.want)
		}
	}
	if done := works.all(); len(done) != 0 {
		t.Errorf("%+v was written", done)
	}
}
