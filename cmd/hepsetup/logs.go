package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/setup"
	"github.com/spf13/cobra"
)

func (a *app) newLogsCommand(told **report) *cobra.Command {
	return group("logs", "Logs: events, data, waveforms, verify",
		`Logs reads the event log and the data logs, writes them as CSV, and proves that an
exported event log is as the meter wrote it.`,
		a.newEventsCommand(told), a.newDataCommand(told), a.newWaveformsCommand(told), a.newVerifyCommand(told), a.newGapsCommand(told))
}

func (a *app) newEventsCommand(told **report) *cobra.Command {
	var since, out string
	var priority, last int
	var follow, asCSV bool
	cmd := &cobra.Command{
		Use:   "events ADDR",
		Short: "The event log: who did what, from where",
		Long: `Events shows the event log. --out writes all of it in the form that "logs verify" proves.

  hepsetup logs events localhost --since 1h --priority 100
  hepsetup logs events localhost --csv > events.csv
  hepsetup logs events localhost --out events.jsonl`,
		Args: takes(1, 1, "the address of a meter"),
		RunE: a.withMeter(told, func(ctx context.Context, m *setup.Meter, _ []string) (report, error) {
			if out != "" {
				return a.exportEvents(ctx, m, out)
			}
			if follow && a.json {
				return report{}, usage("--json prints one object, and --follow has no end")
			}
			from, err := parseSince(since, a.now())
			if err != nil {
				return report{}, err
			}
			return a.events(ctx, m, from, priority, last, follow, asCSV)
		}),
	}
	cmd.Flags().StringVar(&since, "since", "", "only events since then: 30d, 12h, or a date")
	cmd.Flags().IntVar(&priority, "priority", 0, "only events of this priority or above, 0 to 255")
	cmd.Flags().IntVar(&last, "last", 0, "only the last so many")
	cmd.Flags().BoolVar(&follow, "follow", false, "go on with new ones, until Ctrl-C")
	cmd.Flags().BoolVar(&asCSV, "csv", false, "write CSV")
	cmd.Flags().StringVar(&out, "out", "", "file to write the whole log to, in the form that can be verified")
	return cmd
}

// followPause is how long the tool waits before it asks for new events.
const followPause = time.Second

func (a *app) events(ctx context.Context, m *setup.Meter, since time.Time, priority, last int, follow, asCSV bool) (report, error) {
	list := []setup.Event{}
	next := uint64(0)
	take := func(e setup.Event) error {
		next = e.Sequence + 1
		if !e.Time.Before(since) && int(e.Priority) >= priority {
			list = append(list, e)
		}
		return nil
	}
	if _, err := m.Events(ctx, 0, take); err != nil {
		return report{}, err
	}
	if last > 0 && len(list) > last {
		list = list[len(list)-last:]
	}
	show := func(p *page, head bool) {
		if asCSV {
			eventsCSV(p, list, head)
			return
		}
		showEvents(p, list)
	}
	if !follow {
		return report{map[string]any{"events": list}, func(p *page) { show(p, true) }}, nil
	}
	for head := true; ; head = false {
		if len(list) > 0 || head {
			p := newPage(a.out, a.env)
			show(p, head)
			if err := p.flush(); err != nil {
				return report{}, err
			}
		}
		list = list[:0]
		select {
		case <-ctx.Done():
			return report{}, nil
		case <-time.After(followPause):
		}
		if _, err := m.Events(ctx, next, take); err != nil {
			if setup.HasCode(err, setup.CodeInterrupted) {
				return report{}, nil
			}
			return report{}, err
		}
	}
}

func showEvents(p *page, list []setup.Event) {
	var rows [][]string
	for _, e := range list {
		cause := strings.TrimSpace(e.Cause + " " + e.CauseValue)
		effect := strings.TrimSpace(e.Effect + " " + e.EffectValue)
		who := e.User
		if e.Origin != "" {
			who = strings.TrimSpace(who + " (" + e.Origin + ")")
		}
		what := cause
		if effect != "" {
			what += " -> " + effect
		}
		rows = append(rows, []string{strconv.FormatUint(e.Sequence, 10), cell(e.Time), strconv.Itoa(int(e.Priority)), who, what})
	}
	p.table([]string{">No", "Time (UTC)", ">Prio", "Who", "What"}, rows)
}

