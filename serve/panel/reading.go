package panel

import (
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// reading is what a picture is drawn from: registers of one moment, and what else a screen
// may ask for.
type reading struct {
	at time.Time // UTC; zero where it is not known
	format
	// value returns a register by its label; one that is not there is NOT AVAILABLE.
	value func(label string) access.Value
	// refused is why nothing can be read; nil where all can.
	refused error

	info         func() (access.Info, error)
	certificates func() ([]access.CertificateInfo, error)
	// events returns up to n events, the newest first, after so many that are newer, and
	// how many there are.
	events func(newer, n int) (list []access.Event, kept int, err error)
}

// nothing is a reading of a meter that cannot be read.
func nothing(err error) *reading {
	return &reading{refused: err, value: func(string) access.Value { return access.Value{} }}
}

// formatOf reads the Display Options; what is not there is as the factory has it.
func formatOf(value func(label string) access.Value) format {
	f := format{volts: 1, current: 2, power: 2, group: "1000.0", date: "YYYY/MM/DD"}
	digits := func(label string, into *int) {
		if v := value("Display Options/" + label); v.Available {
			*into = min(max(int(v.Number), 0), 3)
		}
	}
	digits("Volts Digits", &f.volts)
	digits("Current Digits", &f.current)
	digits("Power Digits", &f.power)
	if v := value("Display Options/Digit Group"); v.Available {
		f.group = v.Text
	}
	if v := value("Display Options/Date Format"); v.Available {
		f.date = v.Text
	}
	local, universal := value("Clock/Local Time"), value("Clock/Universal Time")
	if local.Available && universal.Available {
		f.local = time.Duration((local.Number - universal.Number) * float64(time.Second)).Round(time.Second)
	}
	return f
}

// readings makes the reading of the present moment through a session.
func readings(s *access.Session) *reading {
	view, err := s.Registers(access.Readings)
	if err != nil {
		return nothing(err)
	}
	snapshot, err := view.Snapshot()
	if err != nil || snapshot == nil {
		return nothing(err)
	}
	r := &reading{at: snapshot.Time(), info: s.Info, certificates: s.Certificates}
	layout := snapshot.Layout()
	r.value = func(label string) access.Value {
		v := snapshot.Value(view.Find(label))
		// A point is of the present layout, which may be another one already.
		if newest, err := view.Snapshot(); err != nil || newest.Layout() != layout {
			return access.Value{}
		}
		return v
	}
	r.events = func(newer, n int) ([]access.Event, int, error) { return newestEvents(s, newer, n) }
	r.format = formatOf(r.value)
	return r
}

// newestEvents returns up to n events of the log, the newest first, after so many newer.
func newestEvents(s *access.Session, newer, n int) ([]access.Event, int, error) {
	log, err := s.Events(0, 1)
	if err != nil {
		return nil, 0, err
	}
	kept := int(log.Next - log.First)
	newer = min(max(newer, 0), max(0, kept-1))
	n = min(n, kept-newer)
	if n <= 0 {
		return nil, kept, nil
	}
	log, err = s.Events(log.Next-uint64(newer)-uint64(n), n)
	if err != nil {
		return nil, kept, err
	}
	list := log.Events
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	return list, kept, nil
}
