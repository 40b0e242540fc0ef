package template

import (
	"encoding/binary"
	"math"
	"math/big"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/metering"
	"pgregory.net/rapid"
)

// counted reads an Integrator's lifetime count of quanta from its kept state: what it
// shows plus what rolled over.
func counted(t *rapid.T, node *ion.Node, kept map[string][]byte, label string) *big.Int {
	b := kept[label]
	for range 2 { // type number, version
		_, n := binary.Uvarint(b)
		b = b[n:]
	}
	quanta := new(big.Int).SetBytes(b[:16])
	if quanta.Bit(127) == 1 {
		quanta.Sub(quanta, new(big.Int).Lsh(big.NewInt(1), 128))
	}
	rollovers, _ := binary.Varint(b[16:])
	roll, ok := node.Setting(label + "/RollValue")
	if !ok {
		t.Fatalf("there is no %s", label)
	}
	whole := new(big.Int).Mul(big.NewInt(rollovers), big.NewInt(int64(roll.Number)))
	return quanta.Add(quanta, whole.Mul(whole, big.NewInt(3600*ion.QuantaPerUnitSecond)))
}

// The sums that hold to the last quantum: result = Σ plus − Σ minus.
func energySums() [][3][]string {
	sums := [][3][]string{}
	for _, e := range []struct {
		unit     string
		del, rec [2]string
	}{
		{"kWh", [2]string{"Q1", "Q4"}, [2]string{"Q2", "Q3"}},
		{"kVARh", [2]string{"Q1", "Q2"}, [2]string{"Q3", "Q4"}},
		{"kVAh", [2]string{"Q1", "Q4"}, [2]string{"Q2", "Q3"}},
	} {
		u := e.unit + " "
		sums = append(sums,
			[3][]string{{u + "del"}, {u + e.del[0], u + e.del[1]}, nil},
			[3][]string{{u + "rec"}, {u + e.rec[0], u + e.rec[1]}, nil},
			[3][]string{{u + "del+rec"}, {u + "del", u + "rec"}, nil},
			[3][]string{{u + "del-rec"}, {u + "del"}, {u + "rec"}})
	}
	return sums
}

// Whatever flows, and whenever the meter restarts, rolls over or is reset, energies
// agree exactly, and what is shown derives from the one count.
func TestEnergiesAgreeExactly(t *testing.T) {
	model, err := Load("ION9000")
	if err != nil {
		t.Fatal(err)
	}
	sums := energySums()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1_700_000_000, 0)
		node, err := model.Build("", "3.0.0")
		if err != nil {
			t.Fatal(err)
		}
		all := func(apply func(label string)) {
			for _, unit := range []string{"kWh", "kVARh", "kVAh"} {
				for _, part := range []string{"del", "rec", "del+rec", "del-rec", "Q1", "Q2", "Q3", "Q4"} {
					apply(unit + " " + part)
				}
			}
		}
		if rapid.Bool().Draw(t, "roll over often") {
			var program []ion.Change
			all(func(label string) { program = append(program, ion.Set{Register: label + "/RollValue", Value: "2"}) })
			if err := node.Program(program, ion.By{}, now); err != nil {
				t.Fatal(err)
			}
		}
		amount := rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0, 1e-9), rapid.Float64Range(0, 1), rapid.Float64Range(0, 1e8))
		delivered := 0.0
		var second metering.Second
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0: // restart
				kept := node.Export()
				if node, err = model.Build("", "3.0.0"); err != nil {
					t.Fatal(err)
				}
				if problems := node.Restore(kept.Setup, kept.Retained); len(problems) > 0 {
					t.Fatal(problems)
				}
				second = metering.Second{}
			case 1: // reset
				all(func(label string) {
					if err := node.Pulse(label+"/Reset", ion.By{}); err != nil {
						t.Fatal(err)
					}
				})
				delivered = 0
				fallthrough
			default: // a second of energy
				now = now.Add(time.Second)
				second.EndS++
				second.Windows, second.DurationS = 5, 1
				for q := range 4 {
					second.Energy.Wh[q] = amount.Draw(t, "Wh")
					second.Energy.Varh[q] = amount.Draw(t, "varh")
					second.Energy.VAh[q] = amount.Draw(t, "VAh")
				}
				delivered += second.Energy.Wh[0] + second.Energy.Wh[3]
				node.Tick(now, &second)
			}
			kept := node.Export().Retained
			for _, s := range sums {
				want := new(big.Int)
				for _, label := range s[1] {
					want.Add(want, counted(t, node, kept, label))
				}
				for _, label := range s[2] {
					want.Sub(want, counted(t, node, kept, label))
				}
				if got := counted(t, node, kept, s[0][0]); got.Cmp(want) != 0 {
					t.Fatalf("%s = %v quanta, but %v less %v make %v", s[0][0], got, s[1], s[2], want)
				}
			}
			all(func(label string) {
				index, ok := node.Find(label + "/Result")
				v := node.Value(index)
				if !ok || !v.Available || !v.Exact || math.Abs(v.Number*1000-float64(v.Count)) > 1+math.Abs(v.Number)*1e-12 {
					t.Fatalf("%s shows %v and %d", label, v.Number, v.Count)
				}
			})
		}
		got, _ := new(big.Float).SetInt(counted(t, node, node.Export().Retained, "kWh del")).Float64()
		if want := delivered * 3.6e9; math.Abs(got-want) > 12*2+want*1e-14 { // a quantum for each quadrant, tick and restart
			t.Fatalf("kWh del counted %v quanta of %v that flowed", got, want)
		}
	})
}

// A steady load whose second is no whole number of quanta is counted to the quantum
// after a month of seconds, where a float sum is not.
func TestNothingIsLostInALongTime(t *testing.T) {
	model, err := Load("PM8000")
	if err != nil {
		t.Fatal(err)
	}
	model.Program = mustFramework(t, "Power Meter | Power Meter\nIntegrator | kWh del | Integrand <- Power Meter/kW tot")
	node, err := model.Build("", "3.0.0")
	if err != nil {
		t.Fatal(err)
	}
	const ticks = 20_000
	const wh = 1234.5678 * 0.20048123 / 3600
	second := metering.Second{Windows: 1, DurationS: 0.20048123}
	now := time.Unix(1_700_000_000, 0)
	naive := float32(0)
	for range ticks {
		second.EndS += 0.20048123
		second.Energy.Wh[0] = wh
		naive += wh
		node.Tick(now, &second)
	}
	index, _ := node.Find("kWh del/Result")
	want := ticks * wh / 1000
	if got := node.Value(index).Number; math.Abs(got-want) > want*1e-12 {
		t.Errorf("%v kWh, want %v", got, want)
	}
	if math.Abs(float64(naive)/1000-want) < want*1e-12 {
		t.Error("this load does not tell a good sum from a bad one")
	}
}

func mustFramework(t *testing.T, text string) []ion.Change {
	t.Helper()
	changes, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return changes
}
