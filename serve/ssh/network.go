package ssh

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hepmeter/hepmeter/access"
)

// network shows which services listen where, what is enabled, and what the meter proves
// itself with.
func (t *terminal) network(_ context.Context, args []string) error {
	if err := none(args); err != nil {
		return err
	}
	if err := t.addresses(); err != nil {
		return err
	}
	ethernet, err := t.session.Describe("Ethernet")
	if err != nil {
		return err
	}
	var settings [][]string
	for _, s := range ethernet.Setups {
		settings = append(settings, []string{s.Name, s.Value})
	}
	t.printf("\n")
	t.table([]string{"setting", "value"}, settings)
	certificates, err := t.session.Certificates()
	if err != nil {
		return err
	}
	var prints [][]string
	for _, c := range certificates {
		prints = append(prints, []string{c.Use, c.Fingerprint})
	}
	t.printf("\n")
	t.table([]string{"of", "fingerprint"}, prints)
	return nil
}

// addresses shows where the services listen.
func (t *terminal) addresses() error {
	info, err := t.session.Info()
	if err != nil {
		return err
	}
	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(info.Endpoints)) {
		rows = append(rows, []string{name, info.Endpoints[name]})
	}
	t.table([]string{"service", "address"}, rows)
	return nil
}

// connections shows every open connection and who holds it, as the terminal of the real
// meters does, or ends one.
func (t *terminal) connections(ctx context.Context, args []string) error {
	switch {
	case len(args) == 0:
	case len(args) == 2 && args[0] == "end":
		n, err := strconv.ParseUint(args[1], 10, 64)
		if err != nil {
			return usage("connections end: %q is no number of a connection", args[1])
		}
		return t.session.EndConnection(ctx, n)
	default:
		return usage("connections stands alone, or is followed by end and a number")
	}
	if err := t.addresses(); err != nil {
		return err
	}
	list, err := t.session.Connections()
	if err != nil {
		return err
	}
	var rows [][]string
	for _, c := range list {
		who := c.User
		switch {
		case c.Credential == access.ModelNumber:
			who += " (model number)"
		case who == "":
			who = c.Credential.String()
		}
		if c.ThisOne {
			who += " (you)"
		}
		rows = append(rows, []string{strconv.FormatUint(c.ID, 10), c.Path.String(), c.Remote, who, strings.TrimSpace(c.Client + " " + c.ClientVersion),
			stamp(c.Since), span(c.Idle), strconv.FormatUint(c.Requests, 10)})
	}
	t.printf("\n")
	t.table([]string{"number", "service", "from", "held by", "client", "since", "idle", "reads"}, rows)
	t.printf("%s\n", count(len(list), "connection"))
	return nil
}

// count counts things in words.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