func eventsCSV(p *page, list []setup.Event, head bool) {
	w := csv.NewWriter(&p.text)
	if head {
		_ = w.Write([]string{"sequence", "time", "priority", "cause", "cause_value", "effect", "effect_value", "user", "origin"})
	}
	for _, e := range list {
		_ = w.Write([]string{strconv.FormatUint(e.Sequence, 10), e.Time.Format(time.RFC3339Nano), strconv.Itoa(int(e.Priority)),
			e.Cause, e.CauseValue, e.Effect, e.EffectValue, e.User, e.Origin})
	}
	w.Flush()
}

func (a *app) exportEvents(ctx context.Context, m *setup.Meter, out string) (report, error) {
	info, err := m.Info(ctx)
	if err != nil {
		return report{}, err
	}
	var text bytes.Buffer
	if err := m.ExportEvents(ctx, &text); err != nil {
		return report{}, err
	}
	if err := writeFile(out, text.Bytes()); err != nil {
		return report{}, err
	}
	events := bytes.Count(text.Bytes(), []byte("\n")) - 2
	return report{map[string]any{"file": out, "events": events, "fingerprint": info.Fingerprint}, func(p *page) {
		p.line("%s written, %s", out, things(events, "event"))
		p.line("Prove it with: hepsetup logs verify %s --fingerprint %s", out, info.Fingerprint)
	}}, nil
}

func (a *app) newDataCommand(told **report) *cobra.Command {
	var out string
	var from uint64
	var asCSV bool
	var last int
	cmd := &cobra.Command{
		Use:   "data ADDR [RECORDER]",
		Short: "Data logs: list them, or the records of one",
		Long: `Data lists the data logs, or shows the records of one. With --csv --out F an
interrupted transfer goes on where it stopped: records that the file has already are not
fetched again.

  hepsetup logs data localhost
  hepsetup logs data localhost 'Hist Mean' --csv --out mean.csv`,
		Args: takes(1, 2, "the address of a meter and perhaps a Data Recorder"),
		RunE: a.withMeter(told, func(ctx context.Context, m *setup.Meter, args []string) (report, error) {
			switch {
			case len(args) == 0:
				return a.recorders(ctx, m)
			case out != "":
				return a.dataToFile(ctx, m, args[0], out, from)
			}
			return a.data(ctx, m, args[0], from, last, asCSV)
		}),
	}
	cmd.Flags().BoolVar(&asCSV, "csv", false, "write CSV")
	cmd.Flags().StringVar(&out, "out", "", "CSV file to write, or to go on with")
	cmd.Flags().Uint64Var(&from, "from", 0, "number of the first record")
	cmd.Flags().IntVar(&last, "last", 0, "only the last so many")
	return cmd
}

func (a *app) recorders(ctx context.Context, m *setup.Meter) (report, error) {
	list, err := m.Recorders(ctx)
	return report{map[string]any{"recorders": list}, func(p *page) {
		var rows [][]string
		for _, r := range list {
			var columns []string
			for _, c := range r.Columns {
				columns = append(columns, c.Register)
			}
			span := "-"
			if r.Count > 0 {
				span = fmt.Sprintf("%d to %d", r.First, r.Next-1)
			}
			rows = append(rows, []string{r.Label, strconv.FormatUint(r.Count, 10), span, strings.Join(columns, ", ")})
		}
		p.table([]string{"Recorder", ">Records", "Numbers", "Columns"}, rows)
	}}, err
}

func (a *app) data(ctx context.Context, m *setup.Meter, label string, from uint64, last int, asCSV bool) (report, error) {
	if last > 0 && from == 0 {
		list, err := m.Recorders(ctx)
		if err != nil {
			return report{}, err
		}
		for _, r := range list {
			if strings.EqualFold(r.Label, label) && r.Next > uint64(last) {
				from = max(r.First, r.Next-uint64(last))
			}
		}
	}
	var columns []setup.Column
	records := []setup.Record{}
	err := m.Records(ctx, label, from, func(c []setup.Column) error { columns = c; return nil }, func(r setup.Record) error {
		records = append(records, r)
		return nil
	})
	if err != nil {
		return report{}, err
	}
	return report{map[string]any{"recorder": label, "columns": columns, "records": records}, func(p *page) {
		if asCSV {
			w := csv.NewWriter(&p.text)
			_ = w.Write(csvHead(columns))
			for _, r := range records {
				_ = w.Write(csvRow(r))
			}
			w.Flush()
			return
		}
		heads := []string{">No", "Time (UTC)"}
		for _, c := range columns {
			heads = append(heads, ">"+withUnit(c))
		}
		var rows [][]string
		for _, r := range records {
			row := []string{strconv.FormatUint(r.Sequence, 10), cell(r.Time)}
			for _, v := range r.Values {
				row = append(row, v.String())
			}
			for len(row) < len(heads) {
				row = append(row, "")
			}
			rows = append(rows, row[:len(heads)])
		}
		p.table(heads, rows)
	}}, nil
}

