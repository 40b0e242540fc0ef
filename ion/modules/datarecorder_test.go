package modules

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/ion"
)

// log is what a rig's recorder M has written, as the store would hold it.
type log struct {
	numbers []uint64
	cells   [][]ion.Value
	times   []time.Time
}

// take brings the log up to date.
func (l *log) take(r *rig) {
	r.Helper()
	ch := r.node.TakeChanges()
	for _, record := range ch.Records {
		cells, err := ion.Cells(record.Body)
		if err != nil {
			r.Fatal(err)
		}
		l.numbers, l.cells, l.times = append(l.numbers, record.Sequence), append(l.cells, cells), append(l.times, record.Time)
	}
	for _, first := range ch.LogTrim {
		for len(l.numbers) > 0 && l.numbers[0] < first {
			l.numbers, l.cells, l.times = l.numbers[1:], l.cells[1:], l.times[1:]
		}
	}
}

func recorderRig(t testing.TB, settings ...string) (*rig, *log) {
	changes := []ion.Change{ion.Create{Type: "Data Recorder", Label: "M"},
		ion.Link{Input: "M/Source 1", Register: "Power Meter/Vln a"}, ion.Link{Input: "M/Source 2", Register: "Power Meter/Phase Rev"},
		ion.Link{Input: "M/Record", Register: "Clock/New Day"}, ion.Set{Register: "M/Depth", Value: "3"}}
	for i := 0; i+1 < len(settings); i += 2 {
		changes = append(changes, ion.Set{Register: "M/" + settings[i], Value: settings[i+1]})
	}
	r := newRig(t, changes...)
	r.node.Restore(nil, nil)
	return r, &log{}
}

// record makes a record of volts.
func (r *rig) record(l *log, volts float64) {
	r.Helper()
	r.pulse("M/Record")
	r.tick(volts)
	l.take(r)
}

func TestDataRecorder(t *testing.T) {
	for _, tc := range []struct {
		name     string
		settings []string
		do       func(r *rig, l *log)
		want     []uint64 // numbers of the records in the log
	}{
		{"circular: the newest Depth records", nil, func(r *rig, l *log) {
			for v := range 5 {
				r.record(l, float64(v))
			}
		}, []uint64{3, 4, 5}},
		{"stop-when-full: new records are dropped", []string{"RecordMode", "stop-when-full"}, func(r *rig, l *log) {
			for v := range 5 {
				r.record(l, float64(v))
			}
		}, []uint64{1, 2, 3}},
		{"Rearm in stop-when-full clears", []string{"RecordMode", "stop-when-full"}, func(r *rig, l *log) {
			for v := range 5 {
				r.record(l, float64(v))
			}
			r.pulse("M/Rearm")
			r.record(l, 9)
		}, []uint64{4}},
		{"Rearm in circular mode does nothing", nil, func(r *rig, l *log) {
			r.record(l, 1)
			r.pulse("M/Rearm")
			r.record(l, 2)
		}, []uint64{1, 2}},
		{"Depth 0 records nothing", []string{"Depth", "0"}, func(r *rig, l *log) { r.record(l, 1) }, nil},
		{"several pulses in a second make one record", nil, func(r *rig, l *log) {
			r.pulse("M/Record")
			r.record(l, 1)
		}, []uint64{1}},
		{"2.12 Enable off: no records, log kept", nil, func(r *rig, l *log) {
			r.record(l, 1)
			r.do(ion.Link{Input: "M/Enable", Register: "Power Meter/Phase Rev"})
			r.record(l, 2)
		}, []uint64{1}},
		{"2.12 source N/A: an empty cell", nil, func(r *rig, l *log) {
			r.record(l, na)
			if len(l.cells) != 1 || l.cells[0][0].Available {
				r.Errorf("cells %v, want the first empty", l.cells)
			}
		}, []uint64{1}},
		{"2.12 power-up: log kept, numbers go on", nil, func(r *rig, l *log) {
			for v := range 4 {
				r.record(l, float64(v))
			}
			r.restart()
			r.want("M/Data Log", 3)
			r.record(l, 9)
		}, []uint64{3, 4, 5}},
		{"2.5 re-link of a source clears", nil, func(r *rig, l *log) {
			r.record(l, 1)
			r.do(ion.Link{Input: "M/Source 1", Register: "Power Meter/Vln b"})
			r.record(l, 2)
		}, []uint64{2}},
		{"2.5 re-link of another input does not", nil, func(r *rig, l *log) {
			r.record(l, 1)
			r.do(ion.Link{Input: "M/Record", Register: "Clock/New Hour"})
			r.record(l, 2)
		}, []uint64{1, 2}},
		{"2.5 setup change clears", nil, func(r *rig, l *log) {
			r.record(l, 1)
			r.do(ion.Set{Register: "M/Depth", Value: "9"})
			r.record(l, 2)
		}, []uint64{2}},
		{"a new label does not", nil, func(r *rig, l *log) {
			r.record(l, 1)
			r.do(ion.Rename{Module: "M", Label: "Log"})
			l.take(r)
		}, []uint64{1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, l := recorderRig(t, tc.settings...)
			tc.do(r, l)
			l.take(r)
			if !slices.Equal(l.numbers, tc.want) {
				t.Errorf("the log holds %v, want %v", l.numbers, tc.want)
			}
		})
	}
}

func TestARecordHasItsCellsAndTheTimeOfThePulse(t *testing.T) {
	r, l := recorderRig(t)
	r.record(l, 231.5)
	if want := []ion.Value{{Class: ion.Numeric, Available: true, Number: 231.5}, {Class: ion.Boolean, Available: true}}; !slices.Equal(l.cells[0], want) {
		t.Errorf("cells %v, want %v", l.cells[0], want)
	}
	if !l.times[0].Equal(r.now) {
		t.Errorf("time %v, want %v", l.times[0], r.now)
	}
	r.want("M/Data Log", 1)
	r.want("M/Log State", 2)
}

// User manual 9810 page 134: 3 parameters every 15 minutes for 35 days take about 80 kB.
func TestMemoryOfALog(t *testing.T) {
	changes := []ion.Change{ion.Create{Type: "Data Recorder", Label: "M"}, ion.Set{Register: "M/Depth", Value: "3360"}, ion.Link{Input: "M/Record", Register: "Clock/New Day"}}
	for i, source := range []string{"a", "b", "c"} {
		changes = append(changes, ion.Link{Input: fmt.Sprintf("M/Source %d", i+1), Register: "Power Meter/Vln " + source})
	}
	if taken, _ := newRig(t, changes...).node.LogBytes(); taken != 76*1024 {
		t.Errorf("%d bytes, want 3360 records of 23 bytes in whole kB, 76 kB", taken)
	}
}

func TestLogsMustFitIntoTheMemory(t *testing.T) {
	node, err := ion.New(ion.Config{Types: Catalogue(), Program: append(core(), ion.Create{Type: "Data Recorder", Label: "M"}), Limits: ion.Limits{LogBytes: 100 << 10}})
	if err != nil {
		t.Fatal(err)
	}
	err = node.Program([]ion.Change{ion.Set{Register: "M/Depth", Value: "20000"}}, ion.By{}, noon)
	if err == nil || !strings.Contains(err.Error(), "157 kB of the 100 kB") {
		t.Errorf("%v, want the memory named", err)
	}
}

func TestAnIdleRecorderAllocatesNothing(t *testing.T) {
	r, _ := recorderRig(t)
	r.tick(230)
	s := r.second
	if n := testing.AllocsPerRun(100, func() { r.node.Tick(r.now, &s) }); n != 0 {
		t.Errorf("%v allocations per tick", n)
	}
}
