package setup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"time"

	"github.com/hepmeter/hepmeter/wire/ionp"
)

// File is one file of the meter's file area.
type File struct {
	Name     string    `json:"name"`
	Size     uint64    `json:"size"`
	Modified time.Time `json:"modified"`
	MayRead  bool      `json:"may_read"`
	MayWrite bool      `json:"may_write"`
}

// Files lists a folder.
func (m *Meter) Files(ctx context.Context, folder string) ([]File, error) {
	r, err := ask(ctx, m, "listing "+folder, ionp.Files, ionp.FilesRequest{Folder: folder})
	if err != nil {
		return nil, err
	}
	list := []File{}
	for _, w := range r.Files {
		list = append(list, File{w.Name, w.Size, time.Unix(0, w.Modified).UTC(), w.MayRead, w.MayWrite})
	}
	return list, nil
}

const (
	// fileBlock is how many bytes of a file are carried at a time.
	fileBlock = 32 << 10
	// maxFile bounds a file that is fetched.
	maxFile = 1 << 30
)

// Fetch copies a file of the meter to w and proves its hash, where the meter states it.
// Progress, which may be nil, is told how much has come.
func (m *Meter) Fetch(ctx context.Context, path string, w io.Writer, progress func(done, total uint64)) error {
	what := "fetching " + path
	hash := sha256.New()
	var want []byte
	var offset uint64
	for {
		r, err := ask(ctx, m, what, ionp.FileRead, ionp.FileReadRequest{Path: path, Offset: offset, Length: fileBlock})
		if err != nil {
			return err
		}
		switch {
		case r.Size > maxFile:
			return asError(what, fmt.Errorf("it has %d bytes, which is more than this tool takes", r.Size))
		case want != nil && !bytes.Equal(want, r.SHA256), len(r.Bytes) == 0 && offset < r.Size:
			return asError(what, fmt.Errorf("it changed while it was fetched: try again"))
		}
		want = r.SHA256
		hash.Write(r.Bytes)
		if _, err := w.Write(r.Bytes); err != nil {
			return asError(what, err)
		}
		offset += uint64(len(r.Bytes))
		if progress != nil {
			progress(offset, r.Size)
		}
		if offset >= r.Size {
			break
		}
	}
	if len(want) > 0 && !bytes.Equal(want, hash.Sum(nil)) {
		return asError(what, fmt.Errorf("what came does not have the hash that the meter states: try again"))
	}
	return nil
}

// Send writes a file of the meter. Progress, which may be nil, is told how much is there.
func (m *Meter) Send(ctx context.Context, path string, content []byte, progress func(done, total uint64)) error {
	sum := sha256.Sum256(content)
	var offset uint64
	for {
		block := content[offset:min(offset+fileBlock, uint64(len(content)))]
		r, err := ask(ctx, m, "writing "+path, ionp.FileWrite,
			ionp.FileWriteRequest{Path: path, Offset: offset, Bytes: block, Size: uint64(len(content)), SHA256: sum[:]})
		switch {
		case err != nil:
			return err
		case r.Done:
			return nil
		case r.Received <= offset || r.Received > uint64(len(content)):
			return asError("writing "+path, fmt.Errorf("the meter has %d bytes after %d were sent", r.Received, offset+uint64(len(block))))
		}
		offset = r.Received
		if progress != nil {
			progress(offset, uint64(len(content)))
		}
	}
}

// DeleteFile deletes a file of the meter.
func (m *Meter) DeleteFile(ctx context.Context, path string) error {
	_, err := ask(ctx, m, "deleting "+path, ionp.FileDelete, ionp.FileDeleteRequest{Path: path})
	return err
}
