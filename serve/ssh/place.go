package ssh

import (
	"fmt"
	"strings"

	"github.com/pkg/sftp"
)

// place is what a path of file transfer names: a folder's file, a folder, or all folders.
type place struct{ folder, name string }

// maxName is the longest name of a file (9410 manual -03 p. 84).
const maxName = 68

// checkName refuses a name that files of the meter do not have (security.md 7.4).
func checkName(name string) error {
	unsafe := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"'`/\\*?<>", r) }
	if name == "" || name == "." || name == ".." || len(name) > maxName || strings.ContainsFunc(name, unsafe) {
		return fmt.Errorf("%w: the name %s must be 1 to %d ASCII characters without blank, quotes, slash, backslash, * ? < >", sftp.ErrSSHFxFailure, quoted(name), maxName)
	}
	return nil
}

// parsePlace reads an absolute path. There are no folders in folders.
func parsePlace(path string) (p place, err error) {
	if path == "/" {
		return p, nil
	}
	rest, ok := strings.CutPrefix(path, "/")
	if !ok {
		return p, fmt.Errorf("%w: %s does not begin with /", sftp.ErrSSHFxNoSuchFile, quoted(path))
	}
	folder, name, inside := strings.Cut(rest, "/")
	if err := checkName(folder); err != nil {
		return p, err
	}
	if inside {
		if strings.Contains(name, "/") {
			return p, fmt.Errorf("%w: %s: there are no folders in folders", sftp.ErrSSHFxNoSuchFile, quoted(path))
		}
		if err := checkName(name); err != nil {
			return p, err
		}
	}
	return place{folder, name}, nil
}

// path is the place as the gate names files.
func (p place) path() string { return p.folder + "/" + p.name }
