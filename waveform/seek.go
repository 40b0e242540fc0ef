package waveform

// Rewinder is a Source that can begin again.
type Rewinder interface {
	Source
	// Rewind makes the next Block the first one again, as if newly opened.
	Rewind() error
}

// Timed is a Source of finite length that knows when each of its samples was taken.
type Timed interface {
	Source
	// Times returns the times of the samples first (inclusive, counted from 0) to end
	// (exclusive), in seconds since the first sample of the source: from the rates
	// where the origin states rates, from its time stamps otherwise. It does not
	// disturb Next. A range outside the source is an error.
	Times(first, end int64) ([]float64, error)
}
