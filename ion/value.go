package ion

import (
	"strconv"
	"time"
)

// Class says what a register holds, and with that which links are possible.
type Class uint8

// The register classes.
const (
	NoClass        Class = iota
	Boolean              // ON or OFF
	Numeric              // a real number
	NumericBounded       // a number between bounds; setup registers
	Enumerated           // one of a list; setup registers
	Pulse                // a momentary event; the register keeps only when it last was
	String               // text
	EventRecord          // the latest event of a module
	TimeStamp            // an instant, UTC
	Samples              // one sampled input; Number is its waveform.Role
	Log                  // a list of records; Number is how many there are
)

var classNames = [...]string{"none", "Boolean", "numeric", "numeric bounded", "enumerated", "pulse", "string", "event", "time", "samples", "log"}

func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return "class " + strconv.Itoa(int(c))
}

// Value is what a register holds at one moment. The zero Value of a class is NOT
// AVAILABLE.
type Value struct {
	Class     Class
	Available bool
	// Exact tells that Count holds the exact value in whole base units.
	Exact bool
	// Number is the number; 0 or 1 of a Boolean; the index of an enumeration;
	// seconds since 1970 of a TimeStamp. It is never NaN or infinite.
	Number float64
	// Count is the exact whole number of base units (for an energy register in kWh:
	// Wh), truncated toward zero.
	Count int64
	// Text is the text of a String, the label of an enumeration, the words of an
	// event.
	Text string
	// StampNs is when the value was formed, in nanoseconds since 1970 UTC; of an
	// extreme, when it occurred; of a pulse, when it last came.
	StampNs int64
}

// Time returns the time stamp in UTC, the zero time if there is none.
func (v Value) Time() time.Time {
	if v.StampNs == 0 {
		return time.Time{}
	}
	return time.Unix(0, v.StampNs).UTC()
}

// IsTrue reports whether v is an available Boolean that is ON.
func (v Value) IsTrue() bool { return v.Available && v.Number != 0 }

// String returns the value as text, as setup registers are stored and events quote
// them; "N/A" if it is not available.
func (v Value) String() string {
	if !v.Available {
		return "N/A"
	}
	switch v.Class {
	case Boolean:
		if v.Number != 0 {
			return "ON"
		}
		return "OFF"
	case Enumerated, String, EventRecord:
		return v.Text
	case Pulse:
		return v.Time().Format(time.RFC3339Nano)
	case TimeStamp:
		return time.Unix(int64(v.Number), 0).UTC().Format(time.RFC3339)
	}
	return strconv.FormatFloat(v.Number, 'g', -1, 64)
}
