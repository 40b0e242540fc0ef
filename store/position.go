package store

import (
	"encoding/binary"
	"errors"
	"time"
)

// Position is how far the samples of a source are counted.
type Position struct {
	Axis   uint64        // identifies the run of samples
	Sample int64         // number of the first sample that is not counted
	Time   time.Duration // of that sample, on the time axis of the source
	// Done is up to when on that axis everything else has been seen: it must not be seen
	// again when samples are read again for their energy.
	Done time.Duration
}

// positionBytes is the length of a stored position: the sign of life that it came with,
// axis, sample, time and done, 8 bytes each, high byte first.
const positionBytes = 40

// putAlive writes the sign of life, and up to where the state counts.
func (db *database) putAlive(at time.Time, p *Position) error {
	err := db.putMeta("alive", at.UnixNano())
	if p == nil {
		return err
	}
	stored := make([]byte, 0, positionBytes)
	for _, n := range []uint64{uint64(at.UnixNano()), p.Axis, uint64(p.Sample), uint64(p.Time), uint64(p.Done)} {
		stored = binary.BigEndian.AppendUint64(stored, n)
	}
	return errors.Join(err, db.putMeta("position", stored))
}

// positionAt reads a position. A program that knows none leaves the one that was there: it
// is of this state only where it came with the same sign of life.
func positionAt(stored []byte, alive int64) *Position {
	if len(stored) != positionBytes {
		return nil
	}
	number := func(i int) uint64 { return binary.BigEndian.Uint64(stored[8*i:]) }
	if int64(number(0)) != alive || int64(number(2)) < 0 {
		return nil
	}
	return &Position{Axis: number(1), Sample: int64(number(2)), Time: time.Duration(number(3)), Done: time.Duration(number(4))}
}
