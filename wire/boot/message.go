package boot

import (
	"fmt"
	"io"
)

// Message is one of its parts, under the number of its kind, and ID where it asks or
// answers. A message of a kind that the reader does not know has none.
type Message struct {
	// ID is given by who asks; the answer has it again.
	ID uint32 `cbor:"0,keyasint,omitempty"`

	Hello    *Hello    `cbor:"1,keyasint,omitempty"`
	End      *End      `cbor:"2,keyasint,omitempty"`
	Listener *Listener `cbor:"3,keyasint,omitempty"`
	Taken    *Taken    `cbor:"4,keyasint,omitempty"`
	Noted    *Noted    `cbor:"5,keyasint,omitempty"`

	Listen    *Listen    `cbor:"16,keyasint,omitempty"`
	Take      *Take      `cbor:"17,keyasint,omitempty"`
	Serving   *Serving   `cbor:"18,keyasint,omitempty"`
	Measuring *Measuring `cbor:"19,keyasint,omitempty"`
	Restart   *Restart   `cbor:"20,keyasint,omitempty"`
	Failed    *Failed    `cbor:"21,keyasint,omitempty"`
}

// Hello is the first message of the boot stage: what runs, and on what.
type Hello struct {
	// Version is that of the protocol which the boot stage speaks.
	Version uint32 `cbor:"1,keyasint"`
	// Directory is the data directory.
	Directory string `cbor:"2,keyasint"`
	// Options are as the user gave them.
	Options Options `cbor:"3,keyasint"`
	// Source is where the samples come from.
	Source Source `cbor:"4,keyasint"`
	// Slot is the one that the firmware comes from: factory, A or B.
	Slot string `cbor:"5,keyasint"`
	// Trial is set while the firmware is on trial.
	Trial bool `cbor:"6,keyasint,omitempty"`
	// Starts counts the starts of a firmware process before this one.
	Starts uint32 `cbor:"7,keyasint,omitempty"`
}

// Options are what the user asked for; what is empty he left out.
type Options struct {
	Model string `cbor:"1,keyasint,omitempty"`
	// Serial is the serial number of a fresh meter.
	Serial string `cbor:"2,keyasint,omitempty"`
	// Limits name how many connections a service takes: open or factory.
	Limits string `cbor:"3,keyasint,omitempty"`
	// Host is the address to listen on.
	Host string `cbor:"4,keyasint,omitempty"`
	// Ports names the port set: dev or standard.
	Ports string `cbor:"5,keyasint,omitempty"`
	// Port are ports given one by one, as in modbus=0.
	Port []string `cbor:"6,keyasint,omitempty"`
	// Lines are serial ports, as in com1=/dev/ttyUSB0?baud=9600.
	Lines []string `cbor:"7,keyasint,omitempty"`
	// Generation is the firmware version that a fresh data directory is to show.
	Generation string `cbor:"8,keyasint,omitempty"`
	// Source is the SPEC of the source.
	Source string `cbor:"9,keyasint,omitempty"`
	// Data is the data directory, where the user has named one.
	Data string `cbor:"10,keyasint,omitempty"`
}

// Source describes where the samples come from.
type Source struct {
	// Axis identifies the run of samples: the same number of a sample in the same axis is
	// the same sample.
	Axis       uint64    `cbor:"1,keyasint"`
	Format     string    `cbor:"2,keyasint"`
	Station    string    `cbor:"3,keyasint,omitempty"`
	Device     string    `cbor:"4,keyasint,omitempty"`
	Channels   []Channel `cbor:"5,keyasint"`
	RateHz     float64   `cbor:"6,keyasint"`
	NominalHz  float64   `cbor:"7,keyasint,omitempty"`
	StartNanos int64     `cbor:"8,keyasint,omitempty"` // civil time of the first sample, in ns since 1970; 0 is not known
	Samples    int64     `cbor:"9,keyasint"`           // of each channel, -1 for no end
	// Live says that samples pace themselves; others come as fast as they are taken.
	Live     bool     `cbor:"10,keyasint,omitempty"`
	Warnings []string `cbor:"11,keyasint,omitempty"`
	// Speed is how many seconds of signal pass in a second.
	Speed float64 `cbor:"12,keyasint"`
}

