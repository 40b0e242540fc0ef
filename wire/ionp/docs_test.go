package ionp

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the generated parts of docs/object-protocol.md")

const docsPath = "../../docs/object-protocol.md"

// example is a message of the docs: what it is made of, and in which frames it goes.
type example struct {
	name     string
	kind     Kind
	id       uint32
	message  any // *Request, *Reply or *Notice, without body
	exchange body
	body     any // of the exchange, nil for none
	largest  int
}

func examples() []example {
	primary, secondary, off := "20000", "100", "OFF"
	change := WriteRequest{[]Change{
		{Label: "Power Meter/PT Prim", Text: &primary},
		{Label: "Power Meter/PT Sec", Text: &secondary},
		{Label: "Data Mapping voltage/Enable Modbus", Text: &off},
	}}
	write := &Request{Operation: Write.Operation(), Credential: NamedUser("USER2", "314159")}
	registers := []string{"Power Meter/kW tot", "Power Meter/PF sign tot"}
	return []example{
		{"hello", KindRequest, 1, &Request{Operation: Hello.Operation()}, Hello,
			HelloRequest{Version: 3, ClientVersion: "3.2.20218.01", ClientName: "hepsetup", LargestFrame: 4096}, FrameBeforeHello},
		{"hello, the reply", KindReply, 1, &Reply{}, Hello,
			HelloReply{Version: 3, LargestFrame: 4096, Model: "ION9000", Firmware: "003.000.000", Credentials: []string{"none", "password", "user"}}, LargestFrame},
		{"anonymous read", KindRequest, 2, &Request{Operation: Read.Operation()}, Read, ReadRequest{registers}, LargestFrame},
		{"anonymous read, the reply", KindReply, 2, &Reply{}, Read, ReadReply{Sequence: 86400, Time: 1767225600_000000000,
			Readings: []Reading{{registers[0], Number(412.5, "kW")}, {registers[1], NotAvailable(ValueNumber, "")}}}, LargestFrame},
		{"write by user name and password", KindRequest, 3, write, Write, change, LargestFrame},
		{"the same in frames of 64 bytes", KindRequest, 3, write, Write, change, SmallestFrame},
		{"write, the reply", KindReply, 3, &Reply{}, Write, WriteReply{3}, LargestFrame},
		{"refusal", KindReply, 3, &Reply{Code: "no-permission", Reason: "USER2 may not change setup registers",
			Remedy: "use an account with Full Meter Config Access"}, nil, nil, LargestFrame},
		{"notice of a subscription", KindNotice, 4, &Notice{Sequence: 86401, Time: 1767225601_000000000,
			Readings: []Reading{{registers[0], Number(413, "kW")}}}, nil, nil, LargestFrame},
	}
}

// encode makes the message and its frames.
func (e example) encode(t *testing.T) (message, frames []byte) {
	t.Helper()
	m := reflect.New(reflect.TypeOf(e.message).Elem())
	m.Elem().Set(reflect.ValueOf(e.message).Elem())
	if e.body != nil {
		encode := e.exchange.encodeRequest
		if e.kind == KindReply {
			encode = e.exchange.encodeReply
		}
		b, err := encode(e.body)
		if err != nil {
			t.Fatal(err)
		}
		m.Elem().FieldByName("Body").SetBytes(b)
	}
	message = encoded(t, m.Interface())
	return message, AppendFrames(nil, e.kind, e.id, message, e.largest)
}

