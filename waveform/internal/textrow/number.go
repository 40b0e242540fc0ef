package textrow

import (
	"math"
	"strconv"
)

// powersOfTen holds the powers that float64 represents exactly.
var powersOfTen = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// Float reads the whole of field, blanks around it aside, as a decimal number with
// an optional sign, fraction and exponent. comma says that a comma, too, stands for
// the decimal point. ok is false for anything else, the words of strconv ("inf",
// "0x1p3") included; blank fields are the caller's.
//
// A number of up to 15 digits and a small exponent is exact without strconv, which
// would want a string for it; the rest takes the slow way.
func Float(field []byte, comma bool) (v float64, ok bool) {
	field = Trim(field)
	i := 0
	negative := false
	if i < len(field) && (field[i] == '+' || field[i] == '-') {
		negative = field[i] == '-'
		i++
	}
	var mantissa uint64
	digits, significant, scale := 0, 0, 0
	seenPoint := false
	for ; i < len(field); i++ {
		c := field[i]
		if c >= '0' && c <= '9' {
			digits++
			if mantissa > 0 || c != '0' {
				significant++
			}
			if significant <= 18 {
				mantissa = mantissa*10 + uint64(c-'0')
			}
			if seenPoint {
				scale--
			}
			continue
		}
		if (c == '.' || comma && c == ',') && !seenPoint {
			seenPoint = true
			continue
		}
		break
	}
	if digits == 0 {
		return 0, false
	}
	if i < len(field) {
		if c := field[i]; c != 'e' && c != 'E' {
			return 0, false
		}
		i++
		sign := 1
		if i < len(field) && (field[i] == '+' || field[i] == '-') {
			if field[i] == '-' {
				sign = -1
			}
			i++
		}
		exponent, expDigits := 0, 0
		for ; i < len(field) && field[i] >= '0' && field[i] <= '9'; i++ {
			expDigits++
			if exponent < 10_000 {
				exponent = exponent*10 + int(field[i]-'0')
			}
		}
		if expDigits == 0 || i < len(field) {
			return 0, false
		}
		scale += sign * exponent
	}
	if significant <= 18 && mantissa < 1<<53 && scale >= -22 && scale <= 22 {
		v = float64(mantissa)
		if scale < 0 {
			v /= powersOfTen[-scale]
		} else {
			v *= powersOfTen[scale]
		}
		if negative {
			v = -v
		}
		return v, true
	}
	return slowFloat(field, comma)
}

func slowFloat(field []byte, comma bool) (float64, bool) {
	text := make([]byte, len(field))
	for i, c := range field {
		if comma && c == ',' {
			c = '.'
		}
		text[i] = c
	}
	v, err := strconv.ParseFloat(string(text), 64)
	if err != nil && !math.IsInf(v, 0) {
		return 0, false
	}
	return v, true
}

// Trim removes the blanks and control characters around b (spaces, tabs, CR, NUL
// padding, the 0x1A of DOS).
func Trim(b []byte) []byte {
	for len(b) > 0 && b[0] <= ' ' {
		b = b[1:]
	}
	for len(b) > 0 && b[len(b)-1] <= ' ' {
		b = b[:len(b)-1]
	}
	return b
}
