package store

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/hepmeter/hepmeter/store/vfs"
	"github.com/hepmeter/hepmeter/wire/eventchain"
	"github.com/ncruces/go-sqlite3"
)

const (
	simDir    = "/meter"
	simTwin   = "/twin"       // what is imported from simExport
	simExport = "/out/export" // what is exported from simDir
)

// kept is what a store must still hold after a cut: its content, without the
// event of the restart itself.
type kept struct {
	Setup    map[string]string
	Retained map[string][]byte
	Program  string
	Logs     map[uint32]keptLog
	Security map[string][]byte
	Files    map[string]keptFile // by folder/name, unfinished ones with "..." behind
	Key      string              // of the device
	Events   []Event
	Hash     eventchain.Hash
	Depth    int
	Next     uint64
	Alive    time.Time
	Clean    bool
}

type keptLog struct {
	Header  string
	Next    uint64
	Records []Record
}

type keptFile struct {
	Body   string
	SHA256 [sha256.Size]byte // zero of an upload
}

// restarted is what is left of k after a restart, whose own event may push out the
// oldest.
func (k kept) restarted() kept {
	k.Events = k.Events[max(0, len(k.Events)-(k.Depth-1)):]
	return k
}

// workload drives a store on a simulated disk through commits, checkpoints, a
// clean and an unclean restart, and notes after each acknowledged step what the
// store held and how many operations the disk had recorded by then.
type workload struct {
	t        testing.TB
	disk     *vfs.Disk
	fs       vfs.FS // disk, or something that stands before it
	store    *Store
	now      time.Time
	state    kept
	logPages int
	steps    []step
	attempts []attempt // commits that failed
	exported []export1 // what must come out of simExport and simTwin
	due      func()    // the checkpoint that the last commit put off
}

type step struct {
	ops  int // operations recorded when the step was acknowledged
	want kept
	what string
}

// attempt is a commit that returned an error. It left nothing in the running store, but
// where the power goes before the next one succeeds, it may turn out to be on the disk.
type attempt struct {
	steps int // acknowledged before it
	want  kept
}

// export1 is a file that must be whole from an operation on, and may be before.
type export1 struct {
	ops  int
	path string // of the file, or of the directory
	want kept
}

const workloadEventDepth = 12

func (w *workload) options() Options {
	return Options{Identity: testIdentity, FS: w.fs, EventDepth: workloadEventDepth, Now: func() time.Time { return w.now }}
}

func (w *workload) open() {
	w.t.Helper()
	s, err := Open(simDir, w.options())
	if err != nil {
		w.t.Fatal(err)
	}
	s.logPages = w.logPages
	s.later = func(checkpoint func()) { w.due = checkpoint }
	w.store = s
	if gap, ok := s.Gap(); ok {
		events, err := s.Events(gap.Event, 1)
		if err != nil || len(events) != 1 {
			w.t.Fatalf("event of gap %+v: %v %v", gap, events, err)
		}
		w.log(events[0])
	}
	w.state.Alive, w.state.Clean = w.now, false
	if key := string(s.DeviceKey()); w.state.Key == "" {
		w.state.Key = key
	} else if key != w.state.Key {
		w.t.Fatal("the key of the device has changed")
	}
	w.acknowledged("open")
}

func (w *workload) log(e Event) {
	e.Previous = w.state.Hash
	e.Hash = eventchain.EventHash(e.Previous, e.chained())
	w.state.Hash = e.Hash
	w.state.Events = append(w.state.Events, e)
	w.state.Events = w.state.Events[max(0, len(w.state.Events)-w.state.Depth):]
	w.state.Next = e.Sequence + 1
}

// follows tells whether k is before, one restart on: it may have left its event and its
// sign of life, and pushed out the oldest event.
func (k kept) follows(before kept) bool {
	rest := slices.DeleteFunc(slices.Clone(k.Events), func(e Event) bool { return e.Sequence >= before.Next })
	gone := len(before.Events) - len(rest)
	if gone < 0 || gone > 2 || k.Next < before.Next || !slices.Equal(rest, before.Events[gone:]) {
		return false
	}
	if before.Key == "" { // Nobody had been told of one.
		k.Key = ""
	}
	k.Events, k.Next, k.Hash, k.Alive, k.Clean = before.Events, before.Next, before.Hash, before.Alive, before.Clean
	return equal(k, before)
}

