package web

import (
	"reflect"
	"regexp"
	"strings"
	"time"
)

// object is a JSON object of the description.
type object map[string]any

// parameterOfPath finds the names in a pattern.
var parameterOfPath = regexp.MustCompile(`\{(\w+)\}`)

// describe makes the description of the API (OpenAPI 3.1) from the list that is routed.
func describe(list []resource) object {
	schemas := object{"Problem": schemaOf(reflect.TypeFor[Problem]())}
	refused := object{"description": "Refused: the gate's code, reason and remedy.", "content": object{"application/problem+json": object{"schema": object{"$ref": "#/components/schemas/Problem"}}}}
	paths := object{}
	for _, r := range list {
		parameters := []object{}
		for _, found := range parameterOfPath.FindAllStringSubmatch(r.path, -1) {
			parameters = append(parameters, object{"name": found[1], "in": "path", "required": true, "schema": object{"type": "string"}})
		}
		for _, p := range r.query {
			schema := object{"type": "string"}
			switch {
			case p.whole:
				schema = object{"type": "integer", "minimum": p.low, "maximum": p.high, "default": p.otherwise}
			case p.many > 1:
				schema = object{"type": "array", "items": schema, "maxItems": p.many}
			}
			parameters = append(parameters, object{"name": p.name, "in": "query", "description": p.doc, "schema": schema, "explode": true})
		}
		shape := reflect.TypeOf(r.shape)
		schemas[shape.Name()] = schemaOf(shape)
		operation := object{
			"operationId": r.name, "summary": r.doc, "description": "Needs the right to " + r.needs.String() + ".",
			"responses": object{
				"200":     object{"description": "What was asked for.", "content": object{"application/json": object{"schema": object{"$ref": "#/components/schemas/" + shape.Name()}}}},
				"default": refused,
			},
		}
		if len(parameters) > 0 {
			operation["parameters"] = parameters
		}
		paths[r.path] = object{"get": operation}
	}
	return object{
		"openapi": "3.1.0",
		"info": object{"title": "hepmeter", "version": "1",
			"description": "Read access to one meter. NOT AVAILABLE is null, never 0."},
		"servers":  []object{{"url": apiRoot}},
		"security": []object{{"basic": []string{}}, {"cookie": []string{}}, {}},
		"paths":    paths,
		"components": object{
			"schemas": schemas,
			"securitySchemes": object{
				"basic":  object{"type": "http", "scheme": "basic", "description": "an account with each request"},
				"cookie": object{"type": "apiKey", "in": "cookie", "name": "__Host-hepmeter-443", "description": "the session of a browser that has logged in; the name ends with the port"},
			},
		},
	}
}

// schemaOf is the schema of a type, with the words of its doc tags.
func schemaOf(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[samples]():
		return object{"type": "array", "items": object{"type": []string{"number", "null"}}}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem())
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float64, reflect.Float32:
		return object{"type": "number"}
	case reflect.Int, reflect.Int64, reflect.Uint64, reflect.Uint8:
		return object{"type": "integer"}
	case reflect.Interface:
		return object{"type": []string{"number", "boolean", "string", "null"}}
	case reflect.Slice:
		return object{"type": "array", "items": schemaOf(t.Elem())}
	}
	properties, required := object{}, []string{}
	for f := range fieldsOf(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		schema := schemaOf(f.Type)
		if doc := f.Tag.Get("doc"); doc != "" {
			schema["description"] = doc
		}
		properties[name] = schema
		if options != "omitempty" {
			required = append(required, name)
		}
	}
	return object{"type": "object", "properties": properties, "required": required}
}

// fieldsOf goes through the fields of a struct as JSON has them: those of embedded ones are
// its own.
func fieldsOf(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for _, f := range reflect.VisibleFields(t) {
			if !f.Anonymous && !yield(f) {
				return
			}
		}
	}
}
