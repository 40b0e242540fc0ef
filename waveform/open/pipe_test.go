//go:build unix

package open

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestPipeIsRefused would hang if a pipe were opened: nobody writes to it.
func TestPipeIsRefused(t *testing.T) {
	dir := t.TempDir()
	cfg := "S,R,1999\n1,1A,0D\n1,Ua,,,V,1,0,0,-9,9,1,1,P\n50\n1\n1000,2\n01/01/2020,00:00:00.0\n01/01/2020,00:00:00.0\nASCII\n1\n"
	if err := os.WriteFile(filepath.Join(dir, "a.cfg"), []byte(cfg), 0o644); err != nil {
		t.Fatal(err)
	}
	for pipe, file := range map[string]string{"a.dat": "a.cfg", "b.cfg": "b.cfg", "c.cff": "c.cff", "d.csv": "d.csv"} {
		if err := syscall.Mkfifo(filepath.Join(dir, pipe), 0o644); err != nil {
			t.Skipf("named pipes cannot be made in the temporary folder: %v", err)
		}
		_, err := File(filepath.Join(dir, file))
		if err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%s: error %v", pipe, err)
		}
	}
}