// copied shares nothing that a later step changes.
func (k kept) copied() kept {
	k.Setup, k.Retained, k.Logs = maps.Clone(k.Setup), maps.Clone(k.Retained), maps.Clone(k.Logs)
	k.Security, k.Files = maps.Clone(k.Security), maps.Clone(k.Files)
	k.Events = append([]Event{}, k.Events...)
	for n, l := range k.Logs {
		l.Records = slices.Clone(l.Records)
		k.Logs[n] = l
	}
	return k
}

func (w *workload) acknowledged(what string) {
	w.steps = append(w.steps, step{w.disk.Operations(), w.state.copied(), what})
}

// commit makes one batch durable and fails the test if that fails.
func (w *workload) commit(n int) {
	w.t.Helper()
	if err := w.tryCommit(n); err != nil {
		w.t.Fatal(err)
	}
}

// tryCommit notes the step only if it was acknowledged; what the commit put off
// happens after.
func (w *workload) tryCommit(n int) error {
	w.now = w.now.Add(time.Second)
	b := w.batch(n)
	seqs, err := w.store.Commit(b)
	if err == nil {
		w.apply(b, seqs)
		w.acknowledged(fmt.Sprint("commit ", n))
	} else {
		w.attempted(func() {
			for i := range b.Events {
				seqs = append(seqs, w.state.Next+uint64(i))
			}
			w.apply(b, seqs)
		})
	}
	w.catchUp()
	if fileErr := w.tryFiles(n); err == nil {
		err = fileErr
	}
	return err
}

// attempted notes what a change that failed would have made of the store.
func (w *workload) attempted(apply func()) {
	before := w.state.copied()
	apply()
	w.attempts = append(w.attempts, attempt{len(w.steps), w.state})
	w.state = before
}

// tryFiles does one change of the owner's files, as far as the model has come with them:
// two blocks, the end of the upload, now and then the removal of what is there.
func (w *workload) tryFiles(n int) error {
	if n%2 == 1 {
		return nil
	}
	const folder, name, first = "documents", "report", blockBytes + 800
	const path = folder + "/" + name
	files, upload := w.store.Files(), w.state.Files[path+"..."].Body
	var err error
	var apply func()
	_, there := w.state.Files[path]
	switch {
	case n%5 == 4 && there:
		err = files.Delete(folder, name)
		apply = func() { delete(w.state.Files, path) }
	case len(upload) > first:
		sum := sha256.Sum256([]byte(upload))
		_, err = files.Finish(folder, name, sum)
		apply = func() {
			delete(w.state.Files, path+"...")
			w.state.Files[path] = keptFile{upload, sum}
		}
	default:
		block := strings.Repeat(string(rune('a'+n%26)), first)
		_, err = files.Write(folder, name, int64(len(upload)), []byte(block))
		apply = func() { w.state.Files[path+"..."] = keptFile{Body: upload + block} }
	}
	if err == nil {
		apply()
		w.acknowledged(fmt.Sprint("files ", n))
	} else {
		w.attempted(apply)
	}
	w.catchUp()
	return err
}

func (w *workload) catchUp() {
	if due := w.due; due != nil {
		w.due = nil
		due()
	}
}

// apply does to the model what Commit does to the store, in its order.
func (w *workload) apply(b Batch, seqs []uint64) {
	k := &w.state
	maps.Copy(k.Retained, b.Retained)
	for _, label := range b.SetupDelete {
		delete(k.Setup, label)
	}
	maps.Copy(k.Setup, b.Setup)
	k.Program = cmp.Or(b.Program, k.Program)
	for _, log := range b.LogDrop {
		delete(k.Logs, log)
	}
	for log, header := range b.LogHeader {
		l := k.Logs[log]
		l.Header = header
		k.Logs[log] = l
	}
	for _, r := range b.Records {
		l := k.Logs[r.Log]
		l.Records, l.Next = append(l.Records, r), r.Sequence+1
		k.Logs[r.Log] = l
	}
	for log, first := range b.LogTrim {
		if l, ok := k.Logs[log]; ok {
			l.Records = slices.DeleteFunc(slices.Clone(l.Records), func(r Record) bool { return r.Sequence < first })
			k.Logs[log] = l
		}
	}
	for _, name := range b.SecurityDelete {
		delete(k.Security, name)
	}
	maps.Copy(k.Security, b.Security)
	if b.EventDepth != nil {
		k.Depth, k.Events = *b.EventDepth, nil
	}
	for i, e := range b.Events {
		e.Sequence = seqs[i]
		w.log(e)
	}
	k.Alive = b.Alive
}

