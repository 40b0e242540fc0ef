package ionp

import "github.com/hepmeter/hepmeter/access"

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
func (l *looker) view(set access.RegisterSet) (access.View, access.Snapshot, error) {
	if l.given[set] {
		if snapshot, err := l.views[set].Snapshot(); err != access.ErrStale {
			return l.views[set], snapshot, err
		}
	}
	view, err := l.session.Registers(set)
	l.views[set], l.given[set] = view, err == nil
	if err != nil {
		return view, nil, err
	}
	snapshot, err := view.Snapshot()
	return view, snapshot, err
}
