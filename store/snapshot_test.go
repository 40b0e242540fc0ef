package store

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hepmeter/hepmeter/store/vfs"
)

// A snapshot taken between commits is a whole, checksummed store by itself, and
// taking it leaves no file behind.
func TestSnapshotIsAStore(t *testing.T) {
	w := newWorkload(t, 24)
	w.open()
	for n := 1; n <= 12; n++ {
		w.commit(n)
	}
	var b bytes.Buffer
	if err := w.store.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	names, err := w.disk.List(simDir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"meter.db", "meter.db-seal", "meter.db-wal"}, names); diff != "" {
		t.Errorf("files after the snapshot (-want +got):\n%s", diff)
	}
	w.commit(13)
	disk := vfs.Restore(map[string][]byte{simDatabase: b.Bytes()})
	r, err := check(disk, simDir)
	if err != nil || !r.Sound() {
		t.Errorf("snapshot: %v, %v", r, err)
	}
	got, err := openAndRead(disk, w.now)
	if err != nil {
		t.Fatal(err)
	}
	want := w.steps[18].want.restarted() // After 12 commits, and a change of files behind every other.
	if got.Key == want.Key || bytes.Contains(b.Bytes(), w.store.DeviceKey().Seed()) {
		t.Error("the snapshot gives the key of the device away")
	}
	got.Key = want.Key
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("snapshot (-want +got):\n%s", diff)
	}
	w.close()
}