// The logs of the workload: a ring that keeps the newest records, and one that is
// cleared, dropped and made again.
const (
	ringLog, clearedLog = 7, 300
	ringDepth           = 9
)

// batch changes every retained value to the same number, so that a half-applied
// batch shows, and brings everything else as its turn comes: setup, a program of
// several pages, records, trims, clears, drops, bursts of events, depth changes.
func (w *workload) batch(n int) Batch {
	b := Batch{Retained: map[string][]byte{}, Setup: map[string]string{}, Alive: w.now,
		LogHeader: map[uint32]string{}, LogTrim: map[uint32]uint64{}}
	for i := range 30 {
		b.Retained[fmt.Sprintf("Integrator %d", i)] = binary.LittleEndian.AppendUint64(make([]byte, 32), uint64(n))
	}
	if n%3 == 0 {
		b.Setup[fmt.Sprintf("Setup %d", n%7)] = strconv.Itoa(n)
	}
	if n%7 == 5 {
		b.SetupDelete = []string{"Setup 3"}
	}
	if n%3 == 0 { // With the setup that it belongs to.
		b.Security = map[string][]byte{fmt.Sprintf("verifier/%d", n%7): []byte(strconv.Itoa(n)), "ledger": []byte(strings.Repeat(strconv.Itoa(n), 1000))}
	}
	if n%7 == 5 {
		b.SecurityDelete = []string{"verifier/3", "never there"}
	}
	if n%4 == 1 {
		b.Program = strings.Repeat(fmt.Sprintf("module %d links to Power Meter/V1\n", n), 150)
	}
	for i := range n % 3 {
		b.Events = append(b.Events, Event{Time: w.now, Priority: uint8(n), Cause: fmt.Sprint("cause ", n, i), User: "user"})
	}
	if n%6 == 2 {
		for i := range workloadEventDepth + 3 {
			b.Events = append(b.Events, Event{Time: w.now, Cause: fmt.Sprint("burst ", i)})
		}
	}
	if n%5 == 3 {
		depth := workloadEventDepth - n%2*3
		b.EventDepth = &depth
	}
	if n%10 == 1 {
		b.LogHeader[ringLog], b.LogHeader[clearedLog] = fmt.Sprint("ring, columns of ", n), strings.Repeat("V1;I1;kW ", 20)
	}
	drop := n%8 == 7
	if drop {
		b.LogDrop = []uint32{clearedLog}
	}
	b.Records = append(w.records(ringLog, n%3+1, 144, false), w.records(clearedLog, n%5*2, 900, drop)...)
	if last := w.state.Logs[ringLog].Next + uint64(n%3+1); last > ringDepth {
		b.LogTrim[ringLog] = last - ringDepth
	}
	if n%8 == 4 {
		b.LogTrim[clearedLog] = w.state.Logs[clearedLog].Next
	}
	return b
}

// records makes the next count records of a log, of which some are skipped by number.
func (w *workload) records(log uint32, count, bytes int, fresh bool) []Record {
	next := w.state.Logs[log].Next
	if fresh {
		next = 0
	}
	var records []Record
	for i := range uint64(count) {
		body := []byte(strings.Repeat(string(rune('a'+(next+i)%26)), bytes))
		records = append(records, Record{Log: log, Sequence: next + i, Time: w.now, Body: body})
	}
	return records
}

func (w *workload) close() {
	w.t.Helper()
	w.now = w.now.Add(time.Second)
	if err := w.store.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.state.Alive, w.state.Clean = w.now, true
	w.acknowledged("close")
}

func (w *workload) kill() {
	w.store.abandon()
	w.now = w.now.Add(time.Second)
}

// exportAndImport makes a file of the stopped store and a second store of the file.
func (w *workload) exportAndImport() {
	w.t.Helper()
	if err := w.fs.MkdirAll(filepath.Dir(simExport)); err != nil {
		w.t.Fatal(err)
	}
	if err := export(w.fs, simDir, simExport); err != nil {
		w.t.Fatal(err)
	}
	w.exported = append(w.exported, export1{w.disk.Operations(), simExport, w.state.copied()})
	if err := Import(simExport, simTwin, w.options()); err != nil {
		w.t.Fatal(err)
	}
	w.exported = append(w.exported, export1{w.disk.Operations(), simTwin, w.state.copied()})
}

