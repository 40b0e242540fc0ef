package meter

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/store"
)

// files is the meter's file area. The owner's folders lie in the store; the folder
// snapshot has the latest snapshot and one that a client brings, in files beside the store
// that a restart removes; the folder COMTRADE is for waveform records, which no module
// makes yet.
type files struct{ m *Meter }

// Folders of the owner, and that of waveform records.
const (
	folderDocuments = "documents"
	folderTemplates = "template"
	folderWaveforms = "COMTRADE"
)

// currentTemplate is the file that shows the program as a template.
const currentTemplate = "current.txt"

// snapshotFile is a snapshot: the latest, one that is kept under a name, or one that a client
// brings.
type snapshotFile struct {
	mu   sync.Mutex
	path string // on the machine; empty for none
	info access.File
	// received is how much of it has come.
	received int64
	// read is when a kept one was asked for last.
	read time.Time
}

// maxSnapshotBytes bounds a snapshot that a client brings. It is proved in memory, several
// times its size (docs/store.md).
const maxSnapshotBytes = 128 << 20

// Folders implements access.Files.
func (files) Folders() []string {
	return []string{folderWaveforms, folderDocuments, folderTemplates, access.SnapshotFolder}
}

// Room implements access.Rooms.
func (f files) Room() (access.Room, error) {
	used, err := f.m.store.Files().UsedBytes()
	if err != nil {
		return access.Room{}, fileError(err)
	}
	kept, err := f.m.store.Files().List("")
	if err != nil {
		return access.Room{}, fileError(err)
	}
	return access.Room{Bytes: store.MaxFilesBytes, FreeBytes: max(0, store.MaxFilesBytes-used), Files: store.MaxFiles, FreeFiles: max(0, store.MaxFiles-len(kept)),
		Folders: []string{folderDocuments, folderTemplates}}, nil
}

func split(path string) (folder, name string) {
	folder, name, _ = strings.Cut(path, "/")
	return folder, name
}

// List implements access.Files.
func (f files) List(folder string) ([]access.File, error) {
	switch folder {
	case access.SnapshotFolder:
		f.expire(time.Now())
		var list []access.File
		for _, s := range f.snapshots() {
			if info, ok := s.whole(); ok {
				list = append(list, info)
			}
		}
		return list, nil
	case folderWaveforms:
		return nil, nil
	case folderDocuments, folderTemplates:
	default:
		return nil, access.NewRefusal(access.CodeNotFound, fmt.Sprintf("there is no folder %q: they are %s", folder, strings.Join(f.Folders(), ", ")))
	}
	kept, err := f.m.store.Files().List(folder)
	if err != nil {
		return nil, fileError(err)
	}
	var list []access.File
	for _, k := range kept {
		list = append(list, fileOf(k))
	}
	if folder == folderTemplates {
		text, err := f.m.Template(context.Background())
		if err != nil {
			return nil, err
		}
		list = append(list, f.current(text))
	}
	return list, nil
}

func fileOf(k store.FileInfo) access.File {
	return access.File{Path: k.Folder + "/" + k.Name, Bytes: k.SizeBytes, Modified: k.Time, SHA256: k.SHA256[:], Writable: true}
}

// current describes the program as a template.
func (f files) current(text []byte) access.File {
	sum := sha256.Sum256(text)
	return access.File{Path: folderTemplates + "/" + currentTemplate, Bytes: int64(len(text)), Modified: time.Now().UTC(), SHA256: sum[:]}
}

// Read implements access.Files.
func (f files) Read(path string, offset int64, length int) ([]byte, access.File, error) {
	if offset < 0 || length < 0 {
		return nil, access.File{}, access.NewRefusal(access.CodeBadRequest, "a negative offset or length")
	}
	length = min(length, store.MaxFileBlockBytes)
	folder, name := split(path)
	switch {
	case folder == access.SnapshotFolder:
		return f.readSnapshot(path, offset, length)
	case folder == folderTemplates && name == currentTemplate:
		text, err := f.m.Template(context.Background())
		if err != nil {
			return nil, access.File{}, err
		}
		from := min(offset, int64(len(text)))
		return text[from:min(from+int64(length), int64(len(text)))], f.current(text), nil
	}
	info, block, err := f.m.store.Files().Read(folder, name, offset, length)
	if err != nil {
		return nil, access.File{}, fileError(err)
	}
	return block, fileOf(info), nil
}

