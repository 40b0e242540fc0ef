package ionmodbus

import (
	"errors"
	"fmt"
	"time"
)

const (
	// missesOfLength is how often an exchange fails until it is asked with the smallest lengths.
	missesOfLength = 3
	// refusalsOfFunction is how often a device says that it has no such function until that is
	// believed.
	refusalsOfFunction = 3
	// An exchange that has moved nothing is followed by a pause, which grows from firstPause to
	// lastPause.
	firstPause, lastPause = time.Millisecond, time.Second
	// Where something says that it is busy, or there is no connection, it is tried again after
	// firstRest, then after twice that, up to lastRest.
	firstRest, lastRest = 50 * time.Millisecond, 2 * time.Second
	// After growAfter at less than the longest messages it is tried whether longer ones pass, then
	// after twice that, up to growAtLast.
	growAfter, growAtLast = 30 * time.Second, 10 * time.Minute
	// leastProbe is how long a probe waits at least: one that is late would count as one that does
	// not pass, and there are few.
	leastProbe = 150 * time.Millisecond
	// farewells is how often the meter is told of the end.
	farewells = 2
	// Once its lengths are known, the path is measured fewestMeasures times, and on to
	// mostMeasures while all of them together took less than measured.
	fewestMeasures, mostMeasures = 2, 8
	measured                     = 20 * time.Millisecond
)

// ErrNotSupported reports a device that has no ION over Modbus.
var ErrNotSupported = errors.New("the device has no function 70: it does not take ION over Modbus")

// ErrNoAnswer reports a path on which nothing was heard for too long.
var ErrNoAnswer = errors.New("no answer")

// Client is the client's side of a stream as a state machine: Ask says what to send next, and
// one of Heard, Excepted, Silent and Unreachable what became of it.
type Client struct {
	session  uint32
	patience time.Duration

	state state
	// sequence is that of the exchange under way, or of the last one; probe that of probes.
	sequence, probe uint32
	underway        bool
	// up and room are the lengths of the exchange under way: within it they only become shorter.
	up, room, carried int
	out, in           []byte
	sent, received    uint64

	sizes sizer
	pace  pace
	// suspicious tells that lengths are to be looked at again once the path is alive.
	suspicious bool
	measures   int
	rate       rate
	growAt     time.Time
	growWait   time.Duration

	waiting  bool    // for the answer to what was asked
	asked    Message // without payload
	askedAt  time.Time
	length   int // of the PDU asked
	answer   int // of its answer, at most
	again    bool
	misses   int
	noSuch   int
	pause    time.Duration
	pollAt   time.Time
	rest     time.Duration
	restTill time.Time
	unheard  time.Time // since when nothing was heard, though something was asked; zero while not
	cause    error
	err      error
}

type state int

const (
	opening state = iota
	open
	closing
	over
)

// NewClient returns the client's side of a session with a number that nobody else knows. It
// fails when it has asked for patience and heard nothing. perByte is what a byte takes on a line of known
// speed, 0 otherwise.
func NewClient(session uint32, patience, perByte time.Duration) *Client {
	return &Client{session: session, patience: patience, pace: pace{perByte: perByte}, growWait: growAfter}
}

// Err is why the stream has ended, nil while it has not.
func (c *Client) Err() error { return c.err }

// Opened reports whether the session is there and the lengths are known.
func (c *Client) Opened() bool { return c.state == open && !c.sizes.active && c.isMeasured() }

func (c *Client) isMeasured() bool {
	return c.measures >= mostMeasures || c.measures >= fewestMeasures && c.rate.seconds >= measured.Seconds()
}

// Write takes bytes for the meter, as many as there is room for.
func (c *Client) Write(p []byte) int {
	n := min(len(p), max(0, buffered-len(c.out)))
	c.out = append(c.out, p[:n]...)
	if n > 0 {
		c.pause, c.pollAt = 0, time.Time{}
	}
	return n
}

// Read gives what has come from the meter.
func (c *Client) Read(p []byte) int {
	n := copy(p, c.in)
	c.in = c.in[:copy(c.in, c.in[n:])]
	return n
}

// Close begins the end of the session; it is over when Ask has nothing more to send and
// Err says so.
func (c *Client) Close() {
	switch c.state {
	case opening:
		c.state = over
	case open:
		c.state = closing
		c.misses, c.restTill, c.again = 0, time.Time{}, false
	}
}

// Due is when to ask next.
func (c *Client) Due() time.Time {
	if c.pollAt.After(c.restTill) {
		return c.pollAt
	}
	return c.restTill
}

