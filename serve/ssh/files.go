package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/pkg/sftp"

	"github.com/hepmeter/hepmeter/access"
)

// maxHandles bounds the files and folders that a client has open.
const maxHandles = 16

// maxTold bounds the sentences that one transfer is told beside its answers.
const maxTold = 100

// transfer is file transfer on one channel: the handlers of the library. Each asks the
// session, which decides.
type transfer struct {
	channel *channel
	session *access.Session
	ctx     context.Context
	open    atomic.Int32
	told    atomic.Int32

	mu        sync.Mutex
	receiving map[*upload]struct{}
}

// enterFiles serves file transfer.
func (k *channel) enterFiles(ctx context.Context) int {
	session, err := k.conn.enter(ctx, access.SFTP)
	if err != nil {
		k.tell(sentence(err))
		return exitFailed
	}
	t := &transfer{channel: k, session: session, ctx: ctx, receiving: map[*upload]struct{}{}}
	server := sftp.NewRequestServer(struct {
		io.Reader
		io.Writer
		io.Closer
	}{k.wire, k.out, k.wire}, sftp.Handlers{FileGet: t, FilePut: t, FileCmd: t, FileList: t})
	if err := server.Serve(); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return exitFailed
	}
	return exitDone
}

// transferError is an error as file transfer tells it: a code that clients know, and the
// sentence.
func transferError(err error) error {
	var refusal *access.Refusal
	if !errors.As(err, &refusal) {
		if errors.Is(err, io.EOF) {
			return io.EOF
		}
		return fmt.Errorf("%w: %s", sftp.ErrSSHFxFailure, plain(err.Error()))
	}
	code := sftp.ErrSSHFxFailure
	switch refusal.Code {
	case access.CodeNotFound:
		code = sftp.ErrSSHFxNoSuchFile
	case access.CodeNoPermission, access.CodeNotWritable, access.CodeUserNeeded, access.CodeCredentialsNeeded, access.CodeSessionEnded:
		code = sftp.ErrSSHFxPermissionDenied
	}
	return fmt.Errorf("%w: %s", code, sentence(err))
}

// answer tells the sentence of an answer beside it: most clients show only what its code
// means to them. What is not there is no such case: clients look before they write.
func (t *transfer) answer(r *sftp.Request, err *error) {
	if *err != nil && !errors.Is(*err, sftp.ErrSSHFxNoSuchFile) && !errors.Is(*err, io.EOF) {
		t.tell(r.Filepath, *err)
	}
}

func (t *transfer) tell(path string, err error) {
	if t.told.Add(1) <= maxTold {
		t.channel.tell(quoted(path) + ": " + plain(err.Error()))
	}
}

// handle takes one of the files that a client may have open.
func (t *transfer) handle() (closed func(), err error) {
	if t.open.Add(1) > maxHandles {
		t.open.Add(-1)
		return nil, fmt.Errorf("%w: %d files and folders are open: close one", sftp.ErrSSHFxFailure, maxHandles)
	}
	return sync.OnceFunc(func() { t.open.Add(-1) }), nil
}

// Fileread implements sftp.FileReader.
func (t *transfer) Fileread(r *sftp.Request) (reader io.ReaderAt, err error) {
	defer t.answer(r, &err)
	defer t.channel.conn.server.rescue("file transfer", &err)
	p, err := t.file(r.Filepath)
	if err != nil {
		return nil, err
	}
	closed, err := t.handle()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			closed()
		}
	}()
	if p.folder == logsFolder {
		rows, err := t.log(p.name)
		if err != nil {
			return nil, err
		}
		return &logReader{transfer: t, text: csvText{rows: rows}, closed: closed}, nil
	}
	_, file, err := t.session.ReadFile(p.path(), 0, 0)
	if err != nil {
		return nil, transferError(err)
	}
	return &fileReader{transfer: t, file: file, closed: closed}, nil
}

// file is the place of a file, and none of a folder.
func (t *transfer) file(path string) (place, error) {
	t.channel.conn.used()
	p, err := parsePlace(path)
	if err == nil && p.name == "" {
		err = fmt.Errorf("%w: %s is a folder", sftp.ErrSSHFxFailure, quoted(path))
	}
	return p, err
}

