package registermap

import (
	"bytes"
	"encoding/csv"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/register-map.md")

func loaded(t *testing.T) *Map {
	t.Helper()
	m, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMapLoads(t *testing.T) {
	m := loaded(t)
	if len(m.Rows) < 400 {
		t.Errorf("%d rows, want the whole map", len(m.Rows))
	}
	row := m.Covering(3053, 2)
	if len(row) != 1 || row[0].Name != "Active power A" || row[0].Unit != "W" || row[0].Scale != 1000 {
		t.Errorf("register 3054 = %+v, want active power A in W, 1000 times the ION register", row)
	}
}

// DESIGN 7: at least every row of the published list that was seen on the family,
// and every row of ours, in the units of that list.
func TestEveryConfirmedRowIsServed(t *testing.T) {
	data := os.Getenv("HEPMETER_DATA")
	if data == "" {
		data = "../../shared/data"
	}
	f, err := os.Open(filepath.Join(data, "..", "domain", "modbus-map.csv"))
	if err != nil {
		t.Skipf("HEPMETER_DATA not found: no published register list to compare with (%v)", err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	byNumber := map[int]Row{}
	for _, r := range loaded(t).Rows {
		byNumber[r.Number] = r
	}
	compared := 0
	for _, rec := range records[1:] {
		name, source := rec[0], rec[7]
		number, _ := strconv.Atoi(rec[1])
		row, served := byNumber[number]
		confirmed := strings.Contains(source, "hep-")
		if confirmed || source == "own" {
			compared++
			if !served {
				t.Errorf("register %d %s is not in the map", number, name)
				continue
			}
			if own := row.Evidence == Own; own != (source == "own") || (row.Evidence == Confirmed) != confirmed {
				t.Errorf("register %d: evidence %s, list says %s", number, row.Evidence, source)
			}
			if row.Writable() != (rec[5] == "RW") {
				t.Errorf("register %d: written as %q, list says %s", number, row.Write, rec[5])
			}
		} else if !served || strings.HasPrefix(rec[6], "legacy-") {
			continue
		}
		if strconv.Itoa(row.Registers) != rec[2] || string(row.Type) != rec[3] || row.Unit != rec[4] {
			t.Errorf("register %d %s: %d %s %q, list says %s %s %q", number, name, row.Registers, row.Type, row.Unit, rec[2], rec[3], rec[4])
		}
	}
	if compared < 116 {
		t.Errorf("compared %d rows, want at least the 116 confirmed ones", compared)
	}
}

func TestPageIsCurrent(t *testing.T) {
	var page bytes.Buffer
	if err := loaded(t).WriteMarkdown(&page); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("..", "docs", "register-map.md")
	if *update {
		if err := os.WriteFile(path, page.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	onDisk, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(onDisk, page.Bytes()) {
		t.Error("docs/register-map.md is not what registers.csv says; run go test ./registermap -update")
	}
}

func TestParseRowsRefuses(t *testing.T) {
	header := strings.Join(rowColumns, ",") + "\n"
	good := "3000,Current A,2,FLOAT32,A,,current,hep,,Power Meter/Ia,,\n"
	if rows, err := ParseRows(strings.NewReader(header + good)); err != nil || len(rows) != 1 {
		t.Fatalf("the good row: %v, %v", rows, err)
	}
	for _, tc := range []struct{ name, text, want string }{
		{"wrong header", "number,name\n", "header"},
		{"missing column", header + "3000,x\n", "wrong number of fields"},
		{"number 0", header + strings.Replace(good, "3000", "0", 1), "one-based"},
		{"overlap", header + good + strings.Replace(good, "3000", "3001", 1), "already taken"},
		{"out of order", header + good + strings.Replace(good, "3000", "2000", 1), "already taken"},
		{"unknown type", header + strings.Replace(good, "FLOAT32", "FLOAT16", 1), "unknown type"},
		{"length of the type", header + strings.Replace(good, ",2,", ",1,", 1), "fills 2 registers"},
		{"past the end", header + strings.Replace(good, "3000", "65536", 1), "past register 65536"},
		{"way to write", header + strings.Replace(good, ",A,,", ",A,RW,", 1), "want setup, number"},
		{"type that cannot be written so", header + strings.Replace(good, ",A,,", ",A,switch,", 1), "wants one of [UINT16]"},
		{"nothing to write to", header + strings.Replace(good, ",A,,current,hep,,Power Meter/Ia", ",A,number,current,hep,,", 1), "wants one source"},
		{"two registers to write to", header + strings.Replace(good, ",A,,current,hep,,Power Meter/Ia", ",A,number,current,hep,,A/B + C/D", 1), "wants one source"},
		{"scaled and written", header + strings.Replace(good, ",A,,current,hep,,Power Meter/Ia,", ",A,number,current,hep,,Power Meter/Ia,10", 1), "wants one source"},
		{"enum on a switch", header + "58041,S,1,UINT16,,switch,external,own,,A/B,,off|on\n", "takes no enum"},
		{"evidence", header + strings.Replace(good, ",hep,", ",rumour,", 1), "evidence"},
		{"label", header + strings.Replace(good, "Power Meter/Ia", "Ia", 1), "label"},
		{"dangling sign", header + strings.Replace(good, "/Ia", "/Ia + ", 1), "sign"},
		{"form", header + strings.Replace(good, ",hep,,", ",hep,product,", 1), "unknown form"},
		{"sources of a form", header + strings.Replace(good, ",hep,,", ",hep,deviation,", 1), "wants 2 sources"},
		{"scale", header + strings.Replace(good, "Ia,,", "Ia,0,", 1), "scale"},
		{"enum on a float", header + strings.Replace(good, "Ia,,", "Ia,,a|b", 1), "enum"},
		{"pf4q form on a float", header + strings.Replace(good, ",hep,,Power Meter/Ia", ",hep,pf4q,P/a; P/b; P/c", 1), "belong together"},
		{"no name", header + strings.Replace(good, "Current A", "", 1), "name"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := ParseRows(strings.NewReader(tc.text))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}

func TestSourcesWithSignsInLabels(t *testing.T) {
	terms, err := parseSources(Sum, "kWh del+rec/Result - kWh del-rec/Result + A/B")
	if err != nil {
		t.Fatal(err)
	}
	want := []Term{{Label: "kWh del+rec/Result"}, {Label: "kWh del-rec/Result", Negative: true}, {Label: "A/B"}}
	if len(terms) != 3 || terms[0] != want[0] || terms[1] != want[1] || terms[2] != want[2] {
		t.Errorf("%+v, want %+v", terms, want)
	}
}

func TestParseIdentificationRefuses(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"reserved id", "id,name,source,text\n0x07,X,,x\n", "reserved"},
		{"both source and text", "id,name,source,text\n0x00,X,A/B,x\n", "not both"},
		{"no mandatory objects", "id,name,source,text\n0x00,X,A/B,\n", "mandatory"},
		{"descending", "id,name,source,text\n0x01,X,A/B,\n0x00,X,A/B,\n", "ascend"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := ParseIdentification(strings.NewReader(tc.text))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}

func TestWhatARowTakes(t *testing.T) {
	m := loaded(t)
	for _, tc := range []struct {
		number int
		write  Write
		takes  []float64
		not    []float64
	}{
		{54395, WriteSetup, []float64{0, 1}, []float64{-1, 0.5, 2, math.NaN()}},
		{58002, WriteSetup, []float64{0, 1, 1e9}, []float64{math.NaN()}},
		{58010, WriteClock, []float64{1246413600}, nil},
		{58012, WritePulse, []float64{1}, []float64{0, 2, 65534, math.NaN()}},
		{58013, WritePulse, []float64{1}, []float64{0, 2}},
		{58021, WriteNumber, []float64{-1.5, 0, 1e30}, []float64{math.NaN(), math.Inf(1)}},
		{58041, WriteSwitch, []float64{0, 1}, []float64{-1, 2, math.NaN()}},
		{58058, WritePulse, []float64{1}, []float64{0, 2}},
		{3000, ReadOnly, nil, []float64{0, 1}},
	} {
		row := m.Covering(tc.number-1, 1)[0]
		if row.Writable() != (row.Target != "") || (row.Write == WritePulse) != (len(row.Sources) == 0) {
			t.Errorf("register %d is written to %q and read from %v", tc.number, row.Target, row.Sources)
		}
		if row.Write != tc.write {
			t.Errorf("register %d is written as %q, want %q", tc.number, row.Write, tc.write)
		}
		for _, x := range tc.takes {
			if !row.Takes(x) {
				t.Errorf("register %d does not take %v", tc.number, x)
			}
		}
		for _, x := range tc.not {
			if row.Takes(x) {
				t.Errorf("register %d takes %v", tc.number, x)
			}
		}
	}
}

func TestCovering(t *testing.T) {
	m := loaded(t)
	for _, tc := range []struct {
		address, quantity int
		want              []int
	}{
		{2999, 2, []int{3000}},
		{3000, 1, []int{3000}}, // the second half of a value
		{3000, 2, []int{3000, 3002}},
		{3093, 4, nil}, // a gap
		{65535, 1, nil},
		{0, 29, nil},
	} {
		rows := m.Covering(tc.address, tc.quantity)
		ok := len(rows) == len(tc.want)
		for i := range rows {
			ok = ok && rows[i].Number == tc.want[i]
		}
		if !ok {
			t.Errorf("Covering(%d, %d) = %v, want %v", tc.address, tc.quantity, rows, tc.want)
		}
	}
}

func FuzzParseRows(f *testing.F) {
	f.Add(registersCSV[:2000])
	f.Add([]byte(strings.Join(rowColumns, ",") + "\n3000,Current A,2,FLOAT32,A,,current,hep,,Power Meter/Ia,,\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, err := ParseRows(bytes.NewReader(data))
		if err != nil {
			return
		}
		end := 0
		for _, r := range rows {
			if r.Number <= end || r.Number+r.Registers-1 > 65536 {
				t.Fatalf("row %+v overlaps or runs out", r)
			}
			end = r.Number + r.Registers - 1
		}
	})
}
