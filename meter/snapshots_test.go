package meter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// A snapshot that is kept under a name is the same each time; four are kept, the one that was read
// the longest ago makes room, and each is forgotten when nobody has read it for an hour.
func TestKeptSnapshots(t *testing.T) {
	_, source := steady(t, site)
	m := openMeter(t, t.TempDir(), source)
	defer m.Close()
	area := files{m}
	ctx := context.Background()
	keep := func(id string) access.File {
		t.Helper()
		file, err := area.Snapshot(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	first := keep("a")
	if again := keep("a"); again.Path != "snapshot/a.hmx" || !bytes.Equal(again.SHA256, first.SHA256) {
		t.Errorf("another snapshot under the same name: %+v, %+v", again, first)
	}
	latest := keep("")
	for i := range heldSnapshots - 1 {
		keep(fmt.Sprint("b", i))
	}
	read := func(path string) error {
		_, _, err := area.Read(path, 0, 10)
		return err
	}
	var refusal *access.Refusal
	if err := read(first.Path); err != nil { // which makes b0 the oldest
		t.Error(err)
	}
	keep("c")
	if err := read("snapshot/b0.hmx"); !errors.As(err, &refusal) || refusal.Code != access.CodeNotFound {
		t.Errorf("the one that was read the longest ago is there: %v", err)
	}
	for _, path := range []string{first.Path, latest.Path, "snapshot/c.hmx"} {
		if err := read(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	area.expire(time.Now().Add(holdTime))
	if err := read(first.Path); err == nil {
		t.Error("a snapshot is kept for longer than an hour")
	}
	if err := read(latest.Path); err != nil {
		t.Errorf("the latest one has gone, too: %v", err)
	}
	for _, id := range []string{"../a", "a/b", "-a", "a.hmx", string(make([]byte, 33))} {
		if _, err := area.Snapshot(ctx, id); !errors.As(err, &refusal) || refusal.Code != access.CodeBadValue {
			t.Errorf("the name %q: %v", id, err)
		}
	}
}
