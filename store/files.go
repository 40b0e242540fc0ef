package store

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// The files of the owner, by folder and name. They lie in the database: what makes commits
// safe makes them safe, and checks, snapshots and exports have them without knowing.

// Limits of the owner's files.
const (
	MaxFileNameBytes  = 68             // of a folder's or file's name (9410 manual -03 p. 84)
	MaxFilesBytes     = 16 << 20       // of all files and unfinished uploads
	MaxFiles          = 1000           // of both
	MaxUploads        = 16             // unfinished
	MaxFileBlockBytes = 64 << 10       // in one Read or Write
	uploadKept        = 24 * time.Hour // since its last block
)

// blockBytes is the size of a stored block, except for the last of a file. A Write that is
// no multiple of it rewrites at most one.
const blockBytes = 8 << 10

// Files is the store's room for files of the owner: documents, templates. A file comes by
// blocks and appears, or takes the place of the one before, when all of it has been received
// and has the SHA-256 that it should have.
type Files struct{ s *Store }

// Files returns the room for files. Its methods may be called like those of the store.
func (s *Store) Files() Files { return Files{s} }

// FileInfo describes a file.
type FileInfo struct {
	Folder, Name string
	SizeBytes    int64
	Time         time.Time // when the last of it came
	SHA256       [sha256.Size]byte
}

// Upload describes a file of which not all has come.
type Upload struct {
	Folder, Name  string
	ReceivedBytes int64 // durable; the next block has this offset
	Time          time.Time
}

// fileRow is a row of table file. Of an upload the size is what has been received.
type fileRow struct {
	id int64
	FileInfo
}

// List returns the files of a folder, or with "" of all folders, in the order of folders and
// names. A folder that nothing is in has none.
func (f Files) List(folder string) ([]FileInfo, error) {
	if folder != "" {
		if err := validFileName("folder", folder); err != nil {
			return nil, err
		}
	}
	rows, err := f.list(true, folder)
	infos := make([]FileInfo, len(rows))
	for i, row := range rows {
		infos[i] = row.FileInfo
	}
	return infos, err
}

// Uploads returns the unfinished uploads.
func (f Files) Uploads() ([]Upload, error) {
	rows, err := f.list(false, "")
	uploads := make([]Upload, len(rows))
	for i, row := range rows {
		uploads[i] = Upload{row.Folder, row.Name, row.SizeBytes, row.Time}
	}
	return uploads, err
}

func (f Files) list(whole bool, folder string) ([]fileRow, error) {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	if f.s.db == nil {
		return nil, ErrClosed
	}
	return f.s.db.readFiles(whole, folder)
}

// UsedBytes returns how much of MaxFilesBytes files and unfinished uploads take.
func (f Files) UsedBytes() (int64, error) {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	if f.s.db == nil {
		return 0, ErrClosed
	}
	bytes, _, _, err := f.s.db.fileUse()
	return bytes, err
}

// Read returns a file's description and up to limit bytes from offset, at most
// MaxFileBlockBytes; none at its end. A reader that needs more than one block compares the
// descriptions: another SHA-256 means that the file was replaced meanwhile. ErrNoFile says
// that there is no such file.
func (f Files) Read(folder, name string, offset int64, limit int) (FileInfo, []byte, error) {
	if err := validFile(folder, name); err != nil {
		return FileInfo{}, nil, err
	}
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	if f.s.db == nil {
		return FileInfo{}, nil, ErrClosed
	}
	row, ok, err := f.s.db.findFile(folder, name, true)
	if err == nil && !ok {
		err = noFile(folder, name)
	}
	if err != nil {
		return FileInfo{}, nil, err
	}
	limit = min(limit, MaxFileBlockBytes)
	if offset < 0 || offset >= row.SizeBytes || limit <= 0 {
		return row.FileInfo, nil, nil
	}
	end := min(offset+int64(limit), row.SizeBytes)
	data, err := f.s.db.readBlocks(row.id, offset/blockBytes, (end-1)/blockBytes)
	if err != nil {
		return FileInfo{}, nil, err
	}
	skip := offset % blockBytes
	if int64(len(data)) < skip+end-offset {
		return FileInfo{}, nil, corruptError(fmt.Errorf("%s: table block lacks some of file %s/%s", f.s.db.path, folder, name))
	}
	return row.FileInfo, data[skip : skip+end-offset], nil
}

