package meter

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/store"
)

// audit turns the gate's records into events of the meter's log. A client that is
// refused again and again must not push everything else out of the log, nor fill the
// memory: the first refusal of each target is an event at once, repeats are counted and
// told once per window, and windows grow while the repeats go on.
type audit struct {
	note func(store.Event)

	mu      sync.Mutex
	clients map[string]*refused // by address without port
}

// refused is what one client was refused since the window began.
type refused struct {
	path    access.Path
	since   time.Time
	window  time.Duration
	targets map[refusal]uint64 // repeats of each
	beyond  uint64             // refusals of targets for which there was no room
}

// refusal is what was refused, as far as repeats are the same.
type refusal struct {
	operation access.Operation
	target    string
	code      access.Code
}

const (
	firstWindow = time.Minute
	lastWindow  = time.Hour
	// maxTargets of each of maxClients are told apart; what is beyond is counted in sum.
	maxTargets = 8
	maxClients = 64
	// elsewhere stands for the clients beyond maxClients.
	elsewhere = "other clients"
)

// Priorities of access events: a refusal alarms like a failed login.
const (
	priorityRefused = 128
	priorityWritten = 10
)

var _ access.Audit = (*audit)(nil)

// Record notes one record of the gate.
func (a *audit) Record(r access.Record) {
	if r.Allowed {
		effect := "written"
		if r.Err != nil {
			effect = "not written: " + r.Err.Error()
		}
		a.note(store.Event{Time: r.Time.UTC(), Priority: priorityWritten, Cause: r.Path.String(), CauseValue: r.Operation.String(),
			Effect: r.Target, EffectValue: effect, User: r.User, Origin: origin(r.Path, r.Remote)})
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	host, _, err := net.SplitHostPort(r.Remote)
	if err != nil {
		host = r.Remote
	}
	if a.clients == nil {
		a.clients = map[string]*refused{}
	}
	c := a.clients[host]
	if c == nil && len(a.clients) >= maxClients {
		host, c = elsewhere, a.clients[elsewhere]
	}
	if c == nil {
		c = &refused{path: r.Path, since: r.Time, window: firstWindow, targets: map[refusal]uint64{}}
		a.clients[host] = c
	}
	what := refusal{r.Operation, r.Target, r.Code}
	repeats, known := c.targets[what]
	switch {
	case known:
		c.targets[what] = repeats + 1
	case len(c.targets) >= maxTargets:
		c.beyond++
	default:
		c.targets[what] = 0
		a.note(store.Event{Time: r.Time.UTC(), Priority: priorityRefused, Cause: r.Path.String(), CauseValue: refusedText(what),
			Effect: r.Target, EffectValue: "refused", User: r.User, Origin: origin(r.Path, r.Remote)})
	}
}

// settle tells of the repeats of every window that is over at now, or of all.
func (a *audit) settle(now time.Time, all bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for host, c := range a.clients {
		passed := now.Sub(c.since)
		if passed < c.window && !all {
			continue
		}
		quiet := c.beyond == 0
		tell := func(what, target string, times uint64) {
			a.note(store.Event{Time: now.UTC(), Priority: priorityRefused, Cause: c.path.String(), CauseValue: what,
				Effect: target, EffectValue: fmt.Sprintf("refused %d times more in %s", times, passed.Round(time.Second)), Origin: origin(c.path, host)})
		}
		for _, what := range c.sorted() {
			if repeats := c.targets[what]; repeats > 0 {
				quiet = false
				tell(refusedText(what), what.target, repeats)
				c.targets[what] = 0
			}
		}
		if c.beyond > 0 {
			tell("various operations", "other registers", c.beyond)
			c.beyond = 0
		}
		if quiet {
			delete(a.clients, host)
			continue
		}
		c.since, c.window = now, min(2*c.window, lastWindow)
	}
}

// sorted are the targets in an order that does not change from run to run.
func (c *refused) sorted() []refusal {
	list := make([]refusal, 0, len(c.targets))
	for what := range c.targets {
		list = append(list, what)
	}
	slices.SortFunc(list, func(x, y refusal) int { return strings.Compare(x.target, y.target) })
	return list
}

func refusedText(what refusal) string { return what.operation.String() + ", " + string(what.code) }

func origin(path access.Path, address string) string { return path.String() + " " + address }
