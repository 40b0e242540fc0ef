package setup

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/hepmeter/hepmeter/wire/ionp"
)

// Twin is what a fresh meter was made, or would be.
type Twin struct {
	// Serial is the meter's own, which stays; From that of the meter that was backed up.
	Serial string    `json:"serial"`
	From   string    `json:"from"`
	Made   time.Time `json:"made"` // the snapshot
	// What is in the snapshot, by number.
	Accounts int `json:"accounts"`
	Setups   int `json:"setup_registers"`
	Retained int `json:"modules_that_count"`
	Events   int `json:"events"`
	Logs     int `json:"logs"`
	Records  int `json:"records"`
	Gaps     int `json:"gaps"`
	Files    int `json:"files"`
	// Compared is what was compared after the restart, Differences what was found then.
	Compared    []string `json:"compared"`
	Differences []string `json:"differences"`
	// NotCompared is why something could not be.
	NotCompared string `json:"not_compared,omitempty"`
}

const (
	// proving is how long a meter may take to prove a snapshot, restarting how long until it
	// serves again.
	proving    = 5 * time.Minute
	restarting = 2 * time.Minute
	// restartPoll is how often it is asked whether it does.
	restartPoll = 100 * time.Millisecond
)

// becomeTwin sends the snapshot of a backup to a fresh meter, has it take it, waits until it
// serves again, and compares.
func (m *Meter) becomeTwin(ctx context.Context, b Backed, r Restoring, info Info) (*Twin, error) {
	did := func(format string, args ...any) {
		if r.Did != nil {
			r.Did(fmt.Sprintf(format, args...))
		}
	}
	switch {
	case len(b.Snapshot) == 0:
		return nil, NewError(CodeBackupDamaged, "the backup has no snapshot that can be sent: a meter becomes a twin by nothing less").
			with("make a backup with an account that has Security Config Access, or leave out --into-new")
	case b.Info.Firmware != info.Firmware:
		return nil, NewError(CodeNotInThisFirmware, "the backup is of firmware %s, and this meter has %s", b.Info.Firmware, info.Firmware).
			with("use a meter of that version, or leave out --into-new")
	}
	if err := m.fresh(ctx); err != nil {
		return nil, err
	}
	path := "snapshot/" + b.Info.Serial + ".hmx"
	tenth := uint64(0)
	err := m.Send(ctx, path, b.Snapshot, func(done, total uint64) {
		if now := done * 10 / total; now > tenth {
			tenth = now
			did("snapshot: %d of %d bytes sent", done, total)
		}
	})
	if err != nil {
		return nil, err
	}
	did("snapshot sent: the meter proves it")
	reply, err := askWithin(ctx, m, max(m.options.Timeout, proving), "restoring a snapshot", ionp.SnapshotRestore, ionp.SnapshotRestoreRequest{Path: path, DryRun: r.DryRun})
	if err != nil {
		_ = m.DeleteFile(ctx, path) // a restart removes it, too
		return nil, err
	}
	twin := &Twin{Serial: info.Serial, From: reply.Serial, Made: time.Unix(0, reply.Made).UTC(), Accounts: int(reply.Accounts), Setups: int(reply.Setups), Retained: int(reply.Retained),
		Events: int(reply.Events), Logs: int(reply.Logs), Records: int(reply.Records), Gaps: int(reply.Gaps), Files: int(reply.Files), Compared: []string{}, Differences: []string{}}
	if r.DryRun {
		return twin, m.DeleteFile(ctx, path)
	}
	did("snapshot taken: the meter starts again")
	back, err := m.restarted(ctx)
	if err != nil {
		return twin, err
	}
	defer back.Close()
	did("the meter serves again: comparing")
	err = back.compare(ctx, b, twin)
	if HasCode(err, "user-needed", "credentials-needed", "no-permission") && m.Credential() != (Credential{}) {
		// Nobody may read: the snapshot's accounts may know who asked.
		back.Use(m.Credential())
		err = back.compare(ctx, b, twin)
	}
	if err != nil {
		twin.NotCompared = err.Error()
	}
	return twin, nil
}

