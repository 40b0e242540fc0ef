package measure

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hepmeter/hepmeter/waveform"
)

// TestMergingUnit: a real merging unit, under the currents that its test set injected:
// of orders 3 to 17 in % of the fundamental (SOURCES.md), here as subgroups.
func TestMergingUnit(t *testing.T) {
	r, err := File(context.Background(), filepath.Join(dataFolder(t), "sv/abb_mu_9_2le_part1.pcapng"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Windows) != 15 || *r.StartUTC != "2023-11-06T09:52:29.994750000Z" {
		t.Errorf("%d windows from %s", len(r.Windows), *r.StartUTC)
	}
	injected := map[int]float64{3: 7, 5: 5, 7: 3, 9: 1, 11: 5, 13: 1, 15: 1, 17: 0.5}
	for i := range r.Windows[:14] {
		w := &r.Windows[i]
		if len(w.Flags) != 0 {
			t.Errorf("window %d has flags %v", i, w.Flags)
		}
		within(t, "frequency", float64(w.FrequencyHz), 50, 0.005)
		for _, role := range []waveform.Role{waveform.I1, waveform.I2, waveform.I3} {
			list := w.Harmonics.lists[slices.Index(w.Harmonics.roles, role)]
			for order := 2; order <= 17; order++ {
				within(t, role.String(), float64(list[order-1]), injected[order], 0.15)
			}
		}
	}
}

// TestReversedPhases: the generator's stream rotates 1-3-2 and its currents lag a quarter
// period; it says that its clock is not synchronised.
func TestReversedPhases(t *testing.T) {
	r, err := File(context.Background(), filepath.Join(dataFolder(t), "sv/gen_60hz_1stream.pcap"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Windows) != 5 || r.NominalHz != 60 || r.StartUTC != nil {
		t.Errorf("%d windows at %g Hz", len(r.Windows), r.NominalHz)
	}
	for i := range r.Windows {
		w := &r.Windows[i]
		if want := []string{"phase-order", "clock"}; !slices.Equal(w.Flags, want) {
			t.Errorf("window %d has flags %v, want %v", i, w.Flags, want)
		}
		if w.Unbalance.U2.Available() {
			t.Errorf("window %d has an unbalance", i)
		}
		within(t, "Q", w.Q[total], 3*63.4955*4.99958, 0.05)
		within(t, "P", w.P[total], 0, 0.01)
	}
}
