package panel

import (
	"fmt"
	"math"
	"strings"

	wire "github.com/hepmeter/hepmeter/wire/panel"
)

// inputs are those with a Harmonics Analyzer.
var inputs = [...]string{"V1", "V2", "V3", "V4", "I1", "I2", "I3", "I4", "I5"}

// of returns what the analyzer of an input has.
func (r *reading) of(input, register string) string { return input + " Harmonics/" + register }

// analyzed lists the inputs that are measured.
func (r *reading) analyzed() []string {
	var list []string
	for _, input := range inputs {
		if r.value(r.of(input, "Mag 1")).Available {
			list = append(list, input)
		}
	}
	return list
}

// widthOfCompass is the room that phasors need for the picture beside the table.
const widthOfCompass = 68

// phasors are the fundamentals: a table, and where there is room where they point.
func phasors(r *reading, columns int) []wire.Line {
	lines := []wire.Line{plain(fmt.Sprintf(" %-6s%15s%13s", "", "fundamental", "angle"))}
	for _, input := range inputs {
		decimals, unit := r.volts, "V"
		if input[0] == 'I' {
			decimals, unit = r.current, "A"
		}
		magnitude, angle := r.value(r.of(input, "Mag 1")), r.value(r.of(input, "Phs 1"))
		if !magnitude.Available && (input == "V4" || input == "I5" || input == "I4") {
			continue // most sites have none
		}
		lines = append(lines, plain(fmt.Sprintf(" %-6s%13s %s%9s deg", input, r.number(magnitude, decimals, 12), unit, r.number(angle, 1, 8))))
	}
	if columns < widthOfCompass {
		return lines
	}
	for i, text := range compass(r) {
		if i == len(lines) {
			lines = append(lines, blank())
		}
		lines[i] = plain(fmt.Sprintf("%-44s%s", lines[i].Text(), text))
	}
	return lines
}

// compass draws where the phasors point, 0 degrees to the right and counter-clockwise:
// the voltages 1, 2 and 3, and the currents a, b and c.
func compass(r *reading) []string {
	const height, width = 11, 23 // characters are twice as high as wide
	var grid [height][width]byte
	for y := range grid {
		for x := range grid[y] {
			grid[y][x] = ' '
		}
	}
	for x := 1; x < width-1; x++ {
		grid[height/2][x] = '-'
	}
	for y := range height {
		grid[y][width/2] = '|'
	}
	grid[height/2][width/2] = '+'
	for i, input := range []string{"V1", "V2", "V3", "I1", "I2", "I3"} {
		magnitude, angle := r.value(r.of(input, "Mag 1")), r.value(r.of(input, "Phs 1"))
		if !magnitude.Available || !angle.Available || magnitude.Number == 0 {
			continue
		}
		length := 1.0
		if i >= 3 {
			length = 0.65
		}
		sin, cos := math.Sincos(angle.Number * math.Pi / 180)
		x, y := width/2+int(math.Round(length*cos*(width/2))), height/2-int(math.Round(length*sin*(height/2)))
		grid[y][x] = "123abc"[i]
	}
	lines := make([]string, height)
	for y := range grid {
		lines[y] = strings.TrimRight(string(grid[y][:]), " ")
	}
	return lines
}

// harmonics are bars of one input; each input is a page.
func harmonics(r *reading, columns, rows, at int) ([]wire.Line, int) {
	list := r.analyzed()
	if len(list) == 0 {
		return []wire.Line{plain(" no input is analyzed: " + absent)}, 0
	}
	at = min(at, len(list)-1)
	input := list[at]
	unit := "% of fundamental"
	switch mode := r.value(r.of(input, "Harmonics Display Mode")); {
	case mode.Available && mode.Text == "engineering units":
		unit = map[bool]string{true: "V", false: "A"}[input[0] == 'V']
	case mode.Available:
		unit = mode.Text
	}
	head := fmt.Sprintf(" %s  THD %s %%", input, r.number(r.value(r.of(input, "Total HD")), 2, 8))
	if input[0] == 'I' {
		head += "  K " + r.number(r.value(r.of(input, "K Factor")), 2, 8)
	}
	lines := []wire.Line{plain(head), {{Text: " order, " + unit, Style: wire.Dim}}}
	// Bars are as long as the largest of the orders, and of 1.
	longest := 1.0
	for order := 2; order <= 63; order++ {
		if v := r.value(r.of(input, fmt.Sprint("HD", order))); v.Available {
			longest = max(longest, math.Abs(v.Number))
		}
	}
	bar := func(order, width int) string {
		v := r.value(r.of(input, fmt.Sprint("HD", order)))
		length := 0
		if v.Available {
			length = int(math.Round(math.Abs(v.Number) / longest * float64(width)))
		}
		return fmt.Sprintf("%4d%8s %s", order, r.number(v, 2, 7), strings.Repeat("#", length))
	}
	for order := 3; order <= 63 && len(lines) < rows; order += 2 {
		if columns < widthOfCompass {
			lines = append(lines, plain(bar(order, columns-14)))
			continue
		}
		half := columns/2 - 1
		lines = append(lines, plain(fmt.Sprintf("%-*s%s", half, bar(order, half-15), bar(order-1, half-15))))
	}
	return lines, len(list) - 1
}