// The bytes that the docs show are those that encoding gives, and decoding the docs'
// bytes gives the fields.
func TestDocsExamples(t *testing.T) {
	page := readPage(t)
	for _, e := range examples() {
		t.Run(e.name, func(t *testing.T) {
			page.hold(t, "example "+e.name, "```\n"+e.dump(t)+"```\n")
			shown := hexOf(t, page.part(t, "example "+e.name))
			message, frames := e.encode(t)
			if !bytes.Equal(shown, frames) {
				t.Fatalf("the docs show\n% x, encoding gives\n% x", shown, frames)
			}
			r := NewReader(bytes.NewReader(shown))
			r.SetLimits(e.largest, DefaultMaxMessage)
			m, err := r.Next()
			if err != nil || m.Kind != e.kind || m.ID != e.id || !bytes.Equal(m.Bytes, message) {
				t.Fatalf("%+v, %v", m, err)
			}
			var got any
			var b Body
			switch e.kind {
			case KindRequest:
				var request Request
				err = DecodeRequest(m.Bytes, &request)
				b, request.Body = request.Body, nil
				got = &request
			case KindReply:
				var reply Reply
				err = DecodeReply(m.Bytes, &reply)
				b, reply.Body = reply.Body, nil
				got = &reply
			case KindNotice:
				var notice Notice
				err = DecodeNotice(m.Bytes, &notice)
				got = &notice
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(e.message, got); diff != "" {
				t.Error(diff)
			}
			if e.body == nil {
				return
			}
			decode := e.exchange.decodeRequest
			if e.kind == KindReply {
				decode = e.exchange.decodeReply
			}
			if got, err = decode(b); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(e.body, got); diff != "" {
				t.Error(diff)
			}
			if _, err := r.Next(); !errors.Is(err, io.EOF) {
				t.Errorf("%v behind the message, want EOF", err)
			}
		})
	}
	page.save(t)
}

// Three frames are what the page says of its example.
func TestDocsFramesOf64Bytes(t *testing.T) {
	for _, e := range examples() {
		if e.largest != SmallestFrame {
			continue
		}
		frames, n := 0, 0
		_, b := e.encode(t)
		for ; n < len(b); frames++ {
			_, length, err := ParseFrame(b[n:], SmallestFrame)
			if err != nil || length == 0 {
				t.Fatal(length, err)
			}
			n += length
		}
		if frames != 3 {
			t.Errorf("%d frames, want 3", frames)
		}
	}
}

// The tables of operations, of the parts of their bodies, and of limits are those of the
// code.
func TestDocsTables(t *testing.T) {
	page := readPage(t)
	doc := parseComments(t)
	var operations strings.Builder
	parts := &partList{seen: map[reflect.Type]bool{}}
	for _, e := range exchanges() {
		fmt.Fprintf(&operations, "### %d %s\n\n", uint16(e.Operation()), e.Operation())
		fmt.Fprintf(&operations, "%s\n\nReply: %s\n\n", doc.sentence(reflect.TypeOf(e.request()).Name()), doc.text(reflect.TypeOf(e.reply()).Name()))
		table := doc.rows("request", reflect.TypeOf(e.request()), parts) + doc.rows("reply", reflect.TypeOf(e.reply()), parts)
		if table != "" {
			operations.WriteString("| in | key | field | type | meaning |\n|---|---|---|---|---|\n" + table + "\n")
		}
	}
	page.hold(t, "operations", operations.String())

	var messages strings.Builder
	for _, m := range []any{Request{}, Credential{}, Reply{}, Notice{}} {
		doc.table(&messages, reflect.TypeOf(m), parts)
	}
	page.hold(t, "messages", messages.String())

	var text strings.Builder
	for i := 0; i < len(parts.types); i++ { // it grows
		switch parts.types[i] {
		case reflect.TypeFor[Credential](): // above
		default:
			doc.table(&text, parts.types[i], parts)
		}
	}
	page.hold(t, "parts", text.String())

	page.hold(t, "limits", fmt.Sprintf(`| what | limit |
|---|---|
| a frame, with its header | what the hello of the receiver stated: %d to %d bytes; %d before it |
| a message to the meter before a hello or a right credential | %d bytes |
| a message otherwise | %d bytes |
| messages of several frames under way at once on a stream | %d |
| maps and arrays in each other | %d |
| items of an array, pairs of a map | %d, %d |
| user name, password | %d, %d bytes |
| name of a client, a version, a mode, a permission, a command | %d bytes |
| label of a register or module, path of a file | %d, %d bytes |
| a value in text form | %d bytes |
| a template or security file within a request | %d bytes |
| registers of one read, write or subscription | %d |
| steps of one program | %d |
| permissions of one request | %d |
| security options or passwords of one request | %d |
| modules, events or records of one reply | %d |
| a block of a file | %d bytes |
| interval of a subscription | %d to %d ms |
| a deadline or opening | %d s |
`, SmallestFrame, LargestFrame, FrameBeforeHello, MessageBeforeLogin, DefaultMaxMessage, MaxIncomplete, MaxNesting, MaxItems, MaxPairs,
		MaxUser, MaxPassword, MaxName, MaxLabel, MaxPath, MaxText, MaxDocument, MaxLabels, MaxChanges, MaxNames, MaxOptions, MaxPage,
		MaxBlock, MinInterval, MaxInterval, MaxDuration))
	page.save(t)
}

// page is the docs page, of which some parts are generated.
type page struct{ text string }

func readPage(t *testing.T) *page {
	t.Helper()
	b, err := os.ReadFile(docsPath)
	if err != nil {
		t.Fatal(err)
	}
	return &page{string(b)}
}

// part returns what stands between the marks of a generated part.
func (p *page) part(t *testing.T, name string) string {
	t.Helper()
	_, rest, found := strings.Cut(p.text, "<!-- generated: "+name+" -->\n")
	text, _, ended := strings.Cut(rest, "<!-- end -->\n")
	if !found || !ended {
		t.Fatalf("docs/object-protocol.md has no part <!-- generated: %s --> that ends", name)
	}
	return text
}

// hold holds a generated part against what it should be, or rewrites it.
func (p *page) hold(t *testing.T, name, want string) {
	t.Helper()
	got := p.part(t, name)
	if got == want {
		return
	}
	if !*update {
		t.Errorf("docs/object-protocol.md, %s, is not what the code says; run go test ./wire/ionp -update\n%s", name, cmp.Diff(want, got))
		return
	}
	mark := "<!-- generated: " + name + " -->\n"
	p.text = strings.Replace(p.text, mark+got, mark+want, 1)
}

func (p *page) save(t *testing.T) {
	t.Helper()
	if *update {
		if err := os.WriteFile(docsPath, []byte(p.text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// hexOf returns the bytes of a dump: the pairs before the first double space of a line.
func hexOf(t *testing.T, dump string) []byte {
	t.Helper()
	var b []byte
	for line := range strings.Lines(dump) {
		pairs, _, _ := strings.Cut(line, "  ")
		if strings.HasPrefix(line, "```") {
			continue
		}
		part, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(pairs), " ", ""))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		b = append(b, part...)
	}
	return b
}

// dump shows the bytes with what they mean.
func (e example) dump(t *testing.T) string {
	t.Helper()
	d := dumper{}
	message, frames := e.encode(t)
	for first, at := true, 0; len(frames) > 0; first = false {
		f, n, err := ParseFrame(frames, e.largest)
		if err != nil || n == 0 {
			t.Fatal(n, err)
		}
		d.line(frames[:2], 0, fmt.Sprintf("%d bytes follow", binary.BigEndian.Uint16(frames)))
		more := ""
		if f.More {
			more = ", more frames follow"
		}
		d.line(frames[2:3], 0, f.Kind.String()+more)
		d.line(frames[3:7], 0, fmt.Sprintf("id %d", f.ID))
		if first && !f.More {
			var body reflect.Type
			if e.body != nil {
				body = reflect.TypeOf(e.body)
			}
			if rest := d.item(f.Payload, 0, "", reflect.TypeOf(e.message), body); len(rest) != 0 {
				t.Fatalf("% x left over", rest)
			}
		} else {
			d.line(f.Payload, 0, fmt.Sprintf("bytes %d to %d of %d", at, at+len(f.Payload)-1, len(message)))
			at += len(f.Payload)
		}
		frames = frames[n:]
	}
	return d.text.String()
}

type dumper struct{ text strings.Builder }

// dumpWidth is how many bytes stand in a line.
const dumpWidth = 12

func (d *dumper) line(b []byte, depth int, comment string) {
	for i := 0; i < len(b); i += dumpWidth {
		line := fmt.Sprintf("% x", b[i:min(i+dumpWidth, len(b))])
		if i == 0 {
			line = fmt.Sprintf("%-*s  %s%s", 3*dumpWidth-1, line, strings.Repeat("  ", depth), comment)
		}
		d.text.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

// item shows the CBOR item at the start of b, which decodes into type of, and returns
// what is behind it.
func (d *dumper) item(b []byte, depth int, name string, of, body reflect.Type) []byte {
	for of != nil && of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if of == reflect.TypeFor[Body]() {
		of = body
	}
	if name != "" {
		name += ": "
	}
	head, n := argument(b)
	switch b[0] >> 5 {
	case 0:
		note := ""
		if of == reflect.TypeFor[Operation]() {
			note = " (" + Operation(n).String() + ")"
		}
		d.line(b[:head], depth, fmt.Sprintf("%s%d%s", name, n, note))
		return b[head:]
	case 3:
		d.line(b[:head+int(n)], depth, fmt.Sprintf("%s%q", name, b[head:head+int(n)]))
		return b[head+int(n):]
	case 4:
		d.line(b[:head], depth, fmt.Sprintf("%slist of %d", name, n))
		b = b[head:]
		for range n {
			b = d.item(b, depth+1, "", of.Elem(), nil)
		}
		return b
	case 5:
		d.line(b[:head], depth, fmt.Sprintf("%smap of %d", name, n))
		b = b[head:]
		for range n {
			field := fieldOfKey(of, int(b[0]))
			rest := b[1:]
			before := d.text.Len()
			rest = d.item(rest, depth+1, words(field.Name), field.Type, body)
			// The key stands before its value, on the same line.
			shown := d.text.String()
			d.text.Reset()
			d.text.WriteString(shown[:before])
			d.line(b[:1], depth+1, fmt.Sprintf("key %d", b[0]))
			d.text.WriteString(shown[before:])
			b = rest
		}
		return b
	case 7:
		var v any
		if err := dialect().decode.Unmarshal(b[:head], &v); err != nil {
			panic(err)
		}
		d.line(b[:head], depth, fmt.Sprintf("%s%v", name, v))
		return b[head:]
	}
	panic(fmt.Sprintf("no dump for % x", b))
}

// argument returns the length of an item's head and its argument (RFC 8949 section 3).
func argument(b []byte) (int, uint64) {
	switch info := b[0] & 31; info {
	case 24:
		return 2, uint64(b[1])
	case 25:
		return 3, uint64(binary.BigEndian.Uint16(b[1:]))
	case 26:
		return 5, uint64(binary.BigEndian.Uint32(b[1:]))
	case 27:
		return 9, binary.BigEndian.Uint64(b[1:])
	default:
		return 1, uint64(info)
	}
}

func keyOf(f reflect.StructField) string {
	key, _, _ := strings.Cut(f.Tag.Get("cbor"), ",")
	return key
}

func fieldOfKey(t reflect.Type, key int) reflect.StructField {
	for i := range t.NumField() {
		if keyOf(t.Field(i)) == fmt.Sprint(key) {
			return t.Field(i)
		}
	}
	panic(fmt.Sprintf("%v has no key %d", t, key))
}

// words writes a Go name as the docs do.
func words(name string) string {
	var b strings.Builder
	r := []rune(name)
	for i, c := range r {
		if i > 0 && unicode.IsUpper(c) && (unicode.IsLower(r[i-1]) || i+1 < len(r) && unicode.IsLower(r[i+1])) {
			b.WriteByte(' ')
		}
		b.WriteRune(c)
	}
	parts := strings.Fields(b.String())
	for i, p := range parts {
		if p == "MS" || len(p) < 2 || unicode.IsLower([]rune(p)[1]) {
			parts[i] = strings.ToLower(p)
		}
	}
	return strings.Join(parts, " ")
}

// comments are those of types and fields, by "Type" and "Type.Field".
type comments map[string]string

func parseComments(t *testing.T) comments {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	doc := comments{}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range parsed.Decls {
			g, ok := decl.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE {
				continue
			}
			for _, spec := range g.Specs {
				s := spec.(*ast.TypeSpec)
				doc[s.Name.Name] = flat(g.Doc.Text())
				fields, ok := s.Type.(*ast.StructType)
				if !ok {
					continue
				}
				for _, f := range fields.Fields.List {
					for _, name := range f.Names {
						doc[s.Name.Name+"."+name.Name] = withoutName(flat(f.Doc.Text()), name.Name)
					}
				}
			}
		}
	}
	return doc
}

var goName = regexp.MustCompile(`\b[A-Z][a-z]+([A-Z][a-z]+)+\b`)

// flat makes one line of a comment, in the words of the docs.
func flat(s string) string {
	return goName.ReplaceAllStringFunc(strings.Join(strings.Fields(s), " "), words)
}

// withoutName takes the name that a comment begins with away.
func withoutName(text, name string) string {
	rest, found := strings.CutPrefix(text, name+" ")
	if !found {
		rest, found = strings.CutPrefix(text, words(name)+" ")
	}
	if !found || strings.HasPrefix(rest, "and ") {
		return text
	}
	for _, verb := range []string{"is ", "are "} {
		if what, found := strings.CutPrefix(rest, verb); found {
			return what
		}
	}
	return rest
}

// text is the comment of a type without its name.
func (c comments) text(name string) string { return withoutName(c[name], name) }

// sentence is text as a sentence of its own.
func (c comments) sentence(name string) string {
	text := c.text(name)
	return strings.ToUpper(text[:1]) + text[1:]
}

type partList struct {
	seen  map[reflect.Type]bool
	types []reflect.Type
}

// rows are the fields of a struct as rows of a table.
func (c comments) rows(in string, t reflect.Type, parts *partList) string {
	var b strings.Builder
	for i := range t.NumField() {
		f := t.Field(i)
		if in != "" {
			fmt.Fprintf(&b, "| %s ", in)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", keyOf(f), words(f.Name), parts.name(f.Type), strings.TrimSuffix(c[t.Name()+"."+f.Name], "."))
	}
	return b.String()
}

func (c comments) table(b *strings.Builder, t reflect.Type, parts *partList) {
	fmt.Fprintf(b, "### %s\n\n%s\n\n| key | field | type | meaning |\n|---|---|---|---|\n%s\n", words(t.Name()), c.sentence(t.Name()), c.rows("", t, parts))
}

// name is the type of a field in the words of the docs.
func (p *partList) name(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return p.name(t.Elem()) + ", or absent"
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "bool"
	case reflect.Float64:
		return "float"
	case reflect.Int32, reflect.Int64:
		return "int"
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "uint"
	case reflect.Map:
		return "map of text to text"
	case reflect.Slice:
		if t == reflect.TypeFor[Body]() {
			return "map"
		}
		if t.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		return "list of " + p.name(t.Elem())
	case reflect.Struct:
		if !p.seen[t] {
			p.seen[t] = true
			p.types = append(p.types, t)
		}
		return words(t.Name())
	}
	panic("no name for " + t.String())
}
