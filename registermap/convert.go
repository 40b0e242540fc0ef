package registermap

import (
	"encoding/binary"
	"math"
	"time"
	"unicode/utf8"
)

// This file is how values stand in registers, for whoever serves them and for whoever reads
// them elsewhere. All bytes are big-endian with the high register first; ReverseWords is for
// devices that have the low register first. What a type has no room for is not encoded: the
// caller writes NOT AVAILABLE, and never a 0.

// nanFloat32 and nanFloat64 are the NOT AVAILABLE patterns of floats: quiet NaNs.
const (
	nanFloat32 = 0xFFC00000
	nanFloat64 = 0xFFF8000000000000
)

// m10k is what a register of M10K counts to.
const m10k = 10_000

// Registers is the length of the type, 0 where its row says.
func (t Type) Registers() int { return typeRegisters[t] }

// Known reports whether there is such a type.
func (t Type) Known() bool {
	_, known := typeRegisters[t]
	return known
}

// Bounds are the least and the greatest number that the type has beside its NOT AVAILABLE
// pattern; ok is false for what holds no numbers.
func (t Type) Bounds() (low, high float64, ok bool) {
	switch t {
	case UINT16:
		return 0, math.MaxUint16 - 1, true
	case INT16:
		return -math.MaxInt16, math.MaxInt16, true
	case UINT32:
		return 0, math.MaxUint32 - 1, true
	case INT32:
		return -math.MaxInt32, math.MaxInt32, true
	case INT64:
		return -(1 << 63) + 1024, 1<<63 - 1024, true // the floats within
	case UM10K:
		return 0, (math.MaxUint16-1)*m10k + m10k - 1, true
	case M10K:
		return -(math.MaxInt16*m10k + m10k - 1), math.MaxInt16*m10k + m10k - 1, true
	case FLOAT32:
		return -math.MaxFloat32, math.MaxFloat32, true
	case FLOAT64:
		return -math.MaxFloat64, math.MaxFloat64, true
	case PF4Q:
		return -2, 2, true
	}
	return 0, 0, false
}

// Whole reports whether the type holds whole numbers only.
func (t Type) Whole() bool {
	switch t {
	case UINT16, INT16, UINT32, INT32, INT64, UM10K, M10K, BITMAP:
		return true
	}
	return false
}

// PutNotAvailable writes the pattern of a value that is not there.
func (t Type) PutNotAvailable(dst []byte) {
	clear(dst)
	switch t {
	case UTF8:
	case UINT16, UINT32, UM10K, DATETIME:
		for i := range dst {
			dst[i] = 0xFF
		}
	case INT16, INT32, INT64, BITMAP:
		dst[0] = 0x80
	case M10K: // no half of a number is so low
		dst[0], dst[2] = 0x80, 0x80
	case FLOAT32, PF4Q:
		binary.BigEndian.PutUint32(dst, nanFloat32)
	case FLOAT64:
		binary.BigEndian.PutUint64(dst, nanFloat64)
	}
}

// PutInteger writes n, unless the type has no room for it or means NOT AVAILABLE by that
// pattern.
func (t Type) PutInteger(dst []byte, n int64) bool {
	switch t {
	case UINT16:
		if n < 0 || n >= math.MaxUint16 {
			return false
		}
		binary.BigEndian.PutUint16(dst, uint16(n))
	case INT16:
		if n <= math.MinInt16 || n > math.MaxInt16 {
			return false
		}
		binary.BigEndian.PutUint16(dst, uint16(n))
	case UINT32:
		if n < 0 || n >= math.MaxUint32 {
			return false
		}
		binary.BigEndian.PutUint32(dst, uint32(n))
	case INT32:
		if n <= math.MinInt32 || n > math.MaxInt32 {
			return false
		}
		binary.BigEndian.PutUint32(dst, uint32(n))
	case INT64:
		if n == math.MinInt64 {
			return false
		}
		binary.BigEndian.PutUint64(dst, uint64(n))
	case UM10K, M10K:
		low, high, _ := t.Bounds()
		if n < int64(low) || n > int64(high) {
			return false
		}
		binary.BigEndian.PutUint16(dst, uint16(n/m10k)) // both halves have the sign
		binary.BigEndian.PutUint16(dst[2:], uint16(n%m10k))
	case BITMAP:
		room := min(8*len(dst)-1, 63) // the topmost bit says NOT AVAILABLE
		if n < 0 || n>>room != 0 {
			return false
		}
		for i := len(dst) - 1; i >= 0; i-- {
			dst[i] = byte(n)
			n >>= 8
		}
	default:
		return false
	}
	return true
}

// PutNumber writes x, rounded to a whole number where the type holds no others.
func (t Type) PutNumber(dst []byte, x float64) bool {
	switch t {
	case FLOAT32, PF4Q:
		f := float32(x)
		if math.IsNaN(x) || math.IsInf(float64(f), 0) {
			return false
		}
		binary.BigEndian.PutUint32(dst, math.Float32bits(f))
		return true
	case FLOAT64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return false
		}
		binary.BigEndian.PutUint64(dst, math.Float64bits(x))
		return true
	}
	x = math.Round(x)
	if !(x >= -(1<<63) && x < 1<<63) {
		return false
	}
	return t.PutInteger(dst, int64(x))
}

