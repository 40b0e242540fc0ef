package comtrade

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/hepmeter/hepmeter/waveform/internal/textrow"
)

// A .cff holds the sections of a record one after the other, each behind a line
// such as "--- file type: DAT BINARY: 1234 ---" (IEC 60255-24:2013, clause 9).

func openCFF(path string) (*Reader, error) {
	return withFile(path, func(f *os.File, size int64) (*Reader, error) {
		return newCFF(filepath.Base(path), f, size)
	})
}

// NewCFF reads a record held in one .cff of that size. name is used in errors.
func NewCFF(name string, src io.ReaderAt, size int64) (*Reader, error) {
	return newCFF(name, src, size)
}

func newCFF(name string, src io.ReaderAt, size int64) (*Reader, error) {
	if size == 0 {
		return nil, fmt.Errorf("%s: empty", name)
	}
	var lines textrow.Lines
	lines.Reset(src, 0, size)
	bareCR := endsWithCR(src, size)
	if bareCR {
		lines.EndWith('\r')
	}
	var cfg bytes.Buffer
	var current section
	cfgLines, n := 0, 0
	for {
		line, offset, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: the file ends after line %d without a section \"--- file type: DAT ... ---\": is it cut off?", name, n)
		}
		if err != nil {
			return nil, fmt.Errorf("%s line %d: %w", name, n+1, err)
		}
		n++
		if n == 1 && bytes.HasPrefix(line, []byte("\xEF\xBB\xBF")) {
			line, offset = line[3:], offset+3
		}
		if s, ok := parseSection(line); ok {
			if s.kind == "DAT" {
				return cffData(name, part{name, src, sectionBody(src, offset, size, len(line), bareCR), 0}, size, s, cfg.Bytes(), cfgLines, n)
			}
			current = s
			if s.kind == "CFG" {
				cfgLines = n
			}
			continue
		}
		switch current.kind {
		case "CFG":
			if cfg.Len() == 0 && blank(line) {
				continue
			}
			if cfg.Len() == 0 {
				// Keep the line numbers of the file in the errors of the section.
				cfgLines = n - 1
			}
			cfg.Write(line)
			cfg.WriteByte('\n')
			if cfg.Len() > maxConfigBytes {
				return nil, fmt.Errorf("%s line %d: the CFG section is longer than %d MB", name, n, maxConfigBytes>>20)
			}
		case "":
			if !blank(line) && cfgLines == 0 {
				return nil, fmt.Errorf("%s line %d: %q where a .cff begins with \"--- file type: CFG ---\"", name, n, shorten(string(line)))
			}
		}
	}
}

// endsWithCR reports whether the first line that is not blank ends with CR alone. The
// lines after it do not tell: bytes of binary data among them look like line ends.
func endsWithCR(src io.ReaderAt, size int64) bool {
	head := make([]byte, min(size, 4096))
	n, _ := src.ReadAt(head, 0)
	head = bytes.TrimPrefix(head[:n], []byte("\xEF\xBB\xBF"))
	head = bytes.TrimLeft(head, " \t\r\n")
	i := bytes.IndexAny(head, "\r\n")
	if i < 0 {
		return false
	}
	end := bytes.TrimLeft(head[i:], "\r")
	return len(end) < len(head)-i && len(end) > 0 && end[0] != '\n'
}

// sectionBody returns the offset of the byte after the section line at offset. The
// line's end may be LF, CR LF or, alone if bareCR, CR: an LF after it is then data.
func sectionBody(src io.ReaderAt, offset, size int64, length int, bareCR bool) int64 {
	at := offset + int64(length)
	var end [2]byte
	n, _ := src.ReadAt(end[:], at)
	switch {
	case n == 2 && end[0] == '\r' && end[1] == '\n' && !bareCR:
		at += 2
	case n > 0 && (end[0] == '\n' || end[0] == '\r'):
		at++
	}
	return min(at, size)
}

func cffData(name string, dat part, size int64, s section, cfg []byte, cfgLine, line int) (*Reader, error) {
	if len(cfg) == 0 {
		return nil, fmt.Errorf("%s line %d: the DAT section comes without a CFG section before it", name, line)
	}
	c, err := parseConfig(name, cfgLine, cfg)
	if err != nil {
		return nil, err
	}
	if s.format != "" {
		f, err := ParseFormat(s.format)
		if err != nil {
			return nil, fmt.Errorf("%s line %d: %w", name, line, err)
		}
		// Some write BINARY in the section line for every format that is not text.
		if f == Binary && c.Format != ASCII {
			f = c.Format
		}
		if f != c.Format {
			c.warn("%s line %d: the section is %s where the cfg says %s: the section is believed", name, line, f, c.Format)
			c.Format = f
		}
	}
	dat.size = size - dat.offset
	if c.Format != ASCII && s.bytes >= 0 {
		if s.bytes > dat.size {
			c.warn("%s line %d: %d bytes of data where the section says %d: the file is cut off", name, line, dat.size, s.bytes)
		}
		dat.size = min(dat.size, s.bytes)
	}
	if c.Format == ASCII {
		dat.name = name + " DAT section"
	}
	return newReader(c, dat, " cff")
}

// section is a section line: "--- file type: DAT BINARY: 1234 ---".
type section struct {
	kind, format string
	bytes        int64 // -1 if not stated
}

func parseSection(line []byte) (s section, ok bool) {
	if len(line) < 3 || line[0] != '-' && line[0] != ' ' && line[0] != '\t' {
		return s, false // as most lines; a row begins with a digit
	}
	text := strings.TrimSpace(string(line[:min(len(line), 200)]))
	if !strings.HasPrefix(text, "---") {
		return s, false
	}
	text = strings.TrimSpace(strings.Trim(text, "-"))
	head, text, found := strings.Cut(text, ":")
	if !found || !strings.EqualFold(strings.Join(strings.Fields(head), " "), "file type") {
		return s, false
	}
	words, count, counted := strings.Cut(text, ":")
	parts := strings.Fields(strings.ToUpper(words))
	if len(parts) == 0 || len(parts) > 2 {
		return s, false
	}
	s.kind, s.bytes = parts[0], -1
	if len(parts) == 2 {
		s.format = parts[1]
	}
	if counted {
		if n, err := strconv.ParseInt(strings.TrimSpace(count), 10, 64); err == nil && n >= 0 {
			s.bytes = n
		}
	}
	return s, true
}
