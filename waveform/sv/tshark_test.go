package sv

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/hepmeter/hepmeter/waveform/internal/reference"
	"github.com/hepmeter/hepmeter/wire/pcap"
)

// tsharkFields returns what the real tshark reads in the first 2000 frames of a
// capture, a line for each.
func tsharkFields(t *testing.T, path string, decodeData bool, fields ...string) []string {
	t.Helper()
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed: apt-get install tshark")
	}
	args := []string{"-r", path, "-c", "2000", "-Y", "sv", "-o", fmt.Sprintf("sv.decode_data_as_phsmeas:%t", decodeData), "-T", "fields"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	var stderr bytes.Buffer
	cmd := exec.Command(tshark, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v\n%s", err, stderr.String())
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// TestTsharkDecodesTheSame: every field of every ASDU, of the captures of others and of
// what this package writes.
func TestTsharkDecodesTheSame(t *testing.T) {
	paths := map[string]string{}
	for name, s := range map[string]Stream{
		"9-2LE, 8 ASDUs, VLAN": {VLAN: 5, Synch: 2, ID: "hepmeter/MU01", AppID: 0x4abc, Info: siteInfo(12800, noon)},
		"61869-9":              {VLAN: Untagged, Synch: 1, Profile: Flexible, Info: siteInfo(14400, noon)},
	} {
		list, times := frames(t, s, 1440)
		paths[name] = capture(t, list, times)
	}
	t.Run("captures", func(t *testing.T) {
		folder, _ := reference.Load(t)
		for _, name := range []string{"abb_mu_9_2le_part1.pcapng", "gen_60hz_1stream.pcap", "lib_float_2asdu.pcap"} {
			compareWithTshark(t, filepath.Join(folder, "sv", name))
		}
	})
	for name, path := range paths {
		t.Run(name, func(t *testing.T) { compareWithTshark(t, path) })
	}
}

func compareWithTshark(t *testing.T, path string) {
	t.Helper()
	lines := tsharkFields(t, path, false, "frame.number", "vlan.id", "sv.appid", "sv.noASDU", "sv.svID", "sv.datSet", "sv.smpCnt",
		"sv.confRev", "sv.smpSynch", "sv.smpRate", "sv.smpMod", "sv.seqData")
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, err := pcap.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var f Frame
	for number, compared := 1, 0; compared < len(lines); number++ {
		k, err := r.Next()
		if err != nil {
			t.Fatalf("%s: after %d of %d lines: %v", path, compared, len(lines), err)
		}
		switch err := f.Decode(k.Data); {
		case err == errOther:
			continue
		case err != nil:
			t.Fatalf("%s: frame %d: %v", path, number, err)
		}
		// tshark separates the values of the ASDUs by commas.
		each := func(value func(a *ASDU) string) string {
			var list []string
			for i := range f.ASDUs {
				if v := value(&f.ASDUs[i]); v != "" {
					list = append(list, v)
				}
			}
			return strings.Join(list, ",")
		}
		optional := func(sent bool, n int) string {
			if !sent {
				return ""
			}
			return strconv.Itoa(n)
		}
		vlan := optional(f.VLAN >= 0, f.VLAN)
		ours := strings.Join([]string{
			strconv.Itoa(number), vlan, fmt.Sprintf("0x%04x", f.AppID), strconv.Itoa(len(f.ASDUs)),
			each(func(a *ASDU) string { return string(a.ID) }), each(func(a *ASDU) string { return string(a.DataSet) }),
			each(func(a *ASDU) string { return strconv.Itoa(int(a.Count)) }), each(func(a *ASDU) string { return strconv.Itoa(int(a.Revision)) }),
			each(func(a *ASDU) string { return strconv.Itoa(int(a.Synch)) }), each(func(a *ASDU) string { return optional(a.Rate > 0, int(a.Rate)) }),
			each(func(a *ASDU) string { return optional(a.Rate > 0, int(a.Mode)) }), each(func(a *ASDU) string { return hex.EncodeToString(a.Data) }),
		}, "\t")
		if ours != lines[compared] {
			t.Fatalf("%s: frame %d:\n%s\ntshark has\n%s", path, number, ours, lines[compared])
		}
		compared++
	}
}

// TestTsharkReadsQuality: the bits of the quality word mean to others what they mean here.
func TestTsharkReadsQuality(t *testing.T) {
	list, times := frames(t, Stream{VLAN: Untagged, Info: siteInfo(4000, noon)}, 1)
	setQuality(list[0], 0, validityQuestionable|outOfRange|oldData|test|derived)
	lines := tsharkFields(t, capture(t, list, times), true, "sv.meas_value", "sv.meas_quality.validity", "sv.meas_quality.outofrange",
		"sv.meas_quality.olddata", "sv.meas_quality.test", "sv.meas_quality.derived", "sv.meas_quality.overflow", "sv.meas_quality.operatorblocked")
	first := func(i int) string { v, _, _ := strings.Cut(strings.Split(lines[0], "\t")[i], ","); return v }
	if got, want := strings.Split(lines[0], "\t")[0], "0,1000,2000,3000,4000,5000,6000,7000"; got != want {
		t.Errorf("values %s, want %s", got, want)
	}
	want := []string{"0x00000003", "True", "True", "True", "True", "False", "False"}
	for i, w := range want {
		if got := first(i + 1); got != w && !(w == "True" && got == "1") && !(w == "False" && got == "0") {
			t.Errorf("field %d is %s, want %s", i, got, w)
		}
	}
}
