// Package open finds the source that a file name or a SPEC stands for.
package open

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/waveform"
	"github.com/hepmeter/hepmeter/waveform/comtrade"
	"github.com/hepmeter/hepmeter/waveform/csv"
)

// Options is what a SPEC says about playing its source.
type Options struct {
	// Loop says that the recording begins again at its end; the Source does that.
	Loop bool
	// Speed is how many seconds of signal pass in a second, 1 by default. Pacing is
	// the caller's.
	Speed float64
}

// Defaults are what a SPEC of a source without a rate of its own takes.
type Defaults struct {
	// RateHz is the sampling rate of a synthetic source.
	RateHz float64
	// Start is the time of its first sample.
	Start time.Time
}

// File opens a recording by its extension: .cfg, .dat and .cff (COMTRADE), .csv. A
// .csv takes the options of a SPEC that concern its form: capture.csv?rate=HZ.
func File(path string) (waveform.Source, error) {
	src, err := file(path)
	if err != nil {
		return nil, plain(err)
	}
	return src, nil
}

// plain says in a user's words what the system says of a file that cannot be opened.
func plain(err error) error {
	var at *fs.PathError
	switch {
	case !errors.As(err, &at):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w: check the name and the folder", at.Path, at.Err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: %w: this file is not yours to read", at.Path, at.Err)
	}
	return err
}

func file(path string) (waveform.Source, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s: a folder: name a recording in it, a .cfg, .cff (COMTRADE) or .csv", path)
	}
	if name, query, found := strings.Cut(path, "?"); found && strings.EqualFold(filepath.Ext(name), ".csv") {
		var o Options
		values, err := o.parse(query, "csv")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if values.Has("loop") || values.Has("speed") {
			return nil, fmt.Errorf("%s: loop and speed say how a file is played: leave them out where it is measured", path)
		}
		return csvFile(name, csvOptions(values))
	}
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".cfg", ".cff", ".dat":
		return comtradeFile(path)
	case ".csv", ".tsv", ".txt":
		return csvFile(path, csv.Options{})
	case ".wav", ".pcap", ".pcapng":
		return nil, fmt.Errorf("%s: %s files are not read yet: COMTRADE (.cfg, .cff) and .csv are", path, ext)
	case "":
		return nil, fmt.Errorf("%s: a file without an extension: name a .cfg, .cff (COMTRADE) or .csv", path)
	default:
		return nil, fmt.Errorf("%s: %s files are not read: COMTRADE (.cfg, .cff) and .csv are", path, ext)
	}
}

// The helpers below keep a nil *Reader from becoming a Source that is not nil.

func comtradeFile(path string) (waveform.Source, error) {
	r, err := comtrade.Open(path)
	if err != nil {
		return nil, err
	}
	return r, nil
}

func csvFile(path string, o csv.Options) (waveform.Source, error) {
	r, err := csv.Open(path, o)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Spec opens the source that spec stands for: synth, synth:FILE.yaml,
// comtrade:FILE.cfg|.cff, csv:FILE. Files take ?loop=1&speed=N, a csv also rate=HZ,
// time=COLUMN and delimiter=CHARACTER.
func Spec(spec string, d Defaults) (waveform.Source, Options, error) {
	o := Options{Speed: 1}
	kind, rest, _ := strings.Cut(spec, ":")
	path, query, _ := strings.Cut(rest, "?")
	if i := strings.IndexByte(kind, '?'); i >= 0 { // synth?speed=2
		kind, query = kind[:i], kind[i+1:]
	}
	values, err := o.parse(query, kind)
	if err != nil {
		return nil, o, fmt.Errorf("source %q: %w", spec, err)
	}
	var src waveform.Source
	switch kind {
	case "synth":
		if o.Loop {
			return nil, o, fmt.Errorf("source %q: a synthetic source has no end: leave loop out", spec)
		}
		src, err = synthetic(path, d)
	case "comtrade", "csv":
		if path == "" {
			return nil, o, fmt.Errorf("source %q: no file is named: want %s:FILE", spec, kind)
		}
		if kind == "comtrade" {
			src, err = comtradeFile(path)
		} else {
			src, err = csvFile(path, csvOptions(values))
		}
	case "wav", "sv", "pcap":
		return nil, o, fmt.Errorf("source %q: %s sources are not built yet: use synth, synth:FILE.yaml, comtrade:FILE or csv:FILE", spec, kind)
	default:
		return nil, o, fmt.Errorf("source %q: unknown: use synth, synth:FILE.yaml, comtrade:FILE.cfg, comtrade:FILE.cff or csv:FILE", spec)
	}
	if err != nil {
		return nil, o, plain(err)
	}
	if o.Loop {
		looped, err := waveform.Loop(src)
		if err != nil {
			src.Close()
			return nil, o, fmt.Errorf("source %q: %w", spec, err)
		}
		src = looped
	}
	return src, o, nil
}

// parse reads the query of a SPEC.
func (o *Options) parse(query, kind string) (url.Values, error) {
	values, err := url.ParseQuery(strings.ReplaceAll(query, ";", "%3B")) // delimiter=;
	if err != nil {
		return nil, fmt.Errorf("options %q: %w", query, err)
	}
	for key := range values {
		text := values.Get(key)
		switch {
		case key == "loop":
			if o.Loop, err = strconv.ParseBool(text); err != nil {
				err = errors.New("want 1 or 0")
			}
		case key == "speed":
			o.Speed, err = strconv.ParseFloat(text, 64)
			if err != nil || !(o.Speed > 0 && o.Speed <= 1e6) {
				err = errors.New("want a number above 0, up to a million")
			}
		case kind == "csv" && key == "rate":
			var rate float64
			rate, err = strconv.ParseFloat(text, 64)
			if err != nil || !(rate > 0 && rate <= 1e9) {
				err = errors.New("want a rate in Hz, as in rate=6400")
			}
		case kind == "csv" && key == "time":
		case kind == "csv" && key == "delimiter":
			if len(text) != 1 {
				err = errors.New("want one character, %09 for a tab")
			}
		case kind == "csv":
			err = errors.New("unknown: a csv takes rate=HZ, time=COLUMN and delimiter=CHARACTER; played, also loop=1 and speed=N")
		default:
			err = errors.New("unknown: use loop=1 or speed=N")
		}
		if err != nil {
			return nil, fmt.Errorf("option %s=%s: %w", key, text, err)
		}
	}
	return values, nil
}

func csvOptions(values url.Values) csv.Options {
	o := csv.Options{Time: values.Get("time")}
	o.RateHz, _ = strconv.ParseFloat(values.Get("rate"), 64) // checked by parse
	if d := values.Get("delimiter"); d != "" {
		o.Delimiter = rune(d[0])
	}
	return o
}
