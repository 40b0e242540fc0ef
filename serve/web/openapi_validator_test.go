//go:build openapi

package web

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// TestAPIDescription: another program finds the description to be OpenAPI 3.1. It needs the
// Python package openapi-spec-validator, which Debian does not have: go test -tags openapi.
func TestAPIDescription(t *testing.T) {
	text, err := json.Marshal(describe(resources()))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("python3", "-c", "import json, sys, openapi_spec_validator as v; v.validate(json.load(sys.stdin), cls=v.OpenAPIV31SpecValidator)")
	cmd.Stdin = strings.NewReader(string(text))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
