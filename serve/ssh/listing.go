package ssh

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pkg/sftp"

	"github.com/hepmeter/hepmeter/access"
)

// logsFolder is where file transfer finds the logs, as CSV that is made when it is read.
const logsFolder = "logs"

// entry is a file or a folder as file transfer lists it.
type entry struct {
	name  string
	bytes int64
	mode  fs.FileMode
	time  time.Time
}

func (e entry) Name() string       { return e.name }
func (e entry) Size() int64        { return e.bytes }
func (e entry) Mode() fs.FileMode  { return e.mode }
func (e entry) ModTime() time.Time { return e.time }
func (e entry) IsDir() bool        { return e.mode.IsDir() }
func (e entry) Sys() any           { return nil }

// entries is a list that the library reads in parts.
type entries struct {
	list   []os.FileInfo
	closed func()
}

// ListAt implements sftp.ListerAt.
func (l *entries) ListAt(into []os.FileInfo, offset int64) (int, error) {
	if offset < 0 || offset >= int64(len(l.list)) {
		return 0, io.EOF
	}
	n := copy(into, l.list[offset:])
	if n < len(into) {
		return n, io.EOF
	}
	return n, nil
}

// Close implements io.Closer.
func (l *entries) Close() error {
	l.closed()
	return nil
}

// Filelist implements sftp.FileLister.
func (t *transfer) Filelist(r *sftp.Request) (lister sftp.ListerAt, err error) {
	defer t.answer(r, &err)
	defer t.channel.conn.server.rescue("file transfer", &err)
	t.channel.conn.used()
	p, err := parsePlace(r.Filepath)
	if err != nil && r.Method == "Stat" {
		return nil, sftp.ErrSSHFxNoSuchFile // no file has such a name
	}
	if err != nil {
		return nil, err
	}
	switch r.Method {
	case "Stat":
		e, err := t.stat(p)
		if err != nil {
			return nil, err
		}
		return &entries{list: []os.FileInfo{e}, closed: func() {}}, nil
	case "List":
		if p.name != "" {
			return nil, fmt.Errorf("%w: %s is no folder", sftp.ErrSSHFxFailure, quoted(r.Filepath))
		}
		closed, err := t.handle()
		if err != nil {
			return nil, err
		}
		list, err := t.list(p.folder)
		if err != nil {
			closed()
			return nil, err
		}
		return &entries{list: list, closed: closed}, nil
	}
	return nil, fmt.Errorf("%w: there are no links", sftp.ErrSSHFxOpUnsupported)
}

// folders are what the client may look into.
func (t *transfer) folders() ([]string, error) {
	list, err := t.session.Folders()
	if err != nil {
		return nil, transferError(err)
	}
	if !t.session.May(access.ReadSecurity) { // it holds accounts
		list = slices.DeleteFunc(slices.Clone(list), func(folder string) bool { return folder == access.SnapshotFolder })
	}
	return append(list, logsFolder), nil
}

func (t *transfer) folder(name string) entry {
	return entry{name: name, mode: fs.ModeDir | 0o755, time: t.channel.conn.server.options.Now()}
}

// stat finds what a place is.
func (t *transfer) stat(p place) (os.FileInfo, error) {
	if p.folder == "" {
		if err := t.session.Use(); err != nil {
			return nil, transferError(err)
		}
		return t.folder("/"), nil
	}
	name := p.name
	where := p.folder
	if name == "" {
		name, where = p.folder, ""
	}
	list, err := t.list(where)
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		if e.Name() == name {
			return e, nil
		}
	}
	return nil, fmt.Errorf("%w: %s", sftp.ErrSSHFxNoSuchFile, strings.TrimSuffix(p.path(), "/"))
}

// list lists a folder, and all folders where it is empty.
func (t *transfer) list(folder string) (list []os.FileInfo, err error) {
	switch folder {
	case "":
		folders, err := t.folders()
		for _, name := range folders {
			list = append(list, t.folder(name))
		}
		return list, err
	case logsFolder:
		logs, err := t.logNames()
		for _, l := range logs {
			list = append(list, entry{name: l.file, mode: 0o444, time: t.channel.conn.server.options.Now()})
		}
		return list, err
	}
	files, err := t.session.Files(folder)
	if err != nil {
		return nil, transferError(err)
	}
	for _, f := range files {
		e := entry{name: strings.TrimPrefix(f.Path, folder+"/"), bytes: f.Bytes, mode: 0o444, time: f.Modified}
		if f.Writable {
			e.mode = 0o644
		}
		list = append(list, e)
	}
	return list, nil
}

// logName is a log as file transfer names it; label is empty for the event log.
type logName struct{ file, label string }

// logNames are the logs that there are. Labels become names that are safe, and differ.
func (t *transfer) logNames() ([]logName, error) {
	recorders, err := t.session.Recorders()
	if err != nil {
		return nil, transferError(err)
	}
	labels := make([]string, len(recorders))
	for i, r := range recorders {
		labels[i] = r.Label
	}
	return namesOfLogs(labels), nil
}

func namesOfLogs(labels []string) []logName {
	names := []logName{{file: access.EventLogName + ".csv"}}
	taken := map[string]bool{names[0].file: true}
	for _, label := range labels {
		stem := strings.Map(func(r rune) rune {
			if checkName(string(r)) != nil && r != '.' {
				return '_'
			}
			return r
		}, label)
		stem = stem[:min(len(stem), maxName-len("-1000.csv"))]
		name := stem + ".csv"
		for n := 2; taken[name]; n++ {
			name = stem + "-" + strconv.Itoa(n) + ".csv"
		}
		taken[name] = true
		names = append(names, logName{name, label})
	}
	return names
}

// log begins to read a log.
func (t *transfer) log(name string) (rows logRows, err error) {
	logs, err := t.logNames()
	if err != nil {
		return rows, err
	}
	i := slices.IndexFunc(logs, func(l logName) bool { return l.file == name })
	switch {
	case i < 0:
		return rows, fmt.Errorf("%w: %s/%s", sftp.ErrSSHFxNoSuchFile, logsFolder, name)
	case logs[i].label == "":
		rows, err = eventRows(t.session, 0)
	default:
		rows, err = recordRows(t.session, logs[i].label, 0)
	}
	if err != nil {
		return rows, transferError(err)
	}
	return rows, nil
}
