package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hepmeter/hepmeter/measure"
)

func newMeasureCommand() *cobra.Command {
	var asJSON bool
	var reportPath, channels, window string
	cmd := &cobra.Command{
		Use:   "measure FILE",
		Short: "Measure a recording: a summary, JSON, or a page to look at and print",
		Long: `Measure reads a recording, COMTRADE (.cfg with its .dat, .cff), CSV, .wav or a
capture of sampled values (.pcap, .pcapng), and meters it by class A methods, as fast
as the machine goes: windows of 10 cycles (50 Hz) or 12 (60 Hz) synchronous with the
fundamental, with RMS, harmonics, powers, power factor, phasors, symmetrical
components, unbalance and energy. Of a capture with several streams FILE,svID names
one; a .wav takes ?channels=V1,V2,V3,I1&vscale=400&iscale=10.

Which channel is which input is told from names, phases and units where they are
clear, and always printed. --channels says it otherwise: input = channel number
(from 1) or name. A minus reverses a channel. Inputs are V1 V2 V3 V4 (phase to
neutral, neutral to earth), V12 V23 V31 (phase to phase), I1 I2 I3 I4 I5.

Channel skew that the file states is corrected in windows. Values are those of
the file, primary or secondary: no ratio is applied.

--window FIRST:END measures exactly those samples (FIRST inclusive, END exclusive,
counted from 0) instead: RMS, P and S as means over them, frequency and harmonics
by least squares at the real sample times. It need not be a whole number of cycles.

What is not available is a dash here and null in JSON, never 0. docs/measure-json.md
describes the JSON.`,
		Example: `  hepmeter measure fault.cfg
  hepmeter measure fault.cfg --report fault.html
  hepmeter measure fault.cfg --json | jq '.windows[0].rms'
  hepmeter measure feeder.csv --channels V1=1,V2=2,V3=3,I1='Ia line',I2=5,I3=6
  hepmeter measure capture.pcapng,MU01
  hepmeter measure fault.cfg --window 10296:10536`,
		Args: exactly(1, "the recording to measure"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opt := measure.Options{Channels: channels}
			if cmd.Flags().Changed("window") {
				chosen, err := measure.ParseRange(window)
				if err != nil {
					return usageError{err}
				}
				opt.Window = &chosen
			}
			switch ext := strings.ToLower(filepath.Ext(reportPath)); ext {
			case ".cfg", ".dat", ".cff", ".csv":
				return usageError{fmt.Errorf("--report %s: %s is a recording's name, and the report is HTML: name it .html", reportPath, ext)}
			}
			var bar *progress
			opt.Progress = func(done, total int64) {
				if bar == nil {
					bar = newProgress(os.Stderr, "measuring", total)
				}
				bar.at(done)
			}
			report, err := measure.File(cmd.Context(), args[0], opt)
			if bar != nil {
				bar.done()
			}
			if err != nil {
				return err
			}
			if reportPath != "" {
				if err := measure.WriteFile(reportPath, report.WriteHTML); err != nil {
					return err
				}
			}
			out := cmd.OutOrStdout()
			if asJSON {
				return report.WriteJSON(out)
			}
			if err := report.WriteText(out); err != nil {
				return err
			}
			if reportPath == "" {
				return nil
			}
			_, err = io.WriteString(out, fmt.Sprintf("\nReport: %s\n", reportPath))
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the whole report as JSON")
	cmd.Flags().StringVar(&reportPath, "report", "", "write the report as a self-contained HTML page to this file")
	cmd.Flags().StringVar(&channels, "channels", "", "which channel is which input, as in V1=3,I1='Ia line'")
	cmd.Flags().StringVar(&window, "window", "", "measure exactly the samples FIRST:END (from 0, END exclusive)")
	return cmd
}
