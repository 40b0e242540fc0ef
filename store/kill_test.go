package store

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The killed process is this test binary, started again with killDirEnv set.
const killDirEnv = "HEPMETER_STORE_KILL_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(killDirEnv); dir != "" {
		fmt.Fprintln(os.Stderr, commitUntilKilled(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

const (
	killLabels   = 40
	killLog      = 3
	killLogDepth = 100
)

// commitUntilKilled counts up in the store, one commit after the other with a
// small log so that checkpoints are met too, and prints each number after its
// commit has returned.
func commitUntilKilled(dir string) error {
	s, err := Open(dir, Options{Identity: testIdentity})
	if err != nil {
		return err
	}
	s.logPages = 40
	state, err := s.Load()
	if err != nil {
		return err
	}
	for n := counted(state) + 1; ; n++ {
		b := Batch{Retained: map[string][]byte{}, Alive: time.Now()}
		for i := range killLabels {
			b.Retained[fmt.Sprintf("kWh %d", i)] = binary.LittleEndian.AppendUint64(nil, n)
		}
		b.Records = []Record{{Log: killLog, Sequence: n, Time: time.Now(), Body: binary.LittleEndian.AppendUint64(make([]byte, 136), n)}}
		if n > killLogDepth {
			b.LogTrim = map[uint32]uint64{killLog: n - killLogDepth}
		}
		if n%7 == 0 {
			b.Program = strings.Repeat(fmt.Sprintf("module %d\n", n), 600)
		}
		if n%3 == 0 { // One transaction: who may, and the verifier of who it is.
			b.Security = map[string][]byte{"verifier/1": []byte(strconv.FormatUint(n, 10)), "ledger": []byte(strings.Repeat(strconv.FormatUint(n, 10), 500))}
		}
		if n%5 == 0 {
			b.Setup = map[string]string{"n": strconv.FormatUint(n, 10)}
			b.Events = []Event{{Time: time.Now(), Cause: strconv.FormatUint(n, 10)}}
		}
		seqs, err := s.Commit(b)
		if err != nil {
			return err
		}
		if err := killFile(s, n); err != nil {
			return err
		}
		var seq uint64
		if len(seqs) > 0 {
			seq = seqs[0]
		}
		fmt.Printf("%d %d\n", n, seq)
	}
}

// killFile sends one file, again and again: a block with each count, and at the fourth the
// end. What a kill left of an upload is gone on with.
func killFile(s *Store, n uint64) error {
	uploads, err := s.Files().Uploads()
	if err != nil {
		return err
	}
	offset := int64(0)
	if len(uploads) > 0 {
		offset = uploads[0].ReceivedBytes
	}
	if n%4 != 0 || offset == 0 {
		_, err = s.Files().Write("documents", "f", offset, killBlock(offset))
		return err
	}
	_, err = s.Files().Finish("documents", "f", killSum(offset))
	return err
}

func killBlock(offset int64) []byte {
	return []byte(strings.Repeat(fmt.Sprintf("%08d", offset), 700))
}

// killSum is that of a file of some size, made of such blocks.
func killSum(size int64) [sha256.Size]byte {
	var all []byte
	for int64(len(all)) < size {
		all = append(all, killBlock(int64(len(all)))...)
	}
	return sha256.Sum256(all)
}

func counted(state State) uint64 {
	if b := state.Retained["kWh 0"]; len(b) == 8 {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// A process is killed with SIGKILL at random moments, three times in four while
// it commits and once in four while it starts; each time the store must open and
// hold what the process had said it had committed. HEPMETER_STORE_KILLS sets how
// many times.
func TestKillAtRandomMoments(t *testing.T) {
	kills := 56
	if raceDetector {
		kills = 8
	}
	if n, err := strconv.Atoi(os.Getenv("HEPMETER_STORE_KILLS")); err == nil {
		kills = n
	}
	dir := filepath.Join(t.TempDir(), "meter")
	rnd := rand.New(rand.NewPCG(7, uint64(time.Now().UnixNano())))
	var commits, lastEvent uint64
	deviceKey := ""
	started := 0
	for i := range kills {
		acked, event := killOnce(t, dir, time.Duration(rnd.Int64N(int64(40*time.Millisecond))), i%4 == 0)
		if acked > 0 {
			started++
			commits = acked
		}
		lastEvent = max(lastEvent, event)
		s, err := Open(dir, Options{Identity: testIdentity})
		if err != nil {
			t.Fatalf("kill %d: %v", i, err)
		}
		state, err := s.Load()
		if err != nil {
			t.Fatalf("kill %d: %v", i, err)
		}
		n := counted(state)
		if n < commits || n > commits+1 {
			t.Fatalf("kill %d: the store counts %d, the process had committed %d", i, n, commits)
		}
		commits = n
		for label, b := range state.Retained {
			if binary.LittleEndian.Uint64(b) != n {
				t.Fatalf("kill %d: batch half applied: %s is %d, not %d", i, label, binary.LittleEndian.Uint64(b), n)
			}
		}
		if want := n - n%5; want > 0 && state.Setup["n"] != strconv.FormatUint(want, 10) {
			t.Fatalf("kill %d: setup is %q at count %d", i, state.Setup["n"], n)
		}
		if want := n - n%3; want > 0 && string(state.Security["verifier/1"]) != strconv.FormatUint(want, 10) {
			t.Fatalf("kill %d: verifier is %q at count %d", i, state.Security["verifier/1"], n)
		}
		if key := string(s.DeviceKey()); deviceKey == "" {
			deviceKey = key
		} else if key != deviceKey {
			t.Fatalf("kill %d: the key of the device has changed", i)
		}
		files, err := s.Files().List("documents")
		if err != nil || len(files) == 0 && n > 8 {
			t.Fatalf("kill %d: %d files at count %d: %v", i, len(files), n, err)
		}
		for _, f := range files {
			if f.SHA256 != killSum(f.SizeBytes) {
				t.Fatalf("kill %d: file %+v is not one that was sent", i, f)
			}
		}
		if state.Meta.NextEvent <= lastEvent {
			t.Fatalf("kill %d: next event is %d, but %d was given out", i, state.Meta.NextEvent, lastEvent)
		}
		if want := n - n%7; want > 0 && state.Program != strings.Repeat(fmt.Sprintf("module %d\n", want), 600) {
			t.Fatalf("kill %d: at count %d the program is %.20q", i, n, state.Program)
		}
		records, err := s.Records(killLog, 0, 2*killLogDepth)
		if err != nil || uint64(len(records)) != min(n, killLogDepth+1) && n > 0 {
			t.Fatalf("kill %d: %d records at count %d; %v", i, len(records), n, err)
		}
		for j, r := range records {
			if want := n - uint64(len(records)-1-j); r.Sequence != want || binary.LittleEndian.Uint64(r.Body[136:]) != want {
				t.Fatalf("kill %d: record %d is %d", i, want, r.Sequence)
			}
		}
		gap, ok := s.Gap()
		if ok && gap.Clean {
			t.Fatalf("kill %d: gap %+v says the process stopped cleanly", i, gap)
		}
		// Leave the store as the killed process did, so that kills add up.
		if i%4 == 3 {
			if err := s.Close(); err != nil {
				t.Fatalf("kill %d: %v", i, err)
			}
			if r, err := Check(dir); err != nil || !r.Sound() {
				t.Fatalf("kill %d: %v %v", i, r, err)
			}
			if s, err = Open(dir, Options{Identity: testIdentity}); err != nil {
				t.Fatalf("kill %d: %v", i, err)
			}
		}
		s.abandon()
	}
	t.Logf("%d kills, %d of them during commits, %d commits acknowledged, none lost", kills, started, commits)
	if started < kills*3/4 {
		t.Errorf("only %d of %d kills met a process that had committed", started, kills)
	}
}

// killOnce starts the child and kills it, delay after its start or after its
// first commit. It returns the last count and event number the child had
// acknowledged; a line the kill cut short does not count.
func killOnce(t *testing.T, dir string, delay time.Duration, whileStarting bool) (acked, event uint64) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(exe)
	child.Env = append(os.Environ(), killDirEnv+"="+dir)
	var complaints strings.Builder
	child.Stderr = &complaints
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	kill := func() { time.AfterFunc(delay, func() { child.Process.Kill() }) }
	if whileStarting {
		kill()
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var n, seq uint64
		if _, err := fmt.Sscan(lines.Text(), &n, &seq); err != nil {
			break // The kill cut the line.
		}
		if acked == 0 && !whileStarting {
			kill()
		}
		acked, event = n, max(event, seq)
	}
	err = child.Wait()
	if complaints.Len() > 0 {
		t.Fatalf("the process failed by itself: %v: %s", err, complaints.String())
	}
	return acked, event
}
