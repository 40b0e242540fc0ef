package ssh

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pkg/sftp"

	"github.com/hepmeter/hepmeter/access"
)

// random writes a file of n random bytes, and returns its path and what is in it.
func random(t *testing.T, n int) (string, []byte) {
	t.Helper()
	data := make([]byte, n)
	_, _ = rand.Read(data)
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name, data
}

func TestFilesByTheRealClient(t *testing.T) {
	t.Parallel()
	s := serve(t)
	source, data := random(t, 1<<20)
	back := filepath.Join(t.TempDir(), "back")
	events := filepath.Join(t.TempDir(), "events.csv")
	r := s.sftp("USER1", "0", "put -p "+source+" documents/a", "put "+source+" documents/b", "get documents/a "+back, "rename documents/b documents/c",
		"rename documents/c documents/a", "rm documents/a", "put "+source+" template/mine.txt", "get logs/events.csv "+events, "ls -l", "ls -l template", "ls COMTRADE", "df")
	if r.code != 0 {
		t.Fatalf("%+v", r)
	}
	if got, err := os.ReadFile(back); err != nil || !bytes.Equal(got, data) {
		t.Errorf("1 MiB came back as %d other bytes: %v", len(got), err)
	}
	if text, err := os.ReadFile(events); err != nil || !strings.HasPrefix(string(text), "sequence,time,priority,") || !strings.Contains(string(text), "documents/a") {
		t.Errorf("the event log: %v: %.200q", err, text)
	}
	for _, want := range []string{"COMTRADE", "documents", "template", "logs", "snapshot", "current.txt", "mine.txt"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("%s is not listed:\n%s", want, r.out)
		}
	}
	t.Run("scp", func(t *testing.T) {
		need(t, "scp")
		args := append(append([]string{"-e", "scp", "-p"}, s.options()...), "-P", s.port(), source, "USER1@127.0.0.1:documents/scp")
		if r := s.program("0", "", args); r.code != 0 || strings.Contains(r.err, "setstat") {
			t.Errorf("%+v", r)
		}
		if err := os.Truncate(source, 1000); err != nil {
			t.Fatal(err)
		}
		if r := s.program("0", "", slices.DeleteFunc(args, func(a string) bool { return a == "-p" })); r.code != 0 || strings.Contains(r.err, "setstat") {
			t.Errorf("%+v", r)
		}
		if r := s.sftp("USER1", "0", "get documents/scp "+back); r.code != 0 {
			t.Errorf("%+v", r)
		}
		if got, err := os.ReadFile(back); err != nil || !bytes.Equal(got, data[:1000]) {
			t.Errorf("the shorter file came back as %d bytes: %v", len(got), err)
		}
	})
	for _, tc := range []struct{ name, line, want string }{
		{"blank in the name", `put ` + source + ` "documents/a b"`, "1 to 68 ASCII characters"},
		{"name of 69 characters", "put " + source + " documents/" + strings.Repeat("x", 69), "1 to 68 ASCII characters"},
		{"waveform records", "put " + source + " COMTRADE/a", "takes no files"},
		{"logs", "put " + source + " logs/a", "takes no files"},
		{"snapshots", "put " + source + " snapshot/a", "takes no files"},
		{"the program", "put " + source + " template/current.txt", "made by the meter"},
		{"no folder", "put " + source + " elsewhere/a", "takes no files"},
		{"new folder", "mkdir documents/sub", "folders are fixed"},
		{"link", "ln -s template/mine.txt documents/link", "no links"},
		{"mode", "chmod 777 template/mine.txt", "not set"},
		{"delete the program", "rm template/current.txt", "made by the meter"},
		{"resume", "reput " + source + " template/mine.txt", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if r := s.sftp("USER1", "0", tc.line); r.code == 0 || !strings.Contains(r.err, tc.want) {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestRightsOfFiles(t *testing.T) {
	t.Parallel()
	s := serve(t)
	source, _ := random(t, 100)
	if r := s.sftp("USER1", "0", "put "+source+" documents/a"); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	if _, err := s.admin().Snapshot(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	reader := s.user("11", access.MayRead)
	writer := s.user("12", access.MayRead|access.MayConfig)
	administrator := s.user("13", access.MayRead|access.MaySecurity)
	blind := s.user("14", access.MayReset)
	for _, tc := range []struct {
		user, password, line string
		allowed              bool
	}{
		{reader, "11", "get documents/a /dev/null", true},
		{reader, "11", "get logs/events.csv /dev/null", true},
		{reader, "11", "put " + source + " documents/b", false},
		{reader, "11", "rm documents/a", false},
		{reader, "11", "rename documents/a documents/b", false},
		{reader, "11", "ls snapshot/*", false},
		{writer, "12", "put " + source + " documents/b", true},
		{writer, "12", "rm documents/b", true},
		{writer, "12", "ls snapshot/*", false},
		{administrator, "13", "ls snapshot/*", true},
		{administrator, "13", "rm snapshot/x", false},
		{administrator, "13", "put " + source + " documents/b", false},
		{blind, "14", "ls documents", false},
		{blind, "14", "get documents/a /dev/null", false},
		{blind, "14", "get logs/events.csv /dev/null", false},
	} {
		if r := s.sftp(tc.user, tc.password, tc.line); (r.code == 0) != tc.allowed {
			t.Errorf("%s: %s: allowed %v, want %v: %+v", tc.user, tc.line, !tc.allowed, tc.allowed, r)
		}
	}
}

func TestQuota(t *testing.T) {
	t.Parallel()
	s := serve(t)
	big, _ := random(t, 9<<20)
	if r := s.sftp("USER1", "0", "put "+big+" documents/a"); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	r := s.sftp("USER1", "0", "put "+big+" documents/b")
	if r.code == 0 || !strings.Contains(r.err, "there is room for 7340032 bytes only") {
		t.Errorf("9 MiB beside 9 MiB of 16: %+v", r)
	}
	c, _ := s.files("USER1", "0")
	v, err := c.StatVFS("/documents")
	if err != nil || v.TotalSpace() != 16<<20 || v.FreeSpace() != 7<<20 {
		t.Errorf("the quota is shown as %+v: %v", v, err)
	}
	if _, err := c.Stat("documents/b"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what had no room is there: %v", err)
	}
}

// TestNobodySeesAPart: an upload appears whole when it is closed, or not at all.
func TestNobodySeesAPart(t *testing.T) {
	t.Parallel()
	s := serve(t)
	c, conn := s.files("USER1", "0")
	other, _ := s.files("USER1", "0")
	put := func(name, text string) *sftp.File {
		t.Helper()
		f, err := c.Create("documents/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		return f
	}
	content := func(name string) string {
		f, err := other.Open("documents/" + name)
		if err != nil {
			return ""
		}
		defer f.Close()
		text, err := io.ReadAll(f)
		if err != nil {
			t.Error(err)
		}
		return string(text)
	}
	f := put("a", "first")
	if got := content("a"); got != "" {
		t.Errorf("a part is seen: %q", got)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f = put("a", "second")
	if got := content("a"); got != "first" {
		t.Errorf("while it is replaced it is %q", got)
	}
	if err := f.Close(); err != nil || content("a") != "second" {
		t.Errorf("replaced it is %q: %v", content("a"), err)
	}
	f = put("holes", "x")
	if _, err := f.WriteAt([]byte("y"), 10); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err == nil || content("holes") != "" {
		t.Errorf("a file with holes was taken: %v", err)
	}
	f, err := c.OpenFile("documents/a", os.O_WRONLY)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("sec")); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err == nil || content("a") != "second" {
		t.Errorf("a change of the beginning was taken: %v, %q", err, content("a"))
	}
	put("broken", "half of it")
	conn.Close()
	until(t, "the memory of the upload that broke off", func() bool { return s.server.uploads.used.Load() == 0 })
	if got := content("broken"); got != "" {
		t.Errorf("what broke off is there: %q", got)
	}
}

func TestBoundsOfTransfer(t *testing.T) {
	s := serveOf(t, filepath.Join(t.TempDir(), "data"), "3.0.0", access.OpenLimits(), Options{Uploads: 4 * chunkBytes})
	c, _ := s.files("USER1", "0")
	t.Run("memory of uploads", func(t *testing.T) {
		f, err := c.Create("documents/a")
		if err != nil {
			t.Fatal(err)
		}
		for i := range int64(4) {
			if _, err := f.WriteAt([]byte("x"), i*chunkBytes); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := f.WriteAt([]byte("x"), 4*chunkBytes); err == nil || !strings.Contains(err.Error(), "too many files") {
			t.Errorf("a fifth chunk of 4: %v", err)
		}
		if used := s.server.uploads.used.Load(); used != 0 {
			t.Errorf("what failed holds %d bytes", used)
		}
		if err := f.Close(); err == nil {
			t.Error("what failed was taken")
		}
	})
	t.Run("open files", func(t *testing.T) {
		var open []*sftp.File
		for range maxHandles {
			f, err := c.Open("logs/events.csv")
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, f)
		}
		if _, err := c.Open("logs/events.csv"); err == nil {
			t.Errorf("%d files are open", maxHandles+1)
		}
		for _, f := range open {
			f.Close()
		}
		if _, err := c.ReadDir("/"); err != nil {
			t.Errorf("after all were closed: %v", err)
		}
	})
	t.Run("parts out of order", func(t *testing.T) {
		u := &upload{budget: &budget{limit: 1 << 20}, room: 1 << 20, chunks: map[int64][]byte{}, closed: func() {}, tell: func(error) {}}
		var err error
		for i := int64(0); i < 2*maxSpans+4 && err == nil; i += 2 {
			_, err = u.WriteAt([]byte("x"), i)
		}
		if err == nil || u.budget.used.Load() != 0 {
			t.Errorf("%d parts: %v, and %d bytes are held", len(u.spans), err, u.budget.used.Load())
		}
	})
	t.Run("beyond the room", func(t *testing.T) {
		u := &upload{budget: &budget{limit: 1 << 20}, room: 10, chunks: map[int64][]byte{}, closed: func() {}, tell: func(error) {}}
		for _, offset := range []int64{10, -1, 1<<63 - 1} {
			u.broken = nil
			if _, err := u.WriteAt([]byte("x"), offset); err == nil {
				t.Errorf("a byte at %d", offset)
			}
		}
	})
}

// TestSpans: parts in any order make the whole.
func TestSpans(t *testing.T) {
	u := &upload{}
	for _, s := range []byteSpan{{10, 20}, {30, 40}, {0, 5}, {20, 30}, {3, 12}, {50, 60}, {70, 80}, {45, 75}, {5, 5}} {
		u.cover(s)
	}
	if want := []byteSpan{{0, 40}, {45, 80}}; !slices.Equal(u.spans, want) {
		t.Errorf("%v, want %v", u.spans, want)
	}
}

// TestALogIsNeverHeldWhole: a log of 40 MB is read through a window.
func TestALogIsNeverHeldWhole(t *testing.T) {
	const pages = 1000
	made := 0
	row := []string{strings.Repeat("x", 80)}
	l := &logReader{transfer: &transfer{channel: &channel{conn: &connection{server: New(nil, Options{})}}, ctx: t.Context()}, closed: func() {}}
	l.text.rows = logRows{heads: []string{"h"}, next: func() (rows [][]string, err error) {
		if made++; made > pages {
			return nil, nil
		}
		for range pageOfLog {
			rows = append(rows, row)
		}
		return rows, nil
	}}
	block, total := make([]byte, 32<<10), int64(0)
	for {
		n, err := l.ReadAt(block, total)
		total += int64(n)
		if len(l.window) > 3*behind {
			t.Fatalf("%d bytes are held", len(l.window))
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if want := int64(2 + pages*pageOfLog*81); total != want {
		t.Errorf("%d bytes, want %d", total, want)
	}
	if _, err := l.ReadAt(block, 0); err == nil {
		t.Error("the beginning is still there")
	}
}

func TestNamesOfLogsAreSafeAndDiffer(t *testing.T) {
	names := namesOfLogs([]string{"Hist Mean", "Hist_Mean", "events", "a/b", "..", strings.Repeat("\u00e4", 100)})
	seen := map[string]bool{}
	for _, n := range names {
		if err := checkName(n.file); err != nil || seen[n.file] {
			t.Errorf("%q: %v, again %v", n.file, err, seen[n.file])
		}
		seen[n.file] = true
	}
}

func FuzzPlace(f *testing.F) {
	for _, seed := range []string{"/", "/documents/a", "/documents/../a", "//", "/a/b/c", "documents", "/documents/a b", "/\x00", "/documents/" + strings.Repeat("x", 69)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePlace(text)
		if err != nil {
			return
		}
		for _, name := range []string{p.folder, p.name} {
			if name != "" && (checkName(name) != nil || len(name) > maxName || path.Clean(name) != name || strings.Contains(name, "/")) {
				t.Fatalf("%q names %q", text, name)
			}
		}
		if p.folder == "" && p.name != "" {
			t.Fatalf("%q is a file in no folder", text)
		}
		namesOfLogs([]string{text, text})
	})
}

// TestFirmware2HasFilesOnly: 2.x has file transfer only, and the meter password.
func TestFirmware2HasFilesOnly(t *testing.T) {
	s := serveOf(t, filepath.Join(t.TempDir(), "data"), "2.1.0", access.OpenLimits(), Options{})
	if r := s.sftp("anybody", "0", "ls"); r.code != 0 || !strings.Contains(r.err, "the meter password") {
		t.Errorf("%+v", r)
	}
	if r := s.ssh("anybody", "0", "", "status"); r.code != exitFailed || !strings.Contains(r.err, "the terminal is not served") {
		t.Errorf("%+v", r)
	}
}