// Write makes a block of an upload durable and returns how much of the file has been
// received. Offset 0 begins the upload, anew if there is one. Every other block begins where
// the one before ended; one that does not is refused with ErrOffset and what has been
// received, from where the sender goes on. ErrNoRoom says that the file would be too much.
func (f Files) Write(folder, name string, offset int64, block []byte) (received int64, err error) {
	if err := validFile(folder, name); err != nil {
		return 0, err
	}
	if len(block) > MaxFileBlockBytes {
		return 0, fmt.Errorf("%w: a block of %d bytes, at most %d: split it", ErrInvalidFile, len(block), MaxFileBlockBytes)
	}
	now := f.s.now()
	if err := validTime(now); err != nil {
		return 0, fmt.Errorf("the clock cannot be right: %w: set it", err)
	}
	err = f.change("writing a file", func(db *database) error {
		if offset == 0 {
			if err := db.beginUpload(folder, name, now); err != nil {
				return err
			}
		}
		row, ok, err := db.findFile(folder, name, false)
		if err != nil {
			return err
		}
		if received = row.SizeBytes; !ok || offset != received {
			return fmt.Errorf("%w: %s/%s: a block at %d, and %d bytes have been received: go on from there, or begin at 0", ErrOffset, folder, name, offset, received)
		}
		used, _, _, err := db.fileUse()
		if err != nil {
			return err
		}
		if used+int64(len(block)) > MaxFilesBytes {
			return fmt.Errorf("%w: %d of %d bytes are taken, and %s/%s brings %d more: delete a file, or abandon an upload", ErrNoRoom,
				used, MaxFilesBytes, folder, name, len(block))
		}
		return db.appendBlock(row, block, now)
	})
	if err == nil {
		received += int64(len(block))
	}
	return received, err
}

// Finish makes an upload a file, in place of one of the same name, where what has been
// received has the SHA-256 sum. With another sum the upload is dropped (ErrChecksum). Where
// no upload is left but a file of that sum is there, its answer was lost: it is given again.
func (f Files) Finish(folder, name string, sum [sha256.Size]byte) (FileInfo, error) {
	if err := validFile(folder, name); err != nil {
		return FileInfo{}, err
	}
	f.s.filing.Lock() // What is summed is what becomes the file.
	defer f.s.filing.Unlock()
	row, got, err := f.sumUpload(folder, name, sum)
	if err != nil || row.id == 0 {
		return row.FileInfo, err
	}
	if got != sum {
		if err := f.changeAlone("dropping an upload", func(db *database) error { return db.dropFile(row.id) }); err != nil {
			return FileInfo{}, err
		}
		return FileInfo{}, fmt.Errorf("%w: %s/%s: the %d bytes received have SHA-256 %x, not %x: send it again from 0", ErrChecksum, folder, name, row.SizeBytes, got, sum)
	}
	row.SHA256 = sum
	err = f.changeAlone("finishing a file", func(db *database) error {
		before, ok, err := db.findFile(folder, name, true)
		if err == nil && ok {
			err = db.dropFile(before.id)
		}
		if err != nil {
			return err
		}
		return db.run("finishing a file", "UPDATE file SET whole = 1, sha256 = ?2 WHERE file = ?1", row.id, sum[:])
	})
	return row.FileInfo, err
}

