package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A running meter is not exported; a stopped one is, the file passes check, and a meter
// goes on from what is imported, with its serial number and not less energy.
func TestExportImport(t *testing.T) {
	binary, data := buildHepmeter(t), filepath.Join(t.TempDir(), "meter")
	file, twin := filepath.Join(t.TempDir(), "meter.hep"), filepath.Join(t.TempDir(), "twin")
	hepmeter := func(args ...string) (string, error) {
		out, err := exec.Command(binary, args...).CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	p := startMeter(t, binary, data)
	if out, err := hepmeter("export", "--data", data, file); err == nil || !strings.Contains(out, "stop it") {
		t.Errorf("export of a running meter: %v: %s", err, out)
	}
	before := readEnergies(t, p.dial(t))
	p.kill()
	for _, args := range [][]string{{"export", "--data", data, file}, {"check", file}, {"import", file, "--data", twin}, {"check", twin}} {
		if out, err := hepmeter(args...); err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
	for _, refused := range [][]string{{"export", "--data", data, file}, {"import", file, "--data", twin}, {"import", file}, {"import", binary, "--data", filepath.Join(t.TempDir(), "x")}} {
		if out, err := hepmeter(refused...); err == nil || strings.Contains(out, "\n") {
			t.Errorf("%v: %v: %s", refused, err, out)
		}
	}
	again := startMeter(t, binary, twin)
	if again.ready.Serial != p.ready.Serial {
		t.Errorf("serial number %s, was %s", again.ready.Serial, p.ready.Serial)
	}
	if after := readEnergies(t, again.dial(t)); after[0] < before[0] {
		t.Errorf("energy fell from %d to %d Wh", before[0], after[0])
	}
	again.kill()
}
