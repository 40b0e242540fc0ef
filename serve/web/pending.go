package web

import "time"

// pending are changes that return unless somebody confirms them, as the layout shows them
// on every page.
type pending struct {
	What, Left string
}

// pending returns what waits; nil for nothing, and for who may not know.
func (q *request) pending() *pending {
	if q.Session == nil {
		return nil
	}
	until, what, ok := q.Session.Pending()
	if !ok {
		return nil
	}
	left := max(0, until.Sub(q.server.options.Now())).Round(time.Second)
	return &pending{What: what, Left: minutes(left)}
}

// pendingPage has the two answers; the layout shows the question.
var pendingPage = page{
	path: "/pending", title: "Changes that wait", template: "refused.html",
	actions: map[string]func(*request) error{
		"confirm": func(q *request) error {
			if err := q.Session.ConfirmProvisional(q.Context()); err != nil {
				return err
			}
			q.Say("The changes are kept.")
			q.Go("/")
			return nil
		},
		"cancel": func(q *request) error {
			if err := q.Session.CancelProvisional(q.Context()); err != nil {
				return err
			}
			q.Say("The changes are taken back.")
			q.Go("/")
			return nil
		},
	},
}
