package main

import (
	"fmt"
	"slices"
	"strings"
)

// firmwareVersions are the versions that --firmware takes for a model, or for any
// where none is named. 1.4.1 was never made for the ION9000 family.
func firmwareVersions(model string) []string {
	versions := []string{"1.4.1", "2.0.0", "2.1.0", "3.0.0", "3.1.0"}
	if strings.HasPrefix(model, "ION9000") {
		return versions[1:]
	}
	return versions
}

// checkFirmware refuses a version that the model does not have; empty is none asked for.
func checkFirmware(version, model string) error {
	if versions := firmwareVersions(model); version != "" && !slices.Contains(versions, version) {
		return fmt.Errorf("--firmware %s: %s has %s", version, model, strings.Join(versions, ", "))
	}
	return nil
}
