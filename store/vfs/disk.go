package vfs

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// Disk is a simulated disk: an FS in memory that records every operation that
// changes it, so that its content can be rebuilt as a power cut would have left
// it before any of them (Cuts), and that can be made to fail (FailBetween).
type Disk struct {
	mu     sync.Mutex // guards everything below
	inodes []*inode
	names  map[string]int // path -> index in inodes
	dirs   map[string]bool
	locks  map[string]string
	ops    []diskOp
	base   map[string]int // names before the first operation
	before [][]byte       // content of those files then
	calls  int
	fault  fault
}

type inode struct{ data []byte }

type image struct {
	files map[string][]byte
	dirs  map[string]bool
}

type opKind int

const (
	opCreate opKind = iota
	opWrite
	opTruncate
	opSync
	opSyncFailed
	opRemove
	opRename
	opSyncDir
)

// diskOp is one recorded change. Files are known by inode, since a name can
// move between a write and its sync.
type diskOp struct {
	kind  opKind
	inode int
	path  string // of create, remove, rename (from) and the directory of syncDir
	to    string // of rename
	off   int64  // of write; the size of truncate
	data  []byte
}

func (o diskOp) String() string {
	switch o.kind {
	case opCreate:
		return "create " + o.path
	case opWrite:
		return fmt.Sprintf("write inode %d at %d, %d bytes", o.inode, o.off, len(o.data))
	case opTruncate:
		return fmt.Sprintf("truncate inode %d to %d", o.inode, o.off)
	case opSync:
		return fmt.Sprintf("sync inode %d", o.inode)
	case opSyncFailed:
		return fmt.Sprintf("failed sync of inode %d", o.inode)
	case opRemove:
		return "remove " + o.path
	case opRename:
		return "rename " + o.path + " to " + o.to
	}
	return "sync directory " + o.path
}

type fault struct {
	first, last int
	err         error
	partial     bool
}

// NewDisk returns an empty disk.
func NewDisk() *Disk { return newDisk(image{files: map[string][]byte{}, dirs: map[string]bool{}}) }

func newDisk(base image) *Disk {
	d := &Disk{names: map[string]int{}, dirs: base.dirs, locks: map[string]string{}}
	for path, data := range base.files {
		d.names[path] = len(d.inodes)
		d.inodes = append(d.inodes, &inode{slices.Clone(data)})
		d.before = append(d.before, data)
	}
	d.base = maps.Clone(d.names)
	return d
}

// Operations returns how many changes were recorded so far.
func (d *Disk) Operations() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.ops)
}

// Operation describes recorded change i.
func (d *Disk) Operation(i int) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ops[i].String()
}

// Calls returns how many calls the disk has answered, reads and changes.
func (d *Disk) Calls() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.calls
}

// FailBetween makes the calls first to last (counted as by Calls, from 0) fail
// with err. With partial, half of a failing write reaches the disk. What a
// failing sync should have synced may be lost even if a later sync succeeds, as
// with Linux since pages are marked clean after an I/O error.
func (d *Disk) FailBetween(first, last int, err error, partial bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = fault{first, last, err, partial}
}

// Contents returns a copy of every file.
func (d *Disk) Contents() map[string][]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	files := map[string][]byte{}
	for path, i := range d.names {
		files[path] = slices.Clone(d.inodes[i].data)
	}
	return files
}

// Restore returns a new disk holding these files.
func Restore(files map[string][]byte) *Disk {
	dirs := map[string]bool{}
	for path := range files {
		dirs[filepath.Dir(path)] = true
	}
	return newDisk(image{files, dirs})
}

// call counts a call and returns the fault it meets.
func (d *Disk) call() error {
	i := d.calls
	d.calls++
	if d.fault.err != nil && i >= d.fault.first && i <= d.fault.last {
		return d.fault.err
	}
	return nil
}

// Open implements FS.
func (d *Disk) Open(path string, flag int) (File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.call(); err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	i, ok := d.names[path]
	switch {
	case ok && flag&os.O_EXCL != 0:
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrExist}
	case !ok && (flag&os.O_CREATE == 0 || !d.dirs[filepath.Dir(path)]):
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	case !ok:
		i = len(d.inodes)
		d.inodes = append(d.inodes, &inode{})
		d.names[path] = i
		d.ops = append(d.ops, diskOp{kind: opCreate, inode: i, path: path})
	}
	return &diskFile{d, i, path}, nil
}

// Remove implements FS.
func (d *Disk) Remove(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.call(); err != nil {
		return &fs.PathError{Op: "remove", Path: path, Err: err}
	}
	if _, ok := d.names[path]; !ok {
		return &fs.PathError{Op: "remove", Path: path, Err: fs.ErrNotExist}
	}
	delete(d.names, path)
	d.ops = append(d.ops, diskOp{kind: opRemove, path: path})
	return nil
}

