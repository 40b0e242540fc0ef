package access

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of the ledger.
const (
	// ledgerEntries are kept in all, ledgerOfHost of one address: what is beyond is counted
	// together under otherClients.
	ledgerEntries = 1024
	ledgerOfHost  = 64
	otherClients  = "(other clients)"
	// askedOfEntry is how many different targets of changes an entry remembers.
	askedOfEntry = 8
	// ledgerPause is how long what only tells later times waits for the disk.
	ledgerPause = 5 * time.Minute
)

// ledger remembers who uses the meter, and how: it answers who would be cut off without
// legacy security support.
type ledger struct {
	mu      sync.Mutex
	entries map[entryKey]*entry
	dropped uint64
	since   time.Time
	// fresh tells that there is something new beside times; keptAt is when it was kept
	// last, changed that times have.
	fresh   bool
	changed bool
	keptAt  time.Time
}

// entryKey is what clients are told apart by.
type entryKey struct {
	host    string
	path    Path
	client  string
	kind    CredentialKind
	account int
}

// entry is one client's use. It is in the ledger from its first use on.
type entry struct {
	ledger  *ledger
	key     entryKey
	version string

	listed   atomic.Bool
	last     atomic.Int64 // ns since 1970
	requests atomic.Uint64
	ops      atomic.Uint32 // a bit for each operation

	first time.Time // guarded by ledger.mu, as asked
	asked []string
}

// Class says what becomes of a client without legacy security support.
type Class string

// The classes.
const (
	Legacy     Class = "legacy"     // it names no user: it is cut off
	Safe       Class = "safe"       // it uses an account
	Unaffected Class = "unaffected" // it uses the Modbus map or EtherGate, which have no accounts
)

// Use is one line of the ledger.
type Use struct {
	Host, Client, ClientVersion string
	Path                        Path
	Credential                  CredentialKind
	User                        string // of a NamedUser
	Class                       Class
	First, Last                 time.Time
	Requests                    uint64
	Operations                  []string
	Asked                       []string // what changes were about, the latest
}

// class tells legacy use: a request without a user name over ION or ION over Modbus, a
// change at the panel without one, a login with the model number.
func (k entryKey) class() Class {
	switch {
	case !takesCredentials(k.path):
		return Unaffected
	case k.kind == NamedUser:
		return Safe
	}
	return Legacy
}

// entry returns the entry of a session, which is not in the ledger before it is used.
func (l *ledger) entry(c *connection, id Identity, now time.Time) *entry {
	k := entryKey{host: c.client.host(), path: c.client.Path, client: c.name(), kind: id.Kind}
	version := ""
	if called := c.called.Load(); called != nil {
		version = called.version
	}
	if id.Kind == NamedUser {
		k.account = id.Account
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.entries[k]; e != nil {
		e.version = cmp.Or(version, e.version)
		return e
	}
	return &entry{ledger: l, key: k, version: version}
}

// list puts an entry into the ledger, or counts it with another one.
func (l *ledger) list(e *entry, now time.Time) *entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	if there := l.entries[e.key]; there != nil {
		return there
	}
	if l.entries == nil {
		l.entries, l.since = map[entryKey]*entry{}, cmpTime(l.since, now)
	}
	ofHost := 0
	for k := range l.entries {
		if k.host == e.key.host {
			ofHost++
		}
	}
	if ofHost >= ledgerOfHost {
		k := e.key
		k.client = otherClients
		l.dropped++
		if there := l.entries[k]; there != nil {
			return there
		}
		e = &entry{ledger: l, key: k}
	}
	if len(l.entries) >= ledgerEntries {
		l.evict()
	}
	e.first = now
	e.listed.Store(true)
	l.entries[e.key] = e
	l.fresh = true
	return e
}

func cmpTime(t, otherwise time.Time) time.Time {
	if t.IsZero() {
		return otherwise
	}
	return t
}

// evict takes out the entry that was not used for the longest time, safe ones first: the
// ledger is there for the others.
func (l *ledger) evict() {
	var oldest *entry
	older := func(a, b *entry) bool {
		if sa, sb := a.key.class() != Legacy, b.key.class() != Legacy; sa != sb {
			return sa
		}
		return a.last.Load() < b.last.Load()
	}
	for _, e := range l.entries {
		if oldest == nil || older(e, oldest) {
			oldest = e
		}
	}
	oldest.listed.Store(false)
	delete(l.entries, oldest.key)
	l.dropped++
}

// use notes an operation in the ledger.
func (s *Session) use(op Operation, target string, now time.Time) {
	e := s.entry.Load()
	if e.key.path == FrontPanel && e.key.kind == NoCredential && needs[op] == MayRead {
		return // looking at the display is not use of the kind that matters
	}
	if !e.listed.Load() {
		e = e.ledger.list(e, now)
		s.entry.Store(e)
	}
	e.requests.Add(1)
	e.last.Store(now.UnixNano())
	bit := uint32(1) << op
	known := e.ops.Or(bit)&bit != 0
	if needs[op] == MayRead && known {
		return
	}
	l := e.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changed = true
	l.fresh = l.fresh || !known
	target = clean(target)
	if needs[op] == MayRead || slices.Contains(e.asked, target) {
		return
	}
	if len(e.asked) >= askedOfEntry {
		e.asked = slices.Delete(e.asked, 0, 1)
	}
	e.asked = append(e.asked, target)
	l.fresh = true
}

