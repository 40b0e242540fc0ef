package panel

import (
	"fmt"

	wire "github.com/hepmeter/hepmeter/wire/panel"
)

// row is a quantity of a screen: name, value, unit.
func row(name, value, unit string) wire.Line {
	return plain(fmt.Sprintf(" %-14s%16s %s", name, value, unit))
}

// quantity is the row of a register of the Power Meter module.
func (r *reading) quantity(register string, decimals int, unit string) wire.Line {
	return row(register, r.number(r.value("Power Meter/"+register), decimals, 16), unit)
}

func volts(r *reading, _ int) []wire.Line {
	var lines []wire.Line
	for _, register := range []string{"Vln a", "Vln b", "Vln c", "Vln avg", "Vll ab", "Vll bc", "Vll ca", "Vll avg", "V4"} {
		lines = append(lines, r.quantity(register, r.volts, "V"))
	}
	return append(lines, r.quantity("V unbal", 2, "%"), r.quantity("Freq", 3, "Hz"))
}

func amps(r *reading, _ int) []wire.Line {
	var lines []wire.Line
	for _, register := range []string{"Ia", "Ib", "Ic", "I avg", "I4", "I5", "I residual"} {
		lines = append(lines, r.quantity(register, r.current, "A"))
	}
	return append(lines, r.quantity("I unbal", 2, "%"))
}

// power is a table of the phases and their total.
func power(r *reading, columns int) []wire.Line {
	width := min(columns/4-2, 14)
	line := func(name string, cells ...string) wire.Line {
		text := fmt.Sprintf("%-3s", name)
		for _, cell := range cells {
			text += fmt.Sprintf(" %*s", width, cell)
		}
		return plain(text)
	}
	lines := []wire.Line{line("", "kW", "kVAR", "kVA", "PF")}
	for _, phase := range []string{"a", "b", "c", "tot"} {
		cell := func(register string, decimals int) string {
			return r.number(r.value("Power Meter/"+register+" "+phase), decimals, width)
		}
		lines = append(lines, line(phase, cell("kW", r.power), cell("kVAR", r.power), cell("kVA", r.power), cell("PF sign", 3)))
	}
	return append(lines, blank(), r.quantity("DPF tot", 3, ""), r.quantity("PF lag", 3, ""), r.quantity("PF lead", 3, ""), r.quantity("Freq", 3, "Hz"))
}

func energy(r *reading, _ int) []wire.Line {
	var lines []wire.Line
	for _, unit := range []string{"kWh", "kVARh", "kVAh"} {
		for _, way := range []string{"del", "rec", "del+rec", "del-rec"} {
			label := unit + " " + way
			lines = append(lines, row(label, r.energy(r.value(label+"/Result")), unit))
		}
	}
	return lines
}

func demand(r *reading, _ int) []wire.Line {
	lines := []wire.Line{plain(fmt.Sprintf("%-7s%11s%11s%11s", "", "Last", "Predicted", "Peak"))}
	for _, quantity := range []string{"kW", "kVAR", "kVA", "Ia", "Ib", "Ic", "I avg"} {
		decimals := r.power
		if quantity[0] == 'I' {
			decimals = r.current
		}
		text := fmt.Sprintf("%-7s", quantity)
		for _, label := range []string{" sd/SWinDemand", " sd/PredDemand", " sd max/Maximum"} {
			text += fmt.Sprintf(" %10s", r.number(r.value(quantity+label), decimals, 10))
		}
		lines = append(lines, plain(text))
	}
	return append(lines, blank(), row("Interval ends", r.number(r.value("kW sd/Time Left"), 0, 16), "s"))
}
