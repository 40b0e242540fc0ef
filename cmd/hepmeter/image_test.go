package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// image runs `hepmeter image` in this process.
func image(t testing.TB, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, messages bytes.Buffer
	root := newRootCommand()
	root.SetArgs(append([]string{"image"}, args...))
	root.SetOut(&out)
	root.SetErr(&messages)
	err = root.ExecuteContext(t.Context())
	return out.String(), messages.String(), err
}

// mustImage is image where nothing may go wrong.
func mustImage(t testing.TB, args ...string) (stdout, stderr string) {
	t.Helper()
	stdout, stderr, err := image(t, args...)
	if err != nil {
		t.Fatalf("image %v: %v", args, err)
	}
	return stdout, stderr
}

// program is a file to pack: what is in it is nobody's business before a meter starts it.
func programFile(t testing.TB, dir string) string {
	path := filepath.Join(dir, "program")
	if err := os.WriteFile(path, bytes.Repeat([]byte("program "), 5000), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestImageKeygen(t *testing.T) {
	key := filepath.Join(t.TempDir(), "release.key")
	stdout, _ := mustImage(t, "keygen", "--out", key)
	if !strings.HasPrefix(stdout, "SHA256:") {
		t.Errorf("it prints %q", stdout)
	}
	info, err := os.Stat(key)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	before, _ := os.ReadFile(key)
	if _, _, err := image(t, "keygen", "--out", key); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a key is overwritten: %v", err)
	}
	if after, _ := os.ReadFile(key); !bytes.Equal(before, after) {
		t.Error("the key has changed")
	}
	// A public half that somebody still needs is as safe, and no key is left that has none.
	other := filepath.Join(t.TempDir(), "other.key")
	if err := os.WriteFile(other+".pub", []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := image(t, "keygen", "--out", other); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a public key is overwritten: %v", err)
	}
	if _, err := os.Stat(other); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("half a key is left: %v", err)
	}
	if _, _, err := image(t, "keygen"); !errors.As(err, new(usageError)) {
		t.Errorf("without --out: %v", err)
	}
}

