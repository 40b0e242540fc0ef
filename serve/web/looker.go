package web

import (
	"errors"

	"github.com/hepmeter/hepmeter/access"
)

// looker keeps the view that the gate has given a session of the readings.
type looker struct {
	session *access.Session
	view    access.View
	given   bool
}

// snapshot returns the newest picture, and the view that finds registers in it.
func (l *looker) snapshot() (view access.View, snapshot access.Snapshot, err error) {
	// Security may change again just after the gate has given a view: then it is asked
	// again.
	for range 8 {
		if !l.given {
			if l.view, err = l.session.Registers(access.Readings); err != nil {
				return view, nil, err
			}
			l.given = true
		}
		if snapshot, err = l.view.Snapshot(); !errors.Is(err, access.ErrStale) {
			return l.view, snapshot, err
		}
		l.given = false
	}
	return view, nil, access.NewRefusal(access.CodeBusy, "security is being changed again and again")
}