// Write implements access.Files.
func (f files) Write(_ context.Context, path string, offset int64, block []byte, total int64, sum []byte) (int64, error) {
	folder, name := split(path)
	if folder == access.SnapshotFolder {
		return f.takeSnapshot(path, offset, block, total, sum)
	}
	switch {
	case folder != folderDocuments && folder != folderTemplates || folder == folderTemplates && name == currentTemplate:
		return 0, access.NewRefusal(access.CodeNotWritable, fmt.Sprintf("%s is not for files of the owner: those go to %s or %s", path, folderDocuments, folderTemplates))
	case len(sum) != sha256.Size:
		return 0, access.NewRefusal(access.CodeBadRequest, fmt.Sprintf("a file comes with its SHA-256 of %d bytes, not %d", sha256.Size, len(sum)))
	case total < 0 || total > store.MaxFilesBytes || offset < 0 || offset+int64(len(block)) > total:
		return 0, access.NewRefusal(access.CodeBadRequest, fmt.Sprintf("%d bytes at %d of a file of %d, of which %d at most", len(block), offset, total, store.MaxFilesBytes))
	}
	received, err := f.m.store.Files().Write(folder, name, offset, block)
	if err != nil {
		return received, fileError(err)
	}
	if received == total {
		if _, err := f.m.store.Files().Finish(folder, name, [sha256.Size]byte(sum)); err != nil {
			return received, fileError(err)
		}
	}
	return received, nil
}

// Delete implements access.Files.
func (f files) Delete(_ context.Context, path string) error {
	folder, name := split(path)
	if folder == access.SnapshotFolder {
		for _, s := range f.snapshots() {
			if s.forget(path) {
				return nil
			}
		}
		return access.NewRefusal(access.CodeNotFound, "there is no such snapshot any more")
	}
	return fileError(f.m.store.Files().Delete(folder, name))
}

// Snapshots that are kept under a name: heldSnapshots at most, each until nobody has read it for
// holdTime.
const (
	heldSnapshots = 4
	holdTime      = time.Hour
)

