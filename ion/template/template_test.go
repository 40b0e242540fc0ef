package template

import (
	"math"
	"strings"
	"testing"
	"time"

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