// Channel describes a channel of the source.
type Channel struct {
	Name      string  `cbor:"1,keyasint,omitempty"`
	Phase     string  `cbor:"2,keyasint,omitempty"`
	Unit      string  `cbor:"3,keyasint,omitempty"`
	Primary   float64 `cbor:"4,keyasint,omitempty"`
	Secondary float64 `cbor:"5,keyasint,omitempty"`
	// Values says what the samples are: 0 unstated, 1 primary, 2 secondary quantities.
	Values      uint8   `cbor:"6,keyasint,omitempty"`
	SkewSeconds float64 `cbor:"7,keyasint,omitempty"`
	Unused      bool    `cbor:"8,keyasint,omitempty"`
}

// End tells the firmware to stop in order.
type End struct{}

// Listener answers Listen. Where it listens, one descriptor of the socket comes with the
// message.
type Listener struct {
	// Address is where the socket listens, as in 127.0.0.1:5020.
	Address string `cbor:"1,keyasint,omitempty"`
	// Error says why there is no socket.
	Error string `cbor:"2,keyasint,omitempty"`
}

// Taken answers Take: the blocks come on their own stream.
type Taken struct {
	// First is the number of the first sample that comes: the one asked for, or the oldest
	// that is still kept.
	First int64 `cbor:"1,keyasint"`
	// BegunNanos is when the second 0 of the time axis was, on the system's clock
	// CLOCK_MONOTONIC, in ns.
	BegunNanos int64 `cbor:"2,keyasint"`
	// Error says why no samples come.
	Error string `cbor:"3,keyasint,omitempty"`
}

// Noted answers Serving.
type Noted struct {
	// Error says what the boot stage could not do with it.
	Error string `cbor:"1,keyasint,omitempty"`
}

// Listen asks for a listening socket, which the boot stage keeps open when the firmware
// ends. A socket of the service that is on another port gives way.
type Listen struct {
	// Service is the name of the port, as in modbus.
	Service string `cbor:"1,keyasint"`
	Host    string `cbor:"2,keyasint,omitempty"`
	// Port is the TCP port, 0 for any.
	Port uint16 `cbor:"3,keyasint,omitempty"`
	// Held asks for the socket that is there, whatever its port.
	Held bool `cbor:"4,keyasint,omitempty"`
}

// Take asks for the samples from a number on, once in the life of a firmware process.
type Take struct {
	// From is the number of the first sample that is wanted, counted from 0 since the source
	// began; -1 is the first that was never sent.
	From int64 `cbor:"1,keyasint"`
	// Most is how many samples a block may have.
	Most uint32 `cbor:"2,keyasint"`
}

// Serving tells that the meter serves.
type Serving struct {
	Model    string `cbor:"1,keyasint"`
	Serial   string `cbor:"2,keyasint"`
	Firmware string `cbor:"3,keyasint"`
	// Fingerprints are of the keys that clients should see, by service.
	Fingerprints map[string]string `cbor:"4,keyasint,omitempty"`
}

// Measuring comes about once a second.
type Measuring struct {
	// Next is the number of the first sample that is not counted yet, or not durably.
	Next int64 `cbor:"1,keyasint"`
}

// Restart tells that the firmware ends in order and wants to be started again.
type Restart struct {
	Reason string `cbor:"1,keyasint,omitempty"`
}

// Failed tells that the firmware ends, and that starting it again would not help.
type Failed struct {
	Text string `cbor:"1,keyasint"`
}

// Append adds the message to dst, as it is sent.
func (m *Message) Append(dst []byte) ([]byte, error) {
	text, err := frame(m)
	return append(dst, text...), err
}

// ParseMessage reads the message at the start of b and returns how long it is: 0 while it
// is not whole. After an error the stream cannot be followed any more.
func ParseMessage(b []byte) (m Message, n int, err error) {
	if n, err = framed(b, &m); err == nil {
		err = m.check()
	}
	return m, n, err
}

func (m *Message) check() error {
	if h := m.Hello; h != nil {
		if len(h.Source.Channels) > MaxChannels {
			return fmt.Errorf("boot protocol: a source of %d channels, at most %d", len(h.Source.Channels), MaxChannels)
		}
	}
	return nil
}

// WriteTo implements io.WriterTo.
func (m *Message) WriteTo(w io.Writer) (int64, error) {
	text, err := m.Append(nil)
	if err != nil {
		return 0, err
	}
	n, err := w.Write(text)
	return int64(n), err
}
