package meter

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/store"
)

// audit turns the gate's records into events of the meter's log. A client that is
// refused again and again, or writes to a device behind the gateway each second, must not
// push everything else out of the log, nor fill the memory: the first of each target is an
// event at once, repeats are counted and told once per window, and windows grow while the
// repeats go on.
type audit struct {
	note func(store.Event)
	// civil is what the meter's clock shows when the system's shows a time.
	civil func(time.Time) time.Time

	mu      sync.Mutex
	clients map[client]*window
}

// client is whose repeats are counted together: those that were refused, and those that
// write downstream.
type client struct {
	host   string // address without port
	writes bool
}

// window is what one client did since it began.
type window struct {
	path    access.Path
	since   time.Time
	length  time.Duration
	targets map[repeat]uint64 // repeats of each
	beyond  uint64            // of targets for which there was no room
	logins  int               // wrong logins that were told one by one
}

// repeat is what was asked for and what came of it, as far as repeats are the same.
type repeat struct{ what, target, effect string }

const (
	firstWindow = time.Minute
	lastWindow  = time.Hour
	// maxTargets of each of maxClients are told apart; what is beyond is counted in sum.
	maxTargets = 8
	maxClients = 64
	// elsewhere stands for the clients beyond maxClients.
	elsewhere = "other clients"
)

// Priorities of access events where no register says them.
const (
	priorityRefused = 128 // a refusal alarms like a failed login
	priorityWritten = ion.PrioritySetupChange
	priorityFactory = 128
)

// singleLogins is how many wrong logins of a client are told one by one in a window: who
// tries passwords should be seen doing it, and who floods should not fill the log.
const singleLogins = 20

var _ access.Audit = (*audit)(nil)

// Record notes one record of the gate.
func (a *audit) Record(r access.Record) {
	r.Time = a.civil(r.Time)
	switch r.Kind {
	case access.OperationRefused:
		a.repeatable(r, repeat{r.Operation.String() + ", " + string(r.Code), r.Target, "refused"}, priorityRefused)
	case access.LoginWrong:
		if r.Priority > 0 {
			a.repeatable(r, repeat{"invalid login", loginTarget(r), "refused"}, r.Priority)
		}
	case access.LoginLocked:
		if r.Priority > 0 {
			a.repeatable(r, repeat{"login while locked out", loginTarget(r), "refused"}, r.Priority)
		}
	case access.LoginRight:
		a.tell(r, r.Priority, "valid login", "logged in")
	case access.LockedOut:
		r.Target = loginTarget(r)
		a.tell(r, r.Priority, "lockout", "locked out for "+r.Is)
	case access.FactoryAccess:
		a.tell(r, priorityFactory, "factory access", r.Is)
	case access.Returned:
		a.tell(r, priorityRefused, "not confirmed", r.Is)
	case access.Forwarding:
		e := store.Event{Time: r.Time.UTC(), Priority: ion.PriorityInformation, Cause: "Syslog", CauseValue: r.Target, Effect: "events", EffectValue: r.Is, Origin: originOf(r)}
		if r.Err != nil {
			e.Priority, e.Effect, e.EffectValue = ion.PriorityWarning, "events wait", r.Err.Error()
		}
		a.note(e)
	default:
		if r.Operation == access.WriteDownstream {
			a.repeatable(r, repeat{r.Operation.String(), r.Target, effectOf(r, "done")}, priorityWritten)
			return
		}
		effect := r.Is
		if effect == "" {
			effect = "done"
		}
		if r.Was != "" {
			effect = r.Was + " -> " + effect
		}
		a.tell(r, priorityWritten, r.Operation.String(), effect)
	}
}

// tell notes an event; priority 0 is none.
func (a *audit) tell(r access.Record, priority uint8, what, effect string) {
	if priority == 0 {
		return
	}
	a.note(store.Event{Time: r.Time.UTC(), Priority: priority, Cause: cause(r), CauseValue: what, Effect: r.Target, EffectValue: effectOf(r, effect), User: userOf(r), Origin: originOf(r)})
}

