// Package textrow reads rows of text as recordings hold them: lines of a file too
// large to load, numbers without allocation, and names in the encodings of the
// places where recorders stand.
package textrow

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// MaxLine is the longest line that is read, in bytes: a row of the 999,999 channels
// COMTRADE allows, at 16 characters each. Longer is not a recording.
const MaxLine = 16 << 20

// ErrLongLine is returned for a line longer than MaxLine.
var ErrLongLine = fmt.Errorf("a line is longer than %d MB: this is not a text of rows", MaxLine>>20)

const firstBuffer = 256 << 10

// Lines walks the lines of a part of a file without loading it. Line ends are LF or
// CR LF, or CR alone in a text whose beginning has no LF; a 0x1A where a line would
// begin ends the text, as DOS had it.
type Lines struct {
	src       io.ReaderAt
	next, end int64 // next byte to load, end of the part
	buf       []byte
	lo, hi    int
	lineEnd   byte // 0 until it is known
	again     bool
	last      []byte
	lastAt    int64
}

// Reset makes l walk the bytes from offset to end of src.
func (l *Lines) Reset(src io.ReaderAt, offset, end int64) {
	l.src, l.next, l.end = src, offset, end
	l.lo, l.hi = 0, 0
	l.lineEnd = 0
	l.again = false
}

// EndWith says, after Reset, which byte ends a line where the text's beginning cannot
// tell, since other bytes follow it.
func (l *Lines) EndWith(lineEnd byte) { l.lineEnd = lineEnd }

// Next returns the next line without its end, and its offset in src. The line is
// valid until the next call. At the end of the part err is io.EOF.
func (l *Lines) Next() (line []byte, offset int64, err error) {
	if l.again {
		l.again = false
		return l.last, l.lastAt, nil
	}
	searched := 0
	for {
		if l.lineEnd == 0 && l.hi > l.lo {
			l.lineEnd = lineEndOf(l.buf[l.lo:l.hi])
		}
		lineEnd := byte('\n')
		if l.lineEnd != 0 {
			lineEnd = l.lineEnd
		}
		if i := bytes.IndexByte(l.buf[l.lo+searched:l.hi], lineEnd); i >= 0 {
			n := searched + i
			line, offset = l.buf[l.lo:l.lo+n], l.next-int64(l.hi-l.lo)
			l.lo += n + 1
			return l.deliver(line, offset)
		}
		searched = l.hi - l.lo
		if l.next == l.end {
			if searched == 0 {
				return nil, 0, io.EOF
			}
			line, offset = l.buf[l.lo:l.hi], l.next-int64(searched)
			l.lo = l.hi
			return l.deliver(line, offset)
		}
		if err := l.fill(); err != nil {
			return nil, 0, err
		}
	}
}

// lineEndOf tells CR alone from LF by the beginning of a text, 0 if it shows neither: a
// CR at its very end says nothing, since its LF may come yet.
func lineEndOf(head []byte) byte {
	if bytes.IndexByte(head, '\n') >= 0 {
		return '\n'
	}
	if i := bytes.IndexByte(head, '\r'); i >= 0 && len(bytes.TrimRight(head[i:], "\r")) > 0 {
		return '\r'
	}
	return 0
}

// Unread makes the next call of Next return the last line again.
func (l *Lines) Unread() { l.again = true }

func (l *Lines) deliver(line []byte, offset int64) ([]byte, int64, error) {
	if len(line) > 0 && line[0] == 0x1A {
		l.next, l.lo, l.hi = l.end, 0, 0
		return nil, 0, io.EOF
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	l.last, l.lastAt = line, offset
	return line, offset, nil
}

func (l *Lines) fill() error {
	copy(l.buf, l.buf[l.lo:l.hi])
	l.hi -= l.lo
	l.lo = 0
	if l.hi == len(l.buf) {
		if l.hi >= MaxLine {
			return ErrLongLine
		}
		grown := make([]byte, max(firstBuffer, 2*len(l.buf)))
		copy(grown, l.buf[:l.hi])
		l.buf = grown
	}
	want := min(int64(len(l.buf)-l.hi), l.end-l.next)
	n, err := l.src.ReadAt(l.buf[l.hi:l.hi+int(want)], l.next)
	l.hi += n
	l.next += int64(n)
	if n > 0 {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		// The file is shorter than it was: what is there is the text.
		l.end = l.next
		return nil
	}
	return err
}
