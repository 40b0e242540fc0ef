package meter

import (
	"sync/atomic"
	"time"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/ion/modules"
	"github.com/hepmeter/hepmeter/store"
)

// eventLog is what the Event Log Controller module says of the event log. Events come
// from the engine and from servers, so that it is read by many goroutines.
type eventLog struct {
	cutoff atomic.Int32 // priorities up to this are not logged
	depth  int          // as the store has it
	logged atomic.Uint64
}

// everything is a cutoff that no priority is above.
const everything = 255

// takes reports whether an event of this priority is logged.
func (l *eventLog) takes(priority uint8) bool { return int32(priority) > l.cutoff.Load() }

// configure follows the module's setup registers. A new depth goes into the batch, and
// erases the log; depth 0 logs nothing.
func (l *eventLog) configure(node *ion.Node, b *store.Batch) {
	cutoff, ok := node.Setting(modules.EventLogCutoff)
	if !ok {
		return
	}
	depth, _ := node.Setting(modules.EventLogDepth)
	l.cutoff.Store(int32(cutoff.Number))
	if depth.Number == 0 {
		l.cutoff.Store(everything)
	}
	if kept := max(1, int(depth.Number)); kept != l.depth {
		l.depth = kept
		b.EventDepth = &kept
	}
}

// eventOf is an event of the meter itself, caused by a client.
func eventOf(at time.Time, priority uint8, cause, causeValue, effect, effectValue string, by ion.By) store.Event {
	return store.Event{Time: at.UTC(), Priority: priority, Cause: cause, CauseValue: causeValue, Effect: effect, EffectValue: effectValue, User: by.User, Origin: by.Origin}
}