// Ask appends the PDU to send now and says how long to wait for its answer. ok is false where
// nothing is to be sent before Due, or any more.
func (c *Client) Ask(now time.Time, dst []byte) (pdu []byte, wait time.Duration, ok bool) {
	if c.err == nil && c.state < closing && !c.unheard.IsZero() && now.Sub(c.unheard) >= c.patience {
		c.fail(c.silence())
	}
	if c.err != nil || c.state == over || now.Before(c.restTill) {
		return dst, 0, false
	}
	var buffer [MaxPayload]byte
	payload := buffer[:0]
	answer := SmallestPDU
	m := Message{Session: c.session}
	switch {
	case c.state == opening:
		m.Kind = Open
		payload = append(payload, Version)
	case c.state == closing:
		m.Kind = Close
	case c.underway:
		m, payload, answer = c.exchange(m, payload)
	case c.sizing(now):
		c.probe++
		m.Kind, m.Sequence = Probe, c.probe
		request := SmallestPDU
		request, answer = c.probeLengths()
		payload = buffer[:request-Overhead]
		payload[0] = byte(answer)
	case now.Before(c.pollAt) || len(c.in) > buffered:
		return dst, 0, false
	default:
		c.sequence++
		c.underway = true
		c.up, c.room = c.sizes.now()
		m, payload, answer = c.exchange(m, payload)
	}
	m.Payload = payload
	start := len(dst)
	pdu = Append(dst, m)
	c.asked, c.askedAt, c.length, c.answer = m, now, len(pdu)-start, answer
	c.asked.Payload, c.waiting = nil, true
	if c.unheard.IsZero() {
		c.unheard = now
	}
	wait = c.pace.wait(c.length + answer)
	if m.Kind == Probe {
		wait = max(wait, leastProbe)
	}
	return pdu, wait, true
}

// exchange is the one under way: as long as it was, or shorter.
func (c *Client) exchange(m Message, payload []byte) (Message, []byte, int) {
	m.Kind, m.Sequence = Exchange, c.sequence
	n := min(len(c.out), UpRoom(c.up))
	c.carried = max(c.carried, n)
	payload = append(append(payload, byte(c.room)), c.out[:n]...)
	return m, payload, c.room
}

// sizing reports whether a probe is due.
func (c *Client) sizing(now time.Time) bool {
	switch {
	case c.sizes.active || !c.isMeasured():
		return true
	case c.suspicious:
		c.suspicious = false
		c.sizes.suspect()
	case !c.sizes.largest() && now.After(c.growAt):
		c.growWait = min(2*c.growWait, growAtLast)
		c.growAt = now.Add(c.growWait)
		c.sizes.grow()
	}
	return c.sizes.active
}

// probeLengths are those of the probe that is due: where nothing is left to be found, it is
// one that measures.
func (c *Client) probeLengths() (request, answer int) {
	if c.sizes.active {
		return c.sizes.ask()
	}
	_, answer = c.sizes.now()
	return SmallestPDU, answer
}

// Heard takes what was received, and reports whether it is what was waited for: if it is not,
// the answer may still come.
func (c *Client) Heard(now time.Time, pdu []byte) bool {
	m, err := Parse(pdu)
	if err != nil || !c.waiting || m.Session != c.session || m.Kind&Answer == 0 || m.Sequence != c.asked.Sequence {
		return false
	}
	if m.Kind == Refused {
		return c.refused(m)
	}
	if m.Kind != c.asked.Kind|Answer {
		return false
	}
	switch c.asked.Kind {
	case Open:
		c.state = open
		c.sizes.start()
		c.growAt = now.Add(c.growWait)
	case Close:
		c.state = over
	case Probe:
		c.probed(now, len(pdu))
	case Exchange:
		if len(m.Payload) < answerHead || int(m.Payload[0]) != c.room {
			return false // the answer to a longer one, which has come late
		}
		if taken := int(m.Payload[1]); taken > c.carried {
			c.fail(fmt.Errorf("the meter took %d bytes of %d: this is not a meter of this protocol", taken, c.carried))
			return true
		}
		c.exchanged(now, int(m.Payload[1]), m.Payload[answerHead:])
	}
	if !c.again {
		c.pace.answered(now.Sub(c.askedAt), c.length+Overhead+len(m.Payload))
	}
	c.waiting = false
	c.unheard, c.misses, c.again, c.noSuch, c.rest, c.restTill, c.cause = time.Time{}, 0, false, 0, 0, time.Time{}, nil
	return true
}

// refused takes the meter's no.
func (c *Client) refused(m Message) bool {
	if len(m.Payload) != 1 || c.state == closing {
		return false
	}
	c.fail(Refusal(m.Payload[0]))
	return true
}

