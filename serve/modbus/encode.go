package modbus

import (
	"math"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/registermap"
)

// encode writes the value of a row into dst, which is as long as the row's
// registers. values are the row's sources. A pulse reads 0. What has no value, or none
// that the type can carry, gets the type's NOT AVAILABLE pattern and never a 0.
func encode(dst []byte, row *registermap.Row, values []access.Value) {
	if row.Write == registermap.WritePulse {
		clear(dst) // there is nothing to read of a pulse, and nothing that is missing
		return
	}
	encoded := false
	switch row.Type {
	case registermap.UTF8:
		encoded = encodeText(dst, values)
	case registermap.DATETIME:
		encoded = encodeDateTime(dst, values)
	case registermap.BITMAP:
		encoded = encodeBitmap(dst, row.Form, values)
	case registermap.FLOAT32, registermap.FLOAT64, registermap.PF4Q:
		var x float64
		if x, encoded = realNumber(row, values); encoded {
			encoded = row.Type.PutNumber(dst, x)
		}
	default:
		var n int64
		if n, encoded = integer(row, values); encoded {
			encoded = row.Type.PutInteger(dst, n)
		}
	}
	if !encoded {
		row.Type.PutNotAvailable(dst)
	}
}

// integer is the value of a row as a whole number: exact where all sources are
// counts, rounded otherwise. An INT64 is an energy in whole Wh, which only a count
// has: the number of the same register is in kWh.
func integer(row *registermap.Row, values []access.Value) (int64, bool) {
	if len(row.Enum) > 0 {
		return enumIndex(row, values)
	}
	if allCounts(values) && row.Form == registermap.Sum && row.Scale == 1 {
		return sumOfCounts(row, values)
	}
	if row.Type == registermap.INT64 {
		return 0, false
	}
	x, ok := realNumber(row, values)
	if !ok {
		return 0, false
	}
	if values[0].Kind == access.KindTime {
		x = math.Floor(x) // a clock never shows a second that is still to come
	} else {
		x = math.Round(x)
	}
	if x < -(1<<63) || x >= 1<<63 {
		return 0, false
	}
	return int64(x), true
}

func sumOfCounts(row *registermap.Row, values []access.Value) (int64, bool) {
	var sum int64
	for i, v := range values {
		n := v.Count
		if row.Sources[i].Negative {
			if n == math.MinInt64 {
				return 0, false
			}
			n = -n
		}
		if (n > 0 && sum > math.MaxInt64-n) || (n < 0 && sum < math.MinInt64-n) {
			return 0, false
		}
		sum += n
	}
	return sum, true
}

func allCounts(values []access.Value) bool {
	for _, v := range values {
		if v.Kind != access.KindCount || !v.Available {
			return false
		}
	}
	return len(values) > 0
}

// enumIndex is the index that the map gives to the register's label: the map's
// order is the wire's, whatever the meter's own order may be.
func enumIndex(row *registermap.Row, values []access.Value) (int64, bool) {
	if len(values) != 1 || !values[0].Available || values[0].Kind != access.KindEnum {
		return 0, false
	}
	for i, name := range row.Enum {
		if strings.EqualFold(name, values[0].Text) {
			return int64(i), true
		}
	}
	return 0, false
}

// realNumber is the value of a row in the row's unit.
func realNumber(row *registermap.Row, values []access.Value) (float64, bool) {
	if len(values) == 0 {
		return 0, false
	}
	for _, v := range values {
		if !v.Available || math.IsNaN(v.Number) {
			return 0, false
		}
		switch v.Kind {
		case access.KindNone, access.KindText:
			return 0, false
		}
	}
	var x float64
	switch row.Form {
	case registermap.Sum:
		for i, v := range values {
			if row.Sources[i].Negative {
				x -= v.Number
			} else {
				x += v.Number
			}
		}
	case registermap.Deviation:
		mean := values[1].Number
		if mean == 0 {
			return 0, false
		}
		x = 100 * math.Abs(values[0].Number-mean) / mean
	case registermap.FourQuadrant:
		activePower, reactivePower := values[1].Number, values[2].Number
		x = registermap.PackPowerFactor(values[0].Number, activePower < 0, activePower*reactivePower < 0)
	}
	x *= row.Scale
	return x, !math.IsNaN(x)
}

func encodeText(dst []byte, values []access.Value) bool {
	if len(values) != 1 || !values[0].Available {
		return false
	}
	switch values[0].Kind {
	case access.KindText, access.KindEnum:
	default:
		return false
	}
	registermap.PutText(dst, values[0].Text)
	return true
}

// bitmap is the number that a bitmap shows: what its only source holds, or a bit for each
// of its sources. It has no value while no source has one.
func bitmap(form registermap.Form, values []access.Value) (bits float64, ok bool) {
	switch form {
	case registermap.Bits, registermap.Validity:
		for i, v := range values {
			if v.Available && (form == registermap.Validity || v.Number != 0) {
				bits += math.Ldexp(1, i)
			}
			ok = ok || v.Available
		}
		return bits, ok
	}
	if len(values) != 1 || !values[0].Available {
		return 0, false
	}
	switch values[0].Kind {
	case access.KindNumber, access.KindBoolean, access.KindEnum, access.KindCount:
		return values[0].Number, true
	}
	return 0, false
}

func encodeBitmap(dst []byte, form registermap.Form, values []access.Value) bool {
	bits, ok := bitmap(form, values)
	if !ok {
		return false
	}
	if !(bits >= 0 && bits < 1<<63) {
		return false
	}
	return registermap.BITMAP.PutInteger(dst, int64(bits))
}

// encodeDateTime writes an instant.
func encodeDateTime(dst []byte, values []access.Value) bool {
	if len(values) != 1 || !values[0].Available || values[0].Kind != access.KindTime {
		return false
	}
	seconds := values[0].Number
	if !(seconds >= 0 && seconds < 1<<33) {
		return false
	}
	// Floor to the millisecond: a clock never shows a time that is still to come. A
	// microsecond is added first, since the float may sit just below the millisecond.
	return registermap.PutDateTime(dst, time.UnixMilli(int64(math.Floor(seconds*1000+1e-3))))
}