func withUnit(c setup.Column) string {
	if c.Unit == "" {
		return c.Register
	}
	return c.Register + " [" + c.Unit + "]"
}

func csvHead(columns []setup.Column) []string {
	head := []string{"record", "time"}
	for _, c := range columns {
		head = append(head, withUnit(c))
	}
	return head
}

// csvRow is a record with all its digits; NOT AVAILABLE is an empty cell.
func csvRow(r setup.Record) []string {
	row := []string{strconv.FormatUint(r.Sequence, 10), r.Time.Format(time.RFC3339Nano)}
	for _, v := range r.Values {
		text := ""
		switch {
		case !v.Available:
		case v.Kind == setup.Number || v.Kind == setup.Count:
			text = strconv.FormatFloat(v.Number, 'f', -1, 64)
		default:
			text = v.String()
		}
		row = append(row, text)
	}
	return row
}

// dataToFile writes records to a CSV file, behind those that it has.
func (a *app) dataToFile(ctx context.Context, m *setup.Meter, label, out string, from uint64) (report, error) {
	f, err := os.OpenFile(out, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return report{}, setup.NewError(setup.CodeFile, "%v", err)
	}
	defer f.Close()
	head, last, size, err := readTail(f)
	if err != nil {
		return report{}, err
	}
	if head != "" {
		from = max(from, last+1)
	}
	if err := f.Truncate(size); err != nil {
		return report{}, setup.NewError(setup.CodeFile, "%v", err)
	}
	if _, err := f.Seek(size, io.SeekStart); err != nil {
		return report{}, setup.NewError(setup.CodeFile, "%v", err)
	}
	w := csv.NewWriter(f)
	written := 0
	err = m.Records(ctx, label, from, func(c []setup.Column) error {
		var line bytes.Buffer
		own := csv.NewWriter(&line)
		_ = own.Write(csvHead(c))
		own.Flush()
		if head == "" {
			return w.Write(csvHead(c))
		}
		if strings.TrimRight(line.String(), "\r\n") != head {
			return setup.NewError(setup.CodeFile, "%s has other columns than %s has now", out, label)
		}
		return nil
	}, func(r setup.Record) error {
		written++
		return w.Write(csvRow(r))
	})
	w.Flush()
	if err := errors.Join(err, w.Error()); err != nil {
		return report{}, err
	}
	return report{map[string]any{"file": out, "records": written, "from": from}, func(p *page) {
		p.line("%s: %s written", out, things(written, "record"))
	}}, nil
}

// readTail reads a CSV file as far as its lines are whole: its first line, the number of
// its last record, and how many bytes that is.
func readTail(f *os.File) (head string, last uint64, size int64, err error) {
	r := bufio.NewReader(f)
	for number := 1; ; number++ {
		line, err := r.ReadString('\n')
		if errors.Is(err, io.EOF) { // a last line without its end was cut off
			return head, last, size, nil
		}
		if err != nil {
			return "", 0, 0, setup.NewError(setup.CodeFile, "%v", err)
		}
		size += int64(len(line))
		line = strings.TrimRight(line, "\r\n")
		if number == 1 {
			if !strings.HasPrefix(line, "record,time") {
				return "", 0, 0, setup.NewError(setup.CodeFile, "%s is no file that this tool wrote", filepath.Base(f.Name()))
			}
			head = line
			continue
		}
		first, _, _ := strings.Cut(line, ",")
		n, err := strconv.ParseUint(first, 10, 64)
		if err != nil {
			return "", 0, 0, setup.NewError(setup.CodeFile, "%s, line %d does not begin with the number of a record", filepath.Base(f.Name()), number)
		}
		last = n
	}
}

// waveformFolder is where waveform records will be.
const waveformFolder = "COMTRADE"