// snapshotID is what a name may be.
var snapshotID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$`)

// Snapshot implements access.Files.
func (f files) Snapshot(_ context.Context, id string) (access.File, error) {
	if id == "" {
		s := &f.m.snapshot
		s.mu.Lock()
		defer s.mu.Unlock()
		now := f.m.audit.civil(time.Now()).UTC()
		return f.makeSnapshot(s, f.m.identity.Serial+now.Format("-20060102-150405"), now)
	}
	if !snapshotID.MatchString(id) {
		return access.File{}, access.NewRefusal(access.CodeBadValue, fmt.Sprintf("snapshot %q: a name has up to 32 letters, digits, - and _, and begins with none of these two", id))
	}
	f.m.holding.Lock()
	defer f.m.holding.Unlock()
	s := f.hold(access.SnapshotFolder + "/" + id + snapshotSuffix)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read = time.Now()
	if s.path != "" {
		return s.info, nil
	}
	return f.makeSnapshot(s, id, f.m.audit.civil(time.Now()).UTC())
}

// hold returns the snapshot that is kept as a path, or the one in whose place it is to be made:
// a free one, or the one that was read the longest ago.
func (f files) hold(path string) *snapshotFile {
	f.expire(time.Now())
	var oldest *snapshotFile
	var since time.Time
	for i := range f.m.held {
		s := &f.m.held[i]
		s.mu.Lock()
		at, same := s.read, s.path != "" && s.info.Path == path
		if s.path == "" {
			at = time.Time{}
		}
		s.mu.Unlock()
		if same {
			return s
		}
		if oldest == nil || at.Before(since) {
			oldest, since = s, at
		}
	}
	oldest.mu.Lock()
	oldest.remove()
	oldest.mu.Unlock()
	return oldest
}

// expire forgets the kept snapshots that nobody has read for long.
func (f files) expire(now time.Time) {
	for i := range f.m.held {
		s := &f.m.held[i]
		s.mu.Lock()
		if now.Sub(s.read) >= holdTime {
			s.remove()
		}
		s.mu.Unlock()
	}
}

// snapshotSuffix is that of the files.
const snapshotSuffix = ".hmx"

// makeSnapshot makes a snapshot in place of the one that s was; the caller holds its mu.
func (f files) makeSnapshot(s *snapshotFile, name string, now time.Time) (access.File, error) {
	s.remove()
	// It holds accounts: it lies in the meter's directory, where the next start sweeps what a
	// killed meter left.
	out, err := os.CreateTemp(f.m.options.Dir, store.LeftoverPrefix+"*"+snapshotSuffix)
	if err != nil {
		return access.File{}, fmt.Errorf("making a snapshot: %w", err)
	}
	sum := sha256.New()
	err = f.m.store.Snapshot(io.MultiWriter(out, sum))
	size, sizeErr := out.Seek(0, io.SeekEnd)
	if err = errors.Join(err, sizeErr, out.Close()); err != nil {
		return access.File{}, errors.Join(fmt.Errorf("making a snapshot: %w", err), os.Remove(out.Name()))
	}
	s.path, s.received = out.Name(), size
	s.info = access.File{Path: access.SnapshotFolder + "/" + name + snapshotSuffix, Bytes: size, Modified: now, SHA256: sum.Sum(nil), Writable: true}
	return s.info, nil
}

// remove forgets the snapshot; the caller holds mu.
func (s *snapshotFile) remove() {
	if s.path != "" {
		os.Remove(s.path) // what stays behind is swept at the next start
		s.path, s.received = "", 0
	}
}

func (f files) snapshots() []*snapshotFile {
	list := []*snapshotFile{&f.m.snapshot, &f.m.incoming}
	for i := range f.m.held {
		list = append(list, &f.m.held[i])
	}
	return list
}

// whole describes the snapshot, once all of it is there.
func (s *snapshotFile) whole() (info access.File, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.info, s.path != "" && s.received == s.info.Bytes
}

// forget removes the snapshot if it has a path.
func (s *snapshotFile) forget(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.path == "" || s.info.Path != path {
		return false
	}
	s.remove()
	return true
}

// uploaded is where on the machine the snapshot lies that a client has brought.
func (f files) uploaded(path string) (string, error) {
	s := &f.m.incoming
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.path == "" || s.info.Path != path || s.received != s.info.Bytes {
		return "", access.NewRefusal(access.CodeNotFound, "no snapshot of that name has been brought: write it into the folder "+access.SnapshotFolder)
	}
	return s.path, nil
}

// takeSnapshot takes a block of a snapshot that a client brings: one at a time, and none
// that the meter made.
func (f files) takeSnapshot(path string, offset int64, block []byte, total int64, sum []byte) (received int64, err error) {
	s := &f.m.incoming
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case total < 1 || total > maxSnapshotBytes || offset < 0 || offset+int64(len(block)) > total:
		return 0, access.NewRefusal(access.CodeBadRequest, fmt.Sprintf("%d bytes at %d of a snapshot of %d, of which %d at most", len(block), offset, total, maxSnapshotBytes))
	case len(sum) != sha256.Size:
		return 0, access.NewRefusal(access.CodeBadRequest, fmt.Sprintf("a file comes with its SHA-256 of %d bytes, not %d", sha256.Size, len(sum)))
	}
	same := s.path != "" && s.info.Path == path && s.info.Bytes == total && bytes.Equal(s.info.SHA256, sum)
	if len(block) == 0 || same && offset != s.received { // where to go on
		if !same {
			return 0, nil
		}
		return s.received, nil
	}
	if !same {
		if offset != 0 {
			return 0, nil
		}
		s.remove()
		out, err := os.CreateTemp(f.m.options.Dir, store.LeftoverPrefix+"*.hmx")
		if err != nil {
			return 0, fmt.Errorf("taking a snapshot: %w", err)
		}
		out.Close()
		s.path, s.received = out.Name(), 0
		s.info = access.File{Path: path, Bytes: total, Modified: f.m.audit.civil(time.Now()).UTC(), SHA256: bytes.Clone(sum), Writable: true}
	}
	if err := s.add(block); err != nil {
		return s.received, err
	}
	return s.received, nil
}

// add appends a block; the caller holds mu. What does not have its hash in the end goes.
func (s *snapshotFile) add(block []byte) error {
	file, err := os.OpenFile(filepath.Clean(s.path), os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("taking a snapshot: %w", err)
	}
	defer file.Close()
	if _, err := file.WriteAt(block, s.received); err != nil {
		if errors.Is(err, syscall.ENOSPC) {
			return access.NewRefusal(access.CodeNoSpace, err.Error())
		}
		return fmt.Errorf("taking a snapshot: %w", err)
	}
	if s.received += int64(len(block)); s.received < s.info.Bytes {
		return nil
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return fmt.Errorf("taking a snapshot: %w", err)
	}
	if got := sum.Sum(nil); !bytes.Equal(got, s.info.SHA256) {
		s.remove()
		return access.NewRefusal(access.CodeBadRequest, fmt.Sprintf("the %d bytes received have SHA-256 %x: send the snapshot again from 0", s.info.Bytes, got))
	}
	return nil
}

func (f files) readSnapshot(path string, offset int64, length int) ([]byte, access.File, error) {
	f.expire(time.Now())
	s := &f.m.snapshot
	for _, each := range f.snapshots() {
		if info, ok := each.whole(); ok && info.Path == path {
			s = each
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read = time.Now()
	if s.path == "" || path != s.info.Path || s.received != s.info.Bytes {
		return nil, access.File{}, access.NewRefusal(access.CodeNotFound, "there is no such snapshot any more: make a new one")
	}
	in, err := os.Open(filepath.Clean(s.path))
	if err != nil {
		return nil, access.File{}, fmt.Errorf("reading the snapshot: %w", err)
	}
	defer in.Close()
	block := make([]byte, min(int64(length), max(0, s.info.Bytes-offset)))
	if _, err := in.ReadAt(block, offset); err != nil && !errors.Is(err, io.EOF) {
		return nil, access.File{}, fmt.Errorf("reading the snapshot: %w", err)
	}
	return block, s.info, nil
}

// fileError tells a client what the store refused.
func fileError(err error) error {
	code := access.CodeFailed
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrNoFile):
		code = access.CodeNotFound
	case errors.Is(err, store.ErrInvalidFile), errors.Is(err, store.ErrOffset), errors.Is(err, store.ErrChecksum):
		code = access.CodeBadRequest
	case errors.Is(err, store.ErrNoRoom):
		code = access.CodeNoSpace
	default:
		return err
	}
	return access.NewRefusal(code, err.Error())
}
