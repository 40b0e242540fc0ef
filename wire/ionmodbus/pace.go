package ionmodbus

import "time"

const (
	// firstWait is how long an answer is waited for while nothing is known of the path, mostWait
	// how long at most.
	firstWait = time.Second
	mostWait  = 5 * time.Second
	// leastWait is how long at least: below, it is the two computers that make it late.
	leastWait = 25 * time.Millisecond
	// mostRatio bounds by how much longer messages are waited for longer.
	mostRatio = 16
)

// pace knows how long answers take, as RFC 6298 has it: mean and deviation of the round trips,
// those of messages that were asked twice left out, and twice as long after each failure.
type pace struct {
	// perByte is what a line of known speed takes for a byte.
	perByte time.Duration
	mean    time.Duration // beside what the line takes
	jitter  time.Duration
	bytes   int // the mean length of request and answer together
	backoff uint
}

// wait is how long the answer to a request is waited for, where both together have so many
// bytes.
func (p *pace) wait(bytes int) time.Duration {
	d := firstWait
	if p.bytes > 0 {
		d = p.mean + 4*p.jitter
		if bytes > p.bytes {
			d = d * time.Duration(min(bytes, mostRatio*p.bytes)) / time.Duration(p.bytes)
		}
	}
	return min(max(d, leastWait)<<p.backoff, mostWait) + p.perByte*time.Duration(bytes)
}

// answered tells of a round trip.
func (p *pace) answered(took time.Duration, bytes int) {
	took = max(0, took-p.perByte*time.Duration(bytes))
	p.backoff = 0
	if p.bytes == 0 {
		p.mean, p.jitter, p.bytes = took, took/2, bytes
		return
	}
	p.jitter += (max(p.mean-took, took-p.mean) - p.jitter) / 4
	p.mean += (took - p.mean) / 8
	p.bytes = max(1, p.bytes+(bytes-p.bytes)/8)
}

// missed tells that an answer did not come.
func (p *pace) missed() { p.backoff = min(p.backoff+1, 8) }
