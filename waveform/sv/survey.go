package sv

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/waveform"
)

// maxStreams bounds the streams that a survey tells apart.
const maxStreams = 256

// survey finds out which streams there are and what is needed to read one.
type survey struct {
	streams []*stream
	frame   Frame
	frames  int64
	// malformed counts the frames that cannot be read, firstError says why.
	malformed  int64
	firstError error
	overfull   bool
}

// stream is what a survey knows of one svID.
type stream struct {
	id    string
	set   dataSet
	err   error // why its blocks cannot be read
	appID uint16
	asdus int64

	rate, mode      int64
	code            variant
	highest         int64
	wrap            int64 // count after which 0 came, plus one; 0 before that was seen
	last            int64
	lastNS          int64
	steps           int64 // samples and time between samples that followed each other
	stepsNS         int64
	synch           uint8
	everUnsynched   bool
	simulated, real int64
	// valid says by channel that some sample was not invalid.
	valid []bool
	// firstCount, firstNS and refresh are of its first sample.
	firstCount int64
	firstNS    int64
	refresh    []byte
}

// add takes a frame.
func (s *survey) add(packet []byte, timeNS int64) {
	err := s.frame.Decode(packet)
	if err == errOther {
		return
	}
	s.frames++
	if err != nil {
		s.malformed++
		if s.firstError == nil {
			s.firstError = err
		}
		return
	}
	for i := range s.frame.ASDUs {
		a := &s.frame.ASDUs[i]
		st := s.of(a)
		if st == nil {
			s.overfull = true
			continue
		}
		st.add(a, s.frame.Simulated, timeNS)
	}
}

// of returns the stream of an ASDU.
func (s *survey) of(a *ASDU) *stream {
	for _, st := range s.streams {
		if st.id == string(a.ID) {
			return st
		}
	}
	if len(s.streams) == maxStreams {
		return nil
	}
	st := &stream{id: string(a.ID), appID: s.frame.AppID}
	st.set, st.err = dataSetOf(a)
	if st.code, _ = parseVariant(a.DataSet); st.code.rate == 0 {
		st.code, _ = parseVariant(a.ID)
	}
	st.valid = make([]bool, len(st.set.channels))
	s.streams = append(s.streams, st)
	return st
}

func (st *stream) add(a *ASDU, simulated bool, timeNS int64) {
	count := int64(a.Count)
	if st.asdus == 0 {
		st.firstCount, st.firstNS = count, timeNS
		st.refresh = bytes.Clone(a.Refresh)
	} else {
		switch n := count - st.last; {
		case n > 0 && n < reorderRows:
			if timeNS != 0 && st.lastNS != 0 && timeNS >= st.lastNS {
				st.steps += n
				st.stepsNS += timeNS - st.lastNS
			}
		case count == 0 && n < 0:
			st.wrap = max(st.wrap, st.last+1) // unless it is a hole that ends with a second
		}
	}
	st.asdus++
	st.last, st.lastNS = count, timeNS
	st.highest = max(st.highest, count)
	st.rate, st.mode = int64(a.Rate), int64(a.Mode)
	st.synch = a.Synch
	if simulated {
		st.simulated++
	} else {
		st.real++
	}
	st.everUnsynched = st.everUnsynched || a.Synch == 0
	if st.set.scale == nil || len(a.Data) != st.set.size {
		return
	}
	for c, known := range st.valid {
		if !known && quality(binary.BigEndian.Uint32(a.Data[8*c+4:]))&validityMask != validityInvalid {
			st.valid[c] = true
		}
	}
}

// nominalRates are those of 9-2LE and IEC 61869-9, in Hz.
var nominalRates = [...]int64{4000, 4800, 5760, 12800, 14400, 15360, 96000}

