package template

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the differences of testdata/compare")

func TestCompare(t *testing.T) {
	folders, err := filepath.Glob("testdata/compare/*")
	if err != nil || len(folders) == 0 {
		t.Fatalf("no cases in testdata/compare (%v)", err)
	}
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			read := func(name string) string {
				text, err := os.ReadFile(filepath.Join(folder, name))
				if err != nil && !*update {
					t.Fatal(err)
				}
				return string(text)
			}
			got := Compare(parsed(t, read("before.txt")), parsed(t, read("after.txt"))).String()
			if *update {
				if err := os.WriteFile(filepath.Join(folder, "differences.txt"), []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(read("differences.txt"), got); diff != "" {
				t.Errorf("%s\n(go test ./ion/template -update rewrites it)", diff)
			}
		})
	}
}
