package device

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/hepmeter/hepmeter/registermap"
)

// LineBytes bounds a line of ParseRegister.
const LineBytes = 120

// ParseRegister reads a register that a user describes in a line:
//
//	NAME: NUMBER TYPE [input] [low-first] [writable] [scale X] [offset X] [unit U] [registers N]
//
// such as "kWh import: 3204 INT64 scale 0.001 unit kWh". An empty line is no register.
func ParseRegister(line string) (r Register, ok bool, err error) {
	if strings.TrimSpace(line) == "" {
		return Register{}, false, nil
	}
	if len(line) > LineBytes {
		return Register{}, false, fmt.Errorf("the line has %d bytes, at most %d", len(line), LineBytes)
	}
	name, rest, found := strings.Cut(line, ":")
	words := strings.Fields(rest)
	if !found || len(words) < 2 {
		return Register{}, false, errors.New("write NAME: NUMBER TYPE, such as kWh import: 3204 INT64 scale 0.001 unit kWh")
	}
	r = Register{Name: strings.TrimSpace(name), Type: registermap.Type(strings.ToUpper(words[1])), Scale: 1}
	if r.Number, err = strconv.Atoi(words[0]); err != nil {
		return Register{}, false, fmt.Errorf("%q is no register number", words[0])
	}
	if err := r.options(words[2:]); err != nil {
		return Register{}, false, err
	}
	if r.Registers == 0 {
		r.Registers = r.Type.Registers()
	}
	if err := r.check(); err != nil {
		return Register{}, false, err
	}
	return r, true, nil
}

// options reads what follows number and type.
func (r *Register) options(words []string) error {
	for i := 0; i < len(words); i++ {
		switch word := words[i]; word {
		case "input":
			r.Input = true
		case "low-first":
			r.LowFirst = true
		case "writable":
			r.Writable = true
		case "scale", "offset", "unit", "registers":
			i++
			if i == len(words) {
				return fmt.Errorf("nothing follows %s", word)
			}
			var err error
			switch word {
			case "scale":
				r.Scale, err = strconv.ParseFloat(words[i], 64)
			case "offset":
				r.Offset, err = strconv.ParseFloat(words[i], 64)
			case "registers":
				r.Registers, err = strconv.Atoi(words[i])
			default:
				r.Unit = words[i]
			}
			if err != nil {
				return fmt.Errorf("%s %q is no number", word, words[i])
			}
		default:
			return fmt.Errorf("%q is none of input, low-first, writable, scale, offset, unit, registers", word)
		}
	}
	return nil
}
