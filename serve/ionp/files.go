package ionp

import (
	"crypto/sha256"
	"fmt"
	"math"
	"strings"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

func (r *request) files(q *ionp.FilesRequest) (s ionp.FilesReply, err error) {
	if q.Folder == "" {
		folders, err := r.session.Folders()
		for _, folder := range folders {
			s.Files = append(s.Files, ionp.File{Name: folder + "/", MayRead: true})
		}
		return s, err
	}
	list, err := r.session.Files(q.Folder)
	mayWrite := r.session.May(access.WriteFile)
	for _, f := range list {
		s.Files = append(s.Files, ionp.File{Name: strings.TrimPrefix(f.Path, q.Folder+"/"), Size: uint64(max(0, f.Bytes)), Modified: f.Modified.UnixNano(), SHA256: f.SHA256,
			MayRead: true, MayWrite: f.Writable && mayWrite})
	}
	return s, err
}

func (r *request) fileRead(q *ionp.FileReadRequest) (s ionp.FileReadReply, err error) {
	if q.Path == currentTemplate {
		return r.readTemplate(q)
	}
	offset, err := fileOffset(q.Offset)
	if err != nil {
		return s, err
	}
	block, file, err := r.session.ReadFile(q.Path, offset, int(q.Length))
	if err != nil {
		return s, err
	}
	return ionp.FileReadReply{Bytes: block, Size: uint64(max(0, file.Bytes)), SHA256: file.SHA256}, nil
}

// readTemplate returns a block of the program as a template.
func (r *request) readTemplate(q *ionp.FileReadRequest) (s ionp.FileReadReply, err error) {
	text, err := r.session.Template(r.ctx)
	if err != nil {
		return s, err
	}
	sum := sha256.Sum256(text)
	from := int(min(q.Offset, uint64(len(text))))
	return ionp.FileReadReply{Bytes: text[from:min(from+int(q.Length), len(text))], Size: uint64(len(text)), SHA256: sum[:]}, nil
}

func (r *request) fileWrite(q *ionp.FileWriteRequest) (s ionp.FileWriteReply, err error) {
	size, err := fileOffset(q.Size)
	if err != nil {
		return s, err
	}
	received, err := r.session.WriteFile(r.ctx, q.Path, int64(q.Offset), q.Bytes, size, q.SHA256)
	if err != nil {
		return s, err
	}
	return ionp.FileWriteReply{Received: uint64(max(0, received)), Done: received == size}, nil
}

// fileOffset is a place in a file, or its size.
func fileOffset(n uint64) (int64, error) {
	if n > math.MaxInt64/2 {
		return 0, access.NewRefusal(access.CodeTooLarge, fmt.Sprintf("no file has %d bytes", n))
	}
	return int64(n), nil
}

func (r *request) fileDelete(q *ionp.FileDeleteRequest) (s ionp.FileDeleteReply, err error) {
	return s, r.session.DeleteFile(r.ctx, q.Path)
}

// snapshot makes a file of the meter's whole state.
func (r *request) snapshot(q *ionp.SnapshotRequest) (s ionp.SnapshotReply, err error) {
	file, err := r.session.Snapshot(r.ctx, q.ID)
	if err != nil {
		return s, err
	}
	return ionp.SnapshotReply{Path: file.Path, Size: uint64(max(0, file.Bytes)), SHA256: file.SHA256}, nil
}

// snapshotRestore has a fresh meter become the twin of another.
func (r *request) snapshotRestore(q *ionp.SnapshotRestoreRequest) (s ionp.SnapshotRestoreReply, err error) {
	twin, err := r.session.BecomeTwin(r.ctx, q.Path, q.DryRun)
	if err != nil {
		return s, err
	}
	count := func(n int) uint32 { return uint32(max(0, n)) }
	return ionp.SnapshotRestoreReply{Model: twin.Model, Serial: twin.Serial, Firmware: twin.Firmware, Made: twin.Made.UnixNano(),
		Accounts: count(twin.Accounts), Setups: count(twin.Setups), Retained: count(twin.Retained), Events: count(twin.Events),
		Logs: count(twin.Logs), Records: count(twin.Records), Gaps: count(twin.Gaps), Files: count(twin.Files)}, nil
}
