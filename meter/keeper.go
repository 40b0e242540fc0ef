package meter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/store"
)

// keeper makes durable what a tick must keep, and only then publishes the tick's
// snapshot: no reader sees an energy that a power cut could take back.
//
// The engine goroutine hands over and never waits. Where the disk is slower than
// the ticks, batches merge: the last snapshot and state win, events add up.
type keeper struct {
	commit  func(store.Batch) error
	publish func(access.Snapshot)
	log     *slog.Logger
	// takes reports whether events of a priority are logged.
	takes func(priority uint8) bool

	wake chan struct{} // capacity 1

	mu sync.Mutex
	// pending is what has not been taken to the disk yet.
	pending store.Batch
	// latest is the newest snapshot, nil for none; shown is the sequence number of the
	// newest that was published.
	latest access.Snapshot
	shown  uint64
	// waiters wait for pending to be durable.
	waiters []chan<- error
	// waiting is since when a snapshot has waited for the disk, zero if none does.
	// stalled says that one was published before it was durable.
	waiting time.Time
	stalled bool
	// lostRecords were more than could wait for the disk.
	lostRecords int
	// failing is since when the disk has refused commits, zero if it takes them.
	failing time.Time
	// lasted is how long the latest commit took.
	lasted time.Duration
}

func newKeeper(commit func(store.Batch) error, publish func(access.Snapshot), log *slog.Logger) *keeper {
	return &keeper{commit: commit, publish: publish, log: log, takes: func(uint8) bool { return true }, wake: make(chan struct{}, 1)}
}

// patience is how long a snapshot may wait for the disk.
const patience = time.Second

// keep takes over a tick's batch and snapshot; the maps of b are the keeper's from
// now on. done, if it is not nil, is told whether the batch became durable. If a
// snapshot has waited for the disk for too long, the one of the tick before is published
// without it: a slow disk must not freeze the readings. keep then returns true, once for
// each stall.
func (k *keeper) keep(b store.Batch, s access.Snapshot, done chan<- error) (stalled bool) {
	now := time.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.waiting.IsZero():
		k.waiting = now
	case now.Sub(k.waiting) >= patience:
		k.show(k.latest)
		stalled = !k.stalled
		k.stalled = true
	}
	k.merge(b)
	k.latest = s
	if done != nil {
		k.waiters = append(k.waiters, done)
	}
	k.rouse()
	return stalled
}

// show publishes s unless it is none, or older than what is shown.
func (k *keeper) show(s access.Snapshot) {
	if s != nil && s.Seq() > k.shown {
		k.shown = s.Seq()
		k.publish(s)
	}
}

// note takes over one event, to be kept at once.
func (k *keeper) note(e store.Event) {
	if !k.takes(e.Priority) {
		return
	}
	for _, text := range []*string{&e.Cause, &e.CauseValue, &e.Effect, &e.EffectValue, &e.User, &e.Origin} {
		*text = eventText(*text)
	}
	k.log.Log(context.Background(), levelOf(e.Priority), "event", "cause", e.Cause, "value", e.CauseValue, "effect", e.Effect, "result", e.EffectValue, "from", e.Origin)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.merge(store.Batch{Events: []store.Event{e}})
	k.rouse()
}

// maxEventText is what an event keeps of a text from outside the modules, in bytes: the
// reasons of a refused program may fill pages.
const maxEventText = 1000

func eventText(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), maxEventText)], "?")
}

// tell adds an event about the storage itself; the caller holds mu.
func (k *keeper) tell(at time.Time, priority uint8, cause, object, effect string) {
	if k.takes(priority) {
		k.merge(store.Batch{Events: []store.Event{{Time: at.UTC(), Priority: priority,
			Cause: "Storage", CauseValue: eventText(cause), Effect: object, EffectValue: effect}}})
	}
}

