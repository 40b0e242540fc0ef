package panel

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// format is how values are written: the registers of the Display Options module.
type format struct {
	volts, current, power int    // decimal places
	group                 string // Digit Group: 1000.0, 1,000.0 or 1 000,0
	date                  string // Date Format: YYYY/MM/DD, MM/DD/YYYY or DD/MM/YYYY
	// local is what the meter's local time is ahead of UTC.
	local time.Duration
}

// absent stands for NOT AVAILABLE.
const absent = "-----"

// number writes a value with so many decimal places, or fewer, and then without groups, where
// that needs more than width characters; width 0 is any.
func (f format) number(v access.Value, decimals, width int) string {
	if !v.Available || math.IsNaN(v.Number) || math.IsInf(v.Number, 0) {
		return absent
	}
	text := f.grouped(strconv.FormatFloat(v.Number, 'f', decimals, 64))
	for ; width > 0 && len(text) > width && decimals > 0; decimals-- {
		text = f.grouped(strconv.FormatFloat(v.Number, 'f', decimals-1, 64))
	}
	if width > 0 && len(text) > width {
		text = strconv.FormatFloat(v.Number, 'f', 0, 64)
	}
	if width > 0 && len(text) > width {
		text = strconv.FormatFloat(v.Number, 'e', max(0, width-len("-0.e+00")), 64)
	}
	return text
}

// energy writes an exact count of base units (Wh) in thousands (kWh), with three places.
func (f format) energy(v access.Value) string {
	if !v.Available {
		return absent
	}
	if v.Kind != access.KindCount {
		return f.number(v, 3, 0)
	}
	digits := strconv.FormatInt(v.Count, 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	if len(digits) < 4 {
		digits = strings.Repeat("0", 4-len(digits)) + digits
	}
	return f.grouped(sign + digits[:len(digits)-3] + "." + digits[len(digits)-3:])
}

// grouped writes the text of a number as Digit Group says. A zero has no sign.
func (f format) grouped(text string) string {
	whole, decimals, _ := strings.Cut(text, ".")
	sign := ""
	if whole[0] == '-' {
		sign, whole = "-", whole[1:]
		if strings.Trim(whole+decimals, "0") == "" {
			sign = ""
		}
	}
	between, point := "", "."
	switch f.group {
	case "1,000.0":
		between = ","
	case "1 000,0":
		between, point = " ", ","
	}
	if between != "" {
		for at := len(whole) - 3; at > 0; at -= 3 {
			whole = whole[:at] + between + whole[at:]
		}
	}
	if decimals != "" {
		return sign + whole + point + decimals
	}
	return sign + whole
}

// day and clock write a time, as UTC has it.
func (f format) day(t time.Time) string {
	layout := "2006/01/02"
	switch f.date {
	case "MM/DD/YYYY":
		layout = "01/02/2006"
	case "DD/MM/YYYY":
		layout = "02/01/2006"
	}
	return t.UTC().Format(layout)
}

func (format) clock(t time.Time) string { return t.UTC().Format(time.TimeOnly) }

// localTime is t as the meter's local clock shows it.
func (f format) localTime(t time.Time) string {
	t = t.Add(f.local)
	return f.day(t) + " " + f.clock(t)
}
