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

// Journal is the slot journal: two copies of a Standing, of which one is always whole. A
// copy is written only while the other one is sound, so no cut, and no cut after a cut,
// ruins both.
type Journal struct {
	sequence uint64
	// spare is the copy that is written first: it is damaged, older, or as good as the other.
	spare int
}

// OpenJournal reads the copies, in their places, and returns the newer sound one. Copies that were
// never written (empty), and a first one that was cut while it was written for the first
// time, are a meter that has never been upgraded: the zero standing. The error is ErrJournal
// where none is sound otherwise: the factory slot then runs, and says so.
func OpenJournal(copies [2][]byte) (Journal, Standing, error) {
	s, first, err := decodeJournal(copies[0])
	t, second, other := decodeJournal(copies[1])
	switch {
	case err == nil && (other != nil || first >= second):
		return Journal{first, 1}, s, nil
	case other == nil:
		return Journal{second, 0}, t, nil
	case len(copies[1]) == 0:
		return Journal{}, Standing{}, nil
	}
	return Journal{}, Standing{}, ErrJournal
}

// Write makes a standing durable through put, which writes a copy and returns when it is on
// the disk. After an error the standing is that of before, or this one if the copy was whole after all.
func (j *Journal) Write(s Standing, put func(place int, sector []byte) error) error {
	b, err := encodeJournal(j.sequence+1, s)
	if err != nil {
		return err
	}
	for range 2 {
		if err := put(j.spare, b); err != nil {
			return fmt.Errorf("writing copy %d of the slot journal: %w", j.spare+1, err)
		}
		j.sequence = binary.BigEndian.Uint64(b[len(journalMagic):])
		j.spare = 1 - j.spare
	}
	return nil
}

// encodeJournal returns a copy: magic, sequence (8 bytes), length (4 bytes), the standing as
// JSON, zeros, and the SHA-256 of all that. Integers are big-endian.
func encodeJournal(sequence uint64, s Standing) ([]byte, error) {
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
