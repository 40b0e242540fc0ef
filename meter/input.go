package meter

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/hepmeter/hepmeter/waveform"
)

// input is a source wired to the meter's inputs: mapped, skew taken out, scaled to
// secondary quantities, and restricted to the inputs the model has.
type input struct {
	source  waveform.Source
	mapping waveform.Mapping
	info    waveform.Info
	// nominalHz is 50 or 60.
	nominalHz float64
	// pt and ct are the ratios that the origin states for its voltages and currents.
	pt, ct ratio
	notes  []string
}

// ratio is an instrument transformer ratio in whole volts or amperes.
type ratio struct{ primary, secondary float64 }

// connect wires source to the inputs that has lists. It takes no samples yet: settle does.
func connect(source waveform.Source, has []waveform.Role) (*input, error) {
	info := source.Info()
	mapping, notes := waveform.AutoMap(info)
	in := &input{info: info, pt: ratio{1, 1}, ct: ratio{1, 1}, notes: append(notes, info.Warnings...)}
	for _, p := range mapping {
		if slices.Contains(has, terminal(p.Role)) {
			in.mapping = append(in.mapping, p)
		} else {
			in.notes = append(in.notes, fmt.Sprintf("%s (%s) is left out: this model has no such input", p.Role, info.Channels[p.Channel].Name))
		}
	}
	switch {
	case info.RateHz == 0:
		return nil, fmt.Errorf("the source %s has no even sampling rate, so a meter cannot run on it (`hepmeter measure` reads it)", info.Format)
	case len(in.mapping) == 0:
		return nil, fmt.Errorf("no channel of the source could be taken for a voltage or current: name them V1 V2 V3 I1 I2 I3 in the recording (found %s)", channelNames(info))
	}
	selected, err := waveform.Selected(source, in.mapping)
	if err != nil {
		return nil, err
	}
	// Skew is taken out of whole runs: a missing sample would spread over the filter.
	wired := waveform.Deskew(selected)
	scale := make([]float64, len(in.mapping))
	for i, p := range in.mapping {
		ch := info.Channels[p.Channel]
		scale[i] = 1
		if ch.Primary <= 0 || ch.Secondary <= 0 || math.IsInf(ch.Primary/ch.Secondary, 0) {
			continue
		}
		if ch.Values != waveform.Secondary {
			scale[i] = ch.Secondary / ch.Primary
		}
		switch p.Role {
		case waveform.V1, waveform.V12:
			in.pt = ratio{ch.Primary, ch.Secondary}
		case waveform.I1:
			in.ct = ratio{ch.Primary, ch.Secondary}
		}
	}
	in.source, in.nominalHz = &scaled{Source: wired, scale: scale}, info.NominalHz
	return in, nil
}

// settle finds out the nominal frequency, by the first samples where need be.
func (in *input) settle() {
	info := in.info
	// A scenario knows its frequency; what a recording says of it may be missing or wrong.
	if in.nominalHz != 50 && in.nominalHz != 60 || info.Format != "synth" {
		first := look(in.source, info.RateHz)
		in.source, in.nominalHz = first, first.nominalHz(in.mapping.Roles(), info.NominalHz)
		if info.NominalHz != 0 && in.nominalHz != info.NominalHz {
			in.notes = append(in.notes, fmt.Sprintf("the recording states a line frequency of %g Hz: taken as %g Hz, by its samples", info.NominalHz, in.nominalHz))
		}
	}
}

// terminal returns the input that a voltage or current is connected to: phase to
// phase voltages use the terminals of the phases.
func terminal(r waveform.Role) waveform.Role {
	switch r {
	case waveform.V12:
		return waveform.V1
	case waveform.V23:
		return waveform.V2
	case waveform.V31:
		return waveform.V3
	}
	return r
}

// lineToLine reports whether the voltages are phase to phase only.
func (in *input) lineToLine() bool {
	_, star := in.mapping.Of(waveform.V1)
	_, delta := in.mapping.Of(waveform.V12)
	return delta && !star
}

func channelNames(info waveform.Info) string {
	names := make([]string, len(info.Channels))
	for i, c := range info.Channels {
		names[i] = c.Name
	}
	if len(names) > 12 {
		names = append(names[:12], "...")
	}
	return fmt.Sprintf("%q", names)
}

// scaled multiplies each channel by a factor; 1 costs nothing.
type scaled struct {
	waveform.Source
	scale []float64
}

func (s *scaled) Next(ctx context.Context, b *waveform.Block, most int) (int, error) {
	n, err := s.Source.Next(ctx, b, most)
	if n == 0 || err != nil {
		return n, err
	}
	for c, by := range s.scale {
		if by == 1 {
			continue
		}
		samples := b.Samples[c]
		for k := range samples {
			samples[k] *= by
		}
	}
	return n, nil
}
