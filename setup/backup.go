package setup

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/wire/ionp"
)

// The files of a backup, which is a zip (docs/setup-tool.md).
const (
	backupManifest     = "manifest.json"
	backupInfo         = "info.json"
	backupTemplate     = "template.txt"
	backupSetup        = "setup.json"
	backupSecurity     = "security.txt"
	backupVerifiers    = "security-verifiers.txt"
	backupLogs         = "logs.json"
	backupEvents       = "events.jsonl"
	backupAccumulators = "accumulators.json"
	backupSnapshot     = "snapshot.hepmeter"

	backupFormat  = "hepmeter backup"
	backupVersion = 1
	// maxBackupPart bounds a part that is read back, maxBackupSnapshot that of the snapshot.
	maxBackupPart     = 64 << 20
	maxBackupSnapshot = 128 << 20
)

// partLimit is the most bytes that a part may have.
func partLimit(name string) int64 {
	if name == backupSnapshot {
		return maxBackupSnapshot
	}
	return maxBackupPart
}

// BackupManifest says what a backup is of, and what its parts hash to.
type BackupManifest struct {
	Format  string            `json:"format"`
	Version int               `json:"version"`
	Made    time.Time         `json:"made"`
	Model   string            `json:"model"`
	Serial  string            `json:"serial"`
	Info    Info              `json:"-"`
	SHA256  map[string]string `json:"sha256"`
	// Missing are parts that the account was not allowed to read, with the reason.
	Missing map[string]string `json:"missing,omitempty"`
}

// Backup writes a meter's whole state as one zip: its own snapshot, and beside it as text
// what people read and Restore writes: template, setup of the one meter, security, the
// verifiable event log, and the data logs' numbers and every energy register as evidence.
// Security is there twice: for people, and with what passwords are checked with. Parts that
// need Security Config Access are left out, and named, where the account has none.
func (m *Meter) Backup(ctx context.Context, w io.Writer, now time.Time, progress func(part string)) (BackupManifest, error) {
	info, err := m.Info(ctx)
	if err != nil {
		return BackupManifest{}, err
	}
	manifest := BackupManifest{Format: backupFormat, Version: backupVersion, Made: now.UTC(), Model: info.Model, Serial: info.Serial, Info: info, SHA256: map[string]string{}, Missing: map[string]string{}}
	defer m.begin("the backup", m.backupBytes(ctx))()
	archive := zip.NewWriter(w)
	parts := []struct {
		name    string
		read    func() ([]byte, error)
		guarded bool
	}{
		{backupInfo, func() ([]byte, error) { return asJSON(info, nil) }, false},
		{backupTemplate, func() ([]byte, error) { return m.Template(ctx) }, false},
		{backupSetup, func() ([]byte, error) { return asJSON(m.ownSetup(ctx)) }, false},
		{backupAccumulators, func() ([]byte, error) { return asJSON(m.Accumulators(ctx)) }, false},
		{backupLogs, func() ([]byte, error) { return asJSON(m.Recorders(ctx)) }, false},
		{backupEvents, func() ([]byte, error) { return written(func(w io.Writer) error { return m.ExportEvents(ctx, w) }) }, false},
		{backupSecurity, func() ([]byte, error) {
			text, err := m.ExportSecurity(ctx)
			return []byte(text), err
		}, true},
		{backupVerifiers, func() ([]byte, error) {
			text, err := m.ExportVerifiers(ctx)
			return []byte(text), err
		}, true},
		{backupSnapshot, func() ([]byte, error) {
			// The last: what is beside it is in it, too.
			r, err := ask(ctx, m, "making a snapshot", ionp.Snapshot, ionp.SnapshotRequest{})
			if err != nil {
				return nil, err
			}
			return written(func(w io.Writer) error { return m.Fetch(ctx, r.Path, w, nil) })
		}, true},
	}
	for _, part := range parts {
		if progress != nil {
			progress(part.name)
		}
		content, err := part.read()
		if err != nil {
			// An older meter does not tell verifiers: bad-request.
			if part.guarded && HasCode(err, "no-permission", "credentials-needed", "user-needed") || part.name == backupVerifiers && HasCode(err, "bad-request") {
				manifest.Missing[part.name] = err.Error()
				continue
			}
			return manifest, err
		}
		sum := sha256.Sum256(content)
		manifest.SHA256[part.name] = hex.EncodeToString(sum[:])
		if err := writePart(archive, part.name, now, content); err != nil {
			return manifest, asError("writing the backup", err)
		}
	}
	text, err := asJSON(manifest, nil)
	if err != nil {
		return manifest, asError("writing the backup", err)
	}
	if err := writePart(archive, backupManifest, now, text); err != nil {
		return manifest, asError("writing the backup", err)
	}
	return manifest, asError("writing the backup", archive.Close())
}

