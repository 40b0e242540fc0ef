package vfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
)

// The write-ahead log of SQLite (https://sqlite.org/fileformat2.html#walformat):
// a 32-byte header, then frames of a 24-byte header and one page, their
// checksums chained. Read by itself, that format cannot tell a log that a power
// cut ended early from one whose middle has rotted: in both cases SQLite takes
// the frames before the first bad one and forgets the rest without a word. The
// guard in this file closes that hole, in two ways. A frame is compared, when it
// is read back (above all to be copied into the database), with what was
// written; and a seal beside the log says up to which frame the log has been
// synced, so that a log which is sound only up to an earlier frame is refused.

const (
	walHeaderSize   = 32
	frameHeaderSize = 24
	frameSize       = frameHeaderSize + PageSize
	walMagic        = 0x377f0682 // checksums of little-endian words
)

// castagnoli makes the CRC-32C table; the standard library returns one shared table.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// Log is the content of a write-ahead log, as far as its checksums hold.
type Log struct {
	Valid     bool          // the header is sound
	Salt      [8]byte       // names the generation of the log
	Frames    []Frame       // the sound frames, in order
	Committed int           // how many of Frames belong to finished transactions
	SizeBytes int64         // of the file
	last      map[int64]int // page -> index of its newest committed frame
}

// Frame is one page image in a log.
type Frame struct {
	Page   int64   // database page number, from 1
	Commit bool    // the last frame of a transaction
	Sum    [8]byte // chained checksum up to and with this frame
	crc    uint32
	have   int // payload bytes known to crc
}

// Offset is the place of frame i's page image in the log file, in bytes.
func (l *Log) Offset(i int) int64 {
	return walHeaderSize + int64(i)*frameSize + frameHeaderSize
}

// Newest returns the frame index of the newest committed image of a database page.
func (l *Log) Newest(page int64) (index int, ok bool) {
	index, ok = l.last[page]
	return index, ok
}

// ReadLog reads a write-ahead log up to its first unsound frame.
func ReadLog(f File) (*Log, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	l := &Log{SizeBytes: size, last: map[int64]int{}}
	var h [walHeaderSize]byte
	if n, err := f.ReadAt(h[:], 0); n < len(h) {
		if errors.Is(err, io.EOF) {
			return l, nil
		}
		return nil, err
	}
	s1, s2 := walSum(0, 0, h[:24])
	if binary.BigEndian.Uint32(h[0:]) != walMagic || binary.BigEndian.Uint32(h[8:]) != PageSize ||
		binary.BigEndian.Uint32(h[24:]) != s1 || binary.BigEndian.Uint32(h[28:]) != s2 {
		return l, nil
	}
	l.Valid = true
	l.Salt = [8]byte(h[16:24])
	buf := make([]byte, frameSize)
	for off := int64(walHeaderSize); off+frameSize <= size; off += frameSize {
		if n, err := f.ReadAt(buf, off); n < len(buf) {
			if errors.Is(err, io.EOF) {
				break
			}
			return nil, err
		}
		if [8]byte(buf[8:16]) != l.Salt || binary.BigEndian.Uint32(buf) == 0 {
			break
		}
		s1, s2 = walSum(s1, s2, buf[:8])
		s1, s2 = walSum(s1, s2, buf[frameHeaderSize:])
		if binary.BigEndian.Uint32(buf[16:]) != s1 || binary.BigEndian.Uint32(buf[20:]) != s2 {
			break
		}
		fr := frameOf(buf[:frameHeaderSize])
		fr.crc, fr.have = crc32.Checksum(buf[frameHeaderSize:], castagnoli()), PageSize
		l.Frames = append(l.Frames, fr)
		if fr.Commit {
			for i := l.Committed; i < len(l.Frames); i++ {
				l.last[l.Frames[i].Page] = i
			}
			l.Committed = len(l.Frames)
		}
	}
	return l, nil
}

func frameOf(h []byte) Frame {
	return Frame{
		Page:   int64(binary.BigEndian.Uint32(h)),
		Commit: binary.BigEndian.Uint32(h[4:]) != 0,
		Sum:    [8]byte(h[16:24]),
	}
}

func walSum(s1, s2 uint32, p []byte) (uint32, uint32) {
	for ; len(p) >= 8; p = p[8:] {
		s1 += binary.LittleEndian.Uint32(p) + s2
		s2 += binary.LittleEndian.Uint32(p[4:]) + s1
	}
	return s1, s2
}

// Seal is the note of how far a log was synced. It is written after each sync
// and itself synced only when the log is emptied: after a power cut it may
// therefore claim too little, never too much.
type Seal struct {
	Sequence uint64
	Salt     [8]byte // generation of the log the seal speaks of
	Frames   uint32  // frames known to be synced; 0 when the log holds nothing
	Sum      [8]byte // chained checksum at the last of them
}