// settle counts what a session has read through its views; the caller holds the
// connection's mu. It reports whether the session was used since.
func (l *ledger) settle(s *Session, now time.Time) bool {
	reads := s.reads.Load()
	n := reads - s.settled
	s.settled = reads
	e := s.entry.Load()
	if n == 0 || e == nil {
		return false
	}
	if !e.listed.Load() {
		e = l.list(e, now)
		s.entry.Store(e)
	}
	e.requests.Add(n)
	e.last.Store(now.UnixNano())
	l.mu.Lock()
	l.changed = true
	l.mu.Unlock()
	return true
}

// uses returns the ledger, legacy use first, the latest first.
func (l *ledger) uses() (list []Use, dropped uint64, since time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k, e := range l.entries {
		u := Use{Host: k.host, Client: k.client, ClientVersion: e.version, Path: k.path, Credential: k.kind, User: UserName(k.account), Class: k.class(),
			First: e.first, Last: time.Unix(0, e.last.Load()).UTC(), Requests: e.requests.Load(), Asked: slices.Clone(e.asked)}
		for op := range operations {
			if e.ops.Load()&(1<<op) != 0 {
				u.Operations = append(u.Operations, op.String())
			}
		}
		list = append(list, u)
	}
	order := map[Class]int{Legacy: 0, Safe: 1, Unaffected: 2}
	slices.SortFunc(list, func(a, b Use) int {
		return cmp.Or(cmp.Compare(order[a.Class], order[b.Class]), b.Last.Compare(a.Last), cmp.Compare(a.Host, b.Host), cmp.Compare(a.Client, b.Client))
	})
	return list, l.dropped, l.since
}

// Uses returns the ledger. It needs Security Config Access.
func (s *Session) Uses() (list []Use, dropped uint64, since time.Time, err error) {
	if err := s.permit(ReadSecurity, "ledger"); err != nil {
		return nil, 0, time.Time{}, err
	}
	s.gate().goThrough(s.gate().options.Now())
	list, dropped, since = s.gate().ledger.uses()
	return list, dropped, since, nil
}

// keptLedgerForm is the ledger as it is stored.
type keptLedgerForm struct {
	Since   time.Time   `json:"since"`
	Dropped uint64      `json:"dropped,omitempty"`
	Entries []keptEntry `json:"entries"`
}

type keptEntry struct {
	Host       string   `json:"host"`
	Path       string   `json:"path"`
	Client     string   `json:"client,omitempty"`
	Version    string   `json:"version,omitempty"`
	Credential string   `json:"credential"`
	Account    int      `json:"account,omitempty"`
	FirstNs    int64    `json:"first"`
	LastNs     int64    `json:"last"`
	Requests   uint64   `json:"requests"`
	Operations uint32   `json:"operations"`
	Asked      []string `json:"asked,omitempty"`
}

// keep returns the ledger to be stored, nil if that can wait.
func (l *ledger) keep(now time.Time, all bool) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.fresh && (!l.changed || !all && now.Sub(l.keptAt) < ledgerPause) {
		return nil
	}
	l.fresh, l.changed, l.keptAt = false, false, now
	form := keptLedgerForm{Since: l.since, Dropped: l.dropped, Entries: []keptEntry{}}
	for k, e := range l.entries {
		form.Entries = append(form.Entries, keptEntry{Host: k.host, Path: k.path.String(), Client: k.client, Version: e.version, Credential: k.kind.String(), Account: k.account,
			FirstNs: e.first.UnixNano(), LastNs: e.last.Load(), Requests: e.requests.Load(), Operations: e.ops.Load(), Asked: e.asked})
	}
	slices.SortFunc(form.Entries, func(a, b keptEntry) int { return cmp.Compare(a.FirstNs, b.FirstNs) })
	text, err := json.Marshal(form)
	if err != nil {
		panic(err) // numbers and texts always become JSON
	}
	return text
}

func (l *ledger) restore(text []byte, now time.Time) error {
	l.since = now
	if len(text) == 0 {
		return nil
	}
	var form keptLedgerForm
	if err := json.Unmarshal(text, &form); err != nil {
		return fmt.Errorf("the kept ledger: %w", err)
	}
	l.since, l.dropped, l.entries = form.Since, form.Dropped, map[entryKey]*entry{}
	for _, k := range form.Entries {
		path, known := ParsePath(k.Path)
		kind := parseCredentialKind(k.Credential)
		if !known || kind == credentialKinds {
			continue // of a firmware that had others
		}
		e := &entry{ledger: l, key: entryKey{k.Host, path, k.Client, kind, k.Account}, version: k.Version, first: time.Unix(0, k.FirstNs).UTC(), asked: k.Asked}
		e.listed.Store(true)
		e.last.Store(k.LastNs)
		e.requests.Store(k.Requests)
		e.ops.Store(k.Operations)
		l.entries[e.key] = e
	}
	return nil
}

func parseCredentialKind(name string) CredentialKind {
	for i, known := range credentialNames {
		if known == name {
			return CredentialKind(i)
		}
	}
	return credentialKinds
}
