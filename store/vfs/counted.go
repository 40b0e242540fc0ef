package vfs

import "sync"

// Counted is fsys with what it writes counted, as wear of the disk.
func Counted(fsys FS) *CountedFS { return &CountedFS{FS: fsys} }

// CountedFS counts the writes of all files opened through it.
type CountedFS struct {
	FS
	mu    sync.Mutex // guards wear and the files' dirty blocks
	wear  Wear
	files []*countedFile
}

// Wear is what was written.
type Wear struct {
	Bytes  int64 // handed over for writing
	Blocks int64 // of 4096 bytes, written or partly written before a sync, once for each sync
	Syncs  int64
}

// Wear returns what was written so far, including what is not synced yet.
func (c *CountedFS) Wear() Wear {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.wear
	for _, f := range c.files {
		w.Blocks += int64(len(f.dirty))
	}
	return w
}

// Open implements FS.
func (c *CountedFS) Open(path string, flag int) (File, error) {
	f, err := c.FS.Open(path, flag)
	if err != nil {
		return nil, err
	}
	counted := &countedFile{File: f, fs: c, dirty: map[int64]bool{}}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.files = append(c.files, counted)
	return counted, nil
}

type countedFile struct {
	File
	fs    *CountedFS
	dirty map[int64]bool
}

func (f *countedFile) WriteAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	f.fs.wear.Bytes += int64(len(p))
	for block := off / cachePageBytes; block*cachePageBytes < off+int64(len(p)); block++ {
		f.dirty[block] = true
	}
	f.fs.mu.Unlock()
	return f.File.WriteAt(p, off)
}

func (f *countedFile) Sync() error {
	f.fs.mu.Lock()
	f.fs.wear.Syncs++
	f.fs.wear.Blocks += int64(len(f.dirty))
	clear(f.dirty)
	f.fs.mu.Unlock()
	return f.File.Sync()
}