func TestImageBuildPackageInspect(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1795521600")
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	program := programFile(t, dir)
	mustImage(t, "keygen", "--out", at("k"))
	mustImage(t, "keygen", "--out", at("other"))
	build := func(out string, more ...string) {
		t.Helper()
		_, stderr := mustImage(t, append([]string{"build", "--version", "3.0.0", "--binary", program, "--platform", "linux/arm64", "--key", at("k"), "--out", at(out)}, more...)...)
		if !strings.Contains(stderr, "no executable of hepmeter") {
			t.Errorf("no warning about a strange executable: %s", stderr)
		}
	}
	build("a.upx")
	build("b.upx")
	a, _ := os.ReadFile(at("a.upx"))
	if b, _ := os.ReadFile(at("b.upx")); !bytes.Equal(a, b) {
		t.Error("the same build makes another image")
	}
	mustImage(t, "package", at("a.upx"), "--out", at("a.zip"))

	for _, file := range []string{"a.upx", "a.zip"} {
		stdout, _ := mustImage(t, "inspect", at(file), "--json", "--trust", at("k.pub"))
		var seen inspection
		if err := json.Unmarshal([]byte(stdout), &seen); err != nil {
			t.Fatal(err)
		}
		m := seen.Manifest
		// The numbers of 3.0.0: F1, F2, F4.
		if !seen.Sound || seen.Trusted == nil || !*seen.Trusted || len(seen.Problems) != 0 || seen.Packaged != strings.HasSuffix(file, ".zip") ||
			m.Platform != "linux/arm64" || m.MinSource.String() != "2.1.0" || m.MinTool != "3.2.20218.01" || m.MinClient != 3 || len(m.Models) != 4 {
			t.Errorf("%s: %+v", file, seen)
		}
		text, _ := mustImage(t, "inspect", at(file))
		if !strings.Contains(text, "not asked") || !strings.Contains(text, "firmware 2.1.0 or newer") {
			t.Errorf("%s: %s", file, text)
		}
		stdout, _, err := image(t, "inspect", at(file), "--trust", at("other.pub"))
		if err == nil || !strings.Contains(err.Error(), "bad-signature") || !strings.Contains(stdout, "NOT TRUSTED") {
			t.Errorf("%s, another key: %v\n%s", file, err, stdout)
		}
	}
	damaged := bytes.Clone(a)
	damaged[len(damaged)-5] ^= 1
	os.WriteFile(at("damaged.upx"), damaged, 0o600)
	if _, _, err := image(t, "inspect", at("damaged.upx")); err == nil || !strings.Contains(err.Error(), "image-damaged") {
		t.Errorf("damaged: %v", err)
	}
	if _, _, err := image(t, "package", at("damaged.upx"), "--out", at("d.zip")); err == nil {
		t.Error("a damaged image is packaged")
	}
	if _, _, err := image(t, "inspect", program); err == nil || !strings.Contains(err.Error(), "not-an-image") {
		t.Errorf("no image: %v", err)
	}

	build("flags.upx", "--min-source", "2.0.0", "--min-tool", "none", "--min-client", "0", "--security-counter", "7", "--model", "PM8000", "--channel", "grid-a", "--expires", "2028-01-01", "--template-note", "a new one")
	stdout, _ := mustImage(t, "inspect", at("flags.upx"))
	for _, want := range []string{"models            PM8000\n", "firmware 2.0.0 or newer", "any level", "security counter  7", "grid-a", "2028-01-01", "a new one"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
}

func TestImageBuildRefuses(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	program := programFile(t, dir)
	mustImage(t, "keygen", "--out", at("k"))
	os.WriteFile(at("empty"), nil, 0o600)
	tests := []struct {
		name  string
		args  []string
		usage bool
		says  string
	}{
		{"no version", []string{"--version", ""}, true, "--version"},
		{"a version of two numbers", []string{"--version", "3.0"}, true, "such as 3.0.0"},
		{"a version before the first", []string{"--version", "1.0.0"}, true, "1.4.1"},
		{"a model that the version is not for", []string{"--version", "1.4.1", "--model", "ION9000"}, true, "ION7400, PM8000"},
		{"a level of words", []string{"--min-tool", "newest"}, true, "--min-tool"},
		{"a day that is none", []string{"--expires", "tomorrow"}, true, "--expires"},
		{"a source newer than itself", []string{"--min-source", "3.0.1"}, false, "3.0.1"},
		{"no key", []string{"--key", ""}, true, "--key"},
		{"the public key", []string{"--key", at("k.pub")}, false, "PUBLIC KEY"},
		{"a key that is not there", []string{"--key", at("none")}, false, "none"},
		{"an empty executable", []string{"--binary", at("empty")}, false, "empty"},
		{"the key as output", []string{"--out", at("k")}, false, "another name"},
		{"the executable as output", []string{"--out", program}, false, "another name"},
		{"a folder that is not there", []string{"--out", at("none/f.upx")}, false, "folder"},
	}
	for _, test := range tests {
		before, _ := os.ReadDir(dir)
		args := append([]string{"build", "--version", "3.0.0", "--binary", program, "--key", at("k"), "--out", at("f.upx")}, test.args...)
		_, _, err := image(t, args...)
		if err == nil || errors.As(err, new(usageError)) != test.usage || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v (usage %v)", test.name, err, test.usage)
		}
		if after, _ := os.ReadDir(dir); len(after) != len(before) {
			t.Errorf("%s: something is left: %v", test.name, after)
		}
	}
	if _, err := readKey(at("k")); err != nil {
		t.Errorf("the key: %v", err)
	}
}

