package ssh

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/pkg/sftp"

	"github.com/hepmeter/hepmeter/access"
)

// Bounds of an upload.
const (
	chunkBytes = 64 << 10 // what the meter takes at a time
	maxSpans   = 256      // parts that are not joined yet
)

// upload is a file that is being received. It is kept in memory, and becomes a file of the
// meter when the client closes it: nobody ever sees a part, and one that breaks off leaves
// nothing.
type upload struct {
	place   place
	session *access.Session
	budget  *budget
	storing *sync.Mutex
	room    int64 // bytes that it may have
	// least is what the file before had, where the client did not say that it is to go: less
	// than that would be a change of its beginning.
	least  int64 // guarded by mu
	closed func()
	tell   func(error) // beside the answer

	mu     sync.Mutex
	chunks map[int64][]byte
	spans  []byteSpan // received, in order, apart from each other
	size   int64
	broken error
	over   bool
}

type byteSpan struct{ from, to int64 }

// WriteAt implements io.WriterAt. Parts may come in any order.
func (u *upload) WriteAt(block []byte, offset int64) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	end := offset + int64(len(block))
	switch {
	case u.broken != nil:
		return 0, u.broken
	case u.over:
		return 0, errors.New("the file is closed")
	case offset < 0 || end < offset || end > u.room:
		return 0, u.fail(fmt.Errorf("%w: %s: there is room for %d bytes only; delete a file", sftp.ErrSSHFxFailure, u.place.path(), u.room))
	}
	for at := offset; at < end; {
		number := at / chunkBytes
		chunk := u.chunks[number]
		if chunk == nil {
			if !u.budget.take(chunkBytes) {
				return 0, u.fail(fmt.Errorf("%w: %s: too many files are being received: try again in a minute", sftp.ErrSSHFxFailure, u.place.path()))
			}
			chunk = make([]byte, chunkBytes)
			u.chunks[number] = chunk
		}
		at += int64(copy(chunk[at%chunkBytes:], block[at-offset:]))
	}
	u.cover(byteSpan{offset, end})
	u.size = max(u.size, end)
	if len(u.spans) > maxSpans {
		return 0, u.fail(fmt.Errorf("%w: %s comes in too many parts out of order", sftp.ErrSSHFxFailure, u.place.path()))
	}
	return len(block), nil
}

// ReadAt implements io.ReaderAt: what is being received cannot be read.
func (u *upload) ReadAt([]byte, int64) (int, error) {
	return 0, fmt.Errorf("%w: %s is read when it is closed", sftp.ErrSSHFxOpUnsupported, u.place.path())
}

// setSize takes a client's word that what has come is the whole file.
func (u *upload) setSize(size uint64) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if size != uint64(u.size) {
		return fmt.Errorf("%w: %s: %d bytes were received, and its size cannot be %d", sftp.ErrSSHFxOpUnsupported, u.place.path(), u.size, size)
	}
	u.least = 0
	return nil
}

// fail gives up, and the memory back.
func (u *upload) fail(err error) error {
	u.broken = err
	u.release()
	u.tell(err)
	return err
}

func (u *upload) release() {
	u.budget.give(int64(len(u.chunks)) * chunkBytes)
	u.chunks, u.spans = nil, nil
}

// cover notes that a part was received, and joins it with its neighbours.
func (u *upload) cover(s byteSpan) {
	if s.from == s.to {
		return
	}
	i, _ := slices.BinarySearchFunc(u.spans, s, func(a, b byteSpan) int {
		switch {
		case a.to < b.from:
			return -1
		case a.from > b.to:
			return 1
		}
		return 0
	})
	j := i
	for j < len(u.spans) && u.spans[j].from <= s.to && u.spans[j].to >= s.from {
		s.from, s.to = min(s.from, u.spans[j].from), max(s.to, u.spans[j].to)
		j++
	}
	u.spans = slices.Replace(u.spans, i, j, s)
}

// TransferError implements sftp.TransferError: the connection broke off.
func (u *upload) TransferError(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.broken == nil && !u.over {
		u.broken = fmt.Errorf("%s broke off: %w", u.place.path(), err)
		u.release()
	}
}

// Close implements io.Closer: the meter takes what was received, in place of what it had.
func (u *upload) Close() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.over {
		return u.broken
	}
	u.over = true
	defer u.closed()
	if u.broken != nil {
		return u.broken
	}
	defer func() { // also where it is released already
		if u.broken == nil {
			u.release()
		}
	}()
	whole := u.size == 0 && len(u.spans) == 0 || len(u.spans) == 1 && u.spans[0] == byteSpan{0, u.size}
	if !whole {
		return u.fail(fmt.Errorf("%w: %s has holes: send it whole", sftp.ErrSSHFxFailure, u.place.path()))
	}
	if u.size < u.least {
		return u.fail(fmt.Errorf("%w: %s had %d bytes, and %d came: a file is sent whole", sftp.ErrSSHFxOpUnsupported, u.place.path(), u.least, u.size))
	}
	if err := u.store(); err != nil {
		return u.fail(err)
	}
	return nil
}

// store hands the file to the meter.
func (u *upload) store() error {
	chunk := func(at int64) []byte { return u.chunks[at/chunkBytes][:min(chunkBytes, u.size-at)] }
	hash := sha256.New()
	for at := int64(0); at < u.size; at += chunkBytes {
		hash.Write(chunk(at))
	}
	sum := hash.Sum(nil)
	// The transfer is over for the client only when the meter has the file: its end does
	// not stop this. Two of the same name at once would both break off.
	ctx := context.Background()
	u.storing.Lock()
	defer u.storing.Unlock()
	for at := int64(0); ; at += chunkBytes {
		var block []byte
		if at < u.size {
			block = chunk(at)
		}
		received, err := u.session.WriteFile(ctx, u.place.path(), at, block, u.size, sum)
		if err != nil {
			if at > 0 { // begun anew, what has come so far gives its room back
				_, _ = u.session.WriteFile(ctx, u.place.path(), 0, nil, u.size, sum)
			}
			return transferError(err)
		}
		if received >= u.size {
			return nil
		}
	}
}
