package ionp

import (
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// direct is a message or body that is read and written too often to go through
// reflection. It gives the very bytes that the general codec gives, and takes only the
// plain form: known keys in ascending order. Everything else, errors included, is left
// to the general codec, which alone decides what is accepted; FuzzDirect holds both
// together.
type direct interface {
	// appendTo returns false for what only the general codec can judge.
	appendTo(dst []byte) ([]byte, bool)
	// readFrom changes nothing where it returns false.
	readFrom(b []byte) bool
}

// The major types of CBOR (RFC 8949 section 3.1).
const (
	majorUint     = 0
	majorNegative = 1
	majorBytes    = 2
	majorText     = 3
	majorList     = 4
	majorMap      = 5
	majorSimple   = 7
)

// Initial bytes of major type 7 (RFC 8949 section 3.3).
const (
	simpleFalse   = 0xf4
	simpleTrue    = 0xf5
	simpleFloat16 = 0xf9
	simpleFloat32 = 0xfa
	simpleFloat64 = 0xfb
)

func appendHead(dst []byte, major byte, n uint64) []byte {
	major <<= 5
	switch {
	case n < 24:
		return append(dst, major|byte(n))
	case n <= math.MaxUint8:
		return append(dst, major|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, major|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, major|27), n)
}

func appendInt(dst []byte, n int64) []byte {
	if n < 0 {
		return appendHead(dst, majorNegative, uint64(^n))
	}
	return appendHead(dst, majorUint, uint64(n))
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, simpleTrue)
	}
	return append(dst, simpleFalse)
}

func appendText[T ~string](dst []byte, s T) []byte {
	return append(appendHead(dst, majorText, uint64(len(s))), s...)
}

// appendFloat appends the shortest float that is the same number (RFC 8949 section
// 4.1). NaN and infinity have no place here.
func appendFloat(dst []byte, f float64) []byte {
	single := float32(f)
	if float64(single) != f {
		return binary.BigEndian.AppendUint64(append(dst, simpleFloat64), math.Float64bits(f))
	}
	if half, exact := halfOf(single); exact {
		return binary.BigEndian.AppendUint16(append(dst, simpleFloat16), half)
	}
	return binary.BigEndian.AppendUint32(append(dst, simpleFloat32), math.Float32bits(single))
}

// halfOf returns the float of 16 bits that is the same number, if there is one.
func halfOf(f float32) (uint16, bool) {
	bits := math.Float32bits(f)
	sign := uint16(bits>>16) & 0x8000
	exponent := int(bits>>23&0xff) - 127
	fraction := bits & 0x7fffff
	switch {
	case bits<<1 == 0:
		return sign, true
	case exponent >= -14 && exponent <= 15:
		return sign | uint16(exponent+15)<<10 | uint16(fraction>>13), fraction&0x1fff == 0
	case exponent >= -24 && exponent < -14: // no implied bit
		whole, shift := fraction|0x800000, -1-exponent
		return sign | uint16(whole>>shift), whole&(1<<shift-1) == 0
	}
	return 0, false
}

// fieldCount counts the fields that are there.
func fieldCount(there ...bool) uint64 {
	n := uint64(0)
	for _, t := range there {
		if t {
			n++
		}
	}
	return n
}

// cursor reads CBOR from its start. What it cannot read sets failed, and from then on
// everything is 0.
type cursor struct {
	b      []byte
	at     int
	failed bool
}

func (c *cursor) fail() {
	c.failed = true
	c.at = len(c.b)
}

// ended reports whether all was read and nothing failed.
func (c *cursor) ended() bool { return !c.failed && c.at == len(c.b) }

// peek returns the next byte.
func (c *cursor) peek() byte {
	if c.at >= len(c.b) {
		c.fail()
		return 0xff // stands at the start of no item
	}
	return c.b[c.at]
}

func (c *cursor) head() (major byte, n uint64) {
	if c.at < len(c.b) && c.b[c.at]&31 < 24 {
		first := c.b[c.at]
		c.at++
		return first >> 5, uint64(first & 31)
	}
	return c.longHead()
}

