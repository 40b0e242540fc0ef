package sv

import "github.com/hepmeter/hepmeter/waveform"

// quality is the quality word of a value: bits of IEC 61850-7-3 as 9-2LE packs them.
type quality uint32

// The bits of a quality word.
const (
	validityMask         quality = 3
	validityInvalid      quality = 1
	validityQuestionable quality = 3

	overflow        quality = 1 << 2
	outOfRange      quality = 1 << 3
	badReference    quality = 1 << 4
	oscillatory     quality = 1 << 5
	failure         quality = 1 << 6
	oldData         quality = 1 << 7
	inconsistent    quality = 1 << 8
	inaccurate      quality = 1 << 9
	substituted     quality = 1 << 10
	test            quality = 1 << 11
	operatorBlocked quality = 1 << 12
	derived         quality = 1 << 13

	// reservedBits are always zero: where they are not, the word is no quality.
	reservedBits = ^quality(1<<14 - 1)
)

// missing reports whether the value must not be measured: it is invalid, frozen, or
// not what flows in the plant. Test values count in test mode.
func (q quality) missing(testMode bool) bool {
	if q&validityMask == validityInvalid || q&(oscillatory|failure|oldData|substituted|operatorBlocked) != 0 {
		return true
	}
	return q&test != 0 && !testMode
}

// held is what is held against a value that is not missing.
func (q quality) held() waveform.Quality {
	var h waveform.Quality
	if q&validityMask > validityInvalid || q&(inconsistent|inaccurate) != 0 {
		h |= waveform.Questionable
	}
	if q&(overflow|outOfRange) != 0 {
		h |= waveform.OutOfRange
	}
	if q&badReference != 0 {
		h |= waveform.Unsynchronised
	}
	if q&derived != 0 {
		h |= waveform.Derived
	}
	return h
}

// wordOf is the quality word that says what is held against a value. A lost clock has its
// own place, smpSynch.
func wordOf(h waveform.Quality) quality {
	var q quality
	if h&waveform.Questionable != 0 {
		q |= validityQuestionable
	}
	if h&waveform.OutOfRange != 0 {
		q |= outOfRange | validityQuestionable
	}
	if h&waveform.Derived != 0 {
		q |= derived
	}
	return q
}
