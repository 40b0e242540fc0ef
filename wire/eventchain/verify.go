package eventchain

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// MaxLineBytes bounds a line of an exported log. The longest that a Writer makes is six
// texts of MaxTextBytes, of characters that JSON needs six bytes for.
const MaxLineBytes = 6*6*MaxTextBytes + 4096

// Report is what an exported log says, as far as it was read.
type Report struct {
	Header
	Fingerprint string    // of the key in the header
	Events      int       // lines of events that are sound
	Head        uint64    // sequence of the last event
	Hash        Hash      // of that event
	Signed      time.Time // by the meter; zero until the signature has been found sound
}

// LineError is the first line of a log that is not as the meter wrote it.
type LineError struct {
	Line   int // from 1
	Reason string
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// Verify reads an exported log and returns a *LineError at the first line that is not as the
// meter with the trusted fingerprint wrote it. A changed, removed, inserted or moved line, a
// cut at either end, another key, and any byte that the meter would have written otherwise
// are all found. The report says what was read until then, so that a fingerprint that is not
// the trusted one can be shown.
func Verify(r io.Reader, trusted string) (Report, error) {
	var report Report
	lines := bufio.NewReaderSize(r, MaxLineBytes)
	line := 0
	refuse := func(format string, args ...any) error { return &LineError{line, fmt.Sprintf(format, args...)} }
	next := func() ([]byte, error) {
		line++
		b, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, refuse("the line is longer than %d bytes", MaxLineBytes)
		case errors.Is(err, io.EOF) && len(b) > 0:
			return nil, refuse("the file ends within the line")
		case errors.Is(err, io.EOF):
			return nil, refuse("the file ends without its signed last line")
		case err != nil:
			return nil, fmt.Errorf("reading the event log: %w", err)
		}
		return b, nil
	}

	b, err := next()
	if err != nil {
		return report, err
	}
	var h headerLine
	if err := json.Unmarshal(b, &h); err != nil || h.Format != Format {
		return report, refuse("not the header of an exported event log")
	}
	if h.Version != Version {
		return report, refuse("format version %d, and this program knows %d: take a newer program", h.Version, Version)
	}
	if !sameLine(b, h) {
		return report, refuse("the header is not as a meter writes it")
	}
	if err := h.validate(); err != nil {
		return report, refuse("%v", err)
	}
	report.Header, report.Fingerprint = h.Header, h.Key.Fingerprint()
	report.Head, report.Hash = h.First-1, h.Previous
	if report.Fingerprint != trusted {
		return report, refuse("signed by the key %s, not by %q: give the fingerprint that the meter itself shows", report.Fingerprint, trusted)
	}
	for {
		if b, err = next(); err != nil {
			return report, err
		}
		if bytes.HasPrefix(b, []byte(`{"head":`)) {
			break
		}
		if reason := report.take(b); reason != "" {
			return report, refuse("%s", reason)
		}
	}
	if reason := report.finish(b); reason != "" {
		return report, refuse("%s", reason)
	}
	line++
	if _, err := lines.ReadByte(); err == nil {
		return report, refuse("lines follow the signed last line")
	} else if !errors.Is(err, io.EOF) {
		return report, fmt.Errorf("reading the event log: %w", err)
	}
	return report, nil
}

// sameLine tells whether b is what the writer makes of the line it was read as. JSON has
// many ways to say the same, and repeated names may hide a text from a reader.
func sameLine(b []byte, line any) bool {
	again, err := encode(line)
	return err == nil && bytes.Equal(b, again)
}

// take follows the chain over the line of an event, or says why it does not go on.
func (r *Report) take(b []byte) (reason string) {
	var e eventLine
	if err := json.Unmarshal(b, &e); err != nil || !sameLine(b, e) || e.validate() != nil || e.Time.Location() != time.UTC {
		return "the line is not an event as a meter writes it"
	}
	want := r.Head + 1
	switch {
	case e.Sequence > want:
		return fmt.Sprintf("event %d where event %d belongs: lines before it were removed or moved", e.Sequence, want)
	case e.Sequence < want:
		return fmt.Sprintf("event %d where event %d belongs: a line was inserted or moved", e.Sequence, want)
	case EventHash(r.Hash, &e.Event) != e.Hash:
		return fmt.Sprintf("the hash of event %d does not fit: the event, its hash or that of the event before was changed", e.Sequence)
	}
	r.Events++
	r.Head, r.Hash = e.Sequence, e.Hash
	return ""
}

// finish compares the last line with the events.
func (r *Report) finish(b []byte) (reason string) {
	var end endLine
	if err := json.Unmarshal(b, &end); err != nil || !sameLine(b, end) || validTime(end.Signed) != nil || end.Signed.Location() != time.UTC {
		return "the last line is not as a meter writes it"
	}
	if end.Head != r.Head {
		return fmt.Sprintf("signed for events up to %d, and the last one is %d: lines before it were removed or inserted", end.Head, r.Head)
	}
	if end.Hash != r.Hash {
		return fmt.Sprintf("signed for another event %d than the one before it", end.Head)
	}
	s := Statement{r.Header, end.Head, end.Hash, end.Signed}
	if !s.Verify(end.Signature) {
		return "the signature does not fit: the header, the events or the last line were changed"
	}
	r.Signed = end.Signed
	return ""
}