// abandon leaves a store as a killed process does: nothing is written, locks end.
func (s *Store) abandon() {
	_, _ = s.db.conn.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, true)
	_ = s.db.close() // A failing disk may object; what it holds is all that counts.
	s.lock.Close()
	s.db = nil
}

// A store that a test leaves must not have been helped by the leaving.
func TestAbandonWritesNothing(t *testing.T) {
	w := newWorkload(t, 1000)
	w.open()
	for n := 1; n <= 4; n++ {
		w.commit(n)
	}
	ops := w.disk.Operations()
	w.store.abandon()
	for ; ops < w.disk.Operations(); ops++ {
		t.Errorf("abandoned: %s", w.disk.Operation(ops))
	}
}

func newWorkload(t testing.TB, logPages int) *workload {
	disk := vfs.NewDisk()
	return &workload{t: t, disk: disk, fs: disk, now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), logPages: logPages,
		state: kept{Setup: map[string]string{}, Retained: map[string][]byte{}, Logs: map[uint32]keptLog{}, Security: map[string][]byte{}, Files: map[string]keptFile{}, Depth: workloadEventDepth, Next: 1}}
}

// content reads what a reopened store kept, without the restart's own event.
func content(s *Store) (kept, error) {
	st, err := s.Load()
	if err != nil {
		return kept{}, err
	}
	events, err := s.Events(0, 1000)
	if err != nil {
		return kept{}, err
	}
	k := kept{st.Setup, st.Retained, st.Program, map[uint32]keptLog{}, st.Security, nil, string(s.DeviceKey()), append([]Event{}, events...), st.Meta.EventHash,
		st.Meta.EventDepth, st.Meta.NextEvent, st.Meta.LastAlive, st.Meta.CleanStop}
	if gap, ok := s.Gap(); ok {
		if len(events) == 0 || events[len(events)-1].Sequence != gap.Event || gap.Event != k.Next-1 {
			return kept{}, fmt.Errorf("the gap %+v is not the newest of %d events before %d", gap, len(events), k.Next)
		}
		k.Events, k.Next, k.Hash = k.Events[:len(events)-1], k.Next-1, events[len(events)-1].Previous
	}
	if k.Files, err = keptFiles(s); err != nil {
		return kept{}, err
	}
	logs, err := s.Logs()
	if err != nil {
		return kept{}, err
	}
	for _, l := range logs {
		records, err := s.Records(l.Log, 0, 1000)
		if err != nil {
			return kept{}, err
		}
		bytes, first := 0, l.Next
		for i, r := range records {
			bytes += len(r.Body)
			if i == 0 {
				first = r.Sequence
			}
		}
		if len(records) != l.Count || int64(bytes) != l.Bytes || first != l.First {
			return kept{}, fmt.Errorf("log %+v holds %d records of %d bytes from %d", l, len(records), bytes, first)
		}
		k.Logs[l.Log] = keptLog{l.Header, l.Next, records}
	}
	return k, nil
}

// keptFiles reads all files as a client does, and unfinished uploads.
func keptFiles(s *Store) (map[string]keptFile, error) {
	files := map[string]keptFile{}
	list, err := s.Files().List("")
	if err != nil {
		return nil, err
	}
	for _, info := range list {
		body := ""
		for {
			_, block, err := s.Files().Read(info.Folder, info.Name, int64(len(body)), 5000)
			if err != nil {
				return nil, err
			}
			if len(block) == 0 {
				break
			}
			body += string(block)
		}
		if sha256.Sum256([]byte(body)) != info.SHA256 || int64(len(body)) != info.SizeBytes {
			return nil, fmt.Errorf("file %+v is %.20q ...", info, body)
		}
		files[info.Folder+"/"+info.Name] = keptFile{body, info.SHA256}
	}
	uploads, err := s.db.readFiles(false, "")
	if err != nil {
		return nil, err
	}
	for _, row := range uploads {
		body, err := s.db.readBlocks(row.id, 0, MaxFilesBytes)
		if err != nil {
			return nil, err
		}
		files[row.Folder+"/"+row.Name+"..."] = keptFile{Body: string(body)}
	}
	return files, nil
}

