package template

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/ion/modules"
	"github.com/hepmeter/hepmeter/metering"
)

func TestEveryModelLoads(t *testing.T) {
	models, err := Models()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range models {
		t.Run(m.Name, func(t *testing.T) {
			node, err := m.Build("HM-1", "3.0.0")
			if err != nil {
				t.Fatal(err)
			}
			for label, reason := range node.Offline() {
				t.Errorf("%s is offline: %s", label, reason)
			}
			if cfg, err := modules.MeteringConfig(node); err != nil || cfg.PT != (metering.Ratio{Primary: 347, Secondary: 347}) {
				t.Errorf("PT ratio %v (%v), want 347:347", cfg.PT, err)
			}
			second := &metering.Second{Windows: 5, DurationS: 1, EndS: 1}
			second.Energy.Wh[0] = 1000
			second.Power.P[metering.Total] = 3.6e6
			node.Tick(time.Unix(1_700_000_000, 0), second)
			picture := node.Snapshot()
			i, ok := picture.Find("kwh DEL/result")
			if v := picture.Value(i); !ok || !v.Available || v.Count != 1000 || math.Abs(v.Number-1) > 1e-12 {
				t.Errorf("kWh del/Result = %+v, want 1 kWh and 1000 Wh", v)
			}
			t.Logf("%d modules, %d registers", len(node.Directory().Modules), picture.Len())
		})
	}
}

// The rates count in turn as the tariff says, exactly what kWh del counts, and rate 1
// counts all until there is a tariff.
func TestTheTariffEnablesTheRates(t *testing.T) {
	node := factory(t, "PM8000")
	now := time.Date(2026, 3, 2, 6, 59, 58, 0, time.UTC) // a Monday
	second := &metering.Second{Windows: 5, DurationS: 1}
	second.Energy.Wh[0] = 1000
	ticks := func(count int) {
		for range count {
			now = now.Add(time.Second)
			second.EndS++
			node.Tick(now, second)
		}
	}
	want := func(counts ...int64) {
		t.Helper()
		for i, label := range []string{"kWh del", "kWh del Rate 1", "kWh del Rate 2", "kWh del Rate 3", "kWh del Rate 4"} {
			index, _ := node.Find(label + "/Result")
			if v := node.Value(index); !v.Available || v.Count != counts[i] {
				t.Errorf("%s is %v Wh, want %d", label, v.Count, counts[i])
			}
		}
	}
	ticks(10)
	want(10_000, 10_000, 0, 0, 0)
	now = time.Date(2026, 3, 2, 6, 59, 58, 0, time.UTC)
	if err := node.Program([]ion.Change{ion.Set{Register: "TOU/Season 1 Weekday", Value: "00:00 2, 07:00 4"}}, ion.By{}, now); err != nil {
		t.Fatal(err)
	}
	ticks(2) // 06:59:59 and 07:00:00, evaluated one second later
	want(12_000, 10_000, 2000, 0, 0)
	ticks(3)
	want(15_000, 10_000, 2000, 0, 3000)
}

// Each rate has the peak of the intervals that end while it is active: the one that ends
// as the rate changes is still of the old rate, and never counts for both.
func TestTheTariffPartsTheDemand(t *testing.T) {
	node := factory(t, "PM8000")
	now := time.Date(2026, 3, 2, 6, 29, 59, 0, time.UTC) // a Monday
	if err := node.Program([]ion.Change{ion.Set{Register: "TOU/Season 1 Weekday", Value: "00:00 2, 07:00 4"}}, ion.By{}, now); err != nil {
		t.Fatal(err)
	}
	second := &metering.Second{Windows: 5, DurationS: 1}
	load := func(kW float64, seconds int) {
		second.Power.P[metering.Total] = kW * 1000
		for range seconds {
			now = now.Add(time.Second)
			second.EndS++
			node.Tick(now, second)
		}
	}
	want := func(rate string, kW float64) {
		t.Helper()
		index, _ := node.Find("kW sd max Rate " + rate + "/Maximum")
		if v := node.Value(index); v.Available != (kW > 0) || math.Abs(v.Number-kW) > 1e-9 {
			t.Errorf("at %s the peak of rate %s is %v, want %v kW (0: N/A)", now.Format("15:04"), rate, v, kW)
		}
	}
	load(0, 1)
	load(1, 900)
	want("2", 1)
	load(3, 900) // to 07:00:00
	want("2", 3)
	load(2, 899)
	want("4", 0)
	load(2, 1)
	want("2", 3)
	want("4", 2)
	want("1", 0)
}

func TestPointsOfTheBaseUnit(t *testing.T) {
	node := factory(t, "ION7400")
	now := time.Unix(1_700_000_000, 0)
	second := &metering.Second{Windows: 5, DurationS: 1}
	tick := func() {
		now = now.Add(time.Second)
		second.EndS++
		node.Tick(now, second)
	}
	write := func(label string, v ion.Value) {
		t.Helper()
		if err := node.Command(label, v, ion.By{}, now); err != nil {
			t.Fatal(err)
		}
	}
	want := func(label string, want float64) {
		t.Helper()
		index, _ := node.Find(label)
		if v := node.Value(index); !v.Available || v.Number != want {
			t.Errorf("%s is %v, want %v", label, v, want)
		}
	}
	tick()
	for _, level := range []float64{1, 0, 1, 0} {
		write("Digital In 8/State", ion.Value{Class: ion.Boolean, Available: true, Number: level})
		tick()
	}
	want("Digital In 8/Count", 2)
	want("Digital In 1/Count", 0)
	write("DO 4 On/Trigger", ion.Value{Class: ion.Pulse})
	write("DI Rst Counts/Trigger", ion.Value{Class: ion.Pulse})
	tick()
	want("Digital In 8/Count", 0)
	want("Digital Out 4/State", 1)
	want("Digital Out 3/State", 0)
	write("DO 4 Off/Trigger", ion.Value{Class: ion.Pulse})
	tick()
	want("Digital Out 4/State", 0)
}

func TestFaultyModelsAreRefused(t *testing.T) {
	const good = `[{"name":"A","product":"p","samplesPerCycle":256,"inputs":["V1"],"frameworks":["f"],"limits":{"chainDepth":25,"modules":{"Maximum":3}}}]`
	framework := func(string) ([]byte, error) { return []byte("Clock | Clock"), nil }
	if _, err := parseModels([]byte(good), framework); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct{ old, new, want string }{
		"unknown key":         {`"product"`, `"products"`, "unknown field"},
		"no product":          {`"p"`, `""`, "product text"},
		"rate":                {`256`, `5`, "outside 16 to 65536"},
		"input":               {`"V1"`, `"V9"`, `unknown input "V9"`},
		"limit of no type":    {`"Maximum"`, `"Maximal"`, `unknown module type "Maximal"`},
		"not JSON":            {`[{`, `{`, "models.json"},
		"the same name twice": {good[1 : len(good)-1], good[1:len(good)-1] + "," + good[1:len(good)-1], "listed twice"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseModels([]byte(strings.Replace(good, row.old, row.new, 1)), framework)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v does not say %q", err, row.want)
			}
		})
	}
	if _, err := Load("ION1"); err == nil || !strings.Contains(err.Error(), "ION9000T") {
		t.Errorf("error %v does not name the models there are", err)
	}
}