// Filewrite implements sftp.FileWriter. Files come whole: clients that would change a part
// of one, or add to it, are refused.
func (t *transfer) Filewrite(r *sftp.Request) (writer io.WriterAt, err error) {
	defer t.answer(r, &err)
	defer t.channel.conn.server.rescue("file transfer", &err)
	p, err := t.file(r.Filepath)
	if err != nil {
		return nil, err
	}
	flags := r.Pflags()
	before, there, err := t.writable(p)
	switch {
	case err != nil:
		return nil, err
	case there && flags.Excl:
		return nil, fmt.Errorf("%w: %s is there already", sftp.ErrSSHFxFailure, p.path())
	case flags.Append:
		return nil, fmt.Errorf("%w: %s: a file is sent whole, from its beginning", sftp.ErrSSHFxOpUnsupported, p.path())
	case !there && !flags.Creat:
		return nil, fmt.Errorf("%w: %s", sftp.ErrSSHFxNoSuchFile, p.path())
	}
	closed, err := t.handle()
	if err != nil {
		return nil, err
	}
	u, err := t.receive(p)
	if err != nil {
		closed()
		return nil, err
	}
	if there && !flags.Trunc {
		u.least = before.Bytes
	}
	u.closed = func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.receiving, u)
		closed()
	}
	t.mu.Lock()
	t.receiving[u] = struct{}{}
	t.mu.Unlock()
	u.tell = func(err error) { t.tell(r.Filepath, err) }
	return u, nil
}

// setStat answers clients that set what describes a file. They set the time of what they
// have sent, and scp the mode and the size of what it sends: the meter has its own time and
// mode, and says yes. Else modes, owners and sizes are not theirs to set.
func (t *transfer) setStat(r *sftp.Request) error {
	if err := t.session.Use(); err != nil {
		return transferError(err)
	}
	flags := r.AttrFlags()
	p, err := parsePlace(r.Filepath)
	if err != nil {
		return err
	}
	t.mu.Lock()
	var received *upload
	for u := range t.receiving {
		if u.place == p {
			received = u
		}
	}
	t.mu.Unlock()
	switch {
	case received != nil && flags.Size:
		return received.setSize(r.Attributes().Size)
	case received != nil, flags.Acmodtime && !flags.Size:
		return nil
	}
	return fmt.Errorf("%w: modes, owners and sizes of files are not set", sftp.ErrSSHFxOpUnsupported)
}

// OpenFile implements sftp.OpenFileWriter, for clients that ask to read what they write and
// then do not.
func (t *transfer) OpenFile(r *sftp.Request) (sftp.WriterAtReaderAt, error) {
	w, err := t.Filewrite(r)
	if err != nil {
		return nil, err
	}
	return w.(*upload), nil
}

// receive begins a file of the owner.
func (t *transfer) receive(p place) (*upload, error) {
	room, err := t.session.FileRoom()
	if err != nil {
		return nil, transferError(err)
	}
	if room.FreeFiles == 0 {
		return nil, fmt.Errorf("%w: %d files are there, and no more have room: delete one", sftp.ErrSSHFxFailure, room.Files)
	}
	server := t.channel.conn.server
	return &upload{place: p, session: t.session, budget: &server.uploads, storing: &server.storing, room: room.FreeBytes, chunks: map[int64][]byte{}, closed: func() {}, tell: func(error) {}}, nil
}

// writable refuses who may not write files, and places that take none. It returns the file
// that is there.
func (t *transfer) writable(p place) (before access.File, there bool, err error) {
	if !t.session.May(access.WriteFile) {
		// The gate says why, and records it; a file of -1 bytes is none.
		if _, err := t.session.WriteFile(t.ctx, p.path(), 0, nil, -1, nil); err != nil {
			return before, false, transferError(err)
		}
		return before, false, sftp.ErrSSHFxPermissionDenied
	}
	room, err := t.session.FileRoom()
	if err != nil {
		return before, false, transferError(err)
	}
	if !slices.Contains(room.Folders, p.folder) {
		return before, false, fmt.Errorf("%w: %s takes no files: the owner's go to %s", sftp.ErrSSHFxPermissionDenied, p.folder, strings.Join(room.Folders, " or "))
	}
	list, err := t.session.Files(p.folder)
	if err != nil {
		return before, false, transferError(err)
	}
	i := slices.IndexFunc(list, func(f access.File) bool { return f.Path == p.path() })
	if i < 0 {
		return before, false, nil
	}
	if !list[i].Writable {
		return before, true, fmt.Errorf("%w: %s is made by the meter", sftp.ErrSSHFxPermissionDenied, p.path())
	}
	return list[i], true, nil
}