// timing finds the sampling rate and where smpCnt wraps: from what the frames state,
// the wrap, the nominal rates and the frames' timing, in this order. A wrap is
// believed where the timing does not contradict it.
func (st *stream) timing() (rateHz float64, modulus int64, how string, err error) {
	seen := 0.0
	if st.stepsNS > 0 {
		seen = float64(st.steps) / float64(st.stepsNS) * 1e9
	}
	near := func(rate int64, share float64) bool {
		return seen == 0 || math.Abs(float64(rate)-seen) <= share*seen
	}
	rate := int64(0)
	switch {
	case st.code.rate > 0:
		rate, how = int64(st.code.rate), "its variant code"
	case st.rate > 0 && st.mode == 1:
		rate, how = st.rate, "smpRate"
	case st.rate > 0 && st.mode == 0 && near(50*st.rate, 0.05) != near(60*st.rate, 0.05):
		if rate, how = 50*st.rate, "smpRate"; !near(rate, 0.05) {
			rate = 60 * st.rate
		}
	case st.rate >= 1000 && near(st.rate, 0.05): // smpMod left out
		rate, how = st.rate, "smpRate"
	case st.wrap > 1 && st.wrap < 1<<16 && st.highest == st.wrap-1 && near(st.wrap, 0.2):
		rate, how = st.wrap, "the wrap of smpCnt"
	default:
		best := 0.05
		for _, n := range nominalRates {
			if seen > 0 && math.Abs(float64(n)-seen) < best*seen {
				rate, how, best = n, "the timing of the frames", math.Abs(float64(n)-seen)/seen
			} else if seen == 0 && st.highest == n-1 {
				rate, how = n, "the highest smpCnt"
			}
		}
		if rate == 0 && seen > 0 {
			rate, how = max(1, int64(math.Round(seen))), "the timing of the frames, which is no nominal rate"
		}
	}
	if rate == 0 {
		return 0, 0, "", fmt.Errorf("svID %q: neither smpRate, a wrap of smpCnt nor time stamps tell the sampling rate", st.id)
	}
	modulus = rate
	if rate > 1<<16 || st.highest >= rate {
		modulus = 1 << 16
	}
	return float64(rate), modulus, how, nil
}

// nominalHz is the line frequency of a profile that has one, 0 for the others.
func (st *stream) nominalHz(rateHz float64) float64 {
	switch {
	case rateHz == 4000, rateHz == 12800:
		return 50
	case rateHz == 5760, rateHz == 15360, rateHz == 4800 && st.set.format == "sv 9-2LE":
		return 60
	}
	return 0
}

// start is the civil time of the first sample: the second of its smpCnt where the
// clock was synchronised (smpCnt is 0 at the top of a UTC second), else when the frame
// came; from refrTm where the frames have no time. It is zero if nothing tells.
func (st *stream) start(rateHz float64, modulus int64) time.Time {
	ns := st.firstNS
	if ns < earliest.UnixNano() && len(st.refresh) == 8 {
		fraction := int64(st.refresh[4])<<16 | int64(st.refresh[5])<<8 | int64(st.refresh[6])
		ns = int64(binary.BigEndian.Uint32(st.refresh))*1e9 + fraction*1e9>>24
	}
	if ns < earliest.UnixNano() {
		return time.Time{}
	}
	if st.synch > 0 && float64(modulus) == rateHz {
		ns = alignedNS(ns, st.firstCount, rateHz)
	}
	return time.Unix(0, ns).UTC()
}

// earliest is before any sampled values were sent: times before it are made up.
var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// alignedNS moves a time by less than half a second to where count is due.
func alignedNS(ns, count int64, rateHz float64) int64 {
	offset := int64(math.Round(float64(count) / rateHz * 1e9))
	const second = int64(time.Second)
	return (ns-offset+second/2)/second*second + offset
}

// choose returns the stream to read: the one that is named, or the only one.
func (s *survey) choose(id, where string) (*stream, error) {
	if id != "" {
		for _, st := range s.streams {
			if st.id == id {
				return st, st.err
			}
		}
		if len(s.streams) == 0 {
			return nil, s.none(where)
		}
		return nil, fmt.Errorf("%s has no stream of svID %q: it has %s", where, id, s.names())
	}
	switch len(s.streams) {
	case 0:
		return nil, s.none(where)
	case 1:
		return s.streams[0], s.streams[0].err
	}
	return nil, fmt.Errorf("%s has %d streams, %s: choose one, as in %s,%s", where, len(s.streams), s.names(), where, s.streams[0].id)
}

func (s *survey) none(where string) error {
	if s.malformed > 0 {
		return fmt.Errorf("%s: none of %d sampled values frames can be read: %w", where, s.malformed, s.firstError)
	}
	return fmt.Errorf("%s has no sampled values (Ethernet type 0x88BA)", where)
}

func (s *survey) names() string {
	var names []string
	for _, st := range s.streams {
		names = append(names, st.id)
	}
	slices.Sort(names)
	if len(names) > 20 {
		names = append(names[:20], "...")
	}
	return strings.Join(names, ", ")
}

// info describes the chosen stream as a Source.
func (st *stream) info(rateHz float64, modulus int64) waveform.Info {
	info := waveform.Info{
		Format: st.set.format, Device: st.id, Channels: slices.Clone(st.set.channels),
		RateHz: rateHz, NominalHz: st.nominalHz(rateHz), Start: st.start(rateHz, modulus), Samples: -1,
	}
	if st.set.scale != nil && slices.Contains(st.valid, true) {
		for c, valid := range st.valid {
			info.Channels[c].Unused = !valid
		}
	}
	return info
}
