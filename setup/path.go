package setup

import (
	"time"

	"github.com/hepmeter/hepmeter/wire/ionmodbus"
)

// Path is what is known of a way through Modbus.
type Path struct {
	// RequestFrame and AnswerFrame are the longest frames that pass, in bytes, with all headers
	// of Modbus.
	RequestFrame int `json:"request_frame"`
	AnswerFrame  int `json:"answer_frame"`
	// RoundTripS is how long a request and its answer take, in s.
	RoundTripS float64 `json:"round_trip_s"`
	// BytesPerSecond is what comes from the meter without the overhead, in bytes/s.
	BytesPerSecond float64 `json:"bytes_per_s"`
}

// Path tells what is known of the way to the meter; ok is false on TCP, which is as fast as
// the network.
func (m *Meter) Path() (p Path, ok bool) {
	measured, ok := m.present().stream.(interface{ Path() ionmodbus.Path })
	if !ok {
		return Path{}, false
	}
	overhead := 3 // address and CRC
	if m.address.Transport == ModbusTCP {
		overhead = 7
	}
	now := measured.Path()
	return Path{now.Request + overhead, now.Answer + overhead, now.RoundTrip.Seconds(), now.BytesPerSecond}, true
}

// Estimate is how long something will take.
type Estimate struct {
	What  string
	Bytes uint64
	About time.Duration
	// Over is the address, by which it would take seconds on Ethernet.
	Over Address
}

// Progress is how far something is.
type Progress struct {
	What        string
	Done, Total uint64 // bytes
	// BytesPerSecond is what it has been until now, Left what it will take at that rate.
	BytesPerSecond float64
	Left           time.Duration
}

// longWork is from when on work is long.
const longWork = 5 * time.Second

// begin tells that work begins that moves so many bytes, unless it is a part of such work. The
// function it returns is to be called at its end.
func (m *Meter) begin(what string, bytes uint64) (end func()) {
	m.mu.Lock()
	m.long++
	within := m.long > 1
	m.mu.Unlock()
	if path, slow := m.Path(); slow && !within && m.options.Begin != nil && path.BytesPerSecond > 0 {
		if about := time.Duration(float64(bytes) / path.BytesPerSecond * float64(time.Second)); about >= longWork {
			m.options.Begin(Estimate{what, bytes, about, m.address})
		}
	}
	return func() {
		m.mu.Lock()
		m.long--
		m.mu.Unlock()
	}
}

// follower tells how far something is.
type follower struct {
	m     *Meter
	what  string
	since time.Time
	first uint64 // what was done then
	begun bool
}

func (f *follower) tell(done, total uint64) {
	now := time.Now()
	if !f.begun {
		f.begun, f.since, f.first = true, now, done
		return
	}
	if _, slow := f.m.Path(); !slow || f.m.options.Progress == nil {
		return
	}
	p := Progress{What: f.what, Done: done, Total: total}
	if took := now.Sub(f.since).Seconds(); took > 0 && done > f.first {
		p.BytesPerSecond = float64(done-f.first) / took
		p.Left = time.Duration(float64(total-min(total, done)) / p.BytesPerSecond * float64(time.Second))
	}
	f.m.options.Progress(p)
}

// atATime is how many bytes are asked for at once: as many as come within some seconds, so that
// there is progress to tell of and little to repeat, and most at most.
func (m *Meter) atATime(most int) int {
	const seconds, least = 4, 512
	path, slow := m.Path()
	if !slow || path.BytesPerSecond <= 0 {
		return most
	}
	return min(max(int(path.BytesPerSecond*seconds), least), most)
}