// Filecmd implements sftp.FileCmder.
func (t *transfer) Filecmd(r *sftp.Request) (err error) {
	defer t.answer(r, &err)
	defer t.channel.conn.server.rescue("file transfer", &err)
	t.channel.conn.used()
	switch r.Method {
	case "Remove":
		p, err := t.file(r.Filepath)
		if err != nil {
			return err
		}
		_, there, err := t.writable(p)
		if err == nil && !there {
			err = fmt.Errorf("%w: %s", sftp.ErrSSHFxNoSuchFile, p.path())
		}
		if err != nil {
			return err
		}
		if err := t.session.DeleteFile(t.ctx, p.path()); err != nil {
			return transferError(err)
		}
		return nil
	case "Rename":
		return t.rename(r, false)
	case "Setstat":
		return t.setStat(r)
	}
	return fmt.Errorf("%w: the folders are fixed, and there are no links", sftp.ErrSSHFxOpUnsupported)
}

// PosixRename implements sftp.PosixRenameFileCmder: what has the new name is replaced.
func (t *transfer) PosixRename(r *sftp.Request) (err error) {
	defer t.answer(r, &err)
	defer t.channel.conn.server.rescue("file transfer", &err)
	return t.rename(r, true)
}

// rename copies a file of the owner and deletes the old one: a meter that loses power in
// between has both.
func (t *transfer) rename(r *sftp.Request, replace bool) error {
	from, err := t.file(r.Filepath)
	if err != nil {
		return err
	}
	to, err := t.file(r.Target)
	if err != nil || from == to {
		return err
	}
	file, there, err := t.writable(from)
	if err != nil {
		return err
	}
	if !there {
		return fmt.Errorf("%w: %s", sftp.ErrSSHFxNoSuchFile, from.path())
	}
	if _, taken, err := t.writable(to); err != nil {
		return err
	} else if taken && !replace {
		return fmt.Errorf("%w: %s is there already", sftp.ErrSSHFxFailure, to.path())
	}
	u, err := t.receive(to)
	if err != nil {
		return err
	}
	source := &fileReader{transfer: t, file: file, closed: func() {}}
	block := make([]byte, chunkBytes)
	for at := int64(0); at < file.Bytes; {
		n, err := source.ReadAt(block, at)
		if err == nil || errors.Is(err, io.EOF) && n > 0 {
			_, err = u.WriteAt(block[:n], at)
		}
		if err != nil {
			u.TransferError(err)
			return err
		}
		at += int64(n)
	}
	if err := u.Close(); err != nil {
		return err
	}
	if err := t.session.DeleteFile(t.ctx, from.path()); err != nil {
		return transferError(err)
	}
	return nil
}

// blockBytes is the size in which StatVFS counts room.
const blockBytes = 1024

// StatVFS implements sftp.StatVFSFileCmder: the quota of the owner's files.
func (t *transfer) StatVFS(r *sftp.Request) (s *sftp.StatVFS, err error) {
	defer t.answer(r, &err)
	defer t.channel.conn.server.rescue("file transfer", &err)
	t.channel.conn.used()
	room, err := t.session.FileRoom()
	if err != nil {
		return nil, transferError(err)
	}
	free, files := uint64(room.FreeBytes/blockBytes), uint64(room.FreeFiles)
	return &sftp.StatVFS{Bsize: blockBytes, Frsize: blockBytes, Blocks: uint64(room.Bytes / blockBytes), Bfree: free, Bavail: free,
		Files: uint64(room.Files), Ffree: files, Favail: files, Namemax: maxName}, nil
}
