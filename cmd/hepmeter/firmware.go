package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hepmeter/hepmeter/ion/template"
)

// checkFirmware refuses a version that the model does not have; empty is none asked for.
func checkFirmware(version, model string) error {
	versions, err := template.Versions(model)
	if err == nil && version != "" && !slices.Contains(versions, version) {
		err = fmt.Errorf("--firmware %s: %s has %s", version, model, strings.Join(versions, ", "))
	}
	return err
}
