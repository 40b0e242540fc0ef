package firmware

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// JournalBytes is the length of a copy of the slot journal: one sector, so that a power cut
// while it is written ruins that copy and nothing else.
const JournalBytes = 4096

// journalMagic begins a copy; its last digit is the version of the format. An old boot stage must
// read what it wrote itself only: firmware does not write it.
const journalMagic = "HEPSLOT1"

// ErrJournal reports that no copy of a slot journal is sound although there is one.
var ErrJournal = errors.New("the slot journal is damaged in both copies")

// EncodeJournal returns a copy of the slot journal: magic, sequence (8 bytes), length (4
// bytes), the standing as JSON, zeros, and the SHA-256 of all that. Integers are big-endian. Both
// copies are written, the second one after the first is on the disk.
func EncodeJournal(sequence uint64, s Standing) ([]byte, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("writing the slot journal: %w", err)
	}
	b := binary.BigEndian.AppendUint64([]byte(journalMagic), sequence)
	b = append(binary.BigEndian.AppendUint32(b, uint32(len(text))), text...)
	room := JournalBytes - sha256.Size - len(b)
	if room < 0 {
		return nil, fmt.Errorf("writing the slot journal: %d bytes do not fit into a sector of %d", len(b), JournalBytes-sha256.Size)
	}
	b = append(b, make([]byte, room)...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...), nil
}

// ChooseJournal returns the newer of the sound copies, which are given in the order in which they are
// written, and its sequence. Copies that were never written (empty), and a first one that was cut while it
// was written for the first time, are a meter that has never been upgraded: the zero standing,
// sequence 0. The error is ErrJournal where none is sound otherwise: the factory slot then
// runs, and says so.
func ChooseJournal(first, second []byte) (Standing, uint64, error) {
	s, sequence, err := decodeJournal(first)
	t, later, other := decodeJournal(second)
	switch {
	case err == nil && (other != nil || sequence >= later):
		return s, sequence, nil
	case other == nil:
		return t, later, nil
	case len(second) == 0:
		return Standing{}, 0, nil
	}
	return Standing{}, 0, ErrJournal
}

func decodeJournal(b []byte) (s Standing, sequence uint64, err error) {
	const head = len(journalMagic) + 8 + 4
	if len(b) != JournalBytes || !bytes.HasPrefix(b, []byte(journalMagic)) {
		return s, 0, ErrJournal
	}
	body, sum := b[:JournalBytes-sha256.Size], b[JournalBytes-sha256.Size:]
	if want := sha256.Sum256(body); !slices.Equal(want[:], sum) {
		return s, 0, ErrJournal
	}
	sequence = binary.BigEndian.Uint64(body[len(journalMagic):])
	length := binary.BigEndian.Uint32(body[head-4:])
	if int(length) > len(body)-head {
		return s, 0, ErrJournal
	}
	if err := strict(body[head:head+int(length)], &s); err != nil {
		return Standing{}, 0, fmt.Errorf("%w: %w", ErrJournal, err)
	}
	if s.Phase >= phases || s.Active.Slot >= slots || s.Job.New.Slot >= slots || s.Phase != Idle && s.Job.New.Slot == s.Active.Slot {
		return Standing{}, 0, fmt.Errorf("%w: it names what there cannot be", ErrJournal)
	}
	return s, sequence, nil
}
