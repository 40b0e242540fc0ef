package waveform

import (
	"context"
	"time"
)

// Resumable is a Source that outlives who reads it and keeps its latest samples: another
// reader goes on where the one before stopped. Its Blocks have the number of their first
// sample, counted from 0 since it began, as First and as Origin.
type Resumable interface {
	Source
	// Axis identifies the run of samples: within one axis a number always means the same
	// sample.
	Axis() uint64
	// From has Next begin with a sample, or with the oldest later one that is still kept,
	// and returns its number; -1 is the first that was never delivered. It is called
	// before the first Next. begun is when second 0 of the time axis was, which for samples
	// that are not Live is when somebody first asked for them.
	From(ctx context.Context, sample int64) (first int64, begun time.Time, err error)
}
