package serial

import "time"

// Handshake is how a port uses RTS, as converters to RS-485 and radios need it.
type Handshake struct {
	// On makes RTS active around what is sent, and inactive otherwise.
	On bool
	// Delay is the time between RTS and the first character.
	Delay time.Duration
	// ActiveLow turns the levels round.
	ActiveLow bool
}

// requester is a port that may have the signal RTS.
type requester interface {
	SetRTS(bool) error
	// Drain returns when all that was written has left the device.
	Drain() error
}

// around returns a port that does the handshake. A device without RTS sends all the same.
func (h Handshake) around(p Port) Port {
	line, ok := p.(requester)
	if !h.On || !ok || line.SetRTS(h.ActiveLow) != nil {
		return p
	}
	return &requestingPort{Port: p, line: line, handshake: h}
}

// requestingPort sends between RTS and its end.
type requestingPort struct {
	Port
	line      requester
	handshake Handshake
}

func (p *requestingPort) Write(b []byte) (int, error) {
	if err := p.line.SetRTS(!p.handshake.ActiveLow); err != nil {
		return 0, err
	}
	time.Sleep(p.handshake.Delay)
	n, err := p.Port.Write(b)
	if err == nil {
		err = p.line.Drain()
	}
	if low := p.line.SetRTS(p.handshake.ActiveLow); err == nil {
		err = low
	}
	return n, err
}
