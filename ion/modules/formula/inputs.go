package formula

// Inputs is what formulas read: the sources now and at the runs before, and the
// results. The zero Inputs has the sources 0; call Forget first.
type Inputs struct {
	past    [Previous + 1][Sources]float64 // a ring of runs
	latest  int                            // the present run in it
	results [Results]float64
}

// Forget makes all sources of the present and earlier runs NOT AVAILABLE and all
// results 0.
func (in *Inputs) Forget() {
	for i := range Sources {
		in.ForgetSource(i)
	}
	in.results = [Results]float64{}
}

// ForgetSource makes a source NOT AVAILABLE at the present and at earlier runs.
func (in *Inputs) ForgetSource(index int) {
	for run := range in.past {
		in.past[run][index] = notAvailable()
	}
}

// Advance begins the next run: all sources are NOT AVAILABLE until set.
func (in *Inputs) Advance() {
	in.latest = (in.latest + 1) % len(in.past)
	for i := range Sources {
		in.past[in.latest][i] = notAvailable()
	}
}

// SetSource sets a source of the present run.
func (in *Inputs) SetSource(index int, x float64) { in.past[in.latest][index] = x }

// SetResult sets a result for the formulas that read it.
func (in *Inputs) SetResult(index int, x float64, available bool) {
	if !available {
		x = notAvailable()
	}
	in.results[index] = x
}

func (in *Inputs) source(index, previous int) float64 {
	return in.past[(in.latest+len(in.past)-previous)%len(in.past)][index]
}
