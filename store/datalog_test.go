package store

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"testing"
)

func TestLogsOfRecorders(t *testing.T) {
	w := newWorkload(t, 1000)
	w.open()
	defer w.store.abandon()
	record := func(log uint32, seq uint64) Record {
		return Record{Log: log, Sequence: seq, Time: w.now, Body: fmt.Append(nil, seq)}
	}
	commit := func(b Batch) {
		t.Helper()
		if _, err := w.store.Commit(b); err != nil {
			t.Fatal(err)
		}
	}
	logs := func() []LogInfo {
		t.Helper()
		logs, err := w.store.Logs()
		if err != nil {
			t.Fatal(err)
		}
		return logs
	}
	commit(Batch{LogHeader: map[uint32]string{5: "V1;I1"}, Records: []Record{record(5, 10), record(9, 0), record(5, 12), record(5, 20)}})
	if want := []LogInfo{{5, 10, 21, 3, 6, "V1;I1"}, {9, 0, 1, 1, 1, ""}}; !reflect.DeepEqual(logs(), want) {
		t.Errorf("logs %+v, want %+v", logs(), want)
	}
	got, err := w.store.Records(5, 11, 1)
	if err != nil || !reflect.DeepEqual(got, []Record{record(5, 12)}) {
		t.Errorf("one record from 11: %+v %v", got, err)
	}
	for _, seq := range []uint64{12, 20} {
		if _, err := w.store.Commit(Batch{Records: []Record{record(5, seq)}}); !errors.Is(err, ErrInvalidBatch) {
			t.Errorf("record %d given twice: %v", seq, err)
		}
	}
	commit(Batch{LogTrim: map[uint32]uint64{5: 13, 77: 5}})
	if want := (LogInfo{5, 20, 21, 1, 2, "V1;I1"}); logs()[0] != want {
		t.Errorf("after a trim %+v, want %+v", logs()[0], want)
	}
	commit(Batch{LogTrim: map[uint32]uint64{5: 1 << 63}}) // A clear: the numbers stay used.
	if want := (LogInfo{5, 21, 21, 0, 0, "V1;I1"}); logs()[0] != want {
		t.Errorf("after a clear %+v, want %+v", logs()[0], want)
	}
	if _, err := w.store.Commit(Batch{Records: []Record{record(5, 20)}}); !errors.Is(err, ErrInvalidBatch) {
		t.Errorf("a cleared number given again: %v", err)
	}
	commit(Batch{LogDrop: []uint32{5, 78}, Records: []Record{record(5, 1)}})
	if want := (LogInfo{5, 1, 2, 1, 1, ""}); logs()[0] != want {
		t.Errorf("dropped and made again %+v, want %+v", logs()[0], want)
	}
	commit(Batch{LogDrop: []uint32{5, 9}})
	if n := len(logs()); n != 0 {
		t.Errorf("%d logs after all are dropped", n)
	}
	if got, err := w.store.Records(5, 0, 10); err != nil || len(got) != 0 {
		t.Errorf("records of a dropped log %v %v", got, err)
	}
}

// One call returns a bounded page, and pages join without a hole.
func TestRecordsComeInPages(t *testing.T) {
	w := newWorkload(t, 1000)
	w.open()
	defer w.store.abandon()
	body := bytes.Repeat([]byte{7}, MaxRecordBytes)
	next := uint64(0)
	for _, size := range []int{0, 100, MaxRecordBytes} {
		b := Batch{}
		for range 1200 {
			if size == MaxRecordBytes && len(b.Records) == 40 {
				break
			}
			b.Records = append(b.Records, Record{Log: 1, Sequence: next, Time: w.now, Body: body[:size]})
			next++
		}
		if _, err := w.store.Commit(b); err != nil {
			t.Fatal(err)
		}
	}
	var from uint64
	pages := 0
	for ; ; pages++ {
		page, err := w.store.Records(1, from, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		size := 0
		for _, r := range page {
			if r.Sequence != from {
				t.Fatalf("record %d after %d", r.Sequence, from-1)
			}
			from++
			size += len(r.Body)
		}
		if len(page) > MaxReadRows || size > MaxReadBytes {
			t.Errorf("a page of %d records and %d bytes", len(page), size)
		}
	}
	if from != next || pages < 5 {
		t.Errorf("%d records in %d pages, want %d", from, pages, next)
	}
}

func TestEventDepth(t *testing.T) {
	w := newWorkload(t, 1000)
	w.open()
	commit := func(events int, depth *int) []uint64 {
		t.Helper()
		b := Batch{EventDepth: depth}
		for range events {
			b.Events = append(b.Events, Event{Time: w.now})
		}
		seqs, err := w.store.Commit(b)
		if err != nil {
			t.Fatal(err)
		}
		return seqs
	}
	check := func(what string, first, next uint64, count int) {
		t.Helper()
		f, n, c, err := w.store.EventRange()
		if err != nil || f != first || n != next || c != count {
			t.Errorf("%s: events from %d to %d, %d of them, %v; want %d, %d, %d", what, f, n, c, err, first, next, count)
		}
	}
	check("empty", 1, 1, 0)
	commit(20, nil)
	check("a ring", 9, 21, workloadEventDepth)
	same, deeper, none := workloadEventDepth, 30, 0
	commit(1, &same) // a depth that was changed and changed back, merged
	check("the same depth erases, too", 21, 22, 1)
	if seqs := commit(2, &deeper); !reflect.DeepEqual(seqs, []uint64{22, 23}) {
		t.Errorf("numbers after a new depth: %v", seqs)
	}
	check("a new depth erases", 22, 24, 2)
	if _, err := w.store.Commit(Batch{EventDepth: &none}); !errors.Is(err, ErrInvalidBatch) {
		t.Errorf("depth 0: %v", err)
	}
	w.kill()
	w.open() // The depth that was set counts, not the one of Options.
	commit(40, nil)
	check("the depth is kept", 35, 65, 30)
	w.store.abandon()
}
