package access

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// This file has what a session may ask beside registers, changes and security: each asks
// the gate first, and what changes something leaves a record.

// Info is the meter's name plate.
func (s *Session) Info() (Info, error) {
	if err := s.permit(ReadMeasurement, "name plate"); err != nil {
		return Info{}, err
	}
	return s.gate().options.Works.Info(), nil
}

// DownstreamUnits tells how the units behind the Modbus gateway answer.
func (s *Session) DownstreamUnits() ([]DownstreamUnit, error) {
	if err := s.permit(ReadMeasurement, "Modbus gateway"); err != nil {
		return nil, err
	}
	return s.gate().options.Works.DownstreamUnits(), nil
}

// Greeting is what a meter tells anyone who connects, before any credential: its model,
// its firmware, and what kinds of credential it takes on the session's path.
func (s *Session) Greeting() (model, firmware string, takes []CredentialKind) {
	return s.gate().Greeting(s.conn.client.Path)
}

// Greeting is Session.Greeting for a path: for who has not even a connection yet.
func (g *Gate) Greeting(p Path) (model, firmware string, takes []CredentialKind) {
	info := g.options.Works.Info()
	return info.Model, info.Firmware, g.Takes(p)
}

// Managers, ModuleList and Describe tell of what there is to read, link and set.

func (s *Session) Managers() ([]Manager, error) {
	if err := s.permit(ReadMeasurement, "managers"); err != nil {
		return nil, err
	}
	return s.gate().options.Works.Managers(), nil
}

// ModuleList lists the modules of a manager, of all where it is empty.
func (s *Session) ModuleList(manager string) ([]ModuleEntry, error) {
	if err := s.permit(ReadMeasurement, "modules"); err != nil {
		return nil, err
	}
	list, err := s.gate().options.Works.ModuleList(manager)
	if !s.May(ReadSecurity) { // which accounts there are is security
		list = slices.DeleteFunc(list, func(m ModuleEntry) bool { return isSecurity(m.Type) })
	}
	return list, err
}

// Describe describes a module; one of security needs Security Config Access.
func (s *Session) Describe(label string) (ModuleDescription, error) {
	op := ReadMeasurement
	if setOf(label) == SecuritySettings {
		op = ReadSecurity
	}
	if err := s.permit(op, label); err != nil {
		return ModuleDescription{}, err
	}
	return s.gate().options.Works.Describe(label)
}

// Template saves the program as text.
func (s *Session) Template(ctx context.Context) ([]byte, error) {
	if err := s.permit(ReadMeasurement, "template"); err != nil {
		return nil, err
	}
	return s.gate().options.Works.Template(ctx)
}

// LoadTemplate makes the program that of a text, or changes nothing; it returns the
// differences, one a line. With rehearse nothing is changed.
func (s *Session) LoadTemplate(ctx context.Context, text []byte, rehearse bool) ([]string, error) {
	if err := s.permit(LoadTemplate, "template"); err != nil {
		return nil, err
	}
	var undo func()
	guarded := &undo
	if rehearse {
		guarded = nil
	}
	lines, err := s.gate().options.Works.LoadTemplate(ctx, text, s.by(), s.judge(nil, guarded), rehearse)
	if changedNothing(err) && undo != nil {
		undo()
	}
	if !rehearse {
		s.gate().changes.Add(1)
		s.note(Record{Kind: OperationDone, Operation: LoadTemplate, Target: "template", Is: plural(len(lines), "difference"), Err: err})
	}
	return lines, err
}

// Resets lists what can be reset.
func (s *Session) Resets() ([]Reset, error) {
	if err := s.permit(ReadMeasurement, "resets"); err != nil {
		return nil, err
	}
	return s.gate().options.Works.Resets(), nil
}

// Events returns up to limit events with numbers from and above.
func (s *Session) Events(from uint64, limit int) (Events, error) {
	if err := s.permit(ReadLog, "event log"); err != nil {
		return Events{}, err
	}
	return s.gate().options.Logs.Events(from, limit)
}

// EventHead returns the newest event's place in the hash chain, signed by the meter.
func (s *Session) EventHead() (EventHead, error) {
	if err := s.permit(ReadLog, "event log"); err != nil {
		return EventHead{}, err
	}
	return s.gate().options.Logs.EventHead()
}

// Recorders lists the Data Recorders with their logs.
func (s *Session) Recorders() ([]Recorder, error) {
	if err := s.permit(ReadLog, "data logs"); err != nil {
		return nil, err
	}
	return s.gate().options.Logs.Recorders()
}

// Records returns up to limit records of a Data Recorder's log with numbers from and above.
func (s *Session) Records(recorder string, from uint64, limit int) (Recorder, []LogRecord, error) {
	if err := s.permit(ReadLog, recorder); err != nil {
		return Recorder{}, nil, err
	}
	return s.gate().options.Logs.Records(recorder, from, limit)
}

// Gaps returns the times in which the meter did not run.
func (s *Session) Gaps() ([]Gap, error) {
	if err := s.permit(ReadLog, "gaps"); err != nil {
		return nil, err
	}
	return s.gate().options.Logs.Gaps()
}

