package registermap

import "testing"

// Every read-only row with a source is fed by its group's Data Mapping module, each of
// its sources by exactly one slot; a row that can be written is its register itself.
func TestEveryRowWithASourceHasOneSlot(t *testing.T) {
	m := loaded(t)
	slots := map[string]int{} // by output
	for _, mapping := range m.Mappings() {
		names := map[string]bool{}
		for _, s := range mapping.Slots {
			if names[s.Name] {
				t.Errorf("%s has two slots %q", mapping.Label, s.Name)
			}
			names[s.Name] = true
			slots[mapping.Label+"/"+s.Name+" <- "+s.Source]++
		}
	}
	for _, r := range m.Rows {
		switch {
		case r.Writable() && r.Mapping != "":
			t.Errorf("register %d can be written and belongs to %s", r.Number, r.Mapping)
		case !r.Writable() && len(r.Sources) > 0 && r.Mapping != "Data Mapping "+r.Group:
			t.Errorf("register %d of group %s belongs to %q", r.Number, r.Group, r.Mapping)
		}
		for _, term := range r.Sources {
			if r.Mapping == "" {
				if term.From != term.Label {
					t.Errorf("register %d is read from %s, want %s", r.Number, term.From, term.Label)
				}
				continue
			}
			if n := slots[term.From+" <- "+term.Label]; n != 1 {
				t.Errorf("register %d: %s has %d slots, want 1", r.Number, term.Label, n)
			}
		}
	}
}

func TestSlotNames(t *testing.T) {
	for source, want := range map[string]string{
		"Power Meter/Vln a":      "Vln a",
		"kWh del/Result":         "kWh del",
		"kW sd/PredDemand":       "kW sd PredDemand",
		"Ia max/Maximum":         "Ia max",
		"V1 Harmonics/HD3":       "V1 Harmonics HD3",
		"Factory/Device Name":    "Device Name",
		"Clock/Day of Week":      "Day of Week",
		"V1 Harmonics/Total HD":  "V1 Harmonics Total HD",
		"kWh del Rate 1/Result":  "kWh del Rate 1",
		"Digital Input 1/Status": "Digital Input 1 Status",
	} {
		if got := slotName(source); got != want {
			t.Errorf("slot of %s: %q, want %q", source, got, want)
		}
	}
}