// probed goes on with lengths, and measures the path when they are known.
func (c *Client) probed(now time.Time, length int) {
	if c.sizes.active {
		before := c.sizes.lo
		c.sizes.passed()
		if c.sizes.lo != before {
			c.growWait = growAfter
		}
		return
	}
	c.measures++
	c.rate.measured(DownRoom(length), now.Sub(c.askedAt))
}

// exchanged takes the answer to the exchange under way.
func (c *Client) exchanged(now time.Time, taken int, data []byte) {
	c.out = c.out[:copy(c.out, c.out[taken:])]
	c.in = append(c.in, data...)
	c.sent, c.received = c.sent+uint64(taken), c.received+uint64(len(data))
	full := len(data) == DownRoom(c.room)
	c.rate.moved(now, taken+len(data), full || len(c.out) > 0)
	c.underway, c.carried = false, 0
	if taken+len(data) > 0 {
		c.pause, c.pollAt = 0, time.Time{}
		return
	}
	c.pause = min(max(firstPause, c.pause*3/2), lastPause)
	c.pollAt = now.Add(c.pause)
}

// Silent tells that no answer has come in time.
func (c *Client) Silent(now time.Time) { c.missed(now, errors.New("nothing was heard in time")) }

// missed goes on after a request that was not answered.
func (c *Client) missed(now time.Time, cause error) {
	c.cause = cause
	c.pace.missed()
	c.misses++
	switch {
	case c.state == closing && c.misses >= farewells:
		c.state = over
	case c.asked.Kind == Probe && !c.sizes.active:
		c.measures = max(c.measures+1, fewestMeasures) // it is slow, or loses: what is known must do
		if c.rate.seconds == 0 {
			c.rate.measured(DownRoom(c.answer), now.Sub(c.askedAt))
		}
	case c.asked.Kind == Probe:
		c.sizes.missed()
		return // the next one is another probe
	case c.asked.Kind == Exchange && c.misses >= missesOfLength && (c.up > SmallestPDU || c.room > SmallestPDU):
		c.up, c.room = SmallestPDU, SmallestPDU
		c.suspicious = true
	}
	c.again = c.asked.Kind != Probe
}

// Exceptions of Modbus (specification V1.1b3, section 7) that mean more than a failure.
const (
	exceptionFunction    = 0x01
	exceptionAcknowledge = 0x05
	exceptionBusy        = 0x06
)

// Excepted tells that the request was answered by an exception, of the meter or of a gateway.
func (c *Client) Excepted(now time.Time, code byte) {
	cause := fmt.Errorf("exception 0x%02X of Modbus", code)
	switch code {
	case exceptionFunction:
		if c.noSuch++; c.state == opening && c.noSuch >= refusalsOfFunction {
			c.fail(ErrNotSupported)
			return
		}
		c.missed(now, cause)
	case exceptionAcknowledge, exceptionBusy: // later: nothing is wrong with the request
		c.cause, c.again = cause, c.asked.Kind != Probe
	default:
		// Of a gateway: there is nothing behind it, or what is there has not answered. Long
		// messages may be why.
		c.missed(now, cause)
	}
	c.takeRest(now)
}

// Unreachable tells that the request could not be sent, or that the connection broke.
func (c *Client) Unreachable(now time.Time, err error) {
	c.cause, c.again = err, c.asked.Kind != Probe
	if c.state == closing {
		if c.misses++; c.misses >= farewells {
			c.state = over
		}
	}
	c.takeRest(now)
}

func (c *Client) takeRest(now time.Time) {
	c.rest = min(max(firstRest, 2*c.rest), lastRest)
	c.restTill = now.Add(c.rest)
}

func (c *Client) silence() error {
	if c.cause == nil {
		return fmt.Errorf("%w for %v", ErrNoAnswer, c.patience)
	}
	return fmt.Errorf("%w for %v: %w", ErrNoAnswer, c.patience, c.cause)
}

func (c *Client) fail(err error) {
	if c.err == nil {
		c.err = err
		c.state = over
	}
}

// Path is what is known of the way to the meter.
type Path struct {
	// Request and Answer are the longest PDUs that pass, in bytes.
	Request, Answer int
	RoundTrip       time.Duration
	// BytesPerSecond is what the stream brings from the meter, without the overhead; 0 where that
	// is not known yet.
	BytesPerSecond float64
}

// Path returns what is known now.
func (c *Client) Path() Path {
	p := Path{RoundTrip: c.pace.mean + c.pace.perByte*time.Duration(c.pace.bytes), BytesPerSecond: c.rate.perSecond()}
	p.Request, p.Answer = c.sizes.now()
	return p
}
