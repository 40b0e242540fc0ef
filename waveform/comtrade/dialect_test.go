package comtrade

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/waveform"
)

// cfgText joins lines with CR LF.
func cfgText(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n" }

// head and tail of a .cfg of two analogue channels.
var (
	twoChannels = []string{
		"1,Ua,A,bay,V,0.5,1,0,-99999,99999,100,1,P",
		"2,Ia,A,bay,A,2,0,0,-99999,99999,5,1,S",
	}
	dates1999 = []string{"02/03/2020,04:05:06.000001", "02/03/2020,04:05:06.000001"}
)

func simpleCfg(revision, rates, format string, more ...string) string {
	lines := []string{"station,device," + revision, "2,2A,0D"}
	lines = append(lines, twoChannels...)
	lines = append(lines, "50")
	lines = append(lines, strings.Split(rates, ";")...)
	lines = append(lines, dates1999...)
	lines = append(lines, format)
	return cfgText(append(lines, more...)...)
}

func open(t testing.TB, cfg, dat string) *Reader {
	t.Helper()
	r, err := New("x", []byte(cfg), strings.NewReader(dat), int64(len(dat)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// show writes what a reader delivers as "rate@start[gap]: u,i u,i".
func show(t *testing.T, r *Reader) string {
	t.Helper()
	var parts []string
	for i, p := range readPieces(t, r) {
		var rows []string
		for k := range p.values[0] {
			var v []string
			for c := range p.values {
				s := fmt.Sprintf("%.6g", p.values[c][k])
				if math.IsNaN(p.values[c][k]) {
					s = "-"
				}
				v = append(v, s)
			}
			rows = append(rows, strings.Join(v, ","))
		}
		gap := ""
		if i > 0 {
			gap = " gap"
		}
		parts = append(parts, fmt.Sprintf("%.6g Hz from %.6g%s: %s", p.rateHz, math.Round(p.start*1e9)/1e9, gap, strings.Join(rows, " ")))
	}
	return strings.Join(parts, "; ")
}

// binaryRow makes a row of BINARY, BINARY32 or FLOAT32 values.
func binaryRow(number, stamp uint32, values ...any) string {
	var b bytes.Buffer
	for _, v := range append([]any{number, stamp}, values...) {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			panic(err)
		}
	}
	return b.String()
}

func TestDialects(t *testing.T) {
	nan32 := float32(math.NaN())
	for name, row := range map[string]struct {
		cfg, dat string
		want     string
		warn     string // "" means none at all
	}{
		"1999 ASCII": {simpleCfg("1999", "1;1000,3", "ASCII", "1"), "1,0,2,3\r\n2,1000,4,5\r\n3,2000,-6,7\r\n",
			"1000 Hz from 0: 2,6 3,10 -2,14", ""},
		"LF, blanks, extra commas, 0x1A": {strings.ReplaceAll(simpleCfg("1999", "1;1000,2", " ascii ,", "1"), "\r", " "), " 1 , 0 , 2 , +3 ,, \n\n2,1000,4e0,5.0,\n\x1a",
			"1000 Hz from 0: 2,6 3,10", ""},
		"byte order mark": {"\xEF\xBB\xBF" + simpleCfg("1999", "1;1000,1", "ASCII", "1"), "1,0,2,3", "1000 Hz from 0: 2,6", ""},
		"+000025 and scientific": {simpleCfg("1999", "1;1.0e3,2", "ASCII", "1"), "1,0,+000025,-1.5E+1\n2,1000,2.5e-1,.5\n",
			"1000 Hz from 0: 13.5,-30 1.125,1", ""},
		"99999 and blanks are missing": {simpleCfg("1999", "1;1000,3", "ASCII", "1"), "1,0,99999,3\n2,1000,,5\n3,2000,1, \n",
			"1000 Hz from 0: -,6 -,10 1.5,-", ""},
		"blank stamps": {simpleCfg("1999", "1;1000,2", "ASCII", "1"), "1,,2,3\n2,,4,5\n", "1000 Hz from 0: 2,6 3,10", ""},
		"a hole in the stamps": {simpleCfg("1999", "1;1000,6", "ASCII", "1"), "1,0,2,3\n2,1000,2,3\n3,2000,2,3\n4,3000,2,3\n5,9000,4,5\n6,10000,4,5\n",
			"1000 Hz from 0: 2,6 2,6 2,6 2,6; 1000 Hz from 0.009 gap: 3,10 3,10", "1 holes in the time stamps, 0.005 s in all, the first before sample 4"},
		"a stamp beyond all numbers": {simpleCfg("1999", "1;1000,4", "ASCII", "1"), "1,0,2,3\n2,1000,2,3\n3,1E999,2,3\n4,3000,4,5\n",
			"1000 Hz from 0: 2,6 2,6 2,6 3,10", ""},
		"lost sample numbers without stamps": {simpleCfg("1999", "1;1000,5", "ASCII", "1"), "1,,2,3\n2,,2,3\n3,,2,3\n4,,2,3\n7,,4,5\n",
			"1000 Hz from 0: 2,6 2,6 2,6 2,6; 1000 Hz from 0.006 gap: 3,10", "holes in the sample numbers"},
		"stamps that contradict the rate": {simpleCfg("1999", "1;1000,4", "ASCII", "1"), "1,0,2,3\n2,5000,2,3\n3,10000,2,3\n4,15000,2,3\n",
			"1000 Hz from 0: 2,6 2,6 2,6 2,6", "the rate is taken"},
		"stamps in steps of 33 of 33.3 us": {simpleCfg("1999", "1;30000,4", "ASCII", "1"), "1,0,2,3\n2,33,2,3\n3,67,2,3\n4,100,2,3\n",
			"30000 Hz from 0: 2,6 2,6 2,6 2,6", ""},
		"several rates": {simpleCfg("1999", "2;1000,2;100,4", "ASCII", "1"), "1,0,2,3\n2,1000,2,3\n3,2000,4,5\n4,12000,4,5\n",
			"1000 Hz from 0: 2,6 2,6; 100 Hz from 0.002 gap: 3,10 3,10", ""},
		"rates as lengths": {simpleCfg("1999", "2;1000,3;100,2", "ASCII", "1"), "1,0,2,3\n2,1000,2,3\n3,2000,2,3\n4,3000,4,5\n5,13000,4,5\n",
			"1000 Hz from 0: 2,6 2,6 2,6; 100 Hz from 0.003 gap: 3,10 3,10", "length of each run"},
		"more rows than stated":           {simpleCfg("1999", "1;1000,1", "ASCII", "1"), "1,0,2,3\n2,1000,4,5\n", "1000 Hz from 0: 2,6 3,10", "2 rows where the cfg says 1"},
		"fewer rows than stated":          {simpleCfg("1999", "1;1000,9", "ASCII", "1"), "1,0,2,3\n2,1000,4,5\n", "1000 Hz from 0: 2,6 3,10", "2 rows where the cfg says 9"},
		"cut off in the last row":         {simpleCfg("1999", "1;1000,2", "ASCII", "1"), "1,0,2,3\n2,1000,4,5\n3,20", "1000 Hz from 0: 2,6 3,10", "cut off"},
		"nrates 0":                        {simpleCfg("1999", "0;0,4", "ASCII", "1"), "1,0,2,3\n2,500,2,3\n3,1000,2,3\n4,1500,2,3\n", "2000 Hz from 0: 2,6 2,6 2,6 2,6", "2000 Hz from the time stamps"},
		"nrates 0 with its line left out": {simpleCfg("1999", "0", "ASCII", "1"), "1,0,2,3\n2,500,2,3\n", "2000 Hz from 0: 2,6 2,6", "2000 Hz"},
		"nrates 1 with rate 0":            {simpleCfg("1999", "1;0,2", "ASCII", "2"), "1,0,2,3\n2,500,2,3\n", "1000 Hz from 0: 2,6 2,6", "1000 Hz"},
		"nrates 0, irregular":             {simpleCfg("1999", "0;0,4", "ASCII", "1"), "1,0,2,3\n2,500,2,3\n3,4700,2,3\n4,4800,2,3\n", "0 Hz from 0: 2,6 2,6 2,6 2,6", "stamps give none"},
		"nrates 0, pieces": {simpleCfg("1999", "0;0,6", "ASCII", "1"), "1,0,2,3\n2,500,2,3\n3,1000,2,3\n4,9000,4,5\n5,9500,4,5\n6,10000,4,5\n",
			"2000 Hz from 0: 2,6 2,6 2,6; 2000 Hz from 0.009 gap: 3,10 3,10 3,10", "2000 Hz"},
		"nrates 0, a stamp missing": {simpleCfg("1999", "0;0,6", "ASCII", "1"), "1,0,2,3\n2,500,2,3\n3,,2,3\n4,1500,4,5\n5,2000,4,5\n6,2500,4,5\n",
			"2000 Hz from 0: 2,6 2,6 2,6 3,10 3,10 3,10", "1 of 6 time stamps are missing or out of order, the first that of row 3"},
		"nrates 0, the first stamp no number": {simpleCfg("1999", "0;0,4", "ASCII", "1"), "1,x,2,3\n2,500,2,3\n3,1000,2,3\n4,1500,4,5\n",
			"2000 Hz from 0: 2,6 2,6 2,6 3,10", "1 of 4 time stamps are missing or out of order, the first that of row 1"},
		"nrates 0, a stamp too large": {simpleCfg("1999", "0;0,5", "ASCII", "1"), "1,0,2,3\n2,500,2,3\n3,987654321,2,3\n4,1500,4,5\n5,2000,4,5\n",
			"2000 Hz from 0: 2,6 2,6 2,6 3,10 3,10", "1 of 5 time stamps are missing or out of order, the first that of row 3"},
		"nrates 0, BINARY, a stamp of garbage": {simpleCfg("1999", "0;0,5", "BINARY", "1"), binaryRow(1, math.MaxUint32-999, int16(2), int16(3)) + binaryRow(2, math.MaxUint32-499, int16(2), int16(3)) + binaryRow(3, 0x12345678, int16(2), int16(3)) + binaryRow(4, 500, int16(2), int16(3)) + binaryRow(5, 1000, int16(2), int16(3)),
			"2000 Hz from 0: 2,6 2,6 2,6 2,6 2,6", "1 of 5 time stamps are missing or out of order"},
		"nrates 0, the last stamp garbage": {simpleCfg("1999", "0;0,4", "ASCII", "1"), "1,0,2,3\n2,500,2,3\n3,1000,2,3\n4,7,4,5\n",
			"2000 Hz from 0: 2,6 2,6 2,6 3,10", "1 of 4 time stamps are missing or out of order, the first that of row 4"},
		"nrates 0, half the stamps missing": {simpleCfg("1999", "0;0,4", "ASCII", "1"), "1,0,2,3\n2,,2,3\n3,,2,3\n4,1500,4,5\n",
			"0 Hz from 0: 2,6 2,6 2,6 3,10", "the time stamps give none (2 of 4 time stamps are missing"},
		"nrates 0, time turns back": {simpleCfg("1999", "0;0,6", "ASCII", "1"), "1,0,2,3\n2,500,2,3\n3,1000,2,3\n4,100,2,3\n5,600,2,3\n6,1100,2,3\n",
			"0 Hz from 0: 2,6 2,6 2,6 2,6 2,6 2,6", "backwards"},
		"a row of too many fields": {simpleCfg("1999", "1;1000,3", "ASCII", "1"), "1,0,2,3\n2,1000,4,5,6\n3,2000,4,5\n",
			"1000 Hz from 0: 2,6 3,10 3,10", "x.dat line 2: more fields than the 4 that the cfg describes, as in 1 rows of 3"},
		"a row of too many fields without a stamp": {simpleCfg("1999", "1;1000,3", "ASCII", "1"), "1,0,2,3\n2,,1000,4,5\n3,2000,4,5\n",
			"1000 Hz from 0: 2,6 -,- 3,10", "x.dat line 2"},
		"every row of too many fields": {simpleCfg("1999", "1;1000,2", "ASCII", "1"), "1,,2,3,0\n2,,4,5,0,\n",
			"1000 Hz from 0: 2,6 3,10", "x.dat line 1: more fields than the 4 that the cfg describes, as in every row"},
		"nanosecond stamps": {strings.ReplaceAll(simpleCfg("2013", "0;0,3", "ASCII", "1", "0,0", "0,0"), "06.000001", "06.000000001"), "1,0,2,3\n2,500,2,3\n3,1000,2,3\n",
			"2e+06 Hz from 0: 2,6 2,6 2,6", "2000000 Hz"},
		"odd year":           {simpleCfg("1997", "1;1000,1", "ASCII", "1"), "1,0,2,3\n", "1000 Hz from 0: 2,6", "revision year 1997"},
		"no multiplier line": {simpleCfg("1999", "1;1000,1", "ASCII"), "1,0,2,3\n", "1000 Hz from 0: 2,6", ""},
		"CR alone":           {strings.ReplaceAll(simpleCfg("1999", "1;1000,2", "ASCII", "1"), "\n", ""), "1,0,2,3\r2,1000,4,5\r", "1000 Hz from 0: 2,6 3,10", ""},
		"semicolons": {strings.ReplaceAll(simpleCfg("1999", "1;1000,2", "ASCII", "1"), ",", ";"), "1;0;2;3\n2;1000;4,5;5\n",
			"1000 Hz from 0: 2,6 3.25,10", "\";\" where the standard has commas"},
		"tabs":     {strings.ReplaceAll(simpleCfg("1999", "1;1000,1", "ASCII", "1"), ",", "\t"), "1\t0\t2\t3\n", "1000 Hz from 0: 2,6", "commas"},
		"BINARY16": {simpleCfg("2013", "1;1000,1", "BINARY16", "1"), binaryRow(1, 0, int16(2), int16(3)), "1000 Hz from 0: 2,6", ""},
		"BINARY": {simpleCfg("1999", "1;1000,2", "Binary", "1"), binaryRow(1, 0, int16(2), int16(-32768)) + binaryRow(2, 1000, int16(-32768), int16(5)),
			"1000 Hz from 0: 2,- -,10", ""},
		"BINARY, stamps all ones": {simpleCfg("1999", "1;1000,3", "BINARY", "1"), binaryRow(1, math.MaxUint32, int16(2), int16(3)) + binaryRow(2, math.MaxUint32, int16(2), int16(3)) + binaryRow(3, math.MaxUint32, int16(2), int16(3)),
			"1000 Hz from 0: 2,6 2,6 2,6", ""},
		"BINARY, stamps that wrap": {simpleCfg("1999", "1;1000,3", "BINARY", "1"), binaryRow(1, math.MaxUint32-1499, int16(2), int16(3)) + binaryRow(2, math.MaxUint32-499, int16(2), int16(3)) + binaryRow(3, 500, int16(2), int16(3)),
			"1000 Hz from 0: 2,6 2,6 2,6", ""},
		"BINARY, half a row at the end": {simpleCfg("1999", "1;1000,1", "BINARY", "1"), binaryRow(1, 0, int16(2), int16(3)) + "half", "1000 Hz from 0: 2,6", "no whole row"},
		"BINARY and 0x1A":               {simpleCfg("1999", "1;1000,1", "BINARY", "1"), binaryRow(1, 0, int16(2), int16(3)) + "\x1a", "1000 Hz from 0: 2,6", ""},
		"BINARY32": {simpleCfg("2013", "1;1000,2", "binary32", "1"), binaryRow(1, 0, int32(200000), int32(math.MinInt32)) + binaryRow(2, 1000, int32(-4), int32(5)),
			"1000 Hz from 0: 100001,- -1,10", ""},
		"FLOAT32": {simpleCfg("2013", "1;1000,3", "Float32", "1"), binaryRow(1, 0, float32(0.5), nan32) + binaryRow(2, 1000, float32(-math.MaxFloat32), float32(5)) + binaryRow(3, 2000, float32(math.Inf(1)), float32(1e30)),
			"1000 Hz from 0: 1.25,- -,10 -,2e+30", ""},
		"blank fields":            {cfgText("s,d,1999", "1,1A,", "1,Ua,,,V,0.5,,,,,,,", "", "1", "1000,1", ",", ",", "ASCII", ""), "1,0,2\n", "1000 Hz from 0: 1", "unknown"},
		"negative multiplier":     {cfgText("s,d,1999", "1,1A,0D", "1,Ua,,,V,-0.5,1,,-9,9,1,1,P", "50", "1", "1000,1", dates1999[0], dates1999[1], "ASCII", "1"), "1,0,2\n", "1000 Hz from 0: 0", ""},
		"total of channels wrong": {strings.Replace(simpleCfg("1999", "1;1000,1", "ASCII", "1"), "2,2A", "7,2A", 1), "1,0,2,3\n", "1000 Hz from 0: 2,6", "total of channels"},
		"neither P nor S":         {strings.Replace(simpleCfg("1999", "1;1000,1", "ASCII", "1"), "100,1,P", "100,1,X", 1), "1,0,2,3\n", "1000 Hz from 0: 2,6", "neither P nor S"},
		"impossible ratio":        {strings.Replace(simpleCfg("1999", "1;1000,1", "ASCII", "1"), "100,1,P", "100,0,P", 1), "1,0,2,3\n", "1000 Hz from 0: 2,6", "ratio"},
	} {
		t.Run(name, func(t *testing.T) {
			r := open(t, row.cfg, row.dat)
			if got := show(t, r); got != row.want {
				t.Errorf("read %q, want %q", got, row.want)
			}
			warnings := strings.Join(r.Info().Warnings, "\n")
			if row.warn == "" && warnings != "" || !strings.Contains(warnings, row.warn) {
				t.Errorf("warnings %q, want %q", warnings, row.warn)
			}
		})
	}
}

// TestRevision1991 covers what the first standard did otherwise: no year, ten
// fields, month before day, two-digit years, three fields for a status channel.
func TestRevision1991(t *testing.T) {
	cfg := func(min, max, format string) string {
		return cfgText("station,device", "2,1A,1D", "1,Ua,A,,V,0.5,1,0,"+min+","+max, "1,Trip,1", "60", "1", "1000,2", "09/17/15,10:52:53.98754", "09/17/95,10:52:53.06504", format)
	}
	r := open(t, cfg("-1000", "1000", "ASCII"), "1,0,2,0\n2,1000,,1\n")
	c := r.Config()
	if c.Revision != 1991 || len(c.Status) != 1 || c.Status[0].Name != "Trip" || !c.Status[0].Normal || c.Analog[0].Side != waveform.Unstated {
		t.Errorf("%+v", c)
	}
	if want := time.Date(2015, 9, 17, 10, 52, 53, 987540000, time.UTC); !c.Start.Equal(want) {
		t.Errorf("start %s, want %s", c.Start, want)
	}
	if want := time.Date(1995, 9, 17, 10, 52, 53, 65040000, time.UTC); !c.Trigger.Equal(want) {
		t.Errorf("trigger %s, want %s", c.Trigger, want)
	}
	if got := show(t, r); got != "1000 Hz from 0: 2 -" {
		t.Errorf("read %s", got)
	}
	initial, changes, err := r.StatusChanges()
	if err != nil || initial[0] || len(changes) != 1 || changes[0] != (StatusChange{1, 0, true}) {
		t.Errorf("status %v %v %v", initial, changes, err)
	}
	for name, row := range map[string]struct{ min, max, format, dat, want string }{
		"99999 within the range is a value":     {"-1000000", "1000000", "ASCII", "1,0,99999,0\n", "50000.5"},
		"99999 beyond the range is missing":     {"-1000", "1000", "ASCII", "1,0,99999,0\n", "-"},
		"0xFFFF is -1 in a signed range":        {"-2048", "2047", "BINARY", binaryRow(1, 0, int16(-1), uint16(0)), "0.5"},
		"0xFFFF is missing in a positive range": {"0", "4095", "BINARY", binaryRow(1, 0, int16(-1), uint16(0)), "-"},
		"above 32767 in an unsigned range":      {"0", "65534", "BINARY", binaryRow(1, 0, uint16(40000), uint16(0)), "20001"},
	} {
		t.Run(name, func(t *testing.T) {
			r := open(t, cfg(row.min, row.max, row.format), row.dat)
			if got := show(t, r); got != "1000 Hz from 0: "+row.want {
				t.Errorf("read %s, want %s", got, row.want)
			}
		})
	}
}

// TestStatesOfARowThatIsRefused: they are those of the row before.
func TestStatesOfARowThatIsRefused(t *testing.T) {
	cfg := cfgText("s,d,1999", "2,1A,1D", "1,Ua,,,V,1,0,0,-9,9,1,1,P", "1,Trip,,,0", "50", "1", "1000,4", dates1999[0], dates1999[1], "ASCII", "1")
	r := open(t, cfg, "1,0,2,0\n2,1000,2,1\n3,?,2000,2,0\n4,3000,2,0\n")
	initial, changes, err := r.StatusChanges()
	if err != nil || initial[0] || len(changes) != 2 || changes[0] != (StatusChange{1, 0, true}) || changes[1] != (StatusChange{3, 0, false}) {
		t.Errorf("status %v %v %v", initial, changes, err)
	}
}

func TestDates(t *testing.T) {
	for _, row := range []struct {
		date, clock string
		american    bool
		want        string
		odd         bool
	}{
		{"31/12/1999", "23:59:59.999999", false, "1999-12-31T23:59:59.999999Z", false},
		{"09/17/15", "10:52:52.987545", true, "2015-09-17T10:52:52.987545Z", false},
		{"17/09/15", "10:52:52.987545", true, "2015-09-17T10:52:52.987545Z", true},
		{"09/17/2015", "10:52:52.1", false, "2015-09-17T10:52:52.1Z", true},
		{"1/2/2013", "1:2:3.123456789", false, "2013-02-01T01:02:03.123456789Z", false},
		{"01.02.2013", "00:00:00", false, "2013-02-01T00:00:00Z", false},
		{"2013-02-01", "00:00:00", false, "2013-02-01T00:00:00Z", true},
		{"", "", false, "0001-01-01T00:00:00Z", true},
		{"99/99/2013", "00:00:00", false, "0001-01-01T00:00:00Z", true},
		{"01/02/2013", "25:00:00", false, "0001-01-01T00:00:00Z", true},
		{"01/02/2013", "00:00:00.-5", false, "0001-01-01T00:00:00Z", true},
	} {
		got, _, odd := parseDate(row.date, row.clock, row.american)
		if s := got.Format(time.RFC3339Nano); s != row.want || (odd != "") != row.odd {
			t.Errorf("%s,%s: %s odd %q, want %s", row.date, row.clock, s, odd, row.want)
		}
	}
}

func TestTimeCodeMovesTheInstant(t *testing.T) {
	r := open(t, simpleCfg("2013", "1;1000,1", "ASCII", "1", "-5h30,-5h30", "B,3"), "1,0,2,3\n")
	want := time.Date(2020, 3, 2, 9, 35, 6, 1000, time.UTC)
	if got := r.Info().Start; !got.Equal(want) {
		t.Errorf("start %s, want %s", got, want)
	}
	if c := r.Config(); c.TimeCode != "-5h30" || c.TimeQuality != "B" || c.LeapSecond != "3" {
		t.Errorf("%+v", c)
	}
}

func TestInfoOfAConfig(t *testing.T) {
	cfg := strings.Replace(simpleCfg("1999", "1;1000,1", "ASCII", "1"), "2,Ia,A,bay,A,2,0,0,", "2,Ia,A,bay,A,2,0,461.5,", 1)
	info := open(t, cfg, "1,0,2,3\n").Info()
	if ch := info.Channels[1]; ch.Primary != 5 || ch.Secondary != 1 || ch.Values != waveform.Secondary || math.Abs(ch.SkewSeconds-461.5e-6) > 1e-15 {
		t.Errorf("%+v", ch)
	}
	if ch := info.Channels[0]; ch.Values != waveform.Primary || ch.Name != "Ua" || ch.Unit != "V" || ch.Phase != "A" {
		t.Errorf("%+v", ch)
	}
	if info.Format != "comtrade 1999 ASCII" || info.NominalHz != 50 || info.Samples != 1 {
		t.Errorf("%+v", info)
	}
}

// TestMalformed: what cannot be read gives one error that names the file, the line
// and the field.
func TestMalformed(t *testing.T) {
	good := simpleCfg("1999", "1;1000,2", "ASCII", "1")
	for name, row := range map[string]struct {
		cfg, dat string
		want     []string
	}{
		"empty cfg":         {"", "1,0,2,3\n", []string{"x.cfg", "line 0", "station"}},
		"not a cfg":         {"\x7fELF\x02\x01", "1", []string{"x.cfg", "line 1", "numbers of channels"}},
		"no counts":         {"s,d,1999\n", "1", []string{"after line 1", "numbers of channels"}},
		"count not a count": {"s,d,1999\n2,xA,0D\n", "1", []string{"line 2 field 2", "xA"}},
		"count beyond":      {"s,d,1999\n9,99999999A,0D\n", "1", []string{"line 2 field 2", "999999"}},
		"negative count":    {"s,d,1999\n9,-1A,0D\n", "1", []string{"line 2 field 2"}},
		"no analogue":       {"s,d,1999\n9,0A,9D\n", "1", []string{"line 2 field 2", "nothing to measure"}},
		"channel missing":   {"s,d,1999\n999999,999999A,0D\n1,Ua,,,V,1,0\n", "1", []string{"after line 3", "channel 2 of 999999"}},
		"channel too short": {"s,d,1999\n1,1A,0D\n1,Ua\n", "1", []string{"line 3", "13"}},
		"bad multiplier":    {strings.Replace(good, "0.5,1,0", "0.5x,1,0", 1), "1,0,2,3\n", []string{"line 3 field 6", "multiplier a", "0.5x"}},
		"infinite offset":   {strings.Replace(good, "0.5,1,0", "0.5,1e999,0", 1), "1,0,2,3\n", []string{"line 3 field 7", "offset b"}},
		"bad frequency":     {strings.Replace(good, "\r\n50\r\n", "\r\nfifty\r\n", 1), "1,0,2,3\n", []string{"line 5 field 1", "fifty"}},
		"bad nrates":        {simpleCfg("1999", "two;1000,2", "ASCII"), "1,0,2,3\n", []string{"line 6 field 1", "two"}},
		"negative rate":     {simpleCfg("1999", "1;-1000,2", "ASCII"), "1,0,2,3\n", []string{"line 7 field 1", "-1000"}},
		"half a sample":     {simpleCfg("1999", "1;1000,2.5", "ASCII"), "1,0,2,3\n", []string{"line 7 field 2", "2.5"}},
		"rate 0 of two":     {simpleCfg("1999", "2;0,2;1000,4", "ASCII"), "1,0,2,3\n", []string{"line 7 field 1"}},
		"bad format":        {simpleCfg("1999", "1;1000,2", "FLOAT64"), "1,0,2,3\n", []string{"line 10 field 1", "FLOAT64", "FLOAT32"}},
		"no format":         {simpleCfg("1999", "1;1000,2", ""), "1,0,2,3\n", []string{"line 10 field 1"}},
		"empty dat":         {good, "", []string{"x.dat", "empty"}},
		"blank dat":         {good, "\r\n\r\n", []string{"x.dat", "no samples"}},
		"not a number":      {good, "1,0,2,3\n2,1000,4,five\n", []string{"x.dat line 2 field 4", "Ia", "five"}},
		"short row":         {good, "1,0,2,3\n2,1000,4\n3,2000,4,5\n", []string{"x.dat line 2 field 4", "Ia"}},
		"no values":         {good, "1,0\n1,0,2,3\n", []string{"x.dat line 1 field 3", "Ua"}},
		"short binary":      {simpleCfg("1999", "1;1000,2", "BINARY"), "abc", []string{"x.dat", "not one whole row"}},
		"rows of another length": {simpleCfg("1999", "1;1000,2", "BINARY"),
			binaryRow(1, 0, int16(1000), int16(-2000), int16(5)) + binaryRow(2, 1, int16(1001), int16(-2001), int16(5)) + binaryRow(3, 2, int16(1002), int16(-2002), int16(5)) + binaryRow(4, 3, int16(1003), int16(-2003), int16(5)) + binaryRow(5, 4, int16(1004), int16(-2004), int16(5)),
			[]string{"x.dat row 2 field 1", "12 bytes"}},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := New("x", []byte(row.cfg), strings.NewReader(row.dat), int64(len(row.dat)))
			if err == nil {
				var b waveform.Block
				for err == nil {
					_, err = r.Next(context.Background(), &b, 100)
				}
			}
			for _, w := range row.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q, want %q in it", err, w)
				}
			}
			if strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("error of several lines: %q", err)
			}
		})
	}
}

