package waveform

// Quality is what the origin of samples holds against them. A sample that it calls
// invalid is missing and needs no Quality.
type Quality uint8

// What can be held against samples.
const (
	// Questionable: the origin does not vouch for the values.
	Questionable Quality = 1 << iota
	// OutOfRange: the values are beyond what the origin measures well, or were cut.
	OutOfRange
	// Unsynchronised: the sampling clock follows no time reference.
	Unsynchronised
	// Derived: the values were computed from other channels, not measured.
	Derived
	// Overrun: the samples follow a hole that this machine made by reading too slowly.
	Overrun
)

// QualityOf returns all that is held against a channel's samples of b.
func (b *Block) QualityOf(channel int) Quality {
	if channel < len(b.Quality) {
		return b.Quality[channel]
	}
	return 0
}
