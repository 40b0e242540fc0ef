package measure

import (
	"fmt"

	"github.com/hepmeter/hepmeter/metering/fit"
	"github.com/hepmeter/hepmeter/waveform"
)

// band returns the frequencies at which a meter for a nominal frequency stays
// synchronised (IEC 61000-4-30, 5.1).
func band(nominalHz float64) (lowHz, highHz float64) {
	if nominalHz == 60 {
		return 51, 69
	}
	return 42.5, 57.5
}

// clearShare is the share of a signal that one sine must explain before it
// overrules what the file says of its line frequency.
const clearShare = 0.5

// nominal decides between 50 and 60 Hz: by what the samples show, where they show
// a line frequency clearly, else by what the file states. The warning tells of a
// contradiction.
func nominal(voltages []fit.Channel, statedHz float64) (hz float64, warning string) {
	stated := statedHz
	if stated != 50 && stated != 60 {
		stated = 0
	}
	found, share, err := fit.Frequency(voltages, fit.DefaultLowHz, fit.DefaultHighHz)
	if err != nil || share < clearShare {
		if stated != 0 {
			return stated, ""
		}
		return 50, "the samples show no line frequency and the file states none that is 50 or 60 Hz: taken as 50 Hz"
	}
	if stated != 0 {
		// A machine that runs fast or slow stays what its file says, as long as a meter
		// set to that could follow it: 57 Hz may be a 50 Hz site, and 52 Hz one of 60 Hz.
		if low, high := band(stated); found > low && found < high {
			return stated, ""
		}
	}
	hz = 50
	if found > 55 {
		hz = 60
	}
	if low, high := band(hz); found < low || found > high {
		return hz, fmt.Sprintf("the fundamental is at %.4g Hz, outside what a meter follows (42.5-57.5 and 51-69 Hz): "+
			"the windows are not synchronised; --window FIRST:END measures at that frequency", found)
	}
	switch {
	case stated != 0 && hz != stated:
		return hz, fmt.Sprintf("the file states a line frequency of %g Hz, but the samples show %.4g Hz: taken as %g Hz", statedHz, found, hz)
	case statedHz != 0 && stated == 0:
		return hz, fmt.Sprintf("the file states a line frequency of %g Hz: taken as %g Hz, since the samples show %.4g Hz", statedHz, hz, found)
	}
	return hz, ""
}

// voltageChannels turns the first blocks of a record into channels to find the
// frequency in: the voltages, or all if there are none. It stops at the first
// gap.
func voltageChannels(blocks []*waveform.Block, roles []waveform.Role) []fit.Channel {
	var picks []int
	for c, r := range roles {
		if r.IsVoltage() && r != waveform.V4 {
			picks = append(picks, c)
		}
	}
	if len(picks) == 0 {
		for c, r := range roles {
			if r != waveform.I4 && r != waveform.I5 {
				picks = append(picks, c)
			}
		}
	}
	channels := make([]fit.Channel, len(picks))
	for n, b := range blocks {
		if n > 0 && b.Gap || b.RateHz <= 0 {
			break
		}
		for i, c := range picks {
			for k, v := range b.Samples[c] {
				channels[i].Times = append(channels[i].Times, b.Start+float64(k)/b.RateHz)
				channels[i].Values = append(channels[i].Values, v)
			}
		}
	}
	return channels
}
