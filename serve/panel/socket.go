package panel

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
)

// SocketName is the name of the panel's socket in a meter's data directory.
const SocketName = "panel.sock"

// maxSocketPath is how long the path of a unix socket may be, in bytes: sun_path has 108 on
// Linux and 104 elsewhere, with the zero at its end.
const maxSocketPath = 103

// ErrPathTooLong reports a data directory whose path leaves no room for the socket's.
var ErrPathTooLong = errors.New("the path is too long for a unix socket")

// CheckPath refuses a path that no socket can have.
func CheckPath(path string) error {
	if len(path) > maxSocketPath {
		return fmt.Errorf("%w: %q has %d bytes, and %d are the limit; use a data directory with a shorter path", ErrPathTooLong, path, len(path), maxSocketPath)
	}
	return nil
}

// Listen makes the socket at path, which only the owner may use (mode 0600), and takes the
// place of one that a dead meter left. It refuses where a living one listens, or where
// something else has that name. Closing the listener removes the file.
func Listen(path string) (net.Listener, error) {
	// The socket is made in a directory that only the owner may enter and moved when its
	// mode is set, so that nobody slips in between.
	fail := func(err error) (net.Listener, error) { return nil, fmt.Errorf("front panel socket: %w", err) }
	if err := CheckPath(path); err != nil {
		return fail(err)
	}
	if err := free(path); err != nil {
		return fail(err)
	}
	// "s" is shorter than any name, and the directory's is bounded with the path's.
	private, err := os.MkdirTemp(filepath.Dir(path), ".p")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(private)
	fresh := filepath.Join(private, "s")
	if err := CheckPath(fresh); err != nil {
		return fail(err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: fresh, Net: "unix"})
	if err != nil {
		return fail(err)
	}
	l.SetUnlinkOnClose(false)
	made, err := moved(fresh, path)
	if err != nil {
		l.Close()
		return fail(err)
	}
	return &socket{UnixListener: l, path: path, made: made}, nil
}

// free reports why a socket cannot be made at path; nil where nothing is there, or what a
// dead meter left.
func free(path string) error {
	there, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case there.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is there and is no socket: move it away", path)
	}
	if conn, err := net.Dial("unix", path); err == nil {
		conn.Close()
		return fmt.Errorf("a running meter has %s: stop that one, or use another data directory", path)
	}
	return nil
}

// moved sets the mode of the socket file and gives it its name.
func moved(from, to string) (fs.FileInfo, error) {
	if err := os.Chmod(from, 0o600); err != nil {
		return nil, err
	}
	made, err := os.Lstat(from)
	if err != nil {
		return nil, err
	}
	return made, os.Rename(from, to)
}

// socket is a listener that removes its file.
type socket struct {
	*net.UnixListener
	path   string
	made   fs.FileInfo
	closed sync.Once
}

// Addr is the socket's path.
func (s *socket) Addr() net.Addr { return &net.UnixAddr{Name: s.path, Net: "unix"} }

// Close removes the file, unless another one has taken its place.
func (s *socket) Close() error {
	s.closed.Do(func() {
		if now, err := os.Lstat(s.path); err == nil && os.SameFile(now, s.made) {
			os.Remove(s.path)
		}
	})
	return s.UnixListener.Close()
}
