package boot

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the generated parts of docs/boot-protocol.md")

const docsPath = "../../docs/boot-protocol.md"

// comments are what the source says of each type and of its fields, by type and type.field.
func comments(t *testing.T) map[string]string {
	t.Helper()
	said := map[string]string{}
	for _, name := range []string{"message.go", "block.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE {
				continue
			}
			spec := g.Specs[0].(*ast.TypeSpec)
			said[spec.Name.Name] = flat(g.Doc.Text())
			for _, f := range spec.Type.(*ast.StructType).Fields.List {
				said[spec.Name.Name+"."+f.Names[0].Name] = flat(f.Doc.Text() + f.Comment.Text())
			}
		}
	}
	return said
}

func flat(comment string) string { return strings.Join(strings.Fields(comment), " ") }

func key(f reflect.StructField) string {
	n, _, _ := strings.Cut(f.Tag.Get("cbor"), ",")
	return n
}

// kind is a type in the words of the page.
func kind(of reflect.Type) string {
	switch of.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "text"
	case reflect.Float64:
		return "float"
	case reflect.Struct:
		return of.Name()
	case reflect.Map:
		return "map of text to text"
	case reflect.Slice:
		if of.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		return "list of " + kind(of.Elem())
	}
	return "whole number"
}

func table(said map[string]string, of reflect.Type) string {
	var b strings.Builder
	if of.NumField() > 0 {
		b.WriteString("| key | field | type | meaning |\n|---|---|---|---|\n")
	}
	for f := range of.Fields() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", key(f), f.Name, kind(f.Type), said[of.Name()+"."+f.Name])
	}
	return b.String()
}

// The tables of docs/boot-protocol.md are those of the code: who changes a number sees it
// there, and must not.
func TestDocs(t *testing.T) {
	said := comments(t)
	var messages, parts strings.Builder
	for f := range reflect.TypeFor[Message]().Fields() {
		if f.Type.Kind() != reflect.Pointer {
			continue
		}
		of := f.Type.Elem()
		fmt.Fprintf(&messages, "### %s %s\n\n%s\n\n", key(f), of.Name(), said[of.Name()])
		if rows := table(said, of); rows != "" {
			messages.WriteString(rows + "\n")
		}
	}
	for _, of := range []reflect.Type{reflect.TypeFor[Options](), reflect.TypeFor[Source](), reflect.TypeFor[Channel]()} {
		fmt.Fprintf(&parts, "### %s\n\n%s\n\n%s\n", of.Name(), said[of.Name()], table(said, of))
	}
	limits := fmt.Sprintf("| what | limit |\n|---|---|\n| a message, or the head of a block | %d bytes |\n| maps and arrays in each other | %d |\n| items of an array, pairs of a map | %d, %d |\n| channels of a source | %d |\n| samples of a channel in a block | %d |\n| samples of a block | %d bytes |\n",
		MaxMessage, MaxNesting, MaxItems, MaxPairs, MaxChannels, MaxBlockSamples, MaxBlockBytes)
	text, err := os.ReadFile(docsPath)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for name, want := range map[string]string{"messages": messages.String(), "parts": parts.String(), "limits": limits, "block": table(said, reflect.TypeFor[Block]())} {
		mark := "<!-- generated: " + name + " -->\n"
		_, rest, found := strings.Cut(page, mark)
		got, _, ended := strings.Cut(rest, "<!-- end -->\n")
		if !found || !ended {
			t.Fatalf("%s has no part %q that ends", docsPath, name)
		}
		if got == want {
			continue
		}
		if !*update {
			t.Errorf("%s, %s, is not what the code says; run go test ./wire/boot -update\n%s", docsPath, name, cmp.Diff(want, got))
		}
		page = strings.Replace(page, mark+got, mark+want, 1)
	}
	if *update {
		if err := os.WriteFile(docsPath, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
