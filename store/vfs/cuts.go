package vfs

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// Loss is what a power cut does to changes that were not synced.
type Loss int

const (
	// DropUnsynced loses all of them: writes, sizes, names.
	DropUnsynced Loss = iota
	// KeepUnsynced keeps all of them, as when only the process is killed.
	KeepUnsynced
	// KeepSome keeps or loses each write by chance, in any order, and tears
	// those it keeps into sectors of 512 bytes of which some are lost. Of the
	// name changes a first part is kept, as journalled file systems do.
	KeepSome
	// TearLast keeps all but some sectors of the last write.
	TearLast
	// ZeroUnsynced keeps the new sizes of files but zeros in place of what was
	// written behind their old ends, as delayed allocation does.
	ZeroUnsynced
	// RuinSector keeps all but the 4096-byte sector that was being written,
	// which is left as noise over its whole length, synced neighbours included.
	RuinSector
)

// Losses lists every Loss.
func Losses() []Loss {
	return []Loss{DropUnsynced, KeepUnsynced, KeepSome, TearLast, ZeroUnsynced, RuinSector}
}

func (l Loss) String() string {
	return [...]string{"DropUnsynced", "KeepUnsynced", "KeepSome", "TearLast", "ZeroUnsynced", "RuinSector"}[l]
}

const (
	tornSectorBytes = 512
	cachePageBytes  = 4096
	ruinSectorBytes = 4096
)

// Cuts walks through a disk's recorded changes and rebuilds, before each of
// them and after the last, what a power cut would leave.
type Cuts struct {
	ops   []diskOp
	at    int
	files []cutFile
	names map[string]int // durable names
	moves []diskOp       // name changes not yet durable
	dirs  map[string]bool
}

type cutFile struct {
	cached  []byte   // what a running system reads
	durable []byte   // what is on the disk
	pending []diskOp // writes and truncates not synced
	doomed  bool     // a sync has failed: some of cached may never reach the disk
	early   []byte   // of a doomed file: durable, if the older half of what each failed sync lost had been written before it
}

// NewCuts starts before the first change of a disk that is no longer in use.
func NewCuts(d *Disk) *Cuts {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := &Cuts{ops: d.ops, names: map[string]int{}, dirs: maps.Clone(d.dirs), files: make([]cutFile, len(d.inodes))}
	for path, i := range d.base {
		c.names[path] = i
		c.files[i].durable = slices.Clone(d.before[i])
		c.files[i].cached = slices.Clone(d.before[i])
	}
	return c
}

// At returns the index of the change before which the power is cut.
func (c *Cuts) At() int { return c.at }

// Next goes on by one change; false at the end.
func (c *Cuts) Next() bool {
	if c.at == len(c.ops) {
		return false
	}
	op := c.ops[c.at]
	c.at++
	switch op.kind {
	case opWrite, opTruncate:
		f := &c.files[op.inode]
		f.cached = op.apply(f.cached)
		f.pending = append(f.pending, op)
	case opSync:
		c.files[op.inode].sync()
	case opSyncFailed:
		c.files[op.inode].failSync()
	case opSyncDir:
		c.moves = slices.DeleteFunc(c.moves, func(m diskOp) bool {
			if m.dirOf() != op.path {
				return false
			}
			m.rename(c.names)
			return true
		})
	default:
		c.moves = append(c.moves, op)
	}
	return true
}

// Cut returns the disk as the power cut leaves it here. The same seed gives the
// same disk.
func (c *Cuts) Cut(loss Loss, seed uint64) *Disk {
	rnd := rand.New(rand.NewPCG(seed, uint64(c.at)))
	names := maps.Clone(c.names)
	kept := len(c.moves)
	switch loss {
	case DropUnsynced:
		kept = 0
	case KeepSome:
		kept = rnd.IntN(len(c.moves) + 1)
	}
	for _, m := range c.moves[:kept] {
		m.rename(names)
	}
	var last diskOp // the change in flight
	if c.at > 0 {
		last = c.ops[c.at-1]
	}
	files := map[string][]byte{}
	for path, i := range names {
		files[path] = c.files[i].after(loss, last, i, rnd)
	}
	return newDisk(image{files, maps.Clone(c.dirs)})
}

// failSync loses the pending changes: all of them, or those that the system had not
// written back by itself before.
func (f *cutFile) failSync() {
	if !f.doomed {
		f.doomed, f.early = true, slices.Clone(f.durable)
	}
	for _, op := range f.pending[:(len(f.pending)+1)/2] {
		f.early = op.apply(f.early)
	}
	f.pending = nil
}

// sync moves the pending changes to the disk. After a failed sync the system
// believes that its pages are clean: what the failed one should have written
// arrives only where a later write dirties the same page of the cache.
func (f *cutFile) sync() {
	f.durable = f.synced(f.durable)
	if f.doomed {
		f.early = f.synced(f.early)
	}
	f.pending = nil
}

func (f *cutFile) synced(data []byte) []byte {
	for _, op := range f.pending {
		data = op.apply(data)
		if !f.doomed || op.kind != opWrite {
			continue
		}
		from := op.off / cachePageBytes * cachePageBytes
		to := min((op.off+int64(len(op.data))+cachePageBytes-1)/cachePageBytes*cachePageBytes, int64(len(f.cached)))
		if from < to {
			data = diskOp{kind: opWrite, off: from, data: f.cached[from:to]}.apply(data)
		}
	}
	return data
}

func (f *cutFile) after(loss Loss, last diskOp, inode int, rnd *rand.Rand) []byte {
	data := slices.Clone(f.durable)
	switch {
	case f.doomed && loss == KeepUnsynced:
		return slices.Clone(f.cached)
	case f.doomed && (loss == KeepSome || loss == TearLast || loss == RuinSector):
		data = slices.Clone(f.early)
	}
	for n, op := range f.pending {
		inFlight := inode == last.inode && last.kind == opWrite && op.kind == opWrite && n == len(f.pending)-1
		switch {
		case loss == DropUnsynced:
			return data
		case loss == KeepSome && rnd.IntN(2) == 0:
			continue
		case op.kind != opWrite:
			data = op.apply(data)
		case loss == KeepSome, loss == TearLast && inFlight:
			data = op.tear(data, rnd)
		case loss == ZeroUnsynced:
			if end := op.off + int64(len(op.data)); end > int64(len(data)) {
				data = resize(data, end)
			}
		default:
			data = op.apply(data)
			if loss == RuinSector && inFlight && len(op.data) > 0 {
				ruin(data, op, rnd)
			}
		}
	}
	return data
}

// tear applies a write of which some sectors do not reach the disk.
func (o diskOp) tear(data []byte, rnd *rand.Rand) []byte {
	for from := o.off; from < o.off+int64(len(o.data)); {
		to := min(o.off+int64(len(o.data)), (from/tornSectorBytes+1)*tornSectorBytes)
		if rnd.IntN(2) == 0 {
			data = diskOp{kind: opWrite, off: from, data: o.data[from-o.off : to-o.off]}.apply(data)
		}
		from = to
	}
	return data
}

// ruin leaves noise in one sector that a write touched.
func ruin(data []byte, o diskOp, rnd *rand.Rand) {
	first, end := o.off/ruinSectorBytes, (o.off+int64(len(o.data))-1)/ruinSectorBytes
	from := (first + rnd.Int64N(end-first+1)) * ruinSectorBytes
	for i := from; i < min(from+ruinSectorBytes, int64(len(data))); i++ {
		data[i] = byte(rnd.Uint32())
	}
}
