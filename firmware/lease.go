package firmware

import "time"

// LeaseTime is how long a lease holds without a word from its owner.
const LeaseTime = 2 * time.Minute

// Lease says whose turn it is to work on an upgrade: one at a time. It is not durable, and
// nothing of the upgrade hangs on it: when it ends, whoever may upgrade goes on from there.
// Times are of a monotonic clock, from any beginning.
type Lease struct {
	// Owner is the account and the client, in words; empty where nobody has the lease.
	Owner string
	Since time.Duration
	until time.Duration
}

// Held tells whether somebody has the lease.
func (l Lease) Held(now time.Duration) bool { return l.Owner != "" && now < l.until }

// Left is how long it still holds.
func (l Lease) Left(now time.Duration) time.Duration {
	if !l.Held(now) {
		return 0
	}
	return l.until - now
}

// take gives or renews the lease; it reports whether who has it now.
func (l *Lease) take(who string, now time.Duration) bool {
	if l.Held(now) && l.Owner != who {
		return false
	}
	if !l.Held(now) {
		*l = Lease{Owner: who, Since: now}
	}
	l.until = now + LeaseTime
	return true
}
