package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recording writes a small CSV recording of 230 V, 10 A and 50 Hz.
func recording(t *testing.T) string {
	t.Helper()
	var text strings.Builder
	text.WriteString("Time (s),Va (V),Vb (V),Vc (V),Ia (A),Ib (A),Ic (A)\n")
	for k := range 3200 {
		at := float64(k) / 6400
		fmt.Fprintf(&text, "%.9f", at)
		for c := range 6 {
			rms := 230.0
			if c > 2 {
				rms = 10
			}
			fmt.Fprintf(&text, ",%.6f", rms*math.Sqrt2*math.Cos(2*math.Pi*(50*at-float64(c%3)/3)))
		}
		text.WriteByte('\n')
	}
	path := filepath.Join(t.TempDir(), "site.csv")
	if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func runMeasure(args ...string) (stdout string, err error) {
	cmd := newMeasureCommand()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetArgs(args)
	err = cmd.Execute()
	return out.String(), err
}

func TestMeasureJSONIsAllThatStdoutCarries(t *testing.T) {
	out, err := runMeasure(recording(t), "--json", "--channels", "V1=1,V2=2,V3=3,I1=4,I2=5,I3=6")
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Windows []struct {
			P map[string]float64 `json:"p_w"`
		}
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("%v in %.200s", err, out)
	}
	if len(report.Windows) < 2 || math.Abs(report.Windows[0].P["total"]-6900) > 0.1 {
		t.Errorf("windows %+v, want P 6900 W", report.Windows)
	}
}

func TestMeasureWritesThePageAndASummary(t *testing.T) {
	page := filepath.Join(t.TempDir(), "report.html")
	out, err := runMeasure(recording(t), "--report", page, "--channels", "V1=1,V2=2,V3=3,I1=4,I2=5,I3=6", "--window", "0:1280")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out, "6.9 kW") || !strings.Contains(out, page) {
		t.Errorf("summary:\n%s", out)
	}
	if text, err := os.ReadFile(page); err != nil || !bytes.Contains(text, []byte("6.9 kW")) {
		t.Errorf("page: %v", err)
	}
}

func TestMeasureErrors(t *testing.T) {
	file := recording(t)
	for _, row := range []struct {
		name  string
		args  []string
		usage bool
		want  string
	}{
		{"no file", nil, true, "measure"},
		{"a window that is none", []string{file, "--window", "5"}, true, "FIRST:END"},
		{"a window beyond the end", []string{file, "--window", "0:99999"}, false, "3200"},
		{"a channel that is not there", []string{file, "--channels", "V1=77"}, false, "77"},
		{"an input that is none", []string{file, "--channels", "X1=1"}, false, "X1"},
		{"an absent file", []string{file + ".cfg"}, false, "no such file"},
		{"a report where none can be", []string{file, "--report", filepath.Join(file, "x.html")}, false, "folder"},
	} {
		t.Run(row.name, func(t *testing.T) {
			out, err := runMeasure(row.args...)
			var usage usageError
			if err == nil || errors.As(err, &usage) != row.usage {
				t.Fatalf("error %v, a usage error: %v", err, row.usage)
			}
			if !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q does not tell of %q in one line", err, row.want)
			}
			if out != "" {
				t.Errorf("stdout has %q", out)
			}
		})
	}
}

func TestMeasureReportIsNoRecording(t *testing.T) {
	path := recording(t)
	before, _ := os.ReadFile(path)
	_, err := runMeasure(path, "--report", path)
	var usage usageError
	if !errors.As(err, &usage) || !strings.Contains(err.Error(), "name it .html") {
		t.Errorf("error %v", err)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("the recording was written over")
	}
}
