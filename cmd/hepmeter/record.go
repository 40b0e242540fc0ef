package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hepmeter/hepmeter/waveform"
	"github.com/hepmeter/hepmeter/waveform/comtrade"
	"github.com/hepmeter/hepmeter/waveform/open"
	"github.com/hepmeter/hepmeter/waveform/sv"
	"github.com/hepmeter/hepmeter/waveform/wav"
)

// recordFlags are the flags of `hepmeter record`.
type recordFlags struct {
	spec, format string
	seconds      float64
	rateHz       float64
	revision     int
}

func newRecordCommand() *cobra.Command {
	var f recordFlags
	cmd := &cobra.Command{
		Use:   "record --source SPEC --seconds N OUT",
		Short: "Write any source to a recording, or send it as sampled values",
		Long: `Record writes N seconds of a source, as fast as the machine goes. OUT says what:
  OUT.cfg, OUT.cff     COMTRADE: OUT.cfg with OUT.dat, or all in one file
  OUT.wav              a WAVE file of IEEE float, in V and A
  OUT.pcap             a capture of sampled values, one stream, in primary V and A
  sv:INTERFACE[,svID]  the same sent live on a network interface at the pace of the clock
                       (Linux, as root); without --seconds until Ctrl-C

` + open.SpecHelp,
		Example: `  hepmeter record --seconds 10 site.cfg
  hepmeter record --source synth:examples/scenarios/dips-and-swells.yaml --seconds 60 dips.cfg
  hepmeter record --source csv:capture.csv --seconds 1 --revision 1999 --format BINARY capture.cfg
  hepmeter record --seconds 10 --format 61869-9 site.pcap
  hepmeter record --source 'comtrade:fault.cfg?loop=1' sv:eth0,hepmeter01`,
		Args: exactly(1, "the .cfg, .cff, .wav or .pcap file to write, or sv:INTERFACE"),
		RunE: func(cmd *cobra.Command, args []string) error { return record(cmd, args[0], f) },
	}
	cmd.Flags().StringVar(&f.spec, "source", "synth", "where the samples come from")
	cmd.Flags().Float64Var(&f.seconds, "seconds", 0, "length of the recording, in seconds of signal")
	cmd.Flags().Float64Var(&f.rateHz, "rate", 0, "samples a second of a synthetic source (default 51200; sampled values 12800)")
	cmd.Flags().IntVar(&f.revision, "revision", 2013, "COMTRADE revision: 1999 or 2013")
	cmd.Flags().StringVar(&f.format, "format", "", "COMTRADE: ASCII, BINARY, BINARY32 or FLOAT32 (default; BINARY in 1999). "+
		".wav: FLOAT32 (default) or FLOAT64. Sampled values: 9-2LE (default) or 61869-9")
	return cmd
}

// recorder is what samples are written to.
type recorder interface {
	Write(b *waveform.Block) error
	Close() error
	Abort()
}

