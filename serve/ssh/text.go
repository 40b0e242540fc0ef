package ssh

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hepmeter/hepmeter/access"
)

// notAvailable is how the terminal shows NOT AVAILABLE.
const notAvailable = "not available"

// plain makes stored text fit for a terminal: no control character, and nothing that is
// not printed, gets through. Names and events may hold anything that a client has sent.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

// show is a value in words, with its unit.
func show(v access.Value, unit string) string {
	text := ""
	switch {
	case v.Kind == access.KindNone:
		return "no value"
	case !v.Available:
		return notAvailable
	case v.Kind == access.KindCount:
		text = strconv.FormatFloat(v.Number, 'f', 3, 64)
	case v.Kind == access.KindBoolean:
		return onOff(v.Number != 0)
	case v.Kind == access.KindTime:
		seconds, fraction := math.Modf(v.Number)
		return stamp(time.Unix(int64(seconds), int64(fraction*1e9)))
	case v.Kind == access.KindEnum, v.Kind == access.KindText:
		return plain(v.Text)
	case math.IsNaN(v.Number) || math.IsInf(v.Number, 0):
		return notAvailable
	default:
		text = number(v.Number)
	}
	if unit != "" {
		text += " " + plain(unit)
	}
	return text
}

// number is a reading with six significant digits, and without an exponent unless it is
// next to nothing.
func number(x float64) string {
	size := math.Abs(x)
	decimals := 5
	switch {
	case size >= 10:
		decimals = max(0, 5-int(math.Log10(size)))
	case size > 0 && size < 0.001:
		return strconv.FormatFloat(x, 'g', 6, 64)
	}
	return strconv.FormatFloat(x, 'f', decimals, 64)
}

func onOff(on bool) string {
	if on {
		return "ON"
	}
	return "OFF"
}

// stamp is a time for people: UTC, so that it is the same wherever it is read.
func stamp(t time.Time) string {
	if t.IsZero() {
		return notAvailable
	}
	return t.UTC().Format("2006-01-02 15:04:05") + " UTC"
}

// span is a duration for people.
func span(d time.Duration) string {
	if days := int(d.Hours()) / 24; days > 0 {
		return fmt.Sprintf("%d d %s", days, (d - time.Duration(days)*24*time.Hour).Round(time.Minute))
	}
	return d.Round(time.Second).String()
}

// leastColumn is how narrow a column may become.
const leastColumn = 8

// table is rows in columns. Where width (0: no limit) has no room for them, the widest
// become narrower and their cells go on below.
func table(width int, heads []string, rows [][]string) string {
	widths := make([]int, len(heads))
	all := append([][]string{heads}, rows...)
	for _, row := range all {
		for i := range row {
			row[i] = plain(row[i])
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	for width > 0 {
		used, widest := -2, 0
		for i, w := range widths {
			used += w + 2
			if w > widths[widest] {
				widest = i
			}
		}
		if used <= width || widths[widest] <= leastColumn {
			break
		}
		widths[widest] = max(leastColumn, widths[widest]-(used-width))
	}
	var text strings.Builder
	for _, row := range all {
		left := make([][]rune, len(row))
		for i, cell := range row {
			left[i] = []rune(cell)
		}
		for more := true; more; {
			more = false
			var line strings.Builder
			for i := range left {
				n := lineEnd(left[i], widths[i])
				line.WriteString(string(left[i][:n]) + strings.Repeat(" ", widths[i]-n+2))
				left[i] = left[i][n:]
				if len(left[i]) > 0 && left[i][0] == ' ' {
					left[i] = left[i][1:]
				}
				more = more || len(left[i]) > 0
			}
			text.WriteString(strings.TrimRight(line.String(), " ") + "\n")
		}
	}
	return text.String()
}

// lineEnd is how much of a text one line takes: whole words, where there are blanks.
func lineEnd(text []rune, width int) int {
	if len(text) <= width {
		return len(text)
	}
	for n := width; n > 0; n-- {
		if text[n] == ' ' {
			return n
		}
	}
	return width
}
