package web

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/http-api.md")

// TestDocs holds docs/http-api.md against what is served.
func TestDocs(t *testing.T) {
	const page = "../../docs/http-api.md"
	want := document()
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got, err := os.ReadFile(page); err != nil || string(got) != want {
		t.Errorf("%s is stale (%v): run `go test ./serve/web -update`", page, err)
	}
}

// document is the page of the API and the metrics.
func document() string {
	var b strings.Builder
	b.WriteString(`# HTTP API and metrics

This page is made by ` + "`go test ./serve/web -update`" + `.

Programs read the meter at ` + "`" + apiRoot + "`" + `, which answers its own description (OpenAPI 3.1), and Prometheus
at ` + "`/metrics`" + `. Both are gated like every path: show an account with each request by Basic
authentication (` + "`curl -u USER2:PASSWORD`" + `; under legacy security support the model number is a name, too), or the
cookie of a browser that has logged in. Firmware 2.x with Standard or no security answers
without. Nothing is changed by this API.

- NOT AVAILABLE is ` + "`null`" + ` in the API and absent from the metrics: it is never 0.
- A refusal is ` + "`application/problem+json`" + ` (RFC 9457) with the gate's code, reason and remedy: see refusals.md. 401
  asks for Basic authentication; 503 comes with Retry-After.
- Parameters that are not listed are refused.
- A wrong password counts for the lockout of the path web each time. Correct a scraper's password soon.
- The meter remembers for a while that a password was right: asking often costs little.

`)
	schemas := describe(resources())["components"].(object)["schemas"].(object)
	for _, r := range resources() {
		fmt.Fprintf(&b, "## GET %s%s\n\n%s Needs the right to %s.\n\n", apiRoot, r.path, r.doc, r.needs)
		if len(r.query) > 0 {
			b.WriteString("| parameter | values | meaning |\n|---|---|---|\n")
			for _, p := range r.query {
				values := "text"
				if p.whole {
					values = fmt.Sprintf("%d to %d, otherwise %d", p.low, p.high, p.otherwise)
				} else if p.many > 1 {
					values = fmt.Sprintf("text; up to %d times", p.many)
				}
				fmt.Fprintf(&b, "| %s | %s | %s |\n", p.name, values, p.doc)
			}
			b.WriteString("\n")
		}
		b.WriteString("| field | type | meaning |\n|---|---|---|\n")
		writeFields(&b, reflect.TypeOf(r.shape), schemas[reflect.TypeOf(r.shape).Name()].(object), "")
		b.WriteString("\n")
	}
	b.WriteString("## GET /metrics\n\nThe text format of Prometheus. Needs the right to read measurement. `hepmeter_gate_*` counts what passed the gate on all\npaths, `hepmeter_web_*` what the web server did, `go_*` is the program.\n\n| metric | kind | label | registers |\n|---|---|---|---|\n")
	for _, m := range families() {
		var registers []string
		for _, one := range m.samples {
			registers = append(registers, "`"+one.register+"`")
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", m.name, m.kind, m.label, strings.Join(registers, ", "))
	}
	return b.String()
}

// writeFields writes the fields of an answer, those of its parts below it.
func writeFields(b *strings.Builder, t reflect.Type, schema object, before string) {
	for f := range fieldsOf(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		of := schema["properties"].(object)[name].(object)
		fmt.Fprintf(b, "| %s%s | %s | %s |\n", before, name, words(of), f.Tag.Get("doc"))
		part := f.Type
		for part.Kind() == reflect.Slice || part.Kind() == reflect.Pointer {
			part = part.Elem()
		}
		if items, ok := of["items"].(object); ok && items["properties"] != nil {
			writeFields(b, part, items, before+name+"[].")
		}
	}
}

// words tells the type of a schema.
func words(schema object) string {
	switch kind := schema["type"].(type) {
	case []string:
		return strings.Join(kind, " or ")
	case string:
		if kind == "array" {
			return "array of " + words(schema["items"].(object))
		}
		if format, ok := schema["format"].(string); ok {
			return format
		}
		return kind
	}
	return ""
}