// rouse makes run flush soon.
func (k *keeper) rouse() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// levelOf is the level at which an event of this priority is logged.
func levelOf(priority uint8) slog.Level {
	switch {
	case priority >= ion.PriorityFailure:
		return slog.LevelError
	case priority >= ion.PriorityWarning:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// merge adds b, which is newer, to the pending batch: the last word on a label wins.
// Of events no more wait than the log keeps: the others would leave it at once.
func (k *keeper) merge(b store.Batch) {
	p := &k.pending
	p.Retained, p.RetainedDelete = mergeLabels(p.Retained, p.RetainedDelete, b.Retained, b.RetainedDelete)
	p.Setup, p.SetupDelete = mergeLabels(p.Setup, p.SetupDelete, b.Setup, b.SetupDelete)
	p.Security, p.SecurityDelete = mergeLabels(p.Security, p.SecurityDelete, b.Security, b.SecurityDelete)
	if b.EventDepth != nil {
		p.EventDepth, p.Events = b.EventDepth, nil // the log is erased
	}
	if b.Program != "" {
		p.Program = b.Program
	}
	k.mergeLogs(b)
	p.Events = append(p.Events, b.Events...)
	if beyond := len(p.Events) - store.DefaultEventDepth; beyond > 0 {
		p.Events = slices.Delete(p.Events, 0, beyond)
	}
	if b.Alive.After(p.Alive) {
		p.Alive = b.Alive
	}
	if b.Position != nil {
		p.Position = b.Position
	}
}

// maxWaitingRecords is how many records of logs wait for a disk that takes none. Beyond
// it the oldest are lost, which the event log will tell.
const maxWaitingRecords = 5000

// mergeLogs adds the records of b, and what it says of logs. The store drops logs before
// it takes records, and trims after.
func (k *keeper) mergeLogs(b store.Batch) {
	p := &k.pending
	dropped := map[uint32]bool{}
	for _, log := range b.LogDrop {
		dropped[log] = true
		delete(p.LogTrim, log)
		delete(p.LogHeader, log)
	}
	if len(dropped) > 0 {
		p.Records = slices.DeleteFunc(p.Records, func(r store.Record) bool { return dropped[r.Log] })
	}
	p.LogDrop = slices.DeleteFunc(p.LogDrop, func(log uint32) bool { return dropped[log] }) // once is enough
	p.LogDrop = append(p.LogDrop, b.LogDrop...)
	p.Records = append(p.Records, b.Records...)
	if beyond := len(p.Records) - maxWaitingRecords; beyond > 0 {
		p.Records = slices.Delete(p.Records, 0, beyond)
		k.lostRecords += beyond
	}
	p.LogTrim = mergeMaps(p.LogTrim, b.LogTrim)
	p.LogHeader = mergeMaps(p.LogHeader, b.LogHeader)
}

func mergeMaps[K comparable, V any](old, newer map[K]V) map[K]V {
	if old == nil {
		return newer
	}
	maps.Copy(old, newer)
	return old
}

func mergeLabels[V any](put map[string]V, gone []string, newerPut map[string]V, newerGone []string) (map[string]V, []string) {
	put = mergeMaps(put, newerPut)
	if len(gone)+len(newerGone) == 0 {
		return put, nil
	}
	listed := map[string]bool{}
	for _, label := range newerGone {
		delete(put, label)
	}
	gone = slices.DeleteFunc(append(gone, newerGone...), func(label string) bool {
		_, again := put[label]
		twice := listed[label]
		listed[label] = true
		return again || twice
	})
	return put, gone
}

// maxWaitingChanges is how many labels and logs may wait for the disk before commands are
// refused. As many again may be on their way to it, and a command may add the whole of a
// program: together they stay below what the store takes at once.
const maxWaitingChanges = 25_000

// crowded reports whether too much waits for the disk to take on more.
func (k *keeper) crowded() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := &k.pending
	return len(p.Retained)+len(p.RetainedDelete)+len(p.Setup)+len(p.SetupDelete)+len(p.LogHeader)+len(p.LogTrim)+len(p.LogDrop) > maxWaitingChanges
}

// run commits and publishes until ctx is done; what is pending then is committed
// before it returns.
func (k *keeper) run(ctx context.Context) {
	for {
		select {
		case <-k.wake:
			k.flush()
		case <-ctx.Done():
			k.flush()
			select {
			case <-k.wake: // what was noted meanwhile
				k.flush()
			default:
			}
			return
		}
	}
}

// latency is how long the latest commit took, 0 before the first.
func (k *keeper) latency() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.lasted
}

// retryPause is how long the keeper waits after the disk refused a commit.
const retryPause = time.Second

// undurable is what a client is told whose change could not be kept.
func undurable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the change is in force, but it is not durable yet and is tried again every second: %w", err)
}

// flush commits what is pending and publishes the snapshot that goes with it. A
// refused commit stays pending, so that nothing is lost if the disk recovers.
func (k *keeper) flush() {
	k.mu.Lock()
	batch, snapshot, waiters := k.pending, k.latest, k.waiters
	k.pending, k.waiters = store.Batch{}, nil
	k.mu.Unlock()

	began := time.Now()
	err := k.commit(batch)
	now := time.Now()
	// They are told last, so that they can read what they changed.
	defer func() {
		for _, done := range waiters {
			done <- undurable(err)
		}
	}()

	k.mu.Lock()
	defer k.mu.Unlock()
	k.lasted = now.Sub(began)
	if err != nil {
		if errors.Is(err, store.ErrInvalidBatch) {
			// Trying the same again would fail for ever. Totals come before what is told
			// about them.
			k.lostRecords += len(batch.Records)
			batch.Events, batch.Records, batch.Alive = nil, nil, time.Time{}
		}
		newer := k.pending
		k.pending = batch
		k.merge(newer)
		if k.failing.IsZero() {
			k.failing = now
			k.log.Error("the state could not be kept; it is tried again every second", "err", err)
			k.tell(now, ion.PriorityFailure, err.Error(), "Storage", "commits fail")
		}
		time.AfterFunc(retryPause, k.rouse)
		return
	}
	if !k.failing.IsZero() {
		lasted := now.Sub(k.failing).Round(time.Second)
		k.failing = time.Time{}
		k.log.Info("the state is kept again", "after", lasted)
		cause := "commits failed for " + lasted.String()
		k.tell(now, ion.PriorityInformation, cause, "Storage", "commits succeed")
		if k.lostRecords > 0 {
			k.tell(now, ion.PriorityFailure, cause, "Data Log", fmt.Sprintf("%d records of logs are lost", k.lostRecords))
			k.lostRecords = 0
		}
		k.rouse()
	}
	k.show(snapshot)
	k.stalled, k.waiting = false, time.Time{}
	if k.latest != nil && k.latest.Seq() > k.shown {
		k.waiting = now
	}
}
