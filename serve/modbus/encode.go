package modbus

import (
	"encoding/binary"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/registermap"
)

// nanFloat32 is the NOT AVAILABLE pattern of floats: a quiet NaN.
const nanFloat32 = 0xFFC00000

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
	case registermap.FLOAT32, registermap.PF4Q:
		var x float64
		if x, encoded = realNumber(row, values); encoded {
			f := float32(x)
			if encoded = !math.IsInf(float64(f), 0); encoded {
				binary.BigEndian.PutUint32(dst, math.Float32bits(f))
			}
		}
	default:
		var n int64
		if n, encoded = integer(row, values); encoded {
			encoded = encodeInteger(dst, row.Type, n)
		}
	}
	if !encoded {
		notAvailable(dst, row.Type)
	}
}

// notAvailable writes the pattern of a type for a value that is not there.
func notAvailable(dst []byte, t registermap.Type) {
	clear(dst)
	switch t {
	case registermap.UTF8:
	case registermap.UINT16, registermap.UINT32, registermap.DATETIME:
		for i := range dst {
			dst[i] = 0xFF
		}
	case registermap.INT16, registermap.INT32, registermap.INT64, registermap.BITMAP:
		dst[0] = 0x80
	case registermap.FLOAT32, registermap.PF4Q:
		binary.BigEndian.PutUint32(dst, nanFloat32)
	}
}

// encodeInteger writes n unless the type has no room for it, or means NOT AVAILABLE
// by that pattern.
func encodeInteger(dst []byte, t registermap.Type, n int64) bool {
	switch t {
	case registermap.UINT16:
		if n < 0 || n >= math.MaxUint16 {
			return false
		}
		binary.BigEndian.PutUint16(dst, uint16(n))
	case registermap.INT16:
		if n <= math.MinInt16 || n > math.MaxInt16 {
			return false
		}
		binary.BigEndian.PutUint16(dst, uint16(n))
	case registermap.UINT32:
		if n < 0 || n >= math.MaxUint32 {
			return false
		}
		binary.BigEndian.PutUint32(dst, uint32(n))
	case registermap.INT32:
		if n <= math.MinInt32 || n > math.MaxInt32 {
			return false
		}
		binary.BigEndian.PutUint32(dst, uint32(n))
	case registermap.INT64:
		if n == math.MinInt64 {
			return false
		}
		binary.BigEndian.PutUint64(dst, uint64(n))
	default:
		return false
	}
	return true
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
		x = fourQuadrant(values[0].Number, values[1].Number, values[2].Number)
	}
	x *= row.Scale
	return x, !math.IsNaN(x)
}

// fourQuadrant packs a power factor with direction and lead or lag into one number:
// lagging pf itself, leading 2 − pf, both with the sign of the active power.
func fourQuadrant(pf, activePower, reactivePower float64) float64 {
	r := math.Abs(pf)
	if activePower*reactivePower < 0 {
		r = 2 - r
	}
	if activePower < 0 {
		r = -r
	}
	return r
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
	text := values[0].Text
	if len(text) > len(dst) {
		// Cut between characters, so that the rest is still UTF-8.
		n := len(dst)
		for n > 0 && !utf8.RuneStart(text[n]) {
			n--
		}
		text = text[:n]
	}
	clear(dst[copy(dst, text):])
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
	// The topmost bit says NOT AVAILABLE.
	room := min(8*len(dst)-1, 63)
	if !(bits >= 0 && bits < math.Ldexp(1, room)) {
		return false
	}
	n := uint64(bits)
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = byte(n)
		n >>= 8
	}
	return true
}

// encodeDateTime writes four registers after IEC 870-5-4: year − 2000; month and
// day; hour and minute; milliseconds within the minute. The weekday is left out,
// which the format writes as 0.
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
	t := time.UnixMilli(int64(math.Floor(seconds*1000 + 1e-3))).UTC()
	year := t.Year() - 2000
	if year < 0 || year > 127 {
		return false
	}
	binary.BigEndian.PutUint16(dst, uint16(year))
	binary.BigEndian.PutUint16(dst[2:], uint16(int(t.Month())<<8|t.Day()))
	binary.BigEndian.PutUint16(dst[4:], uint16(t.Hour()<<8|t.Minute()))
	binary.BigEndian.PutUint16(dst[6:], uint16(t.Second()*1000+t.Nanosecond()/1e6))
	return true
}