// sumUpload sums what has been received, some blocks at a time: commits go on in between. A
// row without id is the file that was finished before.
func (f Files) sumUpload(folder, name string, sum [sha256.Size]byte) (row fileRow, got [sha256.Size]byte, err error) {
	h, size := sha256.New(), int64(0)
	for from := int64(0); ; from += MaxFileBlockBytes / blockBytes {
		data, err := func() ([]byte, error) {
			f.s.mu.Lock()
			defer f.s.mu.Unlock()
			if f.s.db == nil {
				return nil, ErrClosed
			}
			var ok bool
			var err error
			if row, ok, err = f.s.db.findFile(folder, name, false); err != nil {
				return nil, err
			}
			if !ok {
				if row, ok, err = f.s.db.findFile(folder, name, true); err == nil && (!ok || row.SHA256 != sum) {
					err = fmt.Errorf("%w: nothing of %s/%s has been received: send it from 0", ErrNoFile, folder, name)
				}
				row.id = 0
				return nil, err
			}
			return f.s.db.readBlocks(row.id, from, from+MaxFileBlockBytes/blockBytes-1)
		}()
		if err != nil {
			return fileRow{}, got, err
		}
		h.Write(data)
		size += int64(len(data))
		if len(data) < MaxFileBlockBytes {
			break
		}
	}
	if row.id != 0 && size != row.SizeBytes {
		return fileRow{}, got, corruptError(fmt.Errorf("%s: table block has %d bytes of upload %s/%s, not %d", f.s.db.path, size, folder, name, row.SizeBytes))
	}
	return row, [sha256.Size]byte(h.Sum(nil)), nil
}

// Delete removes a file.
func (f Files) Delete(folder, name string) error { return f.remove(folder, name, true) }

// Abandon removes what has been received of an unfinished upload.
func (f Files) Abandon(folder, name string) error { return f.remove(folder, name, false) }

func (f Files) remove(folder, name string, whole bool) error {
	if err := validFile(folder, name); err != nil {
		return err
	}
	return f.change("deleting a file", func(db *database) error {
		row, ok, err := db.findFile(folder, name, whole)
		if err != nil {
			return err
		}
		if !ok {
			return noFile(folder, name)
		}
		return db.dropFile(row.id)
	})
}

// change does one change of files in one transaction, and one at a time.
func (f Files) change(doing string, change func(*database) error) error {
	f.s.filing.Lock()
	defer f.s.filing.Unlock()
	return f.changeAlone(doing, change)
}

func (f Files) changeAlone(doing string, change func(*database) error) error {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	if f.s.db == nil {
		return ErrClosed
	}
	return f.s.commit(doing, func() error { return change(f.s.db) })
}

func noFile(folder, name string) error {
	return fmt.Errorf("%w: %s/%s: list the folder for what is there", ErrNoFile, folder, name)
}

func validFile(folder, name string) error {
	if err := validFileName("folder", folder); err != nil {
		return err
	}
	return validFileName("file", name)
}

func validFileName(what, name string) error {
	unsafe := strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"'`/\\*?<>", r) })
	if name == "" || name == "." || name == ".." || len(name) > MaxFileNameBytes || unsafe {
		return fmt.Errorf("%w: %s name %.80q must be 1 to %d ASCII characters without blank, quotes, slash, backslash, * ? < >: choose another",
			ErrInvalidFile, what, name, MaxFileNameBytes)
	}
	return nil
}

// beginUpload makes an upload of no bytes, in place of one that is there.
func (db *database) beginUpload(folder, name string, now time.Time) error {
	row, ok, err := db.findFile(folder, name, false)
	if err == nil && ok {
		err = db.dropFile(row.id)
	}
	if err == nil {
		err = db.sweepUploads(now)
	}
	if err != nil {
		return err
	}
	_, files, uploads, err := db.fileUse()
	if err != nil {
		return err
	}
	if files >= MaxFiles || uploads >= MaxUploads {
		return fmt.Errorf("%w: %d files and %d unfinished uploads, at most %d and %d: delete a file, or abandon an upload", ErrNoRoom,
			files-uploads, uploads, MaxFiles, MaxUploads)
	}
	return db.run("beginning an upload", "INSERT INTO file (folder, name, whole, size, time, sha256) VALUES (?1, ?2, 0, 0, ?3, x'')",
		folder, name, now.UnixNano())
}