// Layout of a seal: magic, sequence, salt, frames, zero, sum, padding, CRC-32C.
// Two slots stand on pages of their own, written in turn, so that a torn write
// leaves the other.
const (
	sealMagic    = "HEPSEAL1"
	sealSize     = 64
	sealSlotStep = PageSize
)

func (s Seal) encode() []byte {
	b := make([]byte, sealSize)
	copy(b, sealMagic)
	binary.LittleEndian.PutUint64(b[8:], s.Sequence)
	copy(b[16:], s.Salt[:])
	binary.LittleEndian.PutUint32(b[24:], s.Frames)
	copy(b[32:], s.Sum[:])
	binary.LittleEndian.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli()))
	return b
}

func decodeSeal(b []byte) (Seal, bool) {
	if len(b) < sealSize || string(b[:8]) != sealMagic ||
		binary.LittleEndian.Uint32(b[60:]) != crc32.Checksum(b[:60], castagnoli()) {
		return Seal{}, false
	}
	return Seal{
		Sequence: binary.LittleEndian.Uint64(b[8:]),
		Salt:     [8]byte(b[16:24]),
		Frames:   binary.LittleEndian.Uint32(b[24:]),
		Sum:      [8]byte(b[32:40]),
	}, true
}

// ReadSeal returns the newest sound seal of a log and the number of unsound
// slots; ok is false when there is none, as with a missing or ruined file.
func ReadSeal(fsys FS, logPath string) (newest Seal, unsound int, ok bool, err error) {
	f, err := fsys.Open(sealPath(logPath), os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return Seal{}, 0, false, nil
	}
	if err != nil {
		return Seal{}, 0, false, err
	}
	defer f.Close()
	for slot := range int64(2) {
		b := make([]byte, sealSize)
		if _, err := f.ReadAt(b, slot*sealSlotStep); err != nil && !errors.Is(err, io.EOF) {
			return Seal{}, 0, false, err
		}
		s, sound := decodeSeal(b)
		switch {
		case !sound:
			unsound++
		case !ok || s.Sequence > newest.Sequence:
			newest, ok = s, true
		}
	}
	return newest, unsound, ok, nil
}

func sealPath(logPath string) string { return logPath[:len(logPath)-len("-wal")] + "-seal" }

// CheckSeal compares a log with its seal and returns the damage it proves, or nil.
func CheckSeal(path string, l *Log, s Seal) *Damage {
	switch {
	case s.Frames == 0:
		return nil // Nothing in the log had been synced: whatever it holds is a bonus.
	case !l.Valid:
		return &Damage{File: path, Reason: fmt.Sprintf(
			"log header is damaged or the log is missing, though %d frames had been synced", s.Frames)}
	case l.Salt != s.Salt:
		return nil // A newer generation: it began only after the sealed one was in the database.
	case len(l.Frames) < int(s.Frames):
		return &Damage{File: path, Page: int64(len(l.Frames)) + 1, Reason: fmt.Sprintf(
			"frame is damaged, though %d frames had been synced", s.Frames)}
	case l.Frames[s.Frames-1].Sum != s.Sum:
		return &Damage{File: path, Page: int64(s.Frames), Reason: "frame differs from what was synced"}
	}
	return nil
}

// guardedLog is the open write-ahead log with its guard.
type guardedLog struct {
	File
	path   string
	fs     FS
	report func(*Damage) error
	seal   File
	last   Seal
	empty  bool // both slots are known to be on the disk and to claim nothing
	salt   [8]byte
	frames []Frame
	table  *crc32.Table
}

// openGuardedLog verifies the log against its seal before SQLite may see it.
func openGuardedLog(fsys FS, path string, f File, report func(*Damage) error) (*guardedLog, error) {
	l, err := ReadLog(f)
	if err != nil {
		return nil, err
	}
	last, _, ok, err := ReadSeal(fsys, path)
	if err != nil {
		return nil, err
	}
	if ok {
		if d := CheckSeal(path, l, last); d != nil {
			return nil, report(d)
		}
	}
	g := &guardedLog{File: f, path: path, fs: fsys, report: report, last: last,
		salt: l.Salt, frames: l.Frames[:l.Committed], table: castagnoli()}
	if g.seal, err = fsys.Open(sealPath(path), os.O_RDWR|os.O_CREATE); err != nil {
		return nil, err
	}
	// The frames found may be unsynced yet, after a kill without a power cut.
	if l.Committed > 0 {
		if err := f.Sync(); err != nil {
			g.seal.Close()
			return nil, err
		}
	}
	// Both slots are written now, at their full size: later seals cannot meet
	// a full disk, and a slot that had rotted is sound again.
	if err := g.writeBoth(g.current()); err != nil {
		g.seal.Close()
		return nil, err
	}
	return g, nil
}

