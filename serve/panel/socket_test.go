package panel

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// short is a directory with a short path.
func short(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func TestListen(t *testing.T) {
	t.Run("the owner's alone, and gone when closed", func(t *testing.T) {
		path := filepath.Join(short(t), SocketName)
		l, err := Listen(path)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Lstat(path)
		if err != nil || info.Mode() != fs.ModeSocket|0o600 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		l.Close()
		if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 0 {
			t.Errorf("%v is left", left)
		}
		if l.Addr().String() != path {
			t.Errorf("it calls itself %s", l.Addr())
		}
	})
	t.Run("in the place of a dead meter's", func(t *testing.T) {
		path := filepath.Join(short(t), SocketName)
		dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		dead.SetUnlinkOnClose(false)
		dead.Close()
		l, err := Listen(path)
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
	})
	t.Run("not in the place of a living meter's", func(t *testing.T) {
		path := filepath.Join(short(t), SocketName)
		l, err := Listen(path)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if _, err := Listen(path); err == nil || !strings.Contains(err.Error(), "running meter") {
			t.Errorf("%v", err)
		}
		if _, err := net.Dial("unix", path); err != nil {
			t.Error("the living one's is gone")
		}
	})
	t.Run("not in the place of a file", func(t *testing.T) {
		path := filepath.Join(short(t), SocketName)
		if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Listen(path); err == nil || !strings.Contains(err.Error(), "no socket") {
			t.Errorf("%v", err)
		}
	})
	t.Run("a path that is too long", func(t *testing.T) {
		dir := filepath.Join(short(t), strings.Repeat("d", 100))
		if _, err := Listen(filepath.Join(dir, SocketName)); !errors.Is(err, ErrPathTooLong) {
			t.Errorf("%v", err)
		}
	})
	t.Run("another one's file is left alone", func(t *testing.T) {
		path := filepath.Join(short(t), SocketName)
		l, err := Listen(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Remove(path), os.WriteFile(path, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		l.Close()
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	})
}
