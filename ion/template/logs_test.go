package template

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/metering"
	"github.com/hepmeter/hepmeter/waveform"
)

// Three quarters of an hour, with a load of 3.6 kW in the first two and 7.2 kW in the
// third, a reactive load of 1.8 kvar, and a voltage that peaks once in each: every log
// has the interval's own energy, mean and extremes, and the mean power factor is that of
// the mean powers. The interval of the power-up has no mean.
func TestLogsOfAnInterval(t *testing.T) {
	node := factory(t, "PM8000")
	node.Restore(nil, nil)
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	records := map[ion.Handle][][]ion.Value{}
	headers := map[ion.Handle]string{}
	second := &metering.Second{Windows: 5, DurationS: 1}
	for s := 1; s <= 3*900; s++ {
		kW := 3.6
		if s > 1800 {
			kW = 7.2
		}
		second.EndS = float64(s)
		second.Energy.Wh[0], second.Energy.Varh[0], second.Energy.VAh[0] = kW/3.6, 0.5, math.Hypot(kW/3.6, 0.5)
		second.Power.P[metering.Total], second.Power.Q1[metering.Total], second.Power.S[metering.Total] = kW*1000, 1800, math.Hypot(kW, 1.8)*1000
		second.RMS[waveform.V12] = 400
		if s%900 == 450 {
			second.RMS[waveform.V12] = 410 + float64(s/900)
		}
		node.Tick(begin.Add(time.Duration(s)*time.Second), second)
		ch := node.TakeChanges()
		for h, text := range ch.LogHeader {
			headers[h] = text
		}
		for _, r := range ch.Records {
			cells, err := ion.Cells(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			if want := begin.Add(time.Duration(len(records[r.Log])+1) * 900 * time.Second); !r.Time.Equal(want) {
				t.Errorf("a record of %v, want %v", r.Time, want)
			}
			records[r.Log] = append(records[r.Log], cells)
		}
	}
	for _, tc := range []struct {
		log, column string
		want        [3]float64 // NaN is not available
	}{
		{"Revenue Log", "kWh del int/Result", [3]float64{0.9, 0.9, 1.8}},
		{"Revenue Log", "kWh rec int/Result", [3]float64{}},
		{"Revenue Log", "kVARh del int/Result", [3]float64{0.45, 0.45, 0.45}},
		{"Hist Mean", "kW tot mean/SWinDemand", [3]float64{math.NaN(), 3.6, 7.2}},
		{"Hist Mean", "PF mean/Result 1", [3]float64{math.NaN(), 3.6 / math.Hypot(3.6, 1.8), 7.2 / math.Hypot(7.2, 1.8)}},
		{"Hist Mean", "PF mean/Result 2", [3]float64{math.NaN(), math.NaN(), math.NaN()}},
		{"Hist High", "Vll ab high/Maximum", [3]float64{410, 411, 412}},
		{"Hist High", "kW tot high/Maximum", [3]float64{3.6, 3.6, 7.2}},
		{"Hist Low", "Vll ab low/Minimum", [3]float64{400, 400, 400}},
		{"Hist Low", "kW tot low/Minimum", [3]float64{3.6, 3.6, 7.2}},
	} {
		h := node.Directory().Module(tc.log).Handle
		column := -1
		for i, line := range strings.Split(headers[h], "\n") {
			if label, _, _ := strings.Cut(line, "\t"); label == tc.column {
				column = i
			}
		}
		if column < 0 || len(records[h]) != 3 {
			t.Errorf("%s: %d records, column %s at %d in %q", tc.log, len(records[h]), tc.column, column, headers[h])
			continue
		}
		for i, want := range tc.want {
			switch got := records[h][i][column]; {
			case math.IsNaN(want) && got.Available:
				t.Errorf("%s, record %d: %s is %v, want N/A", tc.log, i+1, tc.column, got)
			case !math.IsNaN(want) && (!got.Available || math.Abs(got.Number-want) > 1e-9):
				t.Errorf("%s, record %d: %s is %v, want %v", tc.log, i+1, tc.column, got, want)
			}
		}
	}
}
