package web

import (
	"strconv"
	"strings"

	"github.com/hepmeter/hepmeter/access"
)

// connectionsSheet is what the page of the connections shows.
type connectionsSheet struct {
	Connections []connectionRow
	Lockouts    []lockoutRow
	Uses        []useRow
	Dropped     uint64
	Since       string
	Legacy      int // lines of legacy use
	Mode        access.Mode
}

type connectionRow struct {
	access.ConnectionInfo
	Idle string
}

type useRow struct {
	access.Use
	First, Last, Did, Asked string
}

// connectionsPage tells who is connected, who is locked out, and who uses the meter as
// only legacy security support allows.
var connectionsPage = page{
	path: "/connections", title: "Connections", group: "Security", needs: access.ReadSecurity, template: "connections.html",
	show: func(q *request) (any, error) {
		list, err := q.Session.Connections()
		if err != nil {
			return nil, err
		}
		status, err := q.Session.Status()
		if err != nil {
			return nil, err
		}
		uses, dropped, since, err := q.Session.Uses()
		if err != nil {
			return nil, err
		}
		sheet := connectionsSheet{Lockouts: lockoutRows(status.Lockouts), Dropped: dropped, Since: stamp(since), Mode: status.Mode}
		for _, c := range list {
			sheet.Connections = append(sheet.Connections, connectionRow{c, span(c.Idle)})
		}
		for _, u := range uses {
			if u.Class == access.Legacy {
				sheet.Legacy++
			}
			sheet.Uses = append(sheet.Uses, useRow{u, stamp(u.First), stamp(u.Last), strings.Join(u.Operations, ", "), strings.Join(u.Asked, ", ")})
		}
		return sheet, nil
	},
	actions: map[string]func(*request) error{
		"unlock": unlockAccount,
		"end": func(q *request) error {
			id, err := strconv.ParseUint(q.PostForm.Get("connection"), 10, 64)
			if err != nil {
				return access.NewRefusal(access.CodeBadRequest, "the form names no connection")
			}
			if err := q.Session.EndConnection(q.Context(), id); err != nil {
				return err
			}
			q.Say("Connection %d is ended.", id)
			return nil
		},
	},
}
