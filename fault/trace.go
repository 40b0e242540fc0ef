package fault

import (
	"encoding/hex"
	"encoding/json"
	"io"
	"time"
)

// Event is one thing that has come to a proxy: a frame, or a new connection that a fault
// struck.
type Event struct {
	Time       time.Time
	Connection uint64 // from 1
	From       Place
	Frame      Frame // with Bytes that are valid during the call
	// Struck says that Rule has struck.
	Struck bool
	Rule   Rule
	// Sent are the pieces that are sent on instead of the frame, Answer what its sender is
	// told instead.
	Sent   [][]byte
	Answer []byte
}

// line is an Event as one line of JSON.
type line struct {
	Time       string   `json:"time"`
	Connection uint64   `json:"connection"`
	Direction  string   `json:"direction"`
	Frame      string   `json:"frame,omitempty"`
	Length     int      `json:"length,omitempty"`
	Decoded    *decoded `json:"decoded,omitempty"`
	Fault      string   `json:"fault,omitempty"`
	Line       int      `json:"line,omitempty"`
	Sent       []string `json:"sent,omitempty"`
	Answer     string   `json:"answer,omitempty"`
}

type decoded struct {
	Unit        byte    `json:"unit"`
	Transaction *uint16 `json:"transaction,omitempty"`
	Function    byte    `json:"function"`
	Exception   byte    `json:"exception,omitempty"`
}

// Trace returns what writes events as JSON, a line each. What goes wrong with w is
// reported to failed, once.
func Trace(w io.Writer, framing Framing, failed func(error)) func(Event) {
	encoder := json.NewEncoder(w)
	broken := false
	return func(e Event) {
		if broken {
			return
		}
		l := line{
			Time: e.Time.UTC().Format("2006-01-02T15:04:05.000000Z"), Connection: e.Connection,
			Direction: map[Place]string{Requests: "request", Replies: "reply", Connections: "connection"}[e.From],
			Frame:     hex.EncodeToString(e.Frame.Bytes), Length: len(e.Frame.Bytes),
		}
		if e.Frame.Whole {
			l.Decoded = &decoded{Unit: e.Frame.Unit, Function: e.Frame.Function, Exception: e.Frame.Exception}
			if framing == TCP {
				transaction := e.Frame.Transaction
				l.Decoded.Transaction = &transaction
			}
		}
		if e.Struck {
			l.Fault, l.Line, l.Answer = e.Rule.Fault, e.Rule.Line, hex.EncodeToString(e.Answer)
			for _, piece := range e.Sent {
				l.Sent = append(l.Sent, hex.EncodeToString(piece))
			}
		}
		if err := encoder.Encode(l); err != nil {
			broken = true
			failed(err)
		}
	}
}
