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
)

func newRecordCommand() *cobra.Command {
	var spec, format string
	var seconds float64
	var revision int
	cmd := &cobra.Command{
		Use:   "record --source SPEC --seconds N OUT.cfg",
		Short: "Write any source to a COMTRADE recording",
		Long: `Record writes N seconds of a source to OUT.cfg and OUT.dat (or to one file, OUT.cff),
as fast as the machine goes. ` + open.SpecHelp,
		Example: `  hepmeter record --seconds 10 site.cfg
  hepmeter record --source synth:examples/scenarios/dips-and-swells.yaml --seconds 60 dips.cfg
  hepmeter record --source csv:capture.csv --seconds 1 --revision 1999 --format BINARY capture.cfg`,
		Args: exactly(1, "the .cfg or .cff file to write"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !(seconds > 0) || math.IsInf(seconds, 0) {
				return usageError{fmt.Errorf("--seconds %v: give the length of the recording, for example --seconds 10", seconds)}
			}
			source, _, err := open.Spec(spec, open.Defaults{RateHz: 1024 * 50, Start: time.Now()})
			if err != nil {
				return err
			}
			defer source.Close()
			if overwrites(args[0], spec) {
				return usageError{fmt.Errorf("%s: the source itself: give the recording another name", args[0])}
			}
			info := source.Info()
			if info.RateHz == 0 {
				return fmt.Errorf("%s: the samples have no even rate, so they cannot be recorded", spec)
			}
			w, err := comtrade.Create(args[0], comtrade.Options{Revision: revision, Format: format, Info: info})
			if err != nil {
				return err
			}
			n, err := copySamples(cmd, source, w, seconds)
			if err != nil {
				w.Abort()
				return err
			}
			if err := w.Close(); err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: %d channels, %d samples at %g Hz\n", args[0], len(info.Channels), n, info.RateHz)
			return nil
		},
	}
	cmd.Flags().StringVar(&spec, "source", "synth", "where the samples come from")
	cmd.Flags().Float64Var(&seconds, "seconds", 0, "length of the recording, in seconds of signal")
	cmd.Flags().IntVar(&revision, "revision", 2013, "COMTRADE revision: 1999 or 2013")
	cmd.Flags().StringVar(&format, "format", "", "data: ASCII, BINARY, BINARY32 or FLOAT32 (default FLOAT32; BINARY in revision 1999)")
	return cmd
}

// overwrites reports whether a recording of the name out would take the place of the
// file that spec names.
func overwrites(out, spec string) bool {
	_, file, _ := strings.Cut(spec, ":")
	file, _, _ = strings.Cut(file, "?")
	source, err := os.Stat(file)
	if err != nil {
		return false
	}
	for _, name := range []string{out, strings.TrimSuffix(out, filepath.Ext(out)) + ".dat"} {
		if there, err := os.Stat(name); err == nil && os.SameFile(source, there) {
			return true
		}
	}
	return false
}

// copySamples writes up to seconds of source to w and returns the samples written.
// Gaps and changes of rate are kept: the one in the time stamps, the other in the list
// of rates. It says so where the source ends early.
func copySamples(cmd *cobra.Command, source waveform.Source, w *comtrade.Writer, seconds float64) (int64, error) {
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
