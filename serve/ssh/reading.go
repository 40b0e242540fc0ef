package ssh

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/pkg/sftp"

	"github.com/hepmeter/hepmeter/access"
)

// fileReader reads a file of the meter, as it was when it was opened.
type fileReader struct {
	transfer *transfer
	file     access.File
	closed   func()
}

// ReadAt implements io.ReaderAt.
func (f *fileReader) ReadAt(b []byte, offset int64) (n int, err error) {
	defer f.transfer.channel.conn.server.rescue("file transfer", &err)
	f.transfer.channel.conn.used()
	for n < len(b) {
		at := offset + int64(n)
		if offset < 0 || at >= f.file.Bytes {
			return n, io.EOF
		}
		block, now, err := f.transfer.session.ReadFile(f.file.Path, at, len(b)-n)
		if err != nil {
			return n, transferError(err)
		}
		if !bytes.Equal(now.SHA256, f.file.SHA256) || len(block) == 0 {
			return n, fmt.Errorf("%w: %s was replaced while it was read: read it again", sftp.ErrSSHFxFailure, f.file.Path)
		}
		n += copy(b[n:], block)
	}
	return n, nil
}

// Close implements io.Closer.
func (f *fileReader) Close() error {
	f.closed()
	return nil
}

// behind is how much of a log's text stays for reads that come out of order, in bytes.
const behind = 1 << 20

// logReader reads a log as text that is made on the way: a client reads it from its
// beginning, and not all of it is ever held.
type logReader struct {
	transfer *transfer
	closed   func()

	mu     sync.Mutex
	text   csvText
	window []byte
	from   int64 // where in the text the window begins
	end    bool
}

// ReadAt implements io.ReaderAt.
func (l *logReader) ReadAt(b []byte, offset int64) (n int, err error) {
	defer l.transfer.channel.conn.server.rescue("file transfer", &err)
	l.transfer.channel.conn.used()
	l.mu.Lock()
	defer l.mu.Unlock()
	for !l.end && l.from+int64(len(l.window)) < offset+int64(len(b)) {
		if err := l.transfer.ctx.Err(); err != nil {
			return 0, err
		}
		part, err := l.text.more()
		if err != nil {
			return 0, transferError(err)
		}
		l.end = len(part) == 0
		l.window = append(l.window, part...)
		if excess := len(l.window) - 2*behind; excess > 0 {
			excess += behind
			l.window = l.window[:copy(l.window, l.window[excess:])]
			l.from += int64(excess)
		}
	}
	at := offset - l.from
	switch {
	case offset < 0 || at < 0:
		return 0, fmt.Errorf("%w: a log is read from its beginning to its end", sftp.ErrSSHFxFailure)
	case at >= int64(len(l.window)):
		return 0, io.EOF
	}
	n = copy(b, l.window[at:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// Close implements io.Closer.
func (l *logReader) Close() error {
	l.closed()
	return nil
}
