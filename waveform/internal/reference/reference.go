// Package reference reads the independent figures of the test recordings, for tests.
package reference

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// Record is what reference.json says of one recording.
type Record struct {
	Station, Device string
	Rev             string
	Samples         int64
	TFirst          float64 `json:"t_first_s"`
	Rates           [][2]float64
	LineHz          float64 `json:"line_hz"`
	FsHz            float64 `json:"fs_hz"`
	Whole           []Channel
	Stamps          struct {
		JumpsAt [][2]float64 `json:"jumps_at"`
	}
	Status *struct {
		SetAtStart        []int            `json:"set_at_start"`
		Changes           map[string]int   `json:"changes"`
		FirstChangeSample map[string]int64 `json:"first_change_sample"`
	}
	Window *Window
}

// Window is a stretch of samples with its figures.
type Window struct {
	I0, I1             int64
	T0                 float64 `json:"t0_s"`
	FsHz               float64 `json:"fs_hz"`
	Voltages, Currents []string
}

// Channel holds whole-record figures.
type Channel struct {
	N                          int
	Name, Unit                 string
	Count, Missing             int64
	Min, Max, RMS, First, Last float64
	SkewUs                     float64 `json:"skew_us"`
	Primary, Secondary         float64
}

// Load returns the data folder and its records, or skips the test without them: env
// HEPMETER_DATA names the folder, ../shared/data beside the checkout otherwise.
func Load(t testing.TB) (folder string, records map[string]Record) {
	t.Helper()
	folder = os.Getenv("HEPMETER_DATA")
	if folder == "" {
		root, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
				break
			}
			up := filepath.Dir(root)
			if up == root {
				t.Skip("HEPMETER_DATA not found: no go.mod above the test")
			}
			root = up
		}
		folder = filepath.Join(root, "..", "shared", "data")
	}
	text, err := os.ReadFile(filepath.Join(folder, "reference.json"))
	if err != nil {
		t.Skip("HEPMETER_DATA not found: ", err)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		t.Fatal(err)
	}
	records = map[string]Record{}
	for name, r := range raw {
		if dir := filepath.Dir(name); dir != "comtrade" && dir != "csv" {
			continue
		}
		var rec Record
		if err := json.Unmarshal(r, &rec); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		records[name] = rec
	}
	return folder, records
}
