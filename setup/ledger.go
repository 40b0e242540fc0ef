package setup

import (
	"context"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/wire/ionp"
)

// The classes of use in the ledger.
const (
	Legacy     = "legacy"     // names no user: cut off without legacy security support
	Safe       = "safe"       // uses an account
	Unaffected = "unaffected" // reads the Modbus map, which has no accounts
)

// credentialOfNobody is the ledger's word for a client that shows no credential.
const credentialOfNobody = "none"

// Use is one client's use of the meter.
type Use struct {
	Address       string    `json:"address"`
	Path          string    `json:"path"`
	Client        string    `json:"client"`
	ClientVersion string    `json:"client_version"`
	Credential    string    `json:"credential"`
	User          string    `json:"user"`
	Class         string    `json:"class"`
	First         time.Time `json:"first"`
	Last          time.Time `json:"last"`
	Requests      uint64    `json:"requests"`
	Operations    []string  `json:"operations"`
	// Asked is what the latest changes were about.
	Asked []string `json:"asked"`
	// You marks this tool's own use.
	You bool `json:"you"`
}

// Ledger is who has used the meter, and how.
type Ledger struct {
	Since   time.Time `json:"since"`
	Dropped uint64    `json:"dropped"` // entries that there was no room for
	Entries []Use     `json:"entries"`
}

// Ledger reads the ledger.
func (m *Meter) Ledger(ctx context.Context) (Ledger, error) {
	r, err := ask(ctx, m, "reading the ledger of clients", ionp.Ledger, ionp.LedgerRequest{})
	if err != nil {
		return Ledger{}, err
	}
	l := Ledger{Since: time.Unix(0, r.Since).UTC(), Dropped: r.Dropped, Entries: []Use{}}
	for _, w := range r.Entries {
		use := Use{Address: w.Address, Path: w.Path, Client: w.Client, ClientVersion: w.ClientVersion, Credential: w.Kind, User: w.User, Class: w.Class,
			First: time.Unix(0, w.First).UTC(), Last: time.Unix(0, w.Last).UTC(), Requests: w.Requests, Operations: w.Operations, Asked: w.Asked}
		use.You = m.isOwn(use)
		l.Entries = append(l.Entries, use)
	}
	return l, nil
}

// isOwn tells this tool's own use from that of others: the same program at the same
// address. Behind address translation it may go unmarked.
func (m *Meter) isOwn(u Use) bool {
	local := m.present().local
	return u.Client == ClientName && local != "" && strings.TrimPrefix(u.Address, "::ffff:") == strings.TrimPrefix(local, "::ffff:")
}

// Assessment answers whether legacy security support can be switched off, and who would
// be cut off.
type Assessment struct {
	Mode string `json:"mode"`
	// Clear tells that nobody would be.
	Clear   bool   `json:"clear"`
	Verdict string `json:"verdict"`
	// Since is from when on use counts; Watched from when on the meter has looked.
	Since      time.Time `json:"since"`
	Watched    time.Time `json:"watched"`
	Dropped    uint64    `json:"dropped"`
	Legacy     []Use     `json:"legacy"`
	Safe       []Use     `json:"safe"`
	Unaffected []Use     `json:"unaffected"`
}

// Assess judges the ledger. Use before since does not count; the zero time counts all.
// This tool's own requests without a user name are marked, and do not count.
func (m *Meter) Assess(ctx context.Context, since time.Time) (Assessment, error) {
	s, err := m.Security(ctx)
	if err != nil {
		return Assessment{}, err
	}
	l, err := m.Ledger(ctx)
	if err != nil {
		return Assessment{}, err
	}
	return assess(s, l, since), nil
}

func assess(s Security, l Ledger, since time.Time) Assessment {
	a := Assessment{Mode: s.Mode, Since: since, Watched: l.Since, Dropped: l.Dropped, Legacy: []Use{}, Safe: []Use{}, Unaffected: []Use{}}
	others := 0
	for _, u := range l.Entries {
		if u.Last.Before(since) {
			continue
		}
		switch u.Class {
		case Legacy:
			a.Legacy = append(a.Legacy, u)
			if !u.You {
				others++
			}
		case Safe:
			a.Safe = append(a.Safe, u)
		default:
			a.Unaffected = append(a.Unaffected, u)
		}
	}
	a.Clear = others == 0
	a.Verdict = a.verdict(s, others)
	return a
}

func (a Assessment) verdict(s Security, others int) string {
	switch {
	case !s.Knows(ModeLSS) && len(s.Modes) > 0 && a.Clear:
		return "this firmware has no legacy security support: nobody that this meter has seen needs it after an upgrade to 3.x"
	case !s.Knows(ModeLSS) && len(s.Modes) > 0:
		return "this firmware has no legacy security support: after an upgrade to 3.x, " + count(others, "client") + " will live on it"
	case s.Mode != ModeLSS && a.Clear:
		return "legacy security support is off, and nobody has asked for it"
	case s.Mode != ModeLSS:
		return "legacy security support is off; " + count(others, "client") + " used it before, or tried"
	case a.Clear:
		return "legacy security support can be switched off today: nobody would be cut off"
	}
	return "do not switch legacy security support off yet: " + count(others, "client") + " would be cut off"
}