// Rename implements FS.
func (d *Disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.call(); err != nil {
		return &fs.PathError{Op: "rename", Path: from, Err: err}
	}
	i, ok := d.names[from]
	if !ok {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	delete(d.names, from)
	d.names[to] = i
	d.ops = append(d.ops, diskOp{kind: opRename, path: from, to: to})
	return nil
}

// MkdirAll implements FS. Directories are durable at once, as OS makes them.
func (d *Disk) MkdirAll(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.call(); err != nil {
		return &fs.PathError{Op: "mkdir", Path: path, Err: err}
	}
	d.dirs[path] = true
	return nil
}

// Stat implements FS.
func (d *Disk) Stat(path string) (Info, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.call(); err != nil {
		return Info{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if d.dirs[path] {
		return Info{Directory: true}, nil
	}
	if i, ok := d.names[path]; ok {
		return Info{SizeBytes: int64(len(d.inodes[i].data))}, nil
	}
	return Info{}, &fs.PathError{Op: "stat", Path: path, Err: fs.ErrNotExist}
}

// List implements FS.
func (d *Disk) List(dir string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.call(); err != nil {
		return nil, &fs.PathError{Op: "list", Path: dir, Err: err}
	}
	var names []string
	for path := range d.names {
		if filepath.Dir(path) == dir {
			names = append(names, filepath.Base(path))
		}
	}
	slices.Sort(names)
	return names, nil
}

// SyncDir implements FS.
func (d *Disk) SyncDir(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.call(); err != nil {
		return &fs.PathError{Op: "sync", Path: dir, Err: err}
	}
	d.ops = append(d.ops, diskOp{kind: opSyncDir, path: dir})
	return nil
}

// Lock implements FS. Locks live in memory only, as those of a real system do.
func (d *Disk) Lock(path, holder string) (io.Closer, string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if present, held := d.locks[path]; held {
		return nil, present, fmt.Errorf("%s: %w", path, ErrLocked)
	}
	if holder == "" {
		return nil, "", &fs.PathError{Op: "lock", Path: path, Err: fs.ErrNotExist}
	}
	d.locks[path] = holder
	return &diskLock{d, path}, "", nil
}

type diskLock struct {
	disk *Disk
	path string
}

func (l *diskLock) Close() error {
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	delete(l.disk.locks, l.path)
	return nil
}

type diskFile struct {
	disk  *Disk
	inode int
	path  string
}

func (f *diskFile) ReadAt(p []byte, off int64) (int, error) {
	d := f.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.call(); err != nil {
		return 0, &fs.PathError{Op: "read", Path: f.path, Err: err}
	}
	data := d.inodes[f.inode].data
	if off >= int64(len(data)) {
		return 0, io.EOF
	}
	n := copy(p, data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *diskFile) WriteAt(p []byte, off int64) (int, error) {
	d := f.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.call()
	if err != nil {
		err = &fs.PathError{Op: "write", Path: f.path, Err: err}
		if !d.fault.partial {
			return 0, err
		}
		p = p[:len(p)/2]
	}
	op := diskOp{kind: opWrite, inode: f.inode, off: off, data: slices.Clone(p)}
	d.ops = append(d.ops, op)
	d.inodes[f.inode].data = op.apply(d.inodes[f.inode].data)
	return len(p), err
}

func (f *diskFile) Truncate(size int64) error {
	d := f.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.call(); err != nil {
		return &fs.PathError{Op: "truncate", Path: f.path, Err: err}
	}
	op := diskOp{kind: opTruncate, inode: f.inode, off: size}
	d.ops = append(d.ops, op)
	d.inodes[f.inode].data = op.apply(d.inodes[f.inode].data)
	return nil
}

func (f *diskFile) Sync() error {
	d := f.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.call(); err != nil {
		d.ops = append(d.ops, diskOp{kind: opSyncFailed, inode: f.inode})
		return &fs.PathError{Op: "sync", Path: f.path, Err: err}
	}
	d.ops = append(d.ops, diskOp{kind: opSync, inode: f.inode})
	return nil
}

func (f *diskFile) Size() (int64, error) {
	d := f.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.call(); err != nil {
		return 0, &fs.PathError{Op: "stat", Path: f.path, Err: err}
	}
	return int64(len(d.inodes[f.inode].data)), nil
}

func (f *diskFile) Close() error { return nil }

// apply returns a file's content after a write or truncate. The content given
// may be changed.
func (o diskOp) apply(data []byte) []byte {
	switch o.kind {
	case opWrite:
		data = resize(data, max(int64(len(data)), o.off+int64(len(o.data))))
		copy(data[o.off:], o.data)
	case opTruncate:
		data = resize(data, o.off)
	}
	return data
}

func resize(data []byte, size int64) []byte {
	if size <= int64(len(data)) {
		return data[:size]
	}
	return append(data, make([]byte, size-int64(len(data)))...)
}

// dirOf tells the directory whose sync makes a name change durable.
func (o diskOp) dirOf() string { return filepath.Dir(o.path) }

func (o diskOp) rename(names map[string]int) {
	switch o.kind {
	case opCreate:
		names[o.path] = o.inode
	case opRemove:
		delete(names, o.path)
	case opRename:
		if i, ok := names[o.path]; ok {
			delete(names, o.path)
			names[o.to] = i
		}
	}
}

// Flip changes one bit of a file, unrecorded, as a failing disk does. It panics
// outside the file, as slices do.
func (d *Disk) Flip(path string, bit int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.inodes[d.names[path]].data[bit/8] ^= 1 << (bit % 8)
}