// Keys are added and revoked by lists, which inspect takes as a meter's folder of trusted keys would.
func TestImageRotate(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	program := programFile(t, dir)
	for _, key := range []string{"owner", "first", "second"} {
		mustImage(t, "keygen", "--out", at(key))
		mustImage(t, "build", "--version", "3.0.0", "--binary", program, "--key", at(key), "--out", at(key+".upx"))
	}
	mustImage(t, "rotate", "--key", at("owner"), "--add", at("first.pub"), "--out", at("1.keys"))
	mustImage(t, "rotate", "--key", at("owner"), "--after", at("1.keys"), "--add", at("second.pub"), "--revoke", at("first.pub"), "--out", at("2.keys"))
	trusted := func(key string, trust ...string) (code string) {
		t.Helper()
		args := []string{"inspect", at(key + ".upx"), "--json"}
		for _, name := range trust {
			args = append(args, "--trust", at(name))
		}
		stdout, _, err := image(t, args...)
		var seen inspection
		if e := json.Unmarshal([]byte(stdout), &seen); e != nil {
			t.Fatalf("%v, %v", e, err)
		}
		if (err == nil) != *seen.Trusted {
			t.Errorf("%s: trusted %v, %v", key, *seen.Trusted, err)
		}
		if len(seen.Problems) > 0 {
			code = string(seen.Problems[0].Code)
		}
		return code
	}
	for _, test := range []struct{ key, lists, code string }{
		{"owner", "", ""}, {"first", "", "bad-signature"},
		{"owner", "1.keys", ""}, {"first", "1.keys", ""}, {"second", "1.keys", "bad-signature"},
		{"owner", "1.keys 2.keys", ""}, {"first", "1.keys 2.keys", "revoked-key"}, {"second", "1.keys 2.keys", ""},
	} {
		if code := trusted(test.key, append([]string{"owner.pub"}, strings.Fields(test.lists)...)...); code != test.code {
			t.Errorf("an image of %s, with lists %q: %q, want %q", test.key, test.lists, code, test.code)
		}
	}
	// A key for images signs no list that counts.
	mustImage(t, "rotate", "--key", at("second"), "--after", at("2.keys"), "--revoke", at("owner.pub"), "--out", at("3.keys"))
	if _, _, err := image(t, "inspect", at("owner.upx"), "--trust", at("owner.pub"), "--trust", at("1.keys"), "--trust", at("2.keys"), "--trust", at("3.keys")); err == nil || !strings.Contains(err.Error(), "bad-key-list") {
		t.Errorf("a list of a key for images: %v", err)
	}
	for name, args := range map[string][]string{
		"nothing to do":             {"--key", at("owner"), "--out", at("4.keys")},
		"a name meters do not read": {"--key", at("owner"), "--revoke", at("first.pub"), "--out", at("4.txt")},
		"a revoked key again":       {"--key", at("owner"), "--after", at("2.keys"), "--add", at("first.pub"), "--out", at("4.keys")},
		"a list that is none":       {"--key", at("owner"), "--after", program, "--add", at("first.pub"), "--out", at("4.keys")},
		"a key as output":           {"--key", at("owner"), "--add", at("first.pub"), "--out", at("owner.keys")},
	} {
		if name == "a key as output" {
			if err := os.Rename(at("first"), at("owner.keys")); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := image(t, append([]string{"rotate"}, args...)...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// The real thing: the source tree is compiled, and what comes out of the image again runs.
func TestImageOfTheSourceTree(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	mustImage(t, "keygen", "--out", at("k"))
	hepmeter := buildHepmeter(t)
	build := exec.Command(hepmeter, "image", "build", "--version", "2.1.0", "--key", at("k"), "--out", at("f.upx"))
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	f, file, err := openImage(at("f.upx"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	trust, err := trustOf([]string{at("k.pub")})
	if err != nil {
		t.Fatal(err)
	}
	proven, err := trust.Prove(f.Signed)
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.OpenFile(at("program"), os.O_CREATE|os.O_WRONLY, 0o700)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(proven.Unpack(program, f.Payload()), program.Close()); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(at("program"), "version").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "hepmeter 2.1.0 (") {
		t.Errorf("%v: %s", err, out)
	}
	if f.Manifest.Platform != thisPlatform {
		t.Errorf("platform %s, want %s", f.Manifest.Platform, thisPlatform)
	}
	// It says of itself what it runs on, so --binary needs no --platform.
	b, err := os.ReadFile(at("program"))
	if err != nil {
		t.Fatal(err)
	}
	if info := buildInfo(b); info == nil || info.Path != programPath {
		t.Errorf("build info: %+v", info)
	}
	outside := exec.Command(hepmeter, "image", "build", "--version", "2.1.0", "--key", at("k"), "--out", at("g.upx"))
	outside.Dir = dir
	if out, err := outside.CombinedOutput(); err == nil || !strings.Contains(string(out), "--binary") {
		t.Errorf("outside of a source tree: %v: %s", err, out)
	}
}
