package meter

import "github.com/hepmeter/hepmeter/metering"

// qualities tells when something begins to be held against the samples, and when it is
// over. What comes and goes is told once: it is over when it has not been seen for
// qualityCalm.
type qualities struct {
	// active are the flags whose beginning was told, lastS the end of the last window with
	// each of changes.
	active metering.Flags
	lastS  [len(changes)]float64
}

// changes is what is told of each flag.
var changes = [...]struct {
	flag        metering.Flags
	begun, over string
}{
	{metering.FlagQuestionable, "samples are questionable", "samples are good again"},
	{metering.FlagOutOfRange, "samples are out of range", "samples are in range again"},
	{metering.FlagClock, "the samples' clock is not synchronised", "the samples' clock is synchronised again"},
	{metering.FlagDerived, "samples are derived, not measured", "samples are measured again"},
	{metering.FlagOverrun, "samples were lost by reading too slowly", "samples are read in time again"},
}

// qualityCalm is how long samples must be clean before that is told, in seconds.
const qualityCalm = 10

// follow takes the flags of a window that ended at endS and returns what to tell.
func (q *qualities) follow(flags metering.Flags, endS float64) (told []string) {
	if (flags|q.active)&metering.FlagsOfSamples == 0 {
		return nil
	}
	for i, n := range changes {
		switch {
		case flags&n.flag != 0:
			if q.active&n.flag == 0 {
				told = append(told, n.begun)
			}
			q.active |= n.flag
			q.lastS[i] = endS
		case q.active&n.flag != 0 && endS > q.lastS[i]+qualityCalm:
			q.active &^= n.flag
			told = append(told, n.over)
		}
	}
	return told
}
