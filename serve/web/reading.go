package web

import (
	"strconv"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// shownReading is the place on a page of one register's value.
type shownReading struct {
	// Label is "Module label/Register label".
	Label string
	Unit  string
	// Text is the value as it is shown; empty for NOT AVAILABLE.
	Text string
}

// readings are those of a page, by label.
type readings struct {
	list  []shownReading
	index map[string]int
	// Time is the civil time of the values.
	Time time.Time
}

// Get returns the reading of a label that the page has asked for.
func (r *readings) Get(label string) shownReading {
	if i, ok := r.index[label]; ok {
		return r.list[i]
	}
	return shownReading{Label: label}
}

// scale is how a page writes a register: its unit, and how many decimals it has.
type scale struct {
	unit     string
	decimals int
}

// read takes the values of labels from the newest snapshot.
func read(l *looker, labels []string, scales func(label string) scale) (*readings, error) {
	view, snapshot, err := l.snapshot()
	if err != nil {
		return nil, err
	}
	r := &readings{index: make(map[string]int, len(labels)), Time: snapshot.Time()}
	for _, label := range labels {
		scale := scales(label)
		r.index[label] = len(r.list)
		r.list = append(r.list, shownReading{Label: label, Unit: scale.unit, Text: valueText(snapshot.Value(view.Find(label)), scale.decimals)})
	}
	return r, nil
}

// valueText is a value as pages write it, always with the same decimals, so that digits do
// not jump; empty for NOT AVAILABLE.
func valueText(v access.Value, decimals int) string {
	if !v.Available {
		return ""
	}
	switch v.Kind {
	case access.KindNumber, access.KindCount:
		return strconv.FormatFloat(v.Number, 'f', decimals, 64)
	case access.KindBoolean:
		if v.Number != 0 {
			return "ON"
		}
		return "OFF"
	case access.KindTime:
		return stamp(time.Unix(0, int64(v.Number*1e9)))
	}
	return v.Text
}

// scaleOf has as many decimals as the unit has on an instrument; a plain number is a
// factor or a ratio.
func scaleOf(unit string) scale {
	switch unit {
	case "V", "%", "s":
		return scale{unit, 2}
	case "°", "°C", "min":
		return scale{unit, 1}
	case "kB":
		return scale{unit, 0}
	case "":
		return scale{unit, 4}
	}
	return scale{unit, 3} // A, Hz, kW, kWh and their kin
}

// scales tells how registers are written from the descriptions of their modules, each of
// which it asks for once.
func scales(s *access.Session) func(label string) scale {
	known := map[string]map[string]scale{}
	return func(label string) scale {
		module, register, _ := strings.Cut(label, "/")
		of, ok := known[module]
		if !ok {
			of = map[string]scale{}
			if d, err := s.Describe(module); err == nil { // a module that is not there has no units
				for _, o := range d.Outputs {
					of[o.Name] = scaleOf(o.Unit)
				}
			}
			known[module] = of
		}
		return of[register]
	}
}

// readNow reads once.
func readNow(s *access.Session, labels []string, scales func(string) scale) (*readings, error) {
	return read(&looker{session: s}, labels, scales)
}