func writePart(archive *zip.Writer, name string, now time.Time, content []byte) error {
	w, err := archive.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: now})
	if err != nil {
		return err
	}
	_, err = w.Write(content)
	return err
}

// asJSON is what was read as indented JSON.
func asJSON[T any](v T, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return written(func(w io.Writer) error {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(v)
	})
}

func written(write func(io.Writer) error) ([]byte, error) {
	var b bytes.Buffer
	err := write(&b)
	return b.Bytes(), err
}

// About how many bytes on the way an event takes, how many events a meter keeps, and what of a
// backup is neither event nor file.
const (
	backupEventBytes = 200
	backupMostEvents = 10_000
	backupOtherBytes = 40_000
)

// backupBytes is about how much a backup moves, 0 where nobody needs to know: what cannot be
// read counts nothing.
func (m *Meter) backupBytes(ctx context.Context) uint64 {
	if _, slow := m.Path(); !slow {
		return 0
	}
	n := uint64(backupOtherBytes)
	if snapshot, err := ask(ctx, m, "making a snapshot", ionp.Snapshot, ionp.SnapshotRequest{}); err == nil {
		n += snapshot.Size
	}
	if template, err := ask(ctx, m, "saving the template", ionp.TemplateSave, ionp.TemplateSaveRequest{}); err == nil {
		n += template.Size
	}
	if head, err := ask(ctx, m, "reading the head of the event log", ionp.EventHead, ionp.EventHeadRequest{}); err == nil {
		n += backupEventBytes * min(head.Sequence, backupMostEvents)
	}
	return n
}

