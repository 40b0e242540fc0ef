package access

import "time"

// Waveform is the newest samples of every connected input, in primary volts and amperes.
type Waveform struct {
	// End is the civil time of the last sample.
	End    time.Time
	RateHz float64
	// NominalHz is the line frequency that the meter is set up for.
	NominalHz float64
	Channels  []WaveformChannel
}

// WaveformChannel is one input's samples, oldest first; a sample that is missing is NaN.
type WaveformChannel struct {
	Name    string // V1, V12, I4 ...
	Unit    string // V or A
	Samples []float32
}

// Scope gives samples as they come.
type Scope interface {
	// Waveform fills w with the samples of the latest span, and reuses its memory. It
	// returns false where there are none: the source has ended or is silent.
	Waveform(w *Waveform, span time.Duration) bool
}

// LongestWaveform is the longest span that Session.Waveform gives: the longest basic
// window (10 cycles of the lowest frequency of the tracked band).
const LongestWaveform = 240 * time.Millisecond

// Waveform fills w with the samples of the latest span, and reuses its memory. The error
// is a *Refusal; CodeNotFound where there are no samples.
func (s *Session) Waveform(w *Waveform, span time.Duration) error {
	if err := s.permit(ReadMeasurement, "waveform"); err != nil {
		return err
	}
	if span <= 0 || span > LongestWaveform {
		return refuse(CodeBadRequest, span.String()+" of samples: ask for more than 0 and at most "+LongestWaveform.String()).of(ReadMeasurement)
	}
	if scope := s.gate().options.Scope; scope == nil || !scope.Waveform(w, span) {
		return refuse(CodeNotFound, "no samples come from the source").of(ReadMeasurement)
	}
	return nil
}