// current is the seal of what the log holds in sound, finished transactions,
// which the caller has synced. A frame that repeats the one before it is only
// the padding that keeps the next transaction off this one's last sector: it
// may be ruined with that sector and is not sealed.
func (g *guardedLog) current() Seal {
	s := Seal{Salt: g.salt}
	for i := len(g.frames) - 1; i >= 0; i-- {
		f := &g.frames[i]
		padding := i > 0 && f.Page == g.frames[i-1].Page && f.crc == g.frames[i-1].crc && g.frames[i-1].Commit
		if f.Commit && f.have == PageSize && !padding {
			s.Frames, s.Sum = uint32(i+1), g.frames[i].Sum
			break
		}
	}
	return s
}

func (g *guardedLog) writeSlot(s Seal) error {
	g.empty = false
	s.Sequence = g.last.Sequence + 1
	if _, err := g.seal.WriteAt(s.encode(), int64(s.Sequence%2)*sealSlotStep); err != nil {
		return err
	}
	g.last = s
	return nil
}

// writeBoth writes and syncs both slots, so that no older seal can come back.
func (g *guardedLog) writeBoth(s Seal) error {
	if err := errors.Join(g.writeSlot(s), g.writeSlot(s)); err != nil {
		return err
	}
	if err := g.seal.Sync(); err != nil {
		return err
	}
	g.empty = s.Frames == 0
	return nil
}

// release says durably that nothing in the log is needed any more. SQLite is about
// to cut, overwrite or delete the log, which it does only when every frame is in the
// database and the database is synced. After a failure it must be tried again: a seal
// that still claims frames would condemn the log that takes their place.
func (g *guardedLog) release() error {
	g.frames = nil
	if g.empty {
		return nil
	}
	return g.writeBoth(Seal{})
}

func (g *guardedLog) WriteAt(p []byte, off int64) (int, error) {
	if off == 0 && len(p) == walHeaderSize {
		if err := g.release(); err != nil {
			return 0, err
		}
		g.salt = [8]byte(p[16:24])
	}
	n, err := g.File.WriteAt(p, off)
	if err != nil || off < walHeaderSize {
		return n, err
	}
	i, within := int((off-walHeaderSize)/frameSize), int((off-walHeaderSize)%frameSize)
	if within == 0 && len(p) == frameHeaderSize {
		g.writeHeader(i, p)
	} else if i < len(g.frames) {
		g.writePage(i, p, within-frameHeaderSize)
	}
	return n, err
}

// writeHeader notes a frame header. The frames after it no longer chain to it:
// SQLite writes their headers again, after a transaction that was rolled back or
// a page of the open transaction that was written twice.
func (g *guardedLog) writeHeader(i int, p []byte) {
	for len(g.frames) <= i {
		g.frames = append(g.frames, Frame{})
	}
	for j := i + 1; j < len(g.frames); j++ {
		g.frames[j].Commit = false
	}
	fr := frameOf(p)
	fr.crc, fr.have = g.frames[i].crc, g.frames[i].have
	g.frames[i] = fr
}

// writePage notes a page image, which SQLite may write in two parts around a sync.
func (g *guardedLog) writePage(i int, p []byte, at int) {
	fr := &g.frames[i]
	if at == 0 {
		fr.crc, fr.have = 0, 0
	}
	if at != fr.have || at+len(p) > PageSize {
		fr.have = -1 // An order we do not know: this image is not guarded.
		return
	}
	fr.crc = crc32.Update(fr.crc, g.table, p)
	fr.have += len(p)
}

func (g *guardedLog) ReadAt(p []byte, off int64) (int, error) {
	n, err := g.File.ReadAt(p, off)
	if n < PageSize || off < walHeaderSize {
		return n, err
	}
	i, within := int((off-walHeaderSize)/frameSize), int((off-walHeaderSize)%frameSize)
	image := p[:n]
	if within == 0 && n == frameSize {
		image = p[frameHeaderSize:n]
	} else if within != frameHeaderSize || n != PageSize {
		return n, err
	}
	if i < len(g.frames) && g.frames[i].have == PageSize && crc32.Checksum(image, g.table) != g.frames[i].crc {
		return 0, g.report(&Damage{File: g.path, Page: int64(i) + 1, Reason: "frame differs from what was written"})
	}
	return n, err
}

// Sync syncs the log and then moves the seal. A seal that cannot be written is
// no failure of the commit: the one before it stands and claims less.
func (g *guardedLog) Sync() error {
	if err := g.File.Sync(); err != nil {
		return err
	}
	if s := g.current(); s.Frames != g.last.Frames || s.Sum != g.last.Sum {
		_ = g.writeSlot(s)
	}
	return nil
}

func (g *guardedLog) Truncate(size int64) error {
	if size > 0 {
		return g.File.Truncate(size)
	}
	if err := g.release(); err != nil {
		return err
	}
	if err := g.File.Truncate(0); err != nil {
		return err
	}
	return g.File.Sync()
}

func (g *guardedLog) Close() error {
	return errors.Join(g.File.Close(), g.seal.Close())
}
