package ionp

import (
	"math"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

// valueOf is a register's value as the protocol has it. A count carries its number in
// the register's unit, too: an energy in whole Wh is shown in kWh.
func valueOf(v access.Value, unit string) ionp.Value {
	w := ionp.Value{Unit: unit, Available: v.Available}
	switch v.Kind {
	case access.KindNone:
		return ionp.Value{}
	case access.KindNumber:
		w.Kind, w.Number = ionp.ValueNumber, v.Number
	case access.KindCount:
		w.Kind, w.Number, w.Count = ionp.ValueCount, v.Number, v.Count
	case access.KindBoolean:
		w.Kind, w.Count = ionp.ValueBoolean, int64(v.Number)
	case access.KindEnum:
		w.Kind, w.Count, w.Text = ionp.ValueEnum, int64(v.Number), v.Text
	case access.KindText:
		w.Kind, w.Text = ionp.ValueText, v.Text
	case access.KindTime:
		w.Kind, w.Count = ionp.ValueTime, nanoseconds(v.Number)
	}
	if !v.Available || math.IsNaN(v.Number) || math.IsInf(v.Number, 0) {
		return ionp.NotAvailable(w.Kind, unit)
	}
	return w
}

// nanoseconds turns seconds into whole microseconds, which is what a float64 of today's
// time holds, in ns.
func nanoseconds(s float64) int64 {
	whole, part := math.Modf(s)
	if math.Abs(whole) > math.MaxInt64/1e9-1 {
		return 0
	}
	return int64(whole)*1e9 + int64(math.Round(part*1e6))*1e3
}

// written is a value that a client writes.
func written(w ionp.Value) access.Value {
	v := access.Value{Available: w.Available, Text: w.Text, Number: w.Number}
	switch w.Kind {
	case ionp.ValueNumber:
		v.Kind = access.KindNumber
	case ionp.ValueCount:
		v.Kind, v.Count, v.Number = access.KindCount, w.Count, float64(w.Count)
	case ionp.ValueBoolean:
		v.Kind, v.Number = access.KindBoolean, float64(w.Count)
	case ionp.ValueEnum:
		v.Kind, v.Number = access.KindEnum, float64(w.Count)
	case ionp.ValueText:
		v.Kind = access.KindText
	case ionp.ValueTime:
		v.Kind, v.Number = access.KindTime, float64(w.Count)/1e9
	}
	return v
}