// ClearLog erases a log: "events", or that of a Data Recorder. The event log's own end
// stays in the chain, and says who did it. It needs what a setup change needs, and the
// event log Security Config Access.
func (s *Session) ClearLog(ctx context.Context, name string) error {
	op := WriteSetup
	if name == EventLogName {
		op = AdministerSecurity
	}
	if err := s.permit(op, "log "+name); err != nil {
		return err
	}
	err := s.gate().options.Logs.Clear(ctx, name, s.by())
	s.note(Record{Kind: OperationDone, Operation: op, Target: "log " + name, Is: "cleared", Err: err})
	return err
}

// EventLogName is the name of the event log among the logs.
const EventLogName = "events"

// Folders lists the folders of the file area, Files the files of one.
func (s *Session) Folders() ([]string, error) {
	if err := s.permit(ReadFile, "folders"); err != nil {
		return nil, err
	}
	return s.gate().options.Files.Folders(), nil
}

// Files lists the files of a folder.
func (s *Session) Files(folder string) ([]File, error) {
	if err := s.permitFile(ReadFile, ReadSecurity, folder); err != nil {
		return nil, err
	}
	return s.gate().options.Files.List(folder)
}

// ReadFile returns up to length bytes of a file at offset, and what the file is.
func (s *Session) ReadFile(path string, offset int64, length int) ([]byte, File, error) {
	if err := s.permitFile(ReadFile, ReadSecurity, path); err != nil {
		return nil, File{}, err
	}
	return s.gate().options.Files.Read(path, offset, length)
}

// SnapshotFolder is where snapshots are found: they hold accounts, too.
const SnapshotFolder = "snapshot"

// permitFile asks for what a file needs: snapshots need more. A path is folder/name as it
// is listed; one that goes up, or through a folder of no name, might be another than it
// looks.
func (s *Session) permitFile(op, ofSnapshots Operation, path string) error {
	if strings.EqualFold(moduleOf(path), SnapshotFolder) {
		op = ofSnapshots
	}
	if err := s.permit(op, path); err != nil {
		return err
	}
	if !fs.ValidPath(path) || path == "." {
		return s.refuse(refuse(CodeBadRequest, fmt.Sprintf("%.70q is no path of a file: write folder/name", path)).of(op), path)
	}
	return nil
}

// WriteFile takes a block of a file. It returns how many bytes from the beginning the
// meter has; the file is there, whole, when that is all.
func (s *Session) WriteFile(ctx context.Context, path string, offset int64, block []byte, total int64, sha256 []byte) (int64, error) {
	if err := s.permitFile(WriteFile, AdministerSecurity, path); err != nil {
		return 0, err
	}
	received, err := s.gate().options.Files.Write(ctx, path, offset, block, total, sha256)
	if err != nil || received == total {
		s.note(Record{Kind: OperationDone, Operation: WriteFile, Target: path, Is: plural(int(total), "byte"), Err: err})
	}
	return received, err
}

// DeleteFile deletes a file.
func (s *Session) DeleteFile(ctx context.Context, path string) error {
	if err := s.permitFile(WriteFile, AdministerSecurity, path); err != nil {
		return err
	}
	err := s.gate().options.Files.Delete(ctx, path)
	s.note(Record{Kind: OperationDone, Operation: WriteFile, Target: path, Is: "deleted", Err: err})
	return err
}

// Snapshot makes a file of the meter's whole state, accounts and hashes of passwords
// included: it needs Security Config Access. One with an id is kept, and given again.
func (s *Session) Snapshot(ctx context.Context, id string) (File, error) {
	if err := s.permit(ReadSecurity, "snapshot"); err != nil {
		return File{}, err
	}
	file, err := s.gate().options.Files.Snapshot(ctx, id)
	s.note(Record{Kind: OperationDone, Operation: ReadSecurity, Target: "snapshot", Is: file.Path, Err: err})
	return file, err
}

// BecomeTwin has a fresh meter take a snapshot that WriteFile has brought into the snapshot
// folder, all of it but serial number, keys and certificates, and starts the meter again. It
// needs Security Config Access and Full Meter Config Access. With rehearse the snapshot is
// proved, and nothing is changed.
func (s *Session) BecomeTwin(ctx context.Context, path string, rehearse bool) (Twin, error) {
	permit := func() error {
		if err := s.permitFile(AdministerSecurity, AdministerSecurity, path); err != nil {
			return err
		}
		return s.permit(LoadTemplate, path)
	}
	if err := permit(); err != nil {
		return Twin{}, err
	}
	twin, err := s.gate().options.Works.BecomeTwin(ctx, path, s.by(), permit, rehearse)
	if !rehearse {
		s.note(Record{Kind: OperationDone, Operation: AdministerSecurity, Target: path, Is: "takes the place of all that the meter has", Err: err})
	}
	return twin, err
}

// SetClock sets the clock.
func (s *Session) SetClock(ctx context.Context, t time.Time) error {
	return s.Change(ctx, []Change{{Kind: SetTime, Time: t}}, false)
}

// Reset carries out a reset by its name.
func (s *Session) Reset(ctx context.Context, name string) error {
	return s.Change(ctx, []Change{{Kind: ResetNamed, Object: name}}, false)
}

// Restart stops the meter and starts it again: servers end their connections, and what was
// counted is kept.
func (s *Session) Restart() error {
	if err := s.permit(RestartMeter, "meter"); err != nil {
		return err
	}
	err := s.gate().options.Works.Restart(s.by())
	s.note(Record{Kind: OperationDone, Operation: RestartMeter, Target: "meter", Is: "restarted", Err: err})
	return err
}
