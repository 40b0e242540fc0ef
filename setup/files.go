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
	// fileBlock is how many bytes of a file are carried at a time, where the path is fast.
	fileBlock = 32 << 10
	// firstBlock is how many at first where it is not: then the size is known.
	firstBlock = 256
	// maxFile bounds a file that is fetched.
	maxFile = 1 << 30
	// resumes is how often a transfer that has made no progress goes on over a new connection.
	resumes = 3
)

// Fetch copies a file of the meter to w and proves its hash, where the meter states it.
// Progress, which may be nil, is told how much has come. Where the connection breaks, it goes
// on over a new one.
func (m *Meter) Fetch(ctx context.Context, path string, w io.Writer, progress func(done, total uint64)) error {
	what := "fetching " + path
	follow := follower{m: m, what: what}
	hash := sha256.New()
	var want []byte
	var offset uint64
	begun, end := false, func() {}
	defer func() { end() }()
	for broken := 0; ; {
		length := m.atATime(fileBlock)
		if offset == 0 && length < fileBlock {
			length = firstBlock
		}
		r, err := ask(ctx, m, what, ionp.FileRead, ionp.FileReadRequest{Path: path, Offset: offset, Length: uint32(length)})
		if err != nil {
			if broken++; broken > resumes {
				return err
			}
			if err := m.resume(ctx, err); err != nil {
				return err
			}
			continue
		}
		broken = 0
		switch {
		case r.Size > maxFile:
			return asError(what, fmt.Errorf("it has %d bytes, which is more than this tool takes", r.Size))
		case want != nil && !bytes.Equal(want, r.SHA256), len(r.Bytes) == 0 && offset < r.Size:
			return asError(what, fmt.Errorf("it changed while it was fetched: try again"))
		}
		if !begun {
			begun, end = true, m.begin(what, r.Size)
		}
		want = r.SHA256
		hash.Write(r.Bytes)
		if _, err := w.Write(r.Bytes); err != nil {
			return asError(what, err)
		}
		offset += uint64(len(r.Bytes))
		follow.tell(offset, r.Size)
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

// Send writes a file of the meter. Progress, which may be nil, is told how much is there. Where
// the connection breaks, it goes on over a new one.
func (m *Meter) Send(ctx context.Context, path string, content []byte, progress func(done, total uint64)) error {
	what := "writing " + path
	defer m.begin(what, uint64(len(content)))()
	follow := follower{m: m, what: what}
	sum := sha256.Sum256(content)
	total := uint64(len(content))
	var offset uint64
	for broken, guesses := 0, 0; ; {
		block := content[offset:min(offset+uint64(m.atATime(fileBlock)), total)]
		r, err := ask(ctx, m, what, ionp.FileWrite,
			ionp.FileWriteRequest{Path: path, Offset: offset, Bytes: block, Size: total, SHA256: sum[:]})
		switch {
		case broken > 0 && guesses < 2 && HasCode(err, "bad-request"):
			// The block under way when the connection broke was taken; or the meter has forgotten.
			if offset += uint64(len(block)); guesses > 0 {
				offset = 0
			}
			guesses++
			continue
		case err != nil:
			if broken++; broken > resumes {
				return err
			}
			if err := m.resume(ctx, err); err != nil {
				return err
			}
			continue // the same block: the meter tells where to go on
		case r.Done:
			return nil
		case r.Received <= offset && broken == 0 || r.Received > total:
			return asError(what, fmt.Errorf("the meter has %d bytes after %d were sent", r.Received, offset+uint64(len(block))))
		}
		offset, broken, guesses = r.Received, 0, 0
		follow.tell(offset, total)
		if progress != nil {
			progress(offset, total)
		}
	}
}

// DeleteFile deletes a file of the meter.
func (m *Meter) DeleteFile(ctx context.Context, path string) error {
	_, err := ask(ctx, m, "deleting "+path, ionp.FileDelete, ionp.FileDeleteRequest{Path: path})
	return err
}
