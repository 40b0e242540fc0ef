package template

import (
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/metering"
)

// Each reset reaches its modules on every model, every peak and extreme has one, and no
// energy has but what is there to be reset.
func TestEveryModelHasItsResets(t *testing.T) {
	names, err := Names()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			d := factory(t, name).Directory()
			reset := map[string]string{} // by module
			for pulse, atLeast := range map[string]int{"Peak Dmd Reset": 22, "MnMx Reset": 74, "Partial Energy Reset": 3, "Cond Energy Reset": 6, "DI Rst Counts": 8} {
				index, ok := d.Find(pulse + "/Trigger")
				if owners := d.RegisterOwners(index); !ok || len(owners) < atLeast {
					t.Errorf("%s resets %d modules, want at least %d", pulse, len(owners), atLeast)
				}
				for _, input := range d.RegisterOwners(index) {
					label, input, _ := strings.Cut(input, "/")
					if reset[label] = pulse; input != "Reset" && input != "Reset Count" {
						t.Errorf("%s is linked to %s/%s, which is no reset", pulse, label, input)
					}
				}
			}
			for _, m := range d.Modules {
				own := strings.HasSuffix(m.Label, " high") || strings.HasSuffix(m.Label, " low") // of the historic logs, which reset them
				isDemand := strings.Contains(m.Label, " sd ")
				want := ""
				switch {
				case m.Type.Name == "Integrator" && strings.HasSuffix(m.Label, " part"):
					want = "Partial Energy Reset"
				case m.Type.Name == "Integrator" && strings.HasSuffix(m.Label, " cond"):
					want = "Cond Energy Reset"
				case (m.Type.Name == "Maximum" || m.Type.Name == "Minimum") && isDemand:
					want = "Peak Dmd Reset"
				case (m.Type.Name == "Maximum" || m.Type.Name == "Minimum") && !own:
					want = "MnMx Reset"
				case m.Type.Name != "Integrator":
					continue
				}
				if reset[m.Label] != want {
					t.Errorf("%s is reset by %q, want %q", m.Label, reset[m.Label], want)
				}
			}
		})
	}
}

// A reset takes what it is for, at once and nothing else.
func TestResetsTakeWhatTheyAreFor(t *testing.T) {
	const peak, extreme, rate, partial, bill = "kVA sd max/Maximum", "Ia max/Maximum", "kW sd max Rate 1/Maximum", "kWh del part/Result", "kWh del/Result"
	for _, row := range []struct{ pulse, gone string }{
		{"Peak Dmd Reset", peak + ", " + rate}, {"MnMx Reset", extreme}, {"Partial Energy Reset", partial}, {"Cond Energy Reset", ""}, {"DI Rst Counts", ""},
	} {
		t.Run(row.pulse, func(t *testing.T) {
			node := factory(t, "PM8000")
			now := time.Date(2026, 3, 2, 6, 29, 59, 0, time.UTC)
			second := &metering.Second{Windows: 5, DurationS: 1}
			second.Energy.Wh[0] = 1000
			load := func(x float64, seconds int) {
				second.Power.P[metering.Total], second.Power.S[metering.Total] = x*1000, x*1000
				for i := range second.RMS {
					second.RMS[i] = x
				}
				for range seconds {
					now = now.Add(time.Second)
					second.EndS++
					node.Tick(now, second)
				}
			}
			read := func(label string) ion.Value {
				index, _ := node.Find(label)
				return node.Value(index)
			}
			load(3, 902) // an interval that ends, and its peaks
			load(1, 902)
			before := map[string]float64{}
			for _, label := range []string{peak, extreme, rate, partial, bill} {
				v := read(label)
				if before[label] = v.Number; !v.Available {
					t.Fatalf("%s has nothing to reset", label)
				}
			}
			if err := node.Command(row.pulse+"/Trigger", ion.Value{Class: ion.Pulse}, ion.By{User: "User1"}, now); err != nil {
				t.Fatal(err)
			}
			load(1, 1)
			for label, was := range before {
				if v := read(label); (v.Available && v.Number >= was) == strings.Contains(row.gone, label) {
					t.Errorf("%s is %v and was %v, reset are %s", label, v, was, row.gone)
				}
			}
		})
	}
}

// A rate that is not active shows no peak of before the reset.
func TestAPeakOfAnotherRateStaysReset(t *testing.T) {
	node := factory(t, "PM8000")
	now := time.Date(2026, 3, 2, 6, 44, 59, 0, time.UTC) // a Monday
	if err := node.Program([]ion.Change{ion.Set{Register: "TOU/Season 1 Weekday", Value: "00:00 2, 07:00 4"}}, ion.By{}, now); err != nil {
		t.Fatal(err)
	}
	second := &metering.Second{Windows: 5, DurationS: 1}
	second.Power.P[metering.Total] = 1000
	run := func(seconds int) {
		for range seconds {
			now = now.Add(time.Second)
			second.EndS++
			node.Tick(now, second)
		}
	}
	index, _ := node.Find("kW sd max Rate 2/Maximum")
	run(1000) // beyond 07:00
	if !node.Value(index).Available {
		t.Fatal("rate 2 has no peak to reset")
	}
	if err := node.Command("Peak Dmd Reset/Trigger", ion.Value{Class: ion.Pulse}, ion.By{}, now); err != nil {
		t.Fatal(err)
	}
	run(2)
	if v := node.Value(index); v.Available {
		t.Errorf("the peak of rate 2 is %v after the reset, want none", v)
	}
}
