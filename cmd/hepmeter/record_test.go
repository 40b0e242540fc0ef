package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hepmeter/hepmeter/waveform"
	"github.com/hepmeter/hepmeter/waveform/open"
)

func runRecord(args ...string) (stderr string, err error) {
	cmd := newRecordCommand()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	var out bytes.Buffer
	cmd.SetErr(&out)
	cmd.SetArgs(args)
	err = cmd.Execute()
	return out.String(), err
}

// TestRecordKeepsGapsAndRates records a record of two rates in which time is lost: the
// copy has the samples of the original at their times.
func TestRecordKeepsGapsAndRates(t *testing.T) {
	dir := t.TempDir()
	var dat strings.Builder
	stamp := 0
	for n := 1; n <= 400; n++ {
		fmt.Fprintf(&dat, "%d,%d,%d\r\n", n, stamp, n%50)
		if stamp += 1000; n > 200 {
			stamp += 1000
		}
		if n == 100 {
			stamp += 50_000
		}
	}
	cfg := strings.Join([]string{"s,d,1999", "1,1A,0D", "1,Va,,,V,0.5,0,0,-99999,99999,1,1,P", "50", "2", "1000,200", "500,400",
		"01/02/2020,00:00:00.000000", "01/02/2020,00:00:00.000000", "ASCII", "1", ""}, "\r\n")
	for name, text := range map[string]string{"in.cfg": cfg, "in.dat": dat.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in, out := filepath.Join(dir, "in.cfg"), filepath.Join(dir, "out.cff")
	for _, row := range []struct {
		seconds, want string
	}{
		{"9", "0.1@0 0.1@0.15 0.4@0.25"},
		{"0.15", "0.1@0 0.05@0.15"},
		{"0.3", "0.1@0 0.1@0.15 0.1@0.25"},
	} {
		stderr, err := runRecord("--source", "comtrade:"+in, "--seconds", row.seconds, out)
		if err != nil {
			t.Fatal(err)
		}
		if ended := strings.Contains(stderr, "the source ended after 0.6 s"); ended != (row.seconds == "9") {
			t.Errorf("%s s: said %q", row.seconds, stderr)
		}
		if got := pieces(t, out); got != row.want {
			t.Errorf("%s s: pieces %s, want %s", row.seconds, got, row.want)
		}
	}
}

// pieces describes a recording as "seconds@start ...", split where it has gaps.
func pieces(t *testing.T, path string) string {
	t.Helper()
	src, err := open.File(path)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var parts []string
	start, seconds := 0.0, 0.0
	for b := range blocks(t, src) {
		if b.Gap {
			parts = append(parts, fmt.Sprintf("%.6g@%.6g", seconds, start))
			start, seconds = b.Start, 0
		}
		seconds += float64(b.Len()) / b.RateHz
	}
	return strings.Join(append(parts, fmt.Sprintf("%.6g@%.6g", seconds, start)), " ")
}

// TestRecordNamesTheFolder: a folder that is not there is named, and what to do.
func TestRecordNamesTheFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none", "out.cfg")
	_, err := runRecord("--seconds", "0.1", path)
	if err == nil || !strings.Contains(err.Error(), "there is no folder "+filepath.Dir(path)+": create it") {
		t.Errorf("error %v", err)
	}
}

// blocks delivers what src holds.
func blocks(t *testing.T, src waveform.Source) iter.Seq[*waveform.Block] {
	return func(yield func(*waveform.Block) bool) {
		var b waveform.Block
		for {
			_, err := src.Next(t.Context(), &b, 64)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !yield(&b) {
				return
			}
		}
	}
}

// TestRecordFormats: the extension and --format say what is written, and it is read
// again with its rate, its inputs and its length.
func TestRecordFormats(t *testing.T) {
	dir := t.TempDir()
	inputs := "V1 V2 V3 V4 I1 I2 I3 I4"
	for name, row := range map[string]struct {
		args []string
		out  string
		want string
	}{
		"wave":                 {nil, "a.wav", "wav 51200 " + inputs + " I5 5120"},
		"wave, 64 bits":        {[]string{"--format", "float64", "--rate", "6400"}, "b.wav", "wav 6400 " + inputs + " I5 640"},
		"sampled values":       {nil, "a.pcap", "sv 9-2LE 12800 " + inputs + " 1280"},
		"of another rate":      {[]string{"--rate", "4000"}, "b.pcap", "sv 9-2LE 4000 " + inputs + " 400"},
		"by the later profile": {[]string{"--rate", "14400", "--format", "61869-9"}, "c.pcap", "sv 61869-9 14400 " + inputs + " 1440"},
		"COMTRADE":             {[]string{"--rate", "6400"}, "a.cff", "comtrade 2013 FLOAT32 cff 6400 " + inputs + " I5 640"},
	} {
		path := filepath.Join(dir, row.out)
		if _, err := runRecord(append(row.args, "--seconds", "0.1", path)...); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		src, err := open.File(path)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		info := src.Info()
		m, _ := waveform.AutoMap(info)
		if got := fmt.Sprintf("%s %g %s %d", info.Format, info.RateHz, roles(m.Roles()), info.Samples); got != row.want {
			t.Errorf("%s: %s, want %s", name, got, row.want)
		}
		src.Close()
	}
	for name, row := range map[string]struct {
		args []string
		want string
	}{
		"no length":            {[]string{filepath.Join(dir, "x.pcap")}, "--seconds 0: give the length"},
		"no rate":              {[]string{"--seconds", "1", "--rate", "0", filepath.Join(dir, "x.pcap")}, "--rate 0"},
		"wave format":          {[]string{"--seconds", "1", "--format", "PCM", filepath.Join(dir, "x.wav")}, "FLOAT32 or FLOAT64"},
		"profile":              {[]string{"--seconds", "1", "--format", "ASCII", filepath.Join(dir, "x.pcap")}, "9-2LE or 61869-9"},
		"rate beyond smpCnt":   {[]string{"--seconds", "1", "--rate", "100000", filepath.Join(dir, "x.pcap")}, "smpCnt"},
		"a pace of its own":    {[]string{"--source", "synth?speed=2", "sv:lo"}, "leave speed out"},
		"no such interface":    {[]string{"sv:no-such-interface"}, "no-such-interface"},
		"no such length, live": {[]string{"--seconds", "-1", "sv:lo"}, "--seconds -1"},
	} {
		if _, err := runRecord(row.args...); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", name, err, row.want)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 6 {
		t.Errorf("%d files, want the 6 recordings: %v", len(entries), err)
	}
}

func TestRecordKeepsItsSource(t *testing.T) {
	path := filepath.Join(t.TempDir(), "site.cfg")
	if _, err := runRecord("--seconds", "0.1", path); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{path, strings.TrimSuffix(path, "cfg") + "dat"} {
		_, err := runRecord("--source", "comtrade:"+file+"?speed=2", "--seconds", "0.01", path)
		if err == nil || !strings.Contains(err.Error(), "the source itself") {
			t.Errorf("%s: error %v", file, err)
		}
	}
}
