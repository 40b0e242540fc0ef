package web

import "github.com/hepmeter/hepmeter/access"

// missing says why the reader may not do op, and leaves no trace; nil where he may.
func (q *request) missing(op access.Operation) *access.Refusal {
	if q.Session.May(op) {
		return nil
	}
	id := q.Session.Identity()
	refusal := q.server.gate.Security().Decide(access.Request{Path: access.Web, Credential: id.Kind, Account: id.Account, Operation: op})
	if refusal == nil { // the session has just ended, or is of another kind
		return access.NewRefusal(access.CodeNoPermission, "")
	}
	return refusal
}