func TestCFF(t *testing.T) {
	cfg := simpleCfg("2013", "1;1000,2", "ASCII", "1", "0,0", "0,0")
	binaryCfg := strings.Replace(cfg, "ASCII", "BINARY", 1)
	rows := binaryRow(1, 0, int16(2), int16(3)) + binaryRow(2, 1000, int16(4), int16(5))
	floatCfg := strings.Replace(cfg, "ASCII", "FLOAT32", 1)
	floats := binaryRow(1, 0, float32(2), float32(3)) + binaryRow(2, 1000, float32(4), float32(5))
	for name, row := range map[string]struct{ text, want, warn string }{
		"ASCII":               {"--- file type: CFG ---\r\n" + cfg + "--- file type: INF ---\r\n\r\n--- file type: HDR ---\r\nnotes, --- of a sort\r\n--- file type: DAT ASCII ---\r\n1,0,2,3\r\n2,1000,4,5\r\n", "1000 Hz from 0: 2,6 3,10", ""},
		"odd spaces and case": {"\xEF\xBB\xBF\r\n---FILE TYPE:cfg---\n" + cfg + "--- File  Type : Dat ascii---\n1,0,2,3\n2,1000,4,5", "1000 Hz from 0: 2,6 3,10", ""},
		"BINARY by count":     {"--- file type: CFG ---\r\n" + binaryCfg + "--- file type: DAT BINARY: 24 ---\r\n" + rows + "tail of something", "1000 Hz from 0: 2,6 3,10", ""},
		"BINARY to the end":   {"--- file type: CFG ---\r\n" + binaryCfg + "--- file type: DAT BINARY ---\n" + rows, "1000 Hz from 0: 2,6 3,10", ""},
		"BINARY cut off":      {"--- file type: CFG ---\r\n" + binaryCfg + "--- file type: DAT BINARY: 999 ---\r\n" + rows, "1000 Hz from 0: 2,6 3,10", "cut off"},
		"BINARY for FLOAT32":  {"--- file type: CFG ---\r\n" + floatCfg + "--- file type: DAT BINARY: 32 ---\r\n" + floats, "1000 Hz from 0: 2,6 3,10", ""},
		"sections disagree":   {"--- file type: CFG ---\r\n" + cfg + "--- file type: DAT BINARY: 24 ---\r\n" + rows, "1000 Hz from 0: 2,6 3,10", "section is believed"},
		"a section after DAT": {"--- file type: CFG ---\r\n" + cfg + "--- file type: DAT ASCII ---\r\n1,0,2,3\r\n2,1000,4,5\r\n--- file type: INF ---\r\n[Public]\r\nnote=1\r\n", "1000 Hz from 0: 2,6 3,10", ""},
		"CR alone":            {strings.NewReplacer("\r\n", "\r", "\n", "\r").Replace("--- file type: CFG ---\r\n" + cfg + "--- file type: DAT ASCII ---\r\n1,0,2,3\r\n2,1000,4,5\r\n"), "1000 Hz from 0: 2,6 3,10", ""},
		"CR alone, BINARY": {strings.ReplaceAll("--- file type: CFG ---\r\n"+binaryCfg+"--- file type: DAT BINARY: 24 ---\r\n", "\n", "") + binaryRow(10, 0, int16(2), int16(3)) + binaryRow(11, 1000, int16(0x0A0D), int16(5)),
			"1000 Hz from 0: 2,6 1287.5,10", ""},
		"CR alone, FLOAT32": {strings.ReplaceAll("\xEF\xBB\xBF\r\n--- file type: CFG ---\r\n"+floatCfg+"--- file type: DAT FLOAT32 ---\r\n", "\n", "") + binaryRow(10, 0, float32(2), float32(3)) + binaryRow(11, 1000, float32(4), float32(5)),
			"1000 Hz from 0: 2,6 3,10", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := NewCFF("x.cff", strings.NewReader(row.text), int64(len(row.text)))
			if err != nil {
				t.Fatal(err)
			}
			if got := show(t, r); got != row.want {
				t.Errorf("read %q, want %q", got, row.want)
			}
			if warnings := strings.Join(r.Info().Warnings, "\n"); row.warn == "" && warnings != "" || !strings.Contains(warnings, row.warn) {
				t.Errorf("warnings %q, want %q", warnings, row.warn)
			}
		})
	}
	for name, row := range map[string]struct{ text, want string }{
		"empty":        {"", "x.cff: empty"},
		"no section":   {"hello\n", "x.cff line 1"},
		"no DAT":       {"--- file type: CFG ---\r\n" + cfg, "without a section"},
		"no CFG":       {"--- file type: DAT ASCII ---\r\n1,0,2,3\r\n", "without a CFG section"},
		"bad format":   {"--- file type: CFG ---\r\n" + cfg + "--- file type: DAT WORDS ---\r\n1", "line 15"},
		"field of CFG": {"--- file type: CFG ---\r\n" + strings.Replace(cfg, "0.5,1,0", "x,1,0", 1) + "--- file type: DAT ASCII ---\r\n1,0,2,3\r\n", "x.cff line 4 field 6"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewCFF("x.cff", strings.NewReader(row.text), int64(len(row.text)))
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want %q in it", err, row.want)
			}
		})
	}
}