// longHead reads a head whose argument stands in 1, 2, 4 or 8 bytes of its own.
func (c *cursor) longHead() (major byte, n uint64) {
	first := c.peek()
	if first&31 > 27 {
		c.fail()
		return 0, 0
	}
	c.at++
	for _, b := range c.take(1 << (first&31 - 24)) {
		n = n<<8 | uint64(b)
	}
	return first >> 5, n
}

// expect reads the head of an item of one major type.
func (c *cursor) expect(major byte) uint64 {
	if c.at < len(c.b) && c.b[c.at]>>5 == major && c.b[c.at]&31 < 24 {
		c.at++
		return uint64(c.b[c.at-1] & 31)
	}
	got, n := c.longHead()
	if got != major {
		c.fail()
		return 0
	}
	return n
}

// count reads the head of a list or map. No item is shorter than a byte, so what cannot
// be there is not waited for.
func (c *cursor) count(major byte, most int) int {
	n := c.expect(major)
	if n > uint64(most) || n > uint64(len(c.b)-c.at) {
		c.fail()
		return 0
	}
	return int(n)
}

func (c *cursor) pairs() int { return c.count(majorMap, MaxPairs) }
func (c *cursor) items() int { return c.count(majorList, MaxItems) }

// key reads a key; it must be greater than the one before.
func (c *cursor) key(before int) int {
	n := c.expect(majorUint)
	if n > math.MaxInt8 || int(n) <= before {
		c.fail()
		return 0
	}
	return int(n)
}

func (c *cursor) uint(most uint64) uint64 {
	n := c.expect(majorUint)
	if n > most {
		c.fail()
		return 0
	}
	return n
}

func (c *cursor) int() int64 {
	major, n := c.head()
	if n > math.MaxInt64 || major > majorNegative {
		c.fail()
		return 0
	}
	if major == majorNegative {
		return ^int64(n)
	}
	return int64(n)
}

func (c *cursor) bool() bool {
	first := c.peek()
	if first != simpleFalse && first != simpleTrue {
		c.fail()
		return false
	}
	c.at++
	return first == simpleTrue
}

func (c *cursor) take(n uint64) []byte {
	if n > uint64(len(c.b)-c.at) {
		c.fail()
		return nil
	}
	c.at += int(n)
	return c.b[c.at-int(n) : c.at]
}

func (c *cursor) bytes() []byte {
	return append([]byte{}, c.take(c.expect(majorBytes))...)
}

func (c *cursor) text() string {
	b := c.take(c.expect(majorText))
	if !utf8.Valid(b) {
		c.fail()
		return ""
	}
	return string(b)
}

func (c *cursor) float() float64 {
	first := c.peek()
	_, n := c.head()
	var f float64
	switch first {
	case simpleFloat16:
		f = ofHalf(uint16(n))
	case simpleFloat32:
		f = float64(math.Float32frombits(uint32(n)))
	case simpleFloat64:
		f = math.Float64frombits(n)
	default:
		c.fail()
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		c.fail()
		return 0
	}
	return f
}

// ofHalf returns the number of a float of 16 bits.
func ofHalf(h uint16) float64 {
	sign, exponent, fraction := uint32(h&0x8000)<<16, uint32(h>>10&31), uint32(h&0x3ff)
	switch exponent {
	case 0: // no implied bit
		return math.Copysign(float64(fraction)/(1<<24), float64(int32(sign|1)))
	case 31: // infinity or NaN
		return float64(math.Float32frombits(sign | 0xff<<23 | fraction<<13))
	}
	return float64(math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13))
}

// item returns the bytes of one item, whatever it is, at a depth of maps and lists.
func (c *cursor) item(depth int) []byte {
	start := c.at
	c.skip(depth)
	return c.b[start:c.at]
}

func (c *cursor) skip(depth int) {
	switch first := c.peek(); first >> 5 {
	case majorUint, majorNegative:
		c.head()
	case majorBytes, majorText:
		_, n := c.head()
		c.take(n)
	case majorList, majorMap:
		n := 0
		if first>>5 == majorList {
			n = c.items()
		} else {
			n = 2 * c.pairs()
		}
		if depth++; depth > MaxNesting {
			c.fail()
			return
		}
		for range n {
			c.skip(depth)
		}
	case majorSimple:
		if first == simpleFalse || first == simpleTrue {
			c.at++
			return
		}
		c.float()
	default:
		c.fail()
	}
}