// effectOf is what came of r, in words.
func effectOf(r access.Record, effect string) string {
	if r.Err != nil {
		return "failed: " + r.Err.Error()
	}
	return effect
}

func cause(r access.Record) string {
	if r.Remote == "" {
		return "Security"
	}
	return r.Path.String()
}

// userOf is the account that acted; under LSS it says where no name was given.
func userOf(r access.Record) string {
	switch {
	case r.Remote == "":
		return ""
	case r.Named:
		return r.User
	case r.User != "":
		return r.User + " (no name given)"
	}
	return "no name given"
}

func originOf(r access.Record) string {
	if r.Remote == "" {
		return "meter"
	}
	text := origin(r.Path, r.Remote)
	if r.Client != "" {
		text += " (" + r.Client + ")"
	}
	return text
}

// loginTarget tells accounts apart; names that are no account count as one.
func loginTarget(r access.Record) string {
	if r.Target == "login" && r.User != "" {
		return "login of " + r.User
	}
	return r.Target
}

// repeatable notes what clients may do again and again: the first of each target at once,
// repeats by their number.
func (a *audit) repeatable(r access.Record, what repeat, priority uint8) {
	a.mu.Lock()
	defer a.mu.Unlock()
	host, _, err := net.SplitHostPort(r.Remote)
	if err != nil {
		host = r.Remote
	}
	if a.clients == nil {
		a.clients = map[client]*window{}
	}
	who := client{host, r.Kind == access.OperationDone}
	c := a.clients[who]
	if c == nil && len(a.clients) >= maxClients {
		who.host = elsewhere
		c = a.clients[who]
	}
	if c == nil {
		c = &window{path: r.Path, since: r.Time, length: firstWindow, targets: map[repeat]uint64{}}
		a.clients[who] = c
	}
	repeats, known := c.targets[what]
	login := r.Kind == access.LoginWrong || r.Kind == access.LoginLocked
	single := login && c.logins < singleLogins
	switch {
	case !known && len(c.targets) >= maxTargets:
		c.beyond++
		return
	case known && !single:
		c.targets[what] = repeats + 1
		return
	case !known:
		c.targets[what] = 0
	}
	if login {
		c.logins++
	}
	r.Target = what.target
	a.tell(r, priority, what.what, what.effect)
}

// settle tells of the repeats of every window that is over at now, or of all.
func (a *audit) settle(now time.Time, all bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for who, c := range a.clients {
		passed := now.Sub(c.since)
		if passed < c.length && !all {
			continue
		}
		quiet := c.beyond == 0
		priority, others := uint8(priorityRefused), repeat{"various operations", "other registers", "refused"}
		if who.writes {
			priority, others = priorityWritten, repeat{access.WriteDownstream.String(), "other units", "done or failed"}
		}
		tell := func(what repeat, times uint64) {
			a.note(store.Event{Time: now.UTC(), Priority: priority, Cause: c.path.String(), CauseValue: what.what,
				Effect: what.target, EffectValue: fmt.Sprintf("%s %d times more in %s", what.effect, times, passed.Round(time.Second)), Origin: origin(c.path, who.host)})
		}
		for _, what := range c.sorted() {
			if repeats := c.targets[what]; repeats > 0 {
				quiet = false
				tell(what, repeats)
				c.targets[what] = 0
			}
		}
		if c.beyond > 0 {
			tell(others, c.beyond)
			c.beyond = 0
		}
		if quiet {
			delete(a.clients, who)
			continue
		}
		c.since, c.length, c.logins = now, min(2*c.length, lastWindow), 0
	}
}

// sorted are the targets in an order that does not change from run to run.
func (c *window) sorted() []repeat {
	list := make([]repeat, 0, len(c.targets))
	for what := range c.targets {
		list = append(list, what)
	}
	slices.SortFunc(list, func(x, y repeat) int {
		return cmp.Or(strings.Compare(x.target, y.target), strings.Compare(x.what, y.what), strings.Compare(x.effect, y.effect))
	})
	return list
}

func origin(path access.Path, address string) string { return path.String() + " " + address }
