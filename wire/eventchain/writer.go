package eventchain

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// The lines of an exported log. Their fields are written in this order, without blanks.
type (
	headerLine struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
		Header
	}
	eventLine struct {
		Event
		Hash Hash `json:"hash"`
	}
	endLine struct {
		Head      uint64    `json:"head"`
		Hash      Hash      `json:"hash"`
		Signed    time.Time `json:"signed"`
		Signature Signature `json:"signature"`
	}
)

// encode returns the one form of a line that is sound.
func encode(line any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(line); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Writer writes an exported log: NewWriter, Event for each event, End.
type Writer struct {
	w         io.Writer
	statement Statement // of what has been written so far
}

// NewWriter writes the header. The caller buffers w.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	if err := h.validate(); err != nil {
		return nil, err
	}
	e := &Writer{w: w, statement: Statement{Header: h, Head: h.First - 1, Hash: h.Previous}}
	return e, e.line(headerLine{Format, Version, h})
}

func (w *Writer) line(line any) error {
	b, err := encode(line)
	if err == nil {
		_, err = w.w.Write(b)
	}
	if err != nil {
		return fmt.Errorf("writing the event log: %w", err)
	}
	return nil
}

// Event writes the next event. It refuses one that does not follow the one before.
func (w *Writer) Event(e Event) error {
	if want := w.statement.Head + 1; e.Sequence != want {
		return fmt.Errorf("event %d comes where event %d belongs: write every event, in their order", e.Sequence, want)
	}
	if err := e.validate(); err != nil {
		return fmt.Errorf("event %d: %w", e.Sequence, err)
	}
	e.Time = e.Time.UTC()
	hash := EventHash(w.statement.Hash, &e)
	if err := w.line(eventLine{e, hash}); err != nil {
		return err
	}
	w.statement.Head, w.statement.Hash = e.Sequence, hash
	return nil
}

// Statement returns what the meter has to sign for the log as it has been written so far.
func (w *Writer) Statement(signed time.Time) Statement {
	s := w.statement
	s.Signed = signed.UTC()
	return s
}

// End writes the last line, with the meter's signature over Statement(signed). It refuses a
// signature over anything else, for example over a log of more events.
func (w *Writer) End(signed time.Time, signature Signature) error {
	if err := validTime(signed); err != nil {
		return err
	}
	s := w.Statement(signed)
	if !s.Verify(signature) {
		return errors.New("the signature is not that of the meter over these events: fetch events and signature again")
	}
	return w.line(endLine{s.Head, s.Hash, s.Signed, signature})
}
