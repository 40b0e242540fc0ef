package meter

import (
	"context"
	"math"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hepmeter/hepmeter/ion"
)

// overload is 63 kW for two minutes, 3 kW for the third and 54 kW from then on.
const overload = `
name: overload
voltage: {rms: 230}
loads:
  - {name: plant, kW: 60, kvar: 20}
  - {name: feeder, kW: 3}
events:
  - {type: step, load: plant, at: 122, durationSeconds: 60, percent: 0}
  - {type: step, load: plant, at: 182, percent: 85}
`

// example returns the block of docs/templates.md in which the text stands.
func example(t *testing.T, text string) string {
	t.Helper()
	page, err := os.ReadFile("../docs/templates.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(page), "```template\n")[1:]
	for _, block := range blocks {
		if block, _, _ = strings.Cut(block, "```"); strings.Contains(block, text) {
			return block
		}
	}
	t.Fatalf("docs/templates.md has no example with %q", text)
	return ""
}

// The example of docs/templates.md, appended to the program of a running meter, sheds the
// load twice: each alarm has its record, with the peak since the one before, and its alert,
// and the output stays ON for the shed time and for as long as the demand is too high. All
// times are shorter here: a demand interval is a minute, the shed time 40 s.
func TestLoadShedding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, source := steadyAt(t, overload, 3200)
		m := openMeter(t, t.TempDir(), source)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- m.Run(ctx) }()
		start := time.Now()

		program, err := m.Template(ctx)
		if err != nil {
			t.Fatal(err)
		}
		shorter := strings.NewReplacer("Duration = 10m", "Duration = 40s", "SusUntlOFF = 1m", "SusUntlOFF = 10s")
		lines := shorter.Replace(example(t, "Shed Log")) + "+ kW sd | Sub Intvl = 60\n"
		changed, err := m.LoadTemplate(ctx, append(program, lines...), tester)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(changed.String(), "removed") {
			t.Errorf("the example takes away what the factory made:\n%v", changed)
		}
		for _, row := range []struct {
			at time.Duration
			on bool
		}{
			{123 * time.Second, false}, // the demand is too high, not yet for 5 s
			{127 * time.Second, true},
			{169 * time.Second, true}, // the shed time is over, the demand is not down
			{187 * time.Second, true},
			{193 * time.Second, false}, // below the dropout level for 10 s
			{243 * time.Second, false},
			{247 * time.Second, true},
		} {
			time.Sleep(time.Until(start.Add(row.at)))
			if v := value(t, m, "Digital Out 1/State"); !v.Available || (v.Number == 1) != row.on {
				t.Errorf("after %v the output is %v, want ON %v", row.at, v, row.on)
			}
		}
		time.Sleep(2 * time.Second)
		records, err := m.Records("Shed Log", 0, 10)
		if err != nil || len(records) != 2 {
			t.Fatalf("records %v, %v; want two", records, err)
		}
		for i, want := range [...]struct {
			at           time.Duration
			demand, peak float64
		}{{125 * time.Second, 63, 63}, {245 * time.Second, 52.3, 54}} {
			cells, err := ion.Cells(records[i].Body)
			if err != nil || len(cells) != 2 || math.Abs(cells[0].Number-want.demand) > 0.5 || math.Abs(cells[1].Number-want.peak) > 0.5 {
				t.Errorf("record %d has %v, %v; want a demand of %v and a peak of %v kW", i+1, cells, err, want.demand, want.peak)
			}
			if late := records[i].Time.Sub(start.Add(want.at)); late.Abs() > time.Second {
				t.Errorf("record %d is of %v, %v off", i+1, records[i].Time, late)
			}
		}
		alerts, err := m.Outbox(ctx)
		if err != nil || len(alerts) != 2 || !strings.HasPrefix(alerts[0].Text, "Shed Alert: demand 6") || alerts[0].Destination != "operator@example.com" {
			t.Errorf("outbox %v, %v; want two alerts with the demand", alerts, err)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
}
