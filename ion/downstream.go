package ion

// Downstream is what the meter knows of a unit behind its Modbus gateway, counted since it
// started.
type Downstream struct {
	Unit byte // as clients of the gateway ask for it
	// Requests are the questions asked, Answers those answered in time, Exceptions the
	// exceptions among them.
	Requests, Answers, Exceptions uint64
	// Timeouts are requests that were sent and not answered in time, CRCErrors those for
	// which something came that was no answer, Lost those for which a port or a connection
	// was not to be had, or was lost; Retries are requests sent again.
	Timeouts, CRCErrors, Lost, Retries uint64
	// Dropped are late and foreign answers, which nobody was given.
	Dropped uint64
	// Cached are questions answered without asking, Refused those turned away at once.
	Cached, Refused uint64
	// BackingOff tells that the unit is not asked for a while, since it did not answer.
	BackingOff bool
	// LatencyS, LatencyP95S and LatencyMaxS are how long answers took: their mean, what 95
	// of 100 were within, and the longest, in seconds; NaN while there was none.
	LatencyS, LatencyP95S, LatencyMaxS float64
}
