// Package open finds the source that a file name or a SPEC stands for.
package open

import (
	"context"
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
	"github.com/hepmeter/hepmeter/waveform/sv"
	"github.com/hepmeter/hepmeter/waveform/wav"
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

// File opens a recording by its extension: .cfg, .dat and .cff (COMTRADE), .csv, .wav,
// .pcap and .pcapng. It takes the options of a SPEC that concern the file's form, and the
// svID of a stream in a capture: capture.csv?rate=HZ, capture.pcap,MU01.
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

// kindOf is the kind of SPEC that an extension stands for.
func kindOf(ext string) string {
	switch strings.ToLower(ext) {
	case ".cfg", ".cff", ".dat":
		return "comtrade"
	case ".csv", ".tsv", ".txt":
		return "csv"
	case ".wav":
		return "wav"
	case ".pcap", ".pcapng":
		return "pcap"
	}
	return ""
}

// readable lists the files that are read, for errors.
const readable = ".cfg, .cff (COMTRADE), .csv, .wav, .pcap or .pcapng (sampled values)"

func file(path string) (waveform.Source, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s: a folder: name a recording in it, a %s", path, readable)
	}
	name, query, kind := path, "", kindOf(filepath.Ext(path))
	if before, after, found := strings.Cut(path, "?"); found && kind == "" {
		name, query = before, after
	}
	capture, _ := splitStream(name)
	if kind = kindOf(filepath.Ext(capture)); kind == "" {
		if filepath.Ext(path) == "" {
			return nil, fmt.Errorf("%s: a file without an extension: name a %s", path, readable)
		}
		return nil, fmt.Errorf("%s: %s files are not read: %s are", path, strings.ToLower(filepath.Ext(path)), strings.Replace(readable, " or ", " and ", 1))
	}
	var o Options
	values, err := o.parse(query, kind)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if values.Has("loop") || values.Has("speed") {
		return nil, fmt.Errorf("%s: loop and speed say how a file is played: leave them out where it is measured", path)
	}
	return recording(kind, name, values)
}

// recording opens a file of a kind.
func recording(kind, path string, values url.Values) (waveform.Source, error) {
	switch kind {
	case "comtrade":
		return comtradeFile(path)
	case "csv":
		return csvFile(path, csvOptions(values))
	case "wav":
		return wavFile(path, wavOptions(values))
	}
	name, id := splitStream(path)
	return captureFile(name, id, svOptions(values))
}

// splitStream splits FILE,svID. A comma may be part of either: a file of that name
// decides, else what stands before it must look like a capture.
func splitStream(path string) (name, id string) {
	if _, err := os.Stat(path); err == nil {
		return path, ""
	}
	for at, c := range path {
		if c == ',' && kindOf(filepath.Ext(path[:at])) == "pcap" {
			return path[:at], path[at+1:]
		}
	}
	return path, ""
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

func wavFile(path string, o wav.Options) (waveform.Source, error) {
	r, err := wav.Open(path, o)
	if err != nil {
		return nil, err
	}
	return r, nil
}

func captureFile(path, id string, o sv.Options) (waveform.Source, error) {
	c, err := sv.Open(path, id, o)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func live(name, id string, o sv.Options) (waveform.Source, error) {
	l, err := sv.Listen(context.Background(), name, id, o)
	if err != nil {
		return nil, err
	}
	return l, nil
}

// Spec opens the source that spec stands for: synth, synth:FILE.yaml,
// comtrade:FILE.cfg|.cff, csv:FILE, wav:FILE, pcap:FILE[,svID], sv:INTERFACE[,svID]. Files
// take ?loop=1&speed=N; SpecHelp lists what else some take.
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
	case "comtrade", "csv", "wav", "pcap":
		if path == "" {
			return nil, o, fmt.Errorf("source %q: no file is named: want %s:FILE", spec, kind)
		}
		src, err = recording(kind, path, values)
	case "sv":
		if o.Loop || o.Speed != 1 {
			return nil, o, fmt.Errorf("source %q: live samples come when they come: leave loop and speed out", spec)
		}
		name, id, _ := strings.Cut(path, ",")
		if name == "" {
			return nil, o, fmt.Errorf("source %q: no interface is named: want sv:INTERFACE, as in sv:eth0", spec)
		}
		src, err = live(name, id, svOptions(values))
	default:
		return nil, o, fmt.Errorf("source %q: unknown: use synth, synth:FILE.yaml, comtrade:FILE.cfg, comtrade:FILE.cff, csv:FILE, wav:FILE, pcap:FILE or sv:INTERFACE", spec)
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
		case kind == "wav" && key == "channels":
			_, err = parseInputs(text)
		case kind == "wav" && (key == "vscale" || key == "iscale"):
			var scale float64
			scale, err = strconv.ParseFloat(text, 64)
			if err != nil || !(scale > 0 && scale <= 1e12) {
				err = fmt.Errorf("want what full scale means in volts or amperes, as in %s=400", key)
			}
		case (kind == "pcap" || kind == "sv") && key == "test":
			if _, err = strconv.ParseBool(text); err != nil {
				err = errors.New("want 1 or 0")
			}
		case kind == "csv":
			err = errors.New("unknown: a csv takes rate=HZ, time=COLUMN and delimiter=CHARACTER; played, also loop=1 and speed=N")
		case kind == "wav":
			err = errors.New("unknown: a wav takes channels=V1,V2,..., vscale=VOLTS and iscale=AMPERES; played, also loop=1 and speed=N")
		case kind == "pcap":
			err = errors.New("unknown: a capture takes test=1; played, also loop=1 and speed=N")
		case kind == "sv":
			err = errors.New("unknown: sv takes test=1")
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

// parseInputs reads a list of inputs, as in V1,V2,V3,I1.
func parseInputs(text string) ([]waveform.Role, error) {
	var list []waveform.Role
	for name := range strings.SplitSeq(text, ",") {
		role, err := waveform.ParseRole(strings.TrimSpace(name))
		if err != nil {
			return nil, err
		}
		list = append(list, role)
	}
	return list, nil
}

func wavOptions(values url.Values) (o wav.Options) {
	if text := values.Get("channels"); text != "" {
		o.Inputs, _ = parseInputs(text) // checked by parse
	}
	o.Volts, _ = strconv.ParseFloat(values.Get("vscale"), 64)
	o.Amps, _ = strconv.ParseFloat(values.Get("iscale"), 64)
	return o
}

func svOptions(values url.Values) (o sv.Options) {
	o.TestMode, _ = strconv.ParseBool(values.Get("test"))
	return o
}