// sweepUploads drops uploads that nobody has sent a block of for a day.
func (db *database) sweepUploads(now time.Time) error {
	rows, err := db.readFiles(false, "")
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.Time.Add(uploadKept).Before(now) {
			if err := db.dropFile(row.id); err != nil {
				return err
			}
		}
	}
	return nil
}

// appendBlock adds to an upload: first what its last block still has room for.
func (db *database) appendBlock(row fileRow, block []byte, now time.Time) error {
	number := row.SizeBytes / blockBytes
	rest, err := db.readBlocks(row.id, number, number)
	if err != nil {
		return err
	}
	size := row.SizeBytes + int64(len(block))
	for body := range blocksOf(rest, block) {
		err := db.run("writing a block", "INSERT INTO block (file, number, body) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET body = excluded.body",
			row.id, number, body)
		if err != nil {
			return err
		}
		number++
	}
	return db.run("writing a file", "UPDATE file SET size = ?2, time = ?3 WHERE file = ?1", row.id, size, now.UnixNano())
}

// blocksOf cuts what a last block holds, and what comes behind it, into blocks.
func blocksOf(rest, block []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for all := bytes.Join([][]byte{rest, block}, nil); len(all) > 0; {
			n := min(len(all), blockBytes)
			if !yield(all[:n]) {
				return
			}
			all = all[n:]
		}
	}
}

func (db *database) dropFile(id int64) error {
	if err := db.run("dropping a file", "DELETE FROM block WHERE file = ?1", id); err != nil {
		return err
	}
	return db.run("dropping a file", "DELETE FROM file WHERE file = ?1", id)
}

// fileUse returns the bytes of files and uploads, how many both are, and how many uploads.
func (db *database) fileUse() (bytes int64, files, uploads int, err error) {
	err = db.query("counting files", "SELECT coalesce(sum(size), 0), count(*), count(*) - coalesce(sum(whole), 0) FROM file", func(row *sqlite3.Stmt) error {
		bytes, files, uploads = row.ColumnInt64(0), row.ColumnInt(1), row.ColumnInt(2)
		return nil
	})
	return bytes, files, uploads, err
}

const fileColumns = "SELECT file, folder, name, size, time, sha256 FROM file "

func scanFile(row *sqlite3.Stmt) fileRow {
	r := fileRow{row.ColumnInt64(0), FileInfo{Folder: row.ColumnText(1), Name: row.ColumnText(2), SizeBytes: row.ColumnInt64(3), Time: timeOf(row.ColumnInt64(4))}}
	copy(r.SHA256[:], row.ColumnRawBlob(5))
	return r
}

func (db *database) findFile(folder, name string, whole bool) (found fileRow, ok bool, err error) {
	err = db.query("looking for a file", fileColumns+"WHERE folder = ?1 AND name = ?2 AND whole = ?3", func(row *sqlite3.Stmt) error {
		found, ok = scanFile(row), true
		return nil
	}, folder, name, whole)
	return found, ok, err
}

func (db *database) readFiles(whole bool, folder string) (files []fileRow, err error) {
	err = db.query("listing files", fileColumns+"WHERE whole = ?1 AND (?2 = '' OR folder = ?2) ORDER BY folder, name", func(row *sqlite3.Stmt) error {
		files = append(files, scanFile(row))
		return nil
	}, whole, folder)
	return files, err
}

// readBlocks returns the bytes of a file's blocks, from the first number to the last.
func (db *database) readBlocks(file, first, last int64) (data []byte, err error) {
	next := first
	err = db.query("reading a file", "SELECT number, body FROM block WHERE file = ?1 AND number BETWEEN ?2 AND ?3 ORDER BY number", func(row *sqlite3.Stmt) error {
		body := row.ColumnRawBlob(1)
		if number := row.ColumnInt64(0); number != next || len(data)%blockBytes != 0 || len(body) > blockBytes {
			return corruptError(fmt.Errorf("%s: table block has %d bytes as block %d of file %d, which do not follow", db.path, len(body), number, file))
		}
		next++
		data = append(data, body...)
		return nil
	}, file, first, last)
	return data, err
}
