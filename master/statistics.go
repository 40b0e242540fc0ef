package master

import "time"

// UnitStatistics are the counts of one unit since the bus was made.
type UnitStatistics struct {
	Unit byte // 0: broadcasts
	// Requests are the questions asked: those sent, and those answered without sending.
	Requests uint64
	// Answers are those that came in time, exceptions among them.
	Answers    uint64
	Exceptions uint64
	// Timeouts and CRCErrors are requests sent that were not answered, or in damaged frames.
	Timeouts, CRCErrors uint64
	// Retries are requests sent again.
	Retries uint64
	// Late are answers dropped because nothing, or something else, was waited for. Foreign are
	// answers dropped because they did not fit what was waited for.
	Late, Foreign uint64
	// Cached are questions answered from the cache or with another's answer.
	Cached uint64
	// Refused are questions answered at once with ErrNoAnswer or ErrCrowded.
	Refused uint64
	// BackingOff is until when the unit is asked nothing; zero: it is asked.
	BackingOff time.Time
	Latency    Latency
}

// Latency is how long answers took, from the request on.
type Latency struct {
	Count     uint64
	Mean, Max time.Duration
	// P95 is what 95 of 100 answers were within, as near as a fixed histogram tells.
	P95 time.Duration
}

// Statistics returns the counts of every unit that was asked, in the order of units.
func (b *Bus) Statistics() []UnitStatistics { return nil }
