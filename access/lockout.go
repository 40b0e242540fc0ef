package access

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"
)

// lockoutKey is what wrong logins are counted by: being locked on one path leaves the
// others usable, and serial and Ethernet count apart (security.md 4.2).
type lockoutKey struct {
	// Account is 0 for the meter password of Standard, and foreign for names that are no
	// account.
	Account int
	Path    Path
	Medium  Medium
}

// foreign stands for all names that are no account: they are counted, so that the log
// tells of them, and nobody is locked.
const foreign = -1

// lockouts counts wrong logins.
type lockouts struct {
	mu     sync.Mutex
	counts map[lockoutKey]*wrongLogins
	dirty  bool
}

// wrongLogins are those since the last success.
type wrongLogins struct {
	failures int
	until    time.Time // locked until; zero while not
	// recent are the wrong pairs that were counted, and while it is locked those that the
	// log was told of, with the time of the count, the oldest
	// first. They are digests with a key that ends with the process.
	recent []wrongPair
}

type wrongPair struct {
	digest digest
	at     time.Time
}

// recentPairs bounds the pairs that are told apart for each count.
const recentPairs = 16

// Lockout is one count as it is shown.
type Lockout struct {
	Account   int
	Path      Path
	Medium    Medium
	Failures  int
	Locked    bool
	Remaining time.Duration
}

// locked reports whether logins are refused, and takes back a lockout that is over: the
// count begins anew then.
func (l *lockouts) locked(k lockoutKey, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.counts[k]
	if w == nil || w.until.IsZero() {
		return false
	}
	if now.Before(w.until) {
		return true
	}
	delete(l.counts, k)
	l.dirty = true
	return false
}

// fresh remembers a pair for the collapse time, and reports whether it was not known; the
// oldest makes room.
func (w *wrongLogins) fresh(d digest, now time.Time, collapse time.Duration) bool {
	w.recent = slices.DeleteFunc(w.recent, func(p wrongPair) bool { return now.Sub(p.at) >= collapse })
	if collapse <= 0 {
		return true
	}
	if slices.ContainsFunc(w.recent, func(p wrongPair) bool { return p.digest == d }) {
		return false
	}
	if len(w.recent) >= recentPairs {
		w.recent = slices.Delete(w.recent, 0, 1)
	}
	w.recent = append(w.recent, wrongPair{d, now})
	return true
}

// told reports whether the log is to tell of a login with a locked account: of the same
// pair once within the collapse time.
func (l *lockouts) told(k lockoutKey, d digest, now time.Time, collapse time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.counts[k]
	return w == nil || w.fresh(d, now, collapse)
}

// repeated reports whether the wrong pair was counted within the collapse time: the
// answer is known without a check, and the repeat counts for nothing.
func (l *lockouts) repeated(k lockoutKey, d digest, now time.Time, collapse time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.counts[k]
	return w != nil && slices.ContainsFunc(w.recent, func(p wrongPair) bool { return p.digest == d && now.Sub(p.at) < collapse })
}

// wrong counts a wrong login, and locks when attempts (0: never) are reached. A stateless
// protocol sends the same wrong pair again and again: within the collapse time of its
// count it counts once (collapse 0: each counts).
func (l *lockouts) wrong(k lockoutKey, d digest, now time.Time, attempts int, duration, collapse time.Duration) (counted, lockedNow bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counts == nil {
		l.counts = map[lockoutKey]*wrongLogins{}
	}
	w := l.counts[k]
	if w == nil {
		w = &wrongLogins{}
		l.counts[k] = w
	}
	if !w.fresh(d, now, collapse) {
		return false, false
	}
	w.failures++
	if attempts > 0 && w.failures >= attempts && w.until.IsZero() && k.Account != foreign {
		w.until = now.Add(duration)
		lockedNow = true
	}
	l.dirty = true
	return true, lockedNow
}

// right begins the count anew after a success.
func (l *lockouts) right(k lockoutKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.counts[k]; ok {
		delete(l.counts, k)
		l.dirty = true
	}
}

// unlock forgets the counts of an account; on one path, or on all where path is nil.
func (l *lockouts) unlock(account int, path *Path) (unlocked int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k := range l.counts {
		if k.Account == account && (path == nil || k.Path == *path) {
			delete(l.counts, k)
			l.dirty = true
			unlocked++
		}
	}
	return unlocked
}

// list returns the counts in order.
func (l *lockouts) list(now time.Time) []Lockout {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []Lockout
	for k, w := range l.counts {
		if k.Account == foreign {
			continue
		}
		remaining := max(0, w.until.Sub(now))
		if !w.until.IsZero() && remaining == 0 {
			continue // it is over
		}
		list = append(list, Lockout{k.Account, k.Path, k.Medium, w.failures, remaining > 0, remaining})
	}
	slices.SortFunc(list, func(a, b Lockout) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Medium, b.Medium))
	})
	return list
}

// keptLockout is how a count is stored. A clock that is set while the meter is off must
// not lengthen a lockout, so that it is what remains that is kept.
type keptLockout struct {
	Account  int    `json:"account"`
	Path     string `json:"path"`
	Medium   string `json:"medium"`
	Failures int    `json:"failures"`
	// LockedMs is what remains, UntilUTC until when: the shorter of the two holds after a
	// restart.
	LockedMs int64     `json:"lockedMs,omitempty"`
	UntilUTC time.Time `json:"untilUTC,omitzero"`
}

// keep returns the counts to be stored, nil if they are stored already.
func (l *lockouts) keep(now time.Time) []byte {
	list := l.list(now)
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.dirty {
		return nil
	}
	l.dirty = false
	kept := []keptLockout{}
	for _, c := range list {
		k := keptLockout{Account: c.Account, Path: c.Path.String(), Medium: c.Medium.String(), Failures: c.Failures}
		if c.Locked {
			k.LockedMs, k.UntilUTC = c.Remaining.Milliseconds(), now.Add(c.Remaining).UTC()
		}
		kept = append(kept, k)
	}
	text, err := json.Marshal(kept)
	if err != nil {
		panic(err) // numbers and texts always become JSON
	}
	return text
}

// restore takes back what keep wrote.
func (l *lockouts) restore(text []byte, now time.Time) error {
	if len(text) == 0 {
		return nil
	}
	var kept []keptLockout
	if err := json.Unmarshal(text, &kept); err != nil {
		return fmt.Errorf("the kept lockouts: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts = map[lockoutKey]*wrongLogins{}
	for _, k := range kept {
		path, known := ParsePath(k.Path)
		medium := parseMedium(k.Medium)
		if !known || medium == media {
			continue // of a firmware that had others
		}
		w := &wrongLogins{failures: k.Failures}
		if k.LockedMs > 0 {
			remaining := min(time.Duration(k.LockedMs)*time.Millisecond, k.UntilUTC.Sub(now))
			if remaining <= 0 {
				continue
			}
			w.until = now.Add(remaining)
		}
		l.counts[lockoutKey{k.Account, path, medium}] = w
	}
	return nil
}

func parseMedium(name string) Medium {
	for i, known := range mediumNames {
		if known == name {
			return Medium(i)
		}
	}
	return media
}
