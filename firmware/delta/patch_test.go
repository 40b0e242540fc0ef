//go:build !race

package delta

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/hepmeter/hepmeter/firmware"
)

// The delta of a patch release: two executables of this project whose sources differ by the twenty lines of
// testdata/patch.go.txt, against the packed image that is sent without a delta. (Not under the race
// detector, which says nothing about either figure.)
func TestDeltaOfPatch(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	overlay := filepath.Join(dir, "overlay.json")
	patch, err := json.Marshal(map[string]map[string]string{"Replace": {
		filepath.Join(root, "wire", "modbus", "patch.go"): filepath.Join(root, "firmware", "delta", "testdata", "patch.go.txt")}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(overlay, patch, 0o600); err != nil {
		t.Fatal(err)
	}
	compiled := func(version string, more ...string) []byte {
		out := filepath.Join(dir, version)
		build := exec.Command("go", append(append([]string{"build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -X main.firmwareVersion=" + version, "-o", out}, more...), "./cmd/hepmeter")...)
		build.Dir = root
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	base, target := compiled("3.0.0"), compiled("3.0.1", "-overlay", overlay)
	var image bytes.Buffer
	m := firmware.Manifest{Version: firmware.Version{3, 0, 1}, Models: []string{"ION9000"}, Platform: "linux/amd64", Built: time.Unix(1, 0).UTC()}
	if _, err := firmware.Write(&image, m, target, ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), nil); err != nil {
		t.Fatal(err)
	}
	var delta []byte
	making := measured(func() { delta, err = Make(base, target) })
	if err != nil {
		t.Fatal(err)
	}
	applying := measured(func() {
		_, err = Apply(io.Discard, bytes.NewReader(base), bytes.NewReader(delta), int64(len(delta)), int64(len(target)))
	})
	if err != nil {
		t.Fatal(err)
	}
	share := 100 * float64(len(delta)) / float64(image.Len())
	t.Logf("executable %d bytes, packed image %d, delta of the patch %d: %.1f %% of the image", len(target), image.Len(), len(delta), share)
	t.Logf("made in %v with %d MB allocated, applied in %v with %d MB", making.took, making.allocated>>20, applying.took, applying.allocated>>20)
	if share > 15 {
		t.Errorf("the delta is %.1f %% of the image, want at most 15 %%", share)
	}
	if making.allocated > 400<<20 || applying.allocated > 20<<20 {
		t.Errorf("%d and %d MB allocated, want at most 400 and 20", making.allocated>>20, applying.allocated>>20)
	}
	t.Logf("for comparison, content-defined chunks of about 256 bytes: %.0f %% of the image", 100*float64(chunked(t, base, target))/float64(image.Len()))
	same, err := Make(target, target)
	if err != nil || len(same) > 300 {
		t.Errorf("the delta of the same executable has %d bytes, %v", len(same), err)
	}
}

// chunked is what the method of rsync and casync would put on the wire: 6 bytes for the hash of each different chunk
// of the base, which the meter sends, and, packed, the chunks that the base has not.
func chunked(t *testing.T, base, target []byte) int {
	var gear [256]uint64
	r := rand.New(rand.NewPCG(1, 2))
	for i := range gear {
		gear[i] = r.Uint64()
	}
	chunks := func(b []byte) (list [][]byte) {
		for first, i, h := 0, 0, uint64(0); i < len(b); i++ {
			h = h<<1 + gear[b[i]]
			if i-first >= 127 && h>>56 == 0 || i-first >= 4095 || i == len(b)-1 {
				list = append(list, b[first:i+1])
				first, h = i+1, 0
			}
		}
		return list
	}
	have := map[string]bool{}
	for _, c := range chunks(base) {
		have[string(c)] = true
	}
	var missing []byte
	for _, c := range chunks(target) {
		if !have[string(c)] {
			missing = append(missing, c...)
		}
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBetterCompression))
	if err != nil {
		t.Fatal(err)
	}
	return 6*len(have) + len(encoder.EncodeAll(missing, nil))
}

type measure struct {
	took      time.Duration
	allocated uint64
}

func measured(f func()) measure {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin := time.Now()
	f()
	took := time.Since(begin)
	runtime.ReadMemStats(&after)
	return measure{took, after.TotalAlloc - before.TotalAlloc}
}
