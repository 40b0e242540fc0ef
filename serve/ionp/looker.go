package ionp

import (
	"errors"

	"github.com/hepmeter/hepmeter/access"
)

// looked returns the views of the session that asks.
func (r *request) looked() *looker {
	if r.looker.session != r.session {
		r.looker = looker{session: r.session}
	}
	return &r.looker
}

// looker keeps the views that the gate has given a session.
type looker struct {
	session *access.Session
	views   [2]access.View
	given   [2]bool
}

// view returns a view that is still good, and the newest snapshot through it.
func (l *looker) view(set access.RegisterSet) (view access.View, snapshot access.Snapshot, err error) {
	// Security may change again just after the gate has given a view: then it is asked
	// again.
	for range 8 {
		if !l.given[set] {
			if l.views[set], err = l.session.Registers(set); err != nil {
				return view, nil, err
			}
			l.given[set] = true
		}
		if snapshot, err = l.views[set].Snapshot(); !errors.Is(err, access.ErrStale) {
			return l.views[set], snapshot, err
		}
		l.given[set] = false
	}
	return view, nil, access.NewRefusal(access.CodeBusy, "security is being changed again and again")
}