func (a *app) newWaveformsCommand(told **report) *cobra.Command {
	var comtrade bool
	cmd := &cobra.Command{
		Use:   "waveforms ADDR",
		Short: "Waveform records (this firmware makes none yet)",
		Long: `Waveforms lists the COMTRADE folder of the meter. This firmware records no waveforms
yet: the folder is empty until it does.

  hepsetup logs waveforms localhost`,
		Args: takes(1, 1, "the address of a meter"),
		RunE: a.withMeter(told, func(ctx context.Context, m *setup.Meter, _ []string) (report, error) {
			files, err := m.Files(ctx, waveformFolder)
			if setup.HasCode(err, "not-found") {
				files, err = []setup.File{}, nil
			}
			return report{map[string]any{"files": files, "note": "this firmware records no waveforms yet"}, func(p *page) {
				if len(files) == 0 {
					p.line("none: this firmware records no waveforms yet")
					return
				}
				var rows [][]string
				for _, f := range files {
					rows = append(rows, []string{f.Name, strconv.FormatUint(f.Size, 10), cell(f.Modified)})
				}
				p.table([]string{"File", ">Bytes", "Modified (UTC)"}, rows)
			}}, err
		}),
	}
	cmd.Flags().BoolVar(&comtrade, "comtrade", false, "as COMTRADE, which is the only form there is")
	return cmd
}

func (a *app) newGapsCommand(told **report) *cobra.Command {
	return &cobra.Command{
		Use:   "gaps ADDR",
		Short: "The times in which the meter did not run",
		Long: `Gaps lists the times in which the meter did not measure, and whether it was stopped or
lost its power.

  hepsetup logs gaps localhost`,
		Args: takes(1, 1, "the address of a meter"),
		RunE: a.withMeter(told, func(ctx context.Context, m *setup.Meter, _ []string) (report, error) {
			list, err := m.Gaps(ctx)
			return report{map[string]any{"gaps": list}, func(p *page) {
				var rows [][]string
				for _, g := range list {
					rows = append(rows, []string{cell(g.From), cell(g.To), g.To.Sub(g.From).Round(time.Millisecond).String(), map[bool]string{true: "stopped", false: "cut off"}[g.Clean]})
				}
				p.table([]string{"From (UTC)", "To (UTC)", ">Length", "How"}, rows)
			}}, err
		}),
	}
}

func (a *app) newVerifyCommand(told **report) *cobra.Command {
	var fingerprint string
	cmd := &cobra.Command{
		Use:   "verify FILE|ADDR",
		Short: "Prove that an exported event log is as the meter wrote it",
		Long: `Verify follows the chain of hashes through an exported event log and checks the
meter's signature: any changed, removed or inserted line is found. --fingerprint is the
key that you trust, as "hepsetup info" shows it. With the address of a meter, its log is
fetched and verified against the key that it shows.

  hepsetup logs events localhost --out events.jsonl
  hepsetup logs verify events.jsonl --fingerprint SHA256:...`,
		Args: takes(1, 1, "a file, or the address of a meter"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if info, err := os.Stat(args[0]); err == nil && !info.IsDir() {
				v, err := setup.VerifyEvents(func() (io.ReadCloser, error) { return os.Open(args[0]) }, fingerprint)
				return a.verified(told, v, err)
			}
			if strings.ContainsAny(args[0], `/\`) || strings.HasSuffix(args[0], ".jsonl") {
				return setup.NewError(setup.CodeFile, "there is no file %s", args[0])
			}
			return a.withMeter(told, func(ctx context.Context, m *setup.Meter, _ []string) (report, error) {
				info, err := m.Info(ctx)
				if err != nil {
					return report{}, err
				}
				var text bytes.Buffer
				if err := m.ExportEvents(ctx, &text); err != nil {
					return report{}, err
				}
				trusted := fingerprint
				if trusted == "" {
					trusted = info.Fingerprint
				}
				v, err := setup.VerifyEvents(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text.Bytes())), nil }, trusted)
				var r *report
				err = a.verified(&r, v, err)
				if r == nil {
					return report{}, err
				}
				return *r, err
			})(cmd, args)
		},
	}
	cmd.Flags().StringVar(&fingerprint, "fingerprint", "", "the key that is trusted, SHA256:...")
	return cmd
}

func (a *app) verified(told **report, v setup.Verified, err error) error {
	r := report{v, func(p *page) {
		p.line("%s", p.good("The log is as the meter wrote it."))
		p.item("meter", v.Model+" "+v.Serial+", firmware "+v.Firmware)
		p.item("events", fmt.Sprintf("%d, from %d to %d", v.Events, v.First, v.Last))
		p.item("signed", stamp(v.Signed))
		p.item("key", v.Fingerprint)
		if !v.Compared {
			p.line("Compare the key with what `hepsetup info` shows of this meter: nobody else has vouched for it.")
		}
	}}
	if err != nil {
		return failure{err, report{result: v}}
	}
	*told = &r
	return nil
}