// cutCount says how thorough the proof is: 1 by default, more by the variable
// HEPMETER_STORE_CUTS, which multiplies commits and random seeds.
func cutCount(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("HEPMETER_STORE_CUTS"))
	if err != nil || n < 1 {
		return 1
	}
	t.Logf("HEPMETER_STORE_CUTS=%d", n)
	return n
}

// A power cut before any operation of the disk, with any loss of what was not
// synced, leaves a store that opens and holds every acknowledged commit, and of
// the one commit in flight all or nothing.
func TestPowerCutAtEveryOperation(t *testing.T) {
	scale := cutCount(t)
	w := newWorkload(t, 24)
	w.open()
	for n := 1; n <= 8*scale; n++ {
		w.commit(n)
	}
	if err := w.store.Snapshot(io.Discard); err != nil {
		t.Fatal(err)
	}
	w.close()
	w.exportAndImport()
	w.open()
	for n := 101; n <= 100+6*scale; n++ {
		w.commit(n)
	}
	w.kill()
	w.open()
	w.commit(201)
	w.close()

	cuts, opened := vfs.NewCuts(w.disk), 0
	start := time.Now()
	for {
		for i, loss := range vfs.Losses() {
			if raceDetector && (cuts.At()*7+i)%40 != 0 {
				continue
			}
			seeds := 1
			if loss == vfs.KeepSome || loss == vfs.TearLast || loss == vfs.RuinSector {
				seeds = 1 + scale/2
			}
			for seed := range seeds {
				if err := w.checkCut(cuts, loss, uint64(seed)); err != nil {
					t.Fatal(err)
				}
				opened++
			}
		}
		if !cuts.Next() {
			break
		}
	}
	t.Logf("%d operations, %d acknowledged steps, %d cuts opened and compared in %v",
		w.disk.Operations(), len(w.steps), opened, time.Since(start).Round(time.Millisecond))
}

// checkCut opens what a cut leaves and compares it with the last acknowledged
// step and the one in flight.
func (w *workload) checkCut(cuts *vfs.Cuts, loss vfs.Loss, seed uint64) error {
	acked := -1
	for i, s := range w.steps {
		if s.ops <= cuts.At() {
			acked = i
		}
	}
	doing := "the end"
	if cuts.At() < w.disk.Operations() {
		doing = w.disk.Operation(cuts.At())
	}
	place := fmt.Sprintf("cut before operation %d (%s), %v, seed %d", cuts.At(), doing, loss, seed)
	got, err := openAndRead(cuts.Cut(loss, seed), w.now)
	if err != nil {
		return fmt.Errorf("%s: %w", place, err)
	}
	if err := w.checkExports(cuts, loss, seed); err != nil {
		return fmt.Errorf("%s: %w", place, err)
	}
	if acked < 0 {
		return nil // Not even the first Open had returned: any store that opens will do.
	}
	want := w.steps[acked].want.restarted()
	if equal(want, got) || acked+1 < len(w.steps) && equal(w.steps[acked+1].want.restarted(), got) {
		return nil
	}
	for _, a := range w.attempts {
		if a.steps == acked+1 && equal(a.want.restarted(), got) {
			return nil
		}
	}
	return fmt.Errorf("%s: after %q was acknowledged (-want +got):\n%.1500s", place, w.steps[acked].what, gocmp.Diff(want, got))
}

// checkExports compares what a cut leaves of the exported file and of the store made
// of it: each whole, or not there and not yet acknowledged.
func (w *workload) checkExports(cuts *vfs.Cuts, loss vfs.Loss, seed uint64) error {
	for _, e := range w.exported {
		disk, path := cuts.Cut(loss, seed), e.path
		if path == simTwin {
			path += "/" + databaseName
		}
		if _, err := disk.Stat(path); err != nil {
			if e.ops <= cuts.At() {
				return fmt.Errorf("%s is gone, though it was acknowledged", path)
			}
			continue
		}
		if r, err := check(disk, e.path); err != nil || !r.Sound() {
			return fmt.Errorf("%s: %v %v", path, r, err)
		}
		if e.path == simExport {
			const third = "/third"
			if err := Import(simExport, third, Options{FS: disk}); err != nil {
				return err
			}
			path = third
		} else {
			path = simTwin
		}
		got, err := openAndReadIn(path, disk, w.now)
		if err != nil {
			return err
		}
		want := e.want.restarted()
		if got.Key == want.Key {
			return fmt.Errorf("%s has the key of another device", path)
		}
		if got.Key = want.Key; !equal(want, got) {
			return fmt.Errorf("%s (-want +got):\n%.1500s", path, gocmp.Diff(want, got))
		}
	}
	return nil
}