// Integer reads a whole number; ok is false for a NOT AVAILABLE pattern, for halves that no
// M10K has, and for types that hold none.
func (t Type) Integer(src []byte) (n int64, ok bool) {
	switch t {
	case UINT16:
		u := binary.BigEndian.Uint16(src)
		return int64(u), u != math.MaxUint16
	case INT16:
		n = int64(int16(binary.BigEndian.Uint16(src)))
		return n, n != math.MinInt16
	case UINT32:
		u := binary.BigEndian.Uint32(src)
		return int64(u), u != math.MaxUint32
	case INT32:
		n = int64(int32(binary.BigEndian.Uint32(src)))
		return n, n != math.MinInt32
	case INT64:
		n = int64(binary.BigEndian.Uint64(src))
		return n, n != math.MinInt64
	case UM10K:
		high, low := int64(binary.BigEndian.Uint16(src)), int64(binary.BigEndian.Uint16(src[2:]))
		return high*m10k + low, high < math.MaxUint16 && low < m10k
	case M10K:
		high, low := int64(int16(binary.BigEndian.Uint16(src))), int64(int16(binary.BigEndian.Uint16(src[2:])))
		oneSign := high == 0 || low == 0 || (high < 0) == (low < 0)
		return high*m10k + low, high > math.MinInt16 && -m10k < low && low < m10k && oneSign
	case BITMAP:
		if len(src) > 8 || src[0]&0x80 != 0 {
			return 0, false
		}
		for _, b := range src {
			n = n<<8 | int64(b)
		}
		return n, true
	}
	return 0, false
}

// Number reads a number; ok is false where there is none.
func (t Type) Number(src []byte) (x float64, ok bool) {
	switch t {
	case FLOAT32, PF4Q:
		x = float64(math.Float32frombits(binary.BigEndian.Uint32(src)))
	case FLOAT64:
		x = math.Float64frombits(binary.BigEndian.Uint64(src))
	case DATETIME:
		at, ok := DateTime(src)
		return float64(at.UnixMilli()) / 1e3, ok
	default:
		n, ok := t.Integer(src)
		return float64(n), ok
	}
	ok = !math.IsNaN(x) && !math.IsInf(x, 0) && (t != PF4Q || math.Abs(x) <= 2)
	return x, ok
}

// PackPowerFactor packs a power factor with direction and lead or lag into the number of a
// PF4Q: lagging pf itself, leading 2 − pf, both with the sign of the active power.
func PackPowerFactor(pf float64, received, leading bool) float64 {
	r := math.Abs(pf)
	if leading {
		r = 2 - r
	}
	if received {
		r = -r
	}
	return r
}

// UnpackPowerFactor takes the number of a PF4Q apart: pf has the sign of the active power.
func UnpackPowerFactor(r float64) (pf float64, leading bool) {
	switch {
	case r > 1:
		return 2 - r, true
	case r < -1:
		return -2 - r, true
	}
	return r, false
}

// PutText writes a text padded with zero bytes, cut between characters where it is too long.
func PutText(dst []byte, text string) {
	if len(text) > len(dst) {
		n := len(dst)
		for n > 0 && !utf8.RuneStart(text[n]) {
			n--
		}
		text = text[:n]
	}
	clear(dst[copy(dst, text):])
}

// Text reads a text up to its padding; ok is false where it is empty, or no UTF-8.
func Text(src []byte) (text string, ok bool) {
	n := len(src)
	for n > 0 && src[n-1] == 0 {
		n--
	}
	return string(src[:n]), n > 0 && utf8.Valid(src[:n])
}

// PutDateTime writes four registers after IEC 870-5-4: year − 2000; month and day; hour and
// minute; milliseconds within the minute. The weekday is left out, which the format writes
// as 0. It holds the years 2000 to 2127.
func PutDateTime(dst []byte, t time.Time) bool {
	t = t.UTC()
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

// DateTime reads an instant, as UTC. ok is false for NOT AVAILABLE, for a time that says it
// is not valid, and for a date that the calendar does not have.
func DateTime(src []byte) (t time.Time, ok bool) {
	year, date, clock, ms := binary.BigEndian.Uint16(src), binary.BigEndian.Uint16(src[2:]), binary.BigEndian.Uint16(src[4:]), binary.BigEndian.Uint16(src[6:])
	const notValid = 0x80
	month, day, hour, minute := int(date>>8&0xF), int(date&0x1F), int(clock>>8&0x1F), int(clock&0x3F)
	if year > 127 || clock&notValid != 0 || hour > 23 || minute > 59 || ms > 59_999 {
		return time.Time{}, false
	}
	t = time.Date(2000+int(year), time.Month(month), day, hour, minute, 0, int(ms)*1e6, time.UTC)
	return t, t.Day() == day && int(t.Month()) == month
}

// ReverseWords turns registers with the low one first into registers with the high one first,
// and back.
func ReverseWords(b []byte) {
	for i, j := 0, len(b)-2; i < j; i, j = i+2, j-2 {
		b[i], b[i+1], b[j], b[j+1] = b[j], b[j+1], b[i], b[i+1]
	}
}
