package sv

import "math"

// The sequence keeps up to ringRows samples. One that is missing is waited for until
// reorderRows later ones have come; a counter that runs ahead by more than jumpRows is
// a hole in time and no row of missing samples.
const (
	ringRows    = 512
	reorderRows = 64
	jumpRows    = ringRows - maxASDUs - reorderRows
)

// sequence puts the samples of a stream in order by smpCnt. An index counts samples of
// time since the first one, lost ones too.
type sequence struct {
	// modulus is where smpCnt wraps, rate the samples a second.
	modulus int64
	rate    float64
	size    int // bytes of a block
	// rows is a ring of copies, at index modulo its length.
	rows []row
	data []byte

	begun bool
	// next is the index to deliver, newest the highest that came, with its count and time.
	next, newest, count int64
	timeNS              int64
	draining            bool
	counters            Counters
}

// row is one sample of all channels.
type row struct {
	index int64 // -1 if nothing came
	state uint8
	synch uint8
	// jump says that the count leapt before it.
	jump bool
	data []byte
}

// What became of a row.
const (
	waiting uint8 = iota
	delivered
	lost
)

// Counters count what happened to the samples of a stream.
type Counters struct {
	// Delivered came and were in time; Lost never came or came too late; Duplicates came
	// twice (PRP, HSR); Late are those of the lost ones that came at last; Reordered came
	// after a later one but in time.
	Delivered, Lost, Duplicates, Late, Reordered int64
	// Jumps are the times that smpCnt leapt without time passing: the publisher started
	// again or took over another clock.
	Jumps int64
	// Malformed are frames and blocks that could not be read, Invalid the samples in which
	// some channel was invalid.
	Malformed, Invalid int64
	// Unsynchronised are the samples taken without a synchronised clock, Questionable
	// those in which something was held against a value.
	Unsynchronised, Questionable int64
	// Overruns are the frames that this machine lost, for want of time to read them.
	Overruns int64
}

func newSequence(rate float64, modulus int64, size int) *sequence {
	s := &sequence{rate: rate, modulus: modulus, size: size, rows: make([]row, ringRows), data: make([]byte, ringRows*size)}
	for i := range s.rows {
		s.rows[i].data = s.data[i*size : (i+1)*size]
	}
	s.reset()
	return s
}

// reset forgets everything.
func (s *sequence) reset() {
	for i := range s.rows {
		s.rows[i].index = -1
	}
	s.begun, s.draining, s.counters = false, false, Counters{}
	s.next, s.newest = 0, -1
}

// steps returns how many samples after the newest one with this count was taken: the
// number that fits the time that has passed, if it is known. jumped says that no number
// does.
func (s *sequence) steps(count int64, timeNS int64) (n int64, jumped bool) {
	n = (count - s.count) % s.modulus
	if n < 0 {
		n += s.modulus
	}
	if s.timeNS == 0 || timeNS == 0 {
		if n > s.modulus-reorderRows {
			n -= s.modulus
		}
		return n, false
	}
	elapsed := float64(timeNS-s.timeNS) / 1e9 * s.rate
	n += int64(math.Round((elapsed-float64(n))/float64(s.modulus))) * s.modulus
	if n > -reorderRows && n < reorderRows {
		return n, false
	}
	// Time stamps are coarse, and frames come in bursts.
	if math.Abs(float64(n)-elapsed) > s.rate/4 {
		return max(1, int64(math.Round(elapsed))), true
	}
	return n, false
}

// add takes a sample. It reports false if those before it must be pulled first.
func (s *sequence) add(a *ASDU, timeNS int64) bool {
	count := int64(a.Count)
	if !s.begun {
		s.begun, s.newest, s.next = true, 0, 0
		s.put(0, a, false)
		s.count, s.timeNS = count, timeNS
		return true
	}
	n, jumped := s.steps(count, timeNS)
	index := s.newest + n
	if jumped || index-s.next >= jumpRows {
		if s.next <= s.newest {
			s.draining = true
			return false
		}
		if jumped {
			s.counters.Jumps++
		} else {
			s.counters.Lost += index - s.next
		}
		s.next = index
	}
	if index < s.next {
		if r := s.at(index); r.index == index && r.state == lost {
			s.counters.Late++
		} else {
			s.counters.Duplicates++
		}
		return true
	}
	if s.at(index).index == index {
		s.counters.Duplicates++
		return true
	}
	s.put(index, a, jumped)
	if n <= 0 {
		s.counters.Reordered++
		return true
	}
	s.newest, s.count, s.timeNS = index, count, timeNS
	return true
}

func (s *sequence) at(index int64) *row { return &s.rows[uint64(index)%ringRows] }

func (s *sequence) put(index int64, a *ASDU, jump bool) {
	r := s.at(index)
	r.index, r.state, r.synch, r.jump = index, waiting, a.Synch, jump
	copy(r.data, a.Data)
}

// pull returns the next sample in order, nil if it must be waited for. A lost one has
// the state lost.
func (s *sequence) pull() *row {
	if s.next > s.newest {
		s.draining = false
		return nil
	}
	r := s.at(s.next)
	switch {
	case r.index == s.next:
		r.state = delivered
		s.counters.Delivered++
	case s.draining || s.newest-s.next >= reorderRows:
		r.index, r.state, r.jump = s.next, lost, false
		s.counters.Lost++
	default:
		return nil
	}
	s.next++
	return r
}
