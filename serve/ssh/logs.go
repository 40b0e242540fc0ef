package ssh

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// latest is how many entries are shown where nobody says how many.
const latest = 20

// mostShown bounds the entries of a table; --csv has no bound.
const mostShown = 1000

// logs lists the logs.
func (t *terminal) logs(_ context.Context, args []string) error {
	if err := none(args); err != nil {
		return err
	}
	events, err := t.session.Events(0, 1)
	if err != nil {
		return err
	}
	recorders, err := t.session.Recorders()
	if err != nil {
		return err
	}
	rows := [][]string{{access.EventLogName, strconv.FormatUint(events.Next-events.First, 10), ""}}
	for _, r := range recorders {
		rows = append(rows, []string{r.Label, strconv.FormatUint(r.Count, 10), strconv.Itoa(len(r.Columns))})
	}
	t.table([]string{"log", "entries", "columns"}, rows)
	return nil
}

// log shows the latest records of a Data Recorder, or writes them as CSV.
func (t *terminal) log(ctx context.Context, args []string) error {
	args, set, err := options(args, []string{"csv"}, []string{"last"})
	if err != nil {
		return err
	}
	label := strings.Join(args, " ")
	if label == "" {
		return usage("log needs the name of a log: see `logs`")
	}
	recorder, _, err := t.session.Records(label, 0, 1)
	if err != nil {
		return err
	}
	from, err := since(recorder.First, recorder.Next, set)
	if err != nil {
		return err
	}
	rows, err := recordRows(t.session, label, from)
	if err != nil {
		return err
	}
	return t.present(ctx, rows, set["csv"] == 1)
}

// since is the number of the first entry that options ask for.
func since(first, next uint64, set map[string]int) (uint64, error) {
	last := uint64(set["last"])
	switch {
	case last > mostShown && set["csv"] == 0:
		return 0, usage("--last %d: at most %d are shown; --csv has no limit", last, mostShown)
	case last == 0 && set["csv"] == 1:
		return first, nil
	case last == 0:
		last = latest
	}
	if next-first <= last {
		return first, nil
	}
	return next - last, nil
}

// present writes a log as a table or as CSV.
func (t *terminal) present(ctx context.Context, rows logRows, asCSV bool) error {
	if asCSV {
		return rows.writeCSV(ctx, t.out)
	}
	var all [][]string
	for len(all) <= mostShown {
		some, err := rows.next()
		if err != nil {
			return err
		}
		if len(some) == 0 {
			break
		}
		all = append(all, some...)
	}
	for _, row := range all {
		for i := range row {
			if row[i] == "" {
				row[i] = rows.empty
			}
		}
	}
	t.table(rows.heads, all)
	return nil
}

// events shows the latest events; with --follow also those that come.
func (t *terminal) events(ctx context.Context, args []string) error {
	args, set, err := options(args, []string{"csv", "follow"}, []string{"last"})
	if err == nil {
		err = none(args)
	}
	if err != nil {
		return err
	}
	now, err := t.session.Events(0, 1)
	if err != nil {
		return err
	}
	from, err := since(now.First, now.Next, set)
	if err != nil {
		return err
	}
	if set["follow"] == 1 {
		return t.follow(ctx, from)
	}
	rows, err := eventRows(t.session, from)
	if err != nil {
		return err
	}
	return t.present(ctx, rows, set["csv"] == 1)
}

// follow writes events, and those that come, until ctx ends.
func (t *terminal) follow(ctx context.Context, from uint64) error {
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for {
		page, err := t.session.Events(from, pageOfLog)
		if err != nil {
			return err
		}
		for _, e := range page.Events {
			words := []string{stamp(e.Time), "priority " + strconv.Itoa(int(e.Priority)), e.Cause, e.CauseValue, e.Effect, e.EffectValue, e.User, e.Origin}
			shown := words[:0]
			for _, word := range words {
				if word != "" {
					shown = append(shown, plain(word))
				}
			}
			t.printf("%d  %s\n", e.Sequence, strings.Join(shown, "  "))
			from = e.Sequence + 1
		}
		t.channel.conn.used()
		if len(page.Events) == pageOfLog {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-look.C:
		}
	}
}