// SnapshotFile is a snapshot that the meter keeps under a name.
type SnapshotFile struct {
	ID     string `json:"id"`
	Path   string `json:"path"`
	Bytes  uint64 `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Snapshot has the meter keep its whole state under a name, or find what it keeps under that,
// and copies it to w: the same bytes on whatever path, until nobody has read it for an hour. It
// holds hashes of passwords, and needs Security Config Access.
func (m *Meter) Snapshot(ctx context.Context, id string, w io.Writer, progress func(done, total uint64)) (SnapshotFile, error) {
	r, err := ask(ctx, m, "making the snapshot "+id, ionp.Snapshot, ionp.SnapshotRequest{ID: id})
	if err != nil {
		return SnapshotFile{}, err
	}
	if err := m.Fetch(ctx, r.Path, w, progress); err != nil {
		return SnapshotFile{}, err
	}
	return SnapshotFile{id, r.Path, r.Size, hex.EncodeToString(r.SHA256)}, nil
}

// Accumulators reads every energy register: the outputs of all Integrators, as evidence.
func (m *Meter) Accumulators(ctx context.Context) (Readings, error) {
	integrators, err := m.Modules(ctx, "Integrator")
	if err != nil {
		return Readings{}, err
	}
	var labels []string
	for _, module := range integrators {
		labels = append(labels, module.Label+"/Result", module.Label+"/Rollover Count")
	}
	if len(labels) == 0 {
		return Readings{Values: []Reading{}}, nil
	}
	return m.Read(ctx, labels)
}

// ownModules are the types whose setup a template leaves out, because it belongs to the
// one meter.
func ownModules() []string { return []string{"Clock", "Factory"} }

// ownRegisters are those of a Factory module that are the owner's; the others are in the
// template.
func ownRegisters() []string { return []string{"Device Name", "Owner", "Tag 1", "Tag 2"} }

// ownSetup reads the setup that a template leaves out.
func (m *Meter) ownSetup(ctx context.Context) ([]Assignment, error) {
	list := []Assignment{}
	for _, typeName := range ownModules() {
		modules, err := m.Modules(ctx, typeName)
		if err != nil {
			return nil, err
		}
		for _, entry := range modules {
			module, err := m.Module(ctx, entry.Label)
			if err != nil {
				return nil, err
			}
			for _, s := range module.Setups {
				if typeName == "Factory" && !slices.Contains(ownRegisters(), s.Name) {
					continue
				}
				list = append(list, Assignment{Register: entry.Label + "/" + s.Name, Value: s.Value})
			}
		}
	}
	return list, nil
}

// Backed is a backup that was read and proved.
type Backed struct {
	Manifest BackupManifest
	Info     Info
	Template []byte
	Setup    []Assignment
	// Security is the security file, with verifiers where Verifiers is set; empty where the
	// backup has none.
	Security  string
	Verifiers bool
	// Snapshot is the meter's own; empty where the backup has none.
	Snapshot []byte
	// Accumulators, Logs and Head are the evidence of what was counted and logged.
	Accumulators map[string]*float64
	Logs         []Recorder
	Head         EventHead
}

// EventHead is the newest event of a log.
type EventHead struct {
	Sequence uint64 `json:"head"`
	Hash     string `json:"hash"`
}

// ReadBackup reads a backup and proves every hash. The error has the code backup-damaged.
func ReadBackup(r io.ReaderAt, size int64) (Backed, error) {
	damaged := func(format string, args ...any) (Backed, error) {
		return Backed{}, NewError(CodeBackupDamaged, format, args...)
	}
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return damaged("it is no backup: %v", err)
	}
	parts := map[string][]byte{}
	for _, file := range archive.File {
		if file.UncompressedSize64 > uint64(partLimit(file.Name)) {
			if file.Name == backupSnapshot {
				continue // a plain restore does not need it
			}
			return damaged("its part %.40q has %d bytes", file.Name, file.UncompressedSize64)
		}
		content, err := readPart(file)
		if err != nil {
			return damaged("its part %.40q: %v", file.Name, err)
		}
		parts[file.Name] = content
	}
	var b Backed
	if json.Unmarshal(parts[backupManifest], &b.Manifest) != nil || b.Manifest.Format != backupFormat {
		return damaged("it has no manifest of a backup")
	}
	if b.Manifest.Version != backupVersion {
		return damaged("it is of version %d, and this tool knows %d", b.Manifest.Version, backupVersion)
	}
	for name, want := range b.Manifest.SHA256 {
		content, there := parts[name]
		if !there && name == backupSnapshot {
			continue
		}
		if sum := sha256.Sum256(content); !there || hex.EncodeToString(sum[:]) != want {
			return damaged("its part %.40q is missing or changed", name)
		}
	}
	for _, name := range []string{backupInfo, backupTemplate, backupSetup} {
		if b.Manifest.SHA256[name] == "" {
			return damaged("its part %s is missing", name)
		}
	}
	if err := json.Unmarshal(parts[backupInfo], &b.Info); err != nil {
		return damaged("its part %s: %v", backupInfo, err)
	}
	if err := json.Unmarshal(parts[backupSetup], &b.Setup); err != nil {
		return damaged("its part %s: %v", backupSetup, err)
	}
	b.Template, b.Security, b.Snapshot = parts[backupTemplate], string(parts[backupSecurity]), parts[backupSnapshot]
	if text, there := parts[backupVerifiers]; there && b.Manifest.SHA256[backupVerifiers] != "" {
		b.Security, b.Verifiers = string(text), true
	}
	if err := b.evidence(parts); err != nil {
		return damaged("%v", err)
	}
	return b, nil
}

// evidence reads what a restore is compared with. Older backups have less of it.
func (b *Backed) evidence(parts map[string][]byte) error {
	var counted struct {
		Values []struct {
			Register string   `json:"register"`
			Value    *float64 `json:"value"`
		} `json:"values"`
	}
	for name, into := range map[string]any{backupAccumulators: &counted, backupLogs: &b.Logs} {
		if text := parts[name]; len(text) > 0 {
			if err := json.Unmarshal(text, into); err != nil {
				return fmt.Errorf("its part %s: %w", name, err)
			}
		}
	}
	b.Accumulators = map[string]*float64{}
	for _, r := range counted.Values {
		b.Accumulators[r.Register] = r.Value
	}
	lines := bytes.Split(bytes.TrimSpace(parts[backupEvents]), []byte("\n"))
	if last := lines[len(lines)-1]; len(last) > 0 {
		if err := json.Unmarshal(last, &b.Head); err != nil {
			return fmt.Errorf("the end of its part %s: %w", backupEvents, err)
		}
	}
	return nil
}

func readPart(file *zip.File) ([]byte, error) {
	r, err := file.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	limit := partLimit(file.Name)
	content, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = fmt.Errorf("it has more than %d bytes", limit)
	}
	return content, err
}

// Restoring is how a backup is written to a meter.
type Restoring struct {
	// IntoNew takes only a meter as it left the factory, and makes it the twin of the one
	// that was backed up: logs, accumulators and all.
	IntoNew bool
	DryRun  bool
	// Passwords of accounts, by name, where the backup has no verifiers.
	Passwords map[string]string
	// Did is told each part that is done, and how far one is that takes its time.
	Did func(part string)
}

// Restored is what was done, one change a line.
type Restored struct {
	Template []string `json:"template"`
	Setup    []string `json:"setup"`
	Security []string `json:"security"`
	// Left is what stays of the account that one is connected with, though the backup has it
	// otherwise (F16).
	Left []string `json:"left"`
	// Without are accounts that cannot log in before they are given a password.
	Without []string `json:"accounts_without_password"`
	DryRun  bool     `json:"dry_run"`
	// Twin is what became of a fresh meter.
	Twin *Twin `json:"twin,omitempty"`
}

// Restore writes setup, template and accounts of a backup, and never what was counted; but
// a fresh meter may become a twin. Accounts come with what their passwords are checked with.
// In a backup of an older tool that is not there: accounts that the meter does not have yet
// then get the passwords of Passwords, or none.
func (m *Meter) Restore(ctx context.Context, b Backed, r Restoring) (Restored, error) {
	done := Restored{Template: []string{}, Setup: []string{}, Security: []string{}, Left: []string{}, Without: []string{}, DryRun: r.DryRun}
	info, err := m.Info(ctx)
	if err != nil {
		return done, err
	}
	if info.Model != b.Info.Model {
		return done, NewError(CodeWrongModel, "the backup is of an %s, and this meter is an %s", b.Info.Model, info.Model)
	}
	if r.IntoNew {
		done.Twin, err = m.becomeTwin(ctx, b, r, info)
		return done, err
	}
	// What would be refused is found before anything is written.
	if done.Template, err = m.LoadTemplate(ctx, b.Template, true); err != nil {
		return done, err
	}
	security := b.Security
	if security != "" {
		if security, done.Left, err = m.keepOwn(ctx, security); err != nil {
			return done, err
		}
		if done.Security, err = m.ApplySecurity(ctx, security, r.Passwords, true); err != nil {
			return done, err
		}
		done.Without = WithoutPassword(done.Security)
	}
	var writes []Assignment
	if info.Serial == b.Info.Serial { // names and clock are those of the one meter
		if writes, err = m.changed(ctx, b.Setup); err != nil {
			return done, err
		}
	}
	for _, a := range writes {
		done.Setup = append(done.Setup, fmt.Sprintf("%s: %s -> %s", a.Register, a.Was, a.Value))
	}
	if r.DryRun {
		return done, nil
	}
	did := func(part string) {
		if r.Did != nil {
			r.Did(part)
		}
	}
	if len(done.Template) > 0 {
		if _, err := m.LoadTemplate(ctx, b.Template, false); err != nil {
			return done, err
		}
	}
	did("template written")
	if len(writes) > 0 {
		if err := m.Write(ctx, writes); err != nil {
			return done, err
		}
	}
	did("setup written")
	if len(done.Security) > 0 {
		if _, err := m.ApplySecurity(ctx, security, r.Passwords, false); err != nil {
			return done, err
		}
	}
	did("accounts written")
	return done, nil
}

// changed returns the assignments that differ from what the meter has.
func (m *Meter) changed(ctx context.Context, want []Assignment) ([]Assignment, error) {
	have, err := m.ownSetup(ctx)
	if err != nil {
		return nil, err
	}
	var list []Assignment
	for _, a := range want {
		for _, h := range have {
			if strings.EqualFold(h.Register, a.Register) && h.Value != a.Value {
				list = append(list, Assignment{Register: h.Register, Value: a.Value, Was: h.Value})
			}
		}
	}
	return list, nil
}

// fresh refuses a meter that somebody has set up: one with more accounts than the
// factory's.
func (m *Meter) fresh(ctx context.Context) error {
	s, err := m.Security(ctx)
	if err != nil {
		return err
	}
	if len(s.Accounts) > 1 {
		return NewError(CodeNotFresh, "the meter has %d accounts already", len(s.Accounts))
	}
	return nil
}
