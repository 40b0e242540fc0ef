package meter

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hepmeter/hepmeter/access"
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

	wake chan struct{} // capacity 1

	mu sync.Mutex
	// pending is what has not been taken to the disk yet.
	pending store.Batch
	// latest is the newest snapshot, nil when it has been published.
	latest access.Snapshot
	// stalled says that the last snapshot was published before it was durable.
	stalled bool
}

func newKeeper(commit func(store.Batch) error, publish func(access.Snapshot), log *slog.Logger) *keeper {
	return &keeper{commit: commit, publish: publish, log: log, wake: make(chan struct{}, 1)}
}

// keep takes over a tick's batch and snapshot; the maps of b are the keeper's from
// now on. If the snapshot of the tick before is still waiting for the disk, it is
// published without it: a slow disk must not freeze the readings. keep then returns
// true, once for each stall.
func (k *keeper) keep(b store.Batch, s access.Snapshot) (stalled bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.latest != nil {
		k.publish(k.latest)
		stalled = !k.stalled
		k.stalled = true
	}
	k.merge(b)
	k.latest = s
	select {
	case k.wake <- struct{}{}:
	default:
	}
	return stalled
}

// merge adds b, which is newer, to the pending batch: the last word on a label wins.
func (k *keeper) merge(b store.Batch) {
	p := &k.pending
	p.Retained, p.RetainedDelete = mergeLabels(p.Retained, p.RetainedDelete, b.Retained, b.RetainedDelete)
	p.Setup, p.SetupDelete = mergeLabels(p.Setup, p.SetupDelete, b.Setup, b.SetupDelete)
	p.Events = append(p.Events, b.Events...)
	if b.Alive.After(p.Alive) {
		p.Alive = b.Alive
	}
}

func mergeLabels[V any](put map[string]V, gone []string, newerPut map[string]V, newerGone []string) (map[string]V, []string) {
	if put == nil {
		put = newerPut
	} else {
		maps.Copy(put, newerPut)
	}
	for _, label := range newerGone {
		delete(put, label)
	}
	gone = slices.DeleteFunc(append(gone, newerGone...), func(label string) bool { _, again := put[label]; return again })
	return put, gone
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
			return
		}
	}
}

// retryPause is how long the keeper waits after the disk refused a commit.
const retryPause = time.Second

// flush commits what is pending and publishes the snapshot that goes with it. A
// refused commit stays pending, so that nothing is lost if the disk recovers.
func (k *keeper) flush() {
	k.mu.Lock()
	batch, snapshot := k.pending, k.latest
	k.pending = store.Batch{}
	k.mu.Unlock()

	err := k.commit(batch)

	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		k.log.Error("the state could not be kept; it will be tried again", "err", err)
		newer := k.pending
		k.pending = batch
		k.merge(newer)
		time.AfterFunc(retryPause, func() {
			select {
			case k.wake <- struct{}{}:
			default:
			}
		})
		return
	}
	if snapshot != nil && k.latest == snapshot {
		k.publish(snapshot)
		k.latest, k.stalled = nil, false
	}
}