func record(cmd *cobra.Command, out string, f recordFlags) error {
	target, live := strings.CutPrefix(out, "sv:")
	endless := live && !cmd.Flags().Changed("seconds")
	if !endless && (!(f.seconds > 0) || math.IsInf(f.seconds, 0)) {
		return usageError{fmt.Errorf("--seconds %v: give the length of the recording, for example --seconds 10", f.seconds)}
	}
	if cmd.Flags().Changed("rate") && !(f.rateHz >= 1 && f.rateHz <= 1e9) {
		return usageError{fmt.Errorf("--rate %v: give the samples a second, for example --rate 12800", f.rateHz)}
	}
	sampled := live || strings.EqualFold(filepath.Ext(out), ".pcap")
	if f.rateHz == 0 {
		f.rateHz = 1024 * 50
		if sampled {
			f.rateHz = 256 * 50
		}
	}
	source, play, err := open.Spec(f.spec, open.Defaults{RateHz: f.rateHz, Start: time.Now()})
	if err != nil {
		return err
	}
	defer source.Close()
	if !live && overwrites(out, f.spec) {
		return usageError{fmt.Errorf("%s: the source itself: give the recording another name", out)}
	}
	info := source.Info()
	if info.RateHz == 0 {
		return fmt.Errorf("%s: the samples have no even rate, so they cannot be recorded", f.spec)
	}
	if live {
		if play.Speed != 1 {
			return fmt.Errorf("%s: sampled values are sent at the pace of the clock: leave speed out", f.spec)
		}
		return send(cmd, source, target, f, endless)
	}
	w, err := create(out, info, f, sampled)
	if err != nil {
		return err
	}
	n, err := copySamples(cmd, source, w, f.seconds)
	if err != nil {
		w.Abort()
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s: %d channels, %d samples at %g Hz\n", out, len(info.Channels), n, info.RateHz)
	return nil
}

// create begins the file that the extension of out names.
func create(out string, info waveform.Info, f recordFlags, sampled bool) (recorder, error) {
	switch {
	case sampled:
		return sv.Create(out, sv.Stream{Profile: sv.Profile(f.format), VLAN: sv.Untagged, Synch: 1, Info: info})
	case strings.EqualFold(filepath.Ext(out), ".wav"):
		bits := map[string]int{"": 32, "FLOAT32": 32, "FLOAT64": 64}[strings.ToUpper(f.format)]
		if bits == 0 {
			return nil, usageError{fmt.Errorf("--format %s: a .wav is written as FLOAT32 or FLOAT64", f.format)}
		}
		return wav.Create(out, info, bits)
	}
	return comtrade.Create(out, comtrade.Options{Revision: f.revision, Format: f.format, Info: info})
}

// send publishes a source on an interface; the end of the source, of the time and an
// interrupt are all a good end.
func send(cmd *cobra.Command, source waveform.Source, target string, f recordFlags, endless bool) error {
	name, id, _ := strings.Cut(target, ",")
	info := source.Info()
	stream := sv.Stream{Profile: sv.Profile(f.format), ID: id, VLAN: sv.Untagged, Synch: 1, Info: info}
	p, err := sv.Publish(name, stream, !info.Live)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	left := math.Inf(1)
	if !endless {
		left = math.Round(f.seconds * info.RateHz)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "sending %g samples/s to %s as svID %s\n", info.RateHz, name, p.ID())
	block := new(waveform.Block)
	for left > 0 {
		n, nextErr := source.Next(ctx, block, int(min(left, max(1, info.RateHz/50))))
		if nextErr == nil {
			left -= float64(n)
			nextErr = p.Write(ctx, block)
		}
		if errors.Is(nextErr, io.EOF) || ctx.Err() != nil {
			break
		}
		if nextErr != nil {
			return errors.Join(nextErr, p.Close())
		}
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%d frames sent\n", p.Sent())
	return p.Close()
}

// overwrites reports whether a recording of the name out would take the place of the
// file that spec names.
func overwrites(out, spec string) bool {
	_, file, _ := strings.Cut(spec, ":")
	file, _, _ = strings.Cut(file, "?")
	source, err := os.Stat(file)
	if err != nil { // a stream of a capture: FILE,svID
		file, _, _ = strings.Cut(file, ",")
		if source, err = os.Stat(file); err != nil {
			return false
		}
	}
	for _, name := range []string{out, strings.TrimSuffix(out, filepath.Ext(out)) + ".dat"} {
		if there, err := os.Stat(name); err == nil && os.SameFile(source, there) {
			return true
		}
	}
	return false
}

// copySamples writes up to seconds of source to w and returns the samples written.
// Gaps and changes of rate are kept as far as the format can. It says so where the source
// ends early.
func copySamples(cmd *cobra.Command, source waveform.Source, w recorder, seconds float64) (int64, error) {
	rate := source.Info().RateHz
	bar := newProgress(os.Stderr, "recording", int64(math.Round(seconds*rate)))
	defer bar.done()
	var block waveform.Block
	var n int64
	done := 0.0
	for {
		left := math.Round((seconds - done) * rate)
		if left < 1 {
			return n, nil
		}
		got, err := source.Next(cmd.Context(), &block, int(min(left, 1<<14)))
		if errors.Is(err, io.EOF) {
			fmt.Fprintf(cmd.ErrOrStderr(), "the source ended after %.9g s\n", done)
			return n, nil
		}
		if err != nil {
			return n, err
		}
		rate = block.RateHz
		if most := math.Round((seconds - done) * rate); float64(got) > most { // the rate fell
			got = int(most)
			block.Resize(len(block.Samples), got)
		}
		if err := w.Write(&block); err != nil {
			return n, err
		}
		n += int64(got)
		done += float64(got) / rate
		bar.at(n)
	}
}