// restarted waits until the connection ends and the meter takes a new one, and returns that,
// as nobody.
func (m *Meter) restarted(ctx context.Context) (*Meter, error) {
	ctx, stop := context.WithTimeout(ctx, restarting)
	defer stop()
	poll := time.NewTicker(restartPoll)
	defer poll.Stop()
	wait := func() error {
		select {
		case <-poll.C:
			return nil
		case <-ctx.Done():
			return NewError(CodeTimeout, "the meter does not serve again after %s", restarting).
				with("start it: it has the snapshot, and takes it up at its next start")
		}
	}
	for {
		_, err := ask(ctx, m, "waiting for the restart", ionp.Info, ionp.InfoRequest{})
		if HasCode(err, CodeConnectionLost, CodeFailed) {
			break
		}
		if err := wait(); err != nil {
			return nil, err
		}
	}
	o := m.options
	o.Credential = Credential{}
	for {
		back, err := Connect(ctx, m.address, o)
		if err == nil {
			return back, nil
		}
		if err := wait(); err != nil {
			return nil, err
		}
	}
}

// compare finds where a meter differs from what a backup says of its twin. What goes on
// since may only have grown.
func (m *Meter) compare(ctx context.Context, b Backed, twin *Twin) error {
	twin.Compared, twin.Differences = []string{}, []string{}
	differ := func(format string, args ...any) {
		twin.Differences = append(twin.Differences, fmt.Sprintf(format, args...))
	}
	info, err := m.Info(ctx)
	if err != nil {
		return err
	}
	if info.Serial != twin.Serial {
		differ("serial number %s: want its own, %s", info.Serial, twin.Serial)
	}
	twin.Compared = append(twin.Compared, "name plate")
	text, err := m.Template(ctx)
	if err != nil {
		return err
	}
	if !bytes.Equal(text, b.Template) {
		differ("the template is another")
	}
	twin.Compared = append(twin.Compared, "template")
	changed, err := m.changed(ctx, b.Setup)
	if err != nil {
		return err
	}
	for _, a := range changed {
		differ("%s is %s: want %s", a.Register, a.Was, a.Value)
	}
	twin.Compared = append(twin.Compared, "setup")
	counted, err := m.Accumulators(ctx)
	if err != nil {
		return err
	}
	compareCounted(b.Accumulators, counted, differ)
	twin.Compared = append(twin.Compared, fmt.Sprintf("%d energy registers", len(b.Accumulators)))
	logs, err := m.Recorders(ctx)
	if err != nil {
		return err
	}
	for _, was := range b.Logs {
		at := slices.IndexFunc(logs, func(l Recorder) bool { return l.Label == was.Label })
		if at < 0 || logs[at].Next < was.Next || logs[at].Count < min(was.Count, 1) {
			differ("the log %s does not go on from record %d", was.Label, was.Next)
		}
	}
	twin.Compared = append(twin.Compared, fmt.Sprintf("%d data logs", len(b.Logs)))
	return m.compareChain(ctx, b.Head, twin, differ)
}

// compareCounted wants every register that was counted, and none of them lower by more than
// a hundredth: net energies fall meanwhile where power flows the other way.
func compareCounted(was map[string]*float64, now Readings, differ func(string, ...any)) {
	is := map[string]Reading{}
	for _, r := range now.Values {
		is[r.Register] = r
	}
	for register, v := range was {
		r, there := is[register]
		switch {
		case v == nil:
		case !there || !r.Value.Available:
			differ("%s is not available: want %g at least", register, *v)
		case r.Value.Number < *v-max(1, math.Abs(*v)/100):
			differ("%s is %g: want %g at least", register, r.Value.Number, *v)
		}
	}
}

// compareChain finds the newest event of the backup in the log, by its hash.
func (m *Meter) compareChain(ctx context.Context, head EventHead, twin *Twin, differ func(string, ...any)) error {
	if head.Sequence == 0 {
		return nil
	}
	r, err := ask(ctx, m, "reading the event log", ionp.Events, ionp.EventsRequest{From: head.Sequence, Limit: 1})
	if err != nil {
		return err
	}
	if r.First <= head.Sequence && (len(r.Events) == 0 || hex.EncodeToString(r.Events[0].Hash) != head.Hash) {
		differ("event %d is not that of the backup", head.Sequence)
	}
	twin.Compared = append(twin.Compared, "event log")
	return nil
}