// equal holds for nil and empty alike.
func equal(a, b kept) bool { return reflect.DeepEqual(a.normal(), b.normal()) }

func (k kept) normal() kept {
	k = k.copied()
	for n, l := range k.Logs {
		if len(l.Records) == 0 {
			l.Records = nil
			k.Logs[n] = l
		}
	}
	return k
}

// The power goes a second time, while the store takes up what the first cut
// left: at any operation of that start nothing more is lost.
func TestPowerCutDuringRecovery(t *testing.T) {
	scale := cutCount(t)
	w := newWorkload(t, 24)
	w.open()
	for n := 1; n <= 8; n++ {
		w.commit(n)
	}
	opened := 0
	for first := vfs.NewCuts(w.disk); first.Next(); {
		if first.At() < w.steps[0].ops || first.At()%5 != 0 || raceDetector && first.At()%45 != 0 {
			continue
		}
		for _, loss := range vfs.Losses() {
			disk := first.Cut(loss, 1)
			s, err := Open(simDir, Options{Identity: testIdentity, FS: disk, EventDepth: workloadEventDepth, Now: func() time.Time { return w.now }})
			if err != nil {
				t.Fatalf("cut before operation %d, %v: %v", first.At(), loss, err)
			}
			got, err := content(s)
			s.abandon()
			if err != nil {
				t.Fatal(err)
			}
			for second := vfs.NewCuts(disk); second.Next(); {
				if scale == 1 && (second.At()+first.At())%4 != 0 {
					continue
				}
				again, err := openAndRead(second.Cut(loss, 2), w.now)
				place := fmt.Sprintf("cuts before operations %d and %d, %v", first.At(), second.At(), loss)
				if err != nil {
					t.Fatalf("%s: %v", place, err)
				}
				if !again.follows(got) {
					t.Fatalf("%s (-first +second):\n%.1500s", place, gocmp.Diff(got, again))
				}
				opened++
			}
		}
	}
	t.Logf("%d second cuts opened and compared", opened)
	if opened == 0 {
		t.Error("no recovery was cut")
	}
}

// The proof itself is proved: on a disk that answers syncs without doing them,
// or does not sync names, or under a commit that does not wait, it must fail.
func TestPowerCutProofNoticesMissingSyncs(t *testing.T) {
	tests := []struct {
		name   string
		fs     func(*vfs.Disk) vfs.FS
		pragma string
	}{
		{"files not synced", func(d *vfs.Disk) vfs.FS { return lazyDisk{FS: d, files: true} }, ""},
		{"directories not synced", func(d *vfs.Disk) vfs.FS { return lazyDisk{FS: d} }, ""},
		{"commits not synced", func(d *vfs.Disk) vfs.FS { return d }, "PRAGMA synchronous = NORMAL"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorkload(t, 24)
			w.fs = tt.fs(w.disk)
			w.open()
			if err := w.store.db.exec("sabotage", tt.pragma); err != nil {
				t.Fatal(err)
			}
			for n := 1; n <= 8; n++ {
				w.commit(n)
			}
			for cuts := vfs.NewCuts(w.disk); cuts.Next(); {
				if err := w.checkCut(cuts, vfs.DropUnsynced, 0); err != nil {
					t.Logf("noticed: %.200v", err)
					return
				}
			}
			t.Error("the proof passes all the same")
		})
	}
}

// lazyDisk answers some syncs without doing them.
type lazyDisk struct {
	vfs.FS
	files bool // files are not synced, else directories
}

func (d lazyDisk) Open(path string, flag int) (vfs.File, error) {
	f, err := d.FS.Open(path, flag)
	if err != nil || !d.files {
		return f, err
	}
	return lazyFile{f}, nil
}

func (d lazyDisk) SyncDir(dir string) error {
	if d.files {
		return d.FS.SyncDir(dir)
	}
	return nil
}

type lazyFile struct{ vfs.File }

func (lazyFile) Sync() error { return nil }
