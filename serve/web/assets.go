package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

//go:embed assets
var assetFiles embed.FS

// assets are the scripts, styles and pictures of the pages. All stand under one prefix that
// holds the hash of them all: browsers keep them for ever, scripts import each other by
// plain names, and a new version of anything has new addresses.
type assets struct {
	prefix string
	files  map[string]asset
}

type asset struct {
	kind           string
	plain, gzipped []byte // gzipped is nil where it saves nothing
}

// loadAssets reads and compresses what is embedded in the program.
func loadAssets() *assets {
	a := &assets{files: map[string]asset{}}
	all := sha256.New()
	err := fs.WalkDir(assetFiles, "assets", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		plain, err := assetFiles.ReadFile(name)
		if err != nil {
			return err
		}
		short := strings.TrimPrefix(name, "assets/")
		_, _ = all.Write(append([]byte(short+"\x00"), plain...))
		f := asset{kind: kindOf(short), plain: plain}
		if gzipped := compress(plain); len(gzipped) < len(plain)*9/10 {
			f.gzipped = gzipped
		}
		a.files[short] = f
		return nil
	})
	if err != nil {
		panic(err) // it is part of the program
	}
	a.prefix = "/assets/" + hex.EncodeToString(all.Sum(nil)[:8]) + "/"
	return a
}

// kindOf is the content type of a file; those of the system's own table are not trusted.
func kindOf(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	case ".txt":
		return "text/plain; charset=utf-8"
	}
	if kind := mime.TypeByExtension(path.Ext(name)); kind != "" {
		return kind
	}
	return "application/octet-stream"
}

// address is where a browser finds a file.
func (a *assets) address(name string) (string, error) {
	if _, ok := a.files[name]; !ok {
		return "", &fs.PathError{Op: "asset", Path: name, Err: fs.ErrNotExist}
	}
	return a.prefix + name, nil
}

func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, ok := a.files[strings.TrimPrefix(r.URL.Path, a.prefix)]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	body := f.plain
	if f.gzipped != nil {
		h.Set("Vary", "Accept-Encoding")
		if takesGzip(r) {
			h.Set("Content-Encoding", "gzip")
			body = f.gzipped
		}
	}
	_, _ = w.Write(body)
}

// compress returns text in gzip, as small as it gets.
func compress(text []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is one
	_, _ = w.Write(text)
	_ = w.Close()
	return b.Bytes()
}

// takesGzip reports whether a client reads gzip.
func takesGzip(r *http.Request) bool {
	for _, each := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(each, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			return strings.Trim(strings.TrimPrefix(strings.TrimSpace(weight), "q="), "0.") != "" || weight == ""
		}
	}
	return false
}

// leastCompressed is the shortest text that is worth compressing.
const leastCompressed = 1 << 10

// writeText answers with a text, compressed where the client reads that. Its headers are
// set but for those of the text.
func writeText(w http.ResponseWriter, r *http.Request, status int, kind string, text []byte) {
	h := w.Header()
	h.Set("Content-Type", kind)
	if len(text) < leastCompressed {
		w.WriteHeader(status)
		_, _ = w.Write(text)
		return
	}
	h.Set("Vary", "Accept-Encoding")
	if !takesGzip(r) {
		w.WriteHeader(status)
		_, _ = w.Write(text)
		return
	}
	// It is compressed before it is sent: compressors are large, and clients may be slow.
	var packed bytes.Buffer
	z, _ := gzip.NewWriterLevel(&packed, gzip.BestSpeed) // the level is one
	_, _ = z.Write(text)
	_ = z.Close()
	h.Set("Content-Encoding", "gzip")
	w.WriteHeader(status)
	_, _ = w.Write(packed.Bytes())
}
