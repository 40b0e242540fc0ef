package modules

import (
	"errors"
	"fmt"

	"github.com/hepmeter/hepmeter/ion"
)

// Virtual ports: the terminals of the base unit and of the option modules A to D, as
// the family numbers them. Every model has them all: a point that costs nothing need
// not be missing.
const (
	baseInputs, baseOutputs     = 8, 4
	optionInputs, optionOutputs = 6, 2
)

const notUsed = "Not Used"

var errNoPort = errors.New("no Port is chosen")

// portSetup is the setup register Port of a module that has a terminal of its own.
func portSetup(letters string, base, option int) ion.Setup {
	ports := []string{notUsed}
	for i := 1; i <= base; i++ {
		ports = append(ports, fmt.Sprintf("%s%d", letters, i))
	}
	for module := 'A'; module <= 'D'; module++ {
		for i := 1; i <= option; i++ {
			ports = append(ports, fmt.Sprintf("%c-%s%d", module, letters, i))
		}
	}
	s := enumerated("Port", notUsed, "the terminal; one that another module has is not to be had", ports...)
	s.Exclusive = true
	return s
}

func inputPort() ion.Setup  { return portSetup("DI", baseInputs, optionInputs) }
func outputPort() ion.Setup { return portSetup("DO", baseOutputs, optionOutputs) }

// polarity is the setup register for the sense of a terminal.
func polarity(doc string) ion.Setup {
	return enumerated("Polarity", "non-inverting", doc, "non-inverting", "inverting")
}

const inverting = 1 // option of Polarity
