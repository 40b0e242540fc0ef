package measure

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile writes path through a temporary file beside it, which takes its name
// only when it is complete: whatever happens, path is never half written.
func WriteFile(path string, write func(io.Writer) error) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), ".hepmeter-*.tmp")
	if err != nil {
		var at *fs.PathError // its path is that of the temporary file
		if errors.As(err, &at) {
			err = at.Err
		}
		return fmt.Errorf("cannot write %s: %w: choose a folder that exists and is writable", path, err)
	}
	defer os.Remove(temporary.Name()) // gone already if all went well
	if err := write(temporary); err != nil {
		temporary.Close()
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := temporary.Chmod(0o644); err != nil {
		temporary.Close()
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := temporary.Sync(); err != nil {
		temporary.Close()
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := temporary.Close(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(temporary.Name(), path); err != nil {
		var link *os.LinkError // it, too, names the temporary file
		if errors.As(err, &link) {
			err = link.Err
		}
		return fmt.Errorf("cannot write %s: %w: give the name of a file, not of a folder", path, err)
	}
	return nil
}
