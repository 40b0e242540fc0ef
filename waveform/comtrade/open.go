package comtrade

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Open opens the record at path: a .cfg with its .dat beside it (either may be
// named), or a .cff. The letter case of the extensions does not matter.
func Open(path string) (*Reader, error) {
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".cff":
		return openCFF(path)
	case ".cfg":
		return openPair(path)
	case ".dat":
		cfg, err := sibling(path, ".cfg")
		if err != nil {
			return nil, err
		}
		return openPair(cfg)
	default:
		return nil, fmt.Errorf("%s: the extension %q is none of COMTRADE's: name the .cfg or .cff", path, ext)
	}
}

func openPair(path string) (*Reader, error) {
	text, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	c, err := ParseConfig(filepath.Base(path), text)
	if err != nil {
		return nil, err
	}
	datPath, err := sibling(path, ".dat")
	if err != nil {
		return nil, err
	}
	return withFile(datPath, func(f *os.File, size int64) (*Reader, error) {
		return newReader(c, part{filepath.Base(datPath), f, 0, size}, "")
	})
}

// withFile opens path for the reader that build makes, and closes it if there is none.
func withFile(path string, build func(f *os.File, size int64) (*Reader, error)) (*Reader, error) {
	f, size, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	r, err := build(f, size)
	if err != nil {
		f.Close()
		return nil, err
	}
	r.file = f
	return r, nil
}

// openRegular opens a file that can be read at any place. A pipe is refused before it
// is opened: that would wait for its writer.
func openRegular(path string) (*os.File, int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s: not a regular file: copy what it delivers into one", path)
	}
	f, err := os.Open(path)
	return f, info.Size(), err
}

// readSmall reads a .cfg.
func readSmall(path string) ([]byte, error) {
	f, _, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxConfigBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) == 0 {
		return nil, fmt.Errorf("%s: empty: a .cfg has at least 9 lines", filepath.Base(path))
	}
	return text, nil
}

// sibling returns the file beside path with that extension in any letter case.
func sibling(path, ext string) (string, error) {
	dir, base := filepath.Split(path)
	stem := strings.TrimSuffix(base, filepath.Ext(base))
	for _, e := range []string{ext, strings.ToUpper(ext)} {
		if candidate := filepath.Join(dir, stem+e); isFile(candidate) {
			return candidate, nil
		}
	}
	if dir == "" {
		dir = "."
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if strings.EqualFold(e.Name(), stem+ext) {
			return filepath.Join(dir, e.Name()), nil
		}
	}
	return "", fmt.Errorf("%s: no %s%s beside it: COMTRADE is a pair of files of one name, put both in one folder", path, stem, ext)
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