func TestOpenFindsThePair(t *testing.T) {
	cfg, dat := simpleCfg("1999", "1;1000,1", "ASCII", "1"), "1,0,2,3\n"
	for _, names := range [][2]string{{"a.cfg", "a.dat"}, {"A.CFG", "A.DAT"}, {"a.Cfg", "a.DAt"}, {"a.cfg", "A.dat"}} {
		dir := t.TempDir()
		for i, text := range []string{cfg, dat} {
			if err := os.WriteFile(filepath.Join(dir, names[i]), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range names {
			r, err := Open(filepath.Join(dir, name))
			if err != nil {
				t.Errorf("%v: %v", names, err)
				continue
			}
			if got := show(t, r); got != "1000 Hz from 0: 2,6" {
				t.Errorf("%v: %s", names, got)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "lonely.cfg"), []byte(cfg), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "empty.cfg"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"lonely.cfg": "no lonely.dat beside it", "empty.cfg": "empty", "none.cfg": "none.cfg", "x.wav": "COMTRADE"} {
		if _, err := Open(filepath.Join(dir, name)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q in it", name, err, want)
		}
	}
}

func TestTimesOutside(t *testing.T) {
	r := open(t, simpleCfg("1999", "1;1000,2", "ASCII", "1"), "1,0,2,3\n2,1000,4,5\n")
	for _, w := range [][2]int64{{-1, 1}, {0, 3}, {2, 1}} {
		if _, err := r.Times(w[0], w[1]); err == nil {
			t.Errorf("times of %v", w)
		}
	}
}

// TestManyChannelsStayBounded: a block of very many channels is short.
func TestManyChannelsStayBounded(t *testing.T) {
	const channels = 60000
	var cfg strings.Builder
	fmt.Fprintf(&cfg, "s,d,1999\n%d,%dA,0D\n", channels, channels)
	for i := range channels {
		fmt.Fprintf(&cfg, "%d,c,,,V,1,0,0,-9,9,1,1,P\n", i+1)
	}
	cfg.WriteString("50\n1\n1000,200\n,\n,\nBINARY\n1\n")
	r := open(t, cfg.String(), string(make([]byte, 200*(8+2*channels))))
	var b waveform.Block
	n, err := r.Next(context.Background(), &b, 1<<30)
	if err != nil || n*channels > maxBlockValues+channels {
		t.Errorf("a block of %d x %d, %v", n, channels, err)
	}
}
