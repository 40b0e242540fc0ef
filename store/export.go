package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hepmeter/hepmeter/store/vfs"
)

// Export writes the state of the stopped meter in dir to the new file path, in the
// form of Snapshot, and changes nothing in dir. The file is there whole or not at all.
// A directory that is held, damaged or newer than this program is refused, and so is a
// file that exists.
func Export(dir, path string) error { return export(vfs.OS(), dir, path) }

func export(fsys vfs.FS, dir, path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("finding the file to export to: %w", err)
	}
	if _, err := fsys.Stat(path); err == nil {
		return fmt.Errorf("%s: %w: choose another name, or remove it first", path, ErrOccupied)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return diskError("exporting", path, err)
	}
	files, database, unlock, err := readStopped(fsys, dir, "exporting")
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := checkSound(files, database); err != nil {
		return err
	}
	// What is left in a log is taken up in memory, not in dir.
	memory := vfs.Restore(files)
	const packed = "/export"
	if err := memory.MkdirAll("/"); err != nil {
		return err
	}
	if err := pack(vfs.Unsynced(memory), database, packed); err != nil {
		return err
	}
	whole, err := readWhole(memory, packed)
	if err != nil {
		return diskError("exporting", packed, err)
	}
	return writeWhole(fsys, path, whole)
}

// Import makes a store of the file path, as Export and Snapshot write it, in dir, which
// must be missing or hold no meter. It reads every page and row first and refuses a
// damaged file and one newer than this program. The store is there whole or not at all.
// An opt.Identity with a model must be that of the file; of the rest of opt only FS
// counts.
func Import(path, dir string, opt Options) error {
	fsys := opt.FS
	if fsys == nil {
		fsys = vfs.OS()
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("finding the file to import: %w", err)
	}
	files, err := readSingle(fsys, path)
	if err != nil {
		return err
	}
	report, err := checkSound(files, path)
	if err != nil {
		return err
	}
	if opt.Identity.Model != "" {
		if err := report.Meta.accept(path, opt.Identity, opt.Firmware); err != nil {
			return err
		}
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return fmt.Errorf("finding the data directory: %w", err)
	}
	if err := prepareDir(fsys, dir); err != nil {
		return err
	}
	lock, err := lockDir(fsys, dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := sweep(fsys, dir); err != nil {
		return err
	}
	names, err := fsys.List(dir)
	if err != nil {
		return diskError("reading the data directory", dir, err)
	}
	for _, name := range names {
		if strings.HasPrefix(name, databaseName) {
			return fmt.Errorf("%s: a meter is %w (%s): choose another directory, or move it away", dir, ErrOccupied, name)
		}
	}
	return writeWhole(fsys, filepath.Join(dir, databaseName), files[path])
}

// checkSound checks a store that was read whole, and turns damage into an error.
func checkSound(files map[string][]byte, database string) (Report, error) {
	r := Report{Dir: database}
	if err := r.checkAll(files, database); err != nil {
		return r, err
	}
	if !r.Sound() {
		return r, fmt.Errorf("%w: %s: %v, and %d more findings: take a sound copy (`hepmeter check` names all that is damaged)",
			ErrCorrupt, database, r.Findings[0], len(r.Findings)-1)
	}
	return r, nil
}

// writeWhole makes a file that is there whole or not at all.
func writeWhole(fsys vfs.FS, path string, data []byte) error {
	fresh := path + unfinished
	err := func() error {
		f, err := fsys.Open(fresh, os.O_RDWR|os.O_CREATE)
		if err != nil {
			return err
		}
		err = f.Truncate(0) // What an interrupted one left.
		if err == nil {
			_, err = f.WriteAt(data, 0)
		}
		if err == nil {
			err = f.Sync()
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
		return fsys.Rename(fresh, path)
	}()
	if err != nil {
		_ = fsys.Remove(fresh)
		return diskError("writing", path, err)
	}
	if err := fsys.SyncDir(filepath.Dir(path)); err != nil {
		return diskError("writing", path, err)
	}
	return nil
}
