package ionp

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// body is an exchange whose bodies' types are not known at compile time.
type body interface {
	Operation() Operation
	decodeRequest(Body) (any, error)
	encodeRequest(any) (Body, error)
	decodeReply(Body) (any, error)
	encodeReply(any) (Body, error)
	request() any
	reply() any
}

func (e Exchange[Req, Res]) decodeRequest(b Body) (any, error) { return e.DecodeRequest(b) }
func (e Exchange[Req, Res]) encodeRequest(v any) (Body, error) { return e.EncodeRequest(v.(Req)) }
func (e Exchange[Req, Res]) decodeReply(b Body) (any, error)   { return e.DecodeReply(b) }
func (e Exchange[Req, Res]) encodeReply(v any) (Body, error)   { return e.EncodeReply(v.(Res)) }
func (e Exchange[Req, Res]) request() any                      { var r Req; return r }
func (e Exchange[Req, Res]) reply() any                        { var r Res; return r }

func exchanges() []body {
	return []body{Hello, Login, Logout, Info, Managers, Modules, Module, Read, Write, Pulse, Program, TemplateSave,
		TemplateLoad, Snapshot, Events, EventHead, Recorders, Records, Gaps, ClearLog, Files, FileRead, FileWrite,
		FileDelete, Subscribe, Unsubscribe, Clock, ClockSet, Reset, SecurityStatus, UserAdd, UserSet, UserPassword,
		UserRemove, UserUnlock, SecuritySet, ProvisionalBegin, ProvisionalConfirm, ProvisionalCancel, Ledger,
		FactoryOpen, FactoryClose, FactoryUse, Sessions, SessionEnd, SecurityExport, SecurityApply, SyslogTest, SnapshotRestore, Pending}
}

// Every operation below those reserved for the upgrade has its bodies, each once, and a
// name of its own.
func TestOperations(t *testing.T) {
	seen := map[Operation]bool{}
	for _, e := range exchanges() {
		if seen[e.Operation()] {
			t.Errorf("%v is there twice", e.Operation())
		}
		seen[e.Operation()] = true
	}
	names := map[string]Operation{}
	for o := range Operation(100) {
		if reserved := o >= UpgradeStatus; o.Known() && !reserved != seen[o] {
			t.Errorf("%v: known, bodies %v", o, seen[o])
		}
		if !o.Known() && seen[o] {
			t.Errorf("%d has no name", uint16(o))
		}
		if other, twice := names[o.String()]; twice {
			t.Errorf("%d and %d are both called %v", uint16(other), uint16(o), o)
		}
		names[o.String()] = o
	}
}

// fill sets every field of v to something that is not its zero value.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64:
		v.SetInt(int64(*n) << 10)
	case reflect.Uint8, reflect.Uint16:
		v.SetUint(4)
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*n) + 200)
	case reflect.Float64:
		v.SetFloat(float64(*n) + 0.1)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes(make([]byte, 32))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), n)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 2 {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(key, n)
			fill(value, n)
			v.SetMapIndex(key, value)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	default:
		panic("no filling for " + v.Type().String())
	}
}

func filled(v any) any {
	p := reflect.New(reflect.TypeOf(v))
	n := 0
	fill(p.Elem(), &n)
	switch r := p.Interface().(type) { // fields that exclude or bound each other
	case *WriteRequest:
		r.Changes[0].Text, r.Changes[1].Value = nil, nil
	case *TemplateLoadRequest:
		r.Text = ""
	case *FileWriteRequest:
		r.Offset, r.Size = 7, 1000
	}
	return p.Elem().Interface()
}

// Every field of every body survives a round trip, and so does a body with none set.
func TestBodiesRoundTrip(t *testing.T) {
	for _, e := range exchanges() {
		t.Run(e.Operation().String(), func(t *testing.T) {
			req := filled(e.request())
			b, err := e.encodeRequest(req)
			if err != nil {
				t.Fatal(err)
			}
			got, err := e.decodeRequest(b)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(req, got); diff != "" {
				t.Error(diff)
			}
			for _, res := range []any{filled(e.reply()), e.reply()} {
				if b, err = e.encodeReply(res); err != nil {
					t.Fatal(err)
				}
				if got, err = e.decodeReply(b); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(res, got); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

// overfill calls check for every text, byte string, list and map below v while it is
// longer than any bound.
func overfill(v reflect.Value, path string, check func(path string)) {
	restore := reflect.New(v.Type()).Elem()
	restore.Set(v)
	defer v.Set(restore)
	switch v.Kind() {
	case reflect.String:
		v.SetString(strings.Repeat("x", DefaultMaxMessage/2))
		check(path)
	case reflect.Pointer:
		if !v.IsNil() {
			overfill(v.Elem(), path, check)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes(make([]byte, DefaultMaxMessage/2))
			check(path)
			return
		}
		for i := range v.Len() {
			overfill(v.Index(i), fmt.Sprintf("%s[%d]", path, i), check)
		}
		long := reflect.MakeSlice(v.Type(), MaxItems+1, MaxItems+1)
		for i := range long.Len() {
			long.Index(i).Set(v.Index(0))
		}
		v.Set(long)
		check(path)
	case reflect.Map:
		for _, k := range v.MapKeys() {
			value := reflect.New(v.Type().Elem()).Elem()
			value.SetString(strings.Repeat("x", DefaultMaxMessage/2))
			old := v.MapIndex(k)
			v.SetMapIndex(k, value)
			check(path + " value")
			v.SetMapIndex(k, old)
		}
		long := reflect.New(v.Type().Key()).Elem()
		long.SetString(strings.Repeat("x", DefaultMaxMessage/2))
		v.SetMapIndex(long, v.MapIndex(v.MapKeys()[0]))
		check(path + " key")
		v.SetMapIndex(long, reflect.Value{})
		many := reflect.MakeMap(v.Type())
		for i := range MaxPairs + 1 {
			key := reflect.New(v.Type().Key()).Elem()
			key.SetString(fmt.Sprintf("key %d", i))
			many.SetMapIndex(key, v.MapIndex(v.MapKeys()[0]))
		}
		v.Set(many)
		check(path)
	case reflect.Struct:
		for i := range v.NumField() {
			overfill(v.Field(i), path+"."+v.Type().Field(i).Name, check)
		}
	}
}

// No text and no list of a request is without a bound.
func TestEveryRequestFieldIsBounded(t *testing.T) {
	for _, e := range exchanges() {
		p := reflect.New(reflect.TypeOf(e.request()))
		p.Elem().Set(reflect.ValueOf(filled(e.request())))
		overfill(p.Elem(), p.Elem().Type().Name(), func(path string) {
			b, err := e.encodeRequest(p.Elem().Interface())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := e.decodeRequest(b); err == nil {
				t.Errorf("%s: taken at any length", path)
			}
		})
	}
}

// What a request must have, and what excludes each other.
func TestRequestBounds(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	one, value := "1", Text("1")
	for _, tc := range []struct {
		name string
		e    body
		req  any
		ok   bool
	}{
		{"hello: frame of 64 bytes", Hello, HelloRequest{LargestFrame: 64}, true},
		{"hello: frame of 63 bytes", Hello, HelloRequest{LargestFrame: 63}, false},
		{"hello: frame not stated", Hello, HelloRequest{}, true},
		{"read: no label", Read, ReadRequest{}, false},
		{"read: empty label", Read, ReadRequest{[]string{"a", ""}}, false},
		{"read: longest label", Read, ReadRequest{[]string{long(MaxLabel)}}, true},
		{"read: label too long", Read, ReadRequest{[]string{long(MaxLabel + 1)}}, false},
		{"read: most labels", Read, ReadRequest{strings.Split(long(MaxLabels-1)+"x", "")}, true},
		{"read: a label too many", Read, ReadRequest{strings.Split(long(MaxLabels+1), "")}, false},
		{"write: by text", Write, WriteRequest{[]Change{{Label: "a", Text: &one}}}, true},
		{"write: by value", Write, WriteRequest{[]Change{{Label: "a", Value: &value}}}, true},
		{"write: by text and value", Write, WriteRequest{[]Change{{Label: "a", Text: &one, Value: &value}}}, false},
		{"write: by neither", Write, WriteRequest{[]Change{{Label: "a"}}}, false},
		{"write: nothing", Write, WriteRequest{}, false},
		{"program: unknown step", Program, ProgramRequest{Steps: []Step{{Kind: 5, A: "a"}}}, false},
		{"program: nothing", Program, ProgramRequest{}, false},
		{"template: path and text", TemplateLoad, TemplateLoadRequest{Path: "a", Text: "b"}, false},
		{"template: neither", TemplateLoad, TemplateLoadRequest{}, false},
		{"file read: no length", FileRead, FileReadRequest{Path: "a"}, false},
		{"file read: longest block", FileRead, FileReadRequest{Path: "a", Length: MaxBlock}, true},
		{"file read: longer", FileRead, FileReadRequest{Path: "a", Length: MaxBlock + 1}, false},
		{"file write: last block", FileWrite, FileWriteRequest{"a", 90, make([]byte, 10), 100, make([]byte, 32)}, true},
		{"file write: past the end", FileWrite, FileWriteRequest{"a", 91, make([]byte, 10), 100, make([]byte, 32)}, false},
		{"file write: offset near 2^64", FileWrite, FileWriteRequest{"a", 1<<64 - 1, make([]byte, 10), 100, make([]byte, 32)}, false},
		{"file write: where to go on", FileWrite, FileWriteRequest{"a", 0, nil, 100, make([]byte, 32)}, true},
		{"file write: checksum cut off", FileWrite, FileWriteRequest{"a", 0, nil, 100, make([]byte, 31)}, false},
		{"subscribe: 100 ms", Subscribe, SubscribeRequest{Labels: []string{"a"}, IntervalMS: 100}, true},
		{"subscribe: 99 ms", Subscribe, SubscribeRequest{Labels: []string{"a"}, IntervalMS: 99}, false},
		{"clock: no time", ClockSet, ClockSetRequest{}, false},
		{"user add: no password", UserAdd, UserAddRequest{}, false},
		{"user add: password 0", UserAdd, UserAddRequest{Password: "0"}, true},
		{"user set: account 0", UserSet, UserSetRequest{Grant: []string{"read"}}, false},
		{"security set: nothing", SecuritySet, SecuritySetRequest{}, false},
		{"factory: a day", FactoryOpen, FactoryOpenRequest{1440}, true},
		{"factory: more", FactoryOpen, FactoryOpenRequest{1441}, false},
		{"provisional: no time", ProvisionalBegin, ProvisionalBeginRequest{}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b, err := tc.e.encodeRequest(tc.req)
			if err != nil {
				t.Fatal(err)
			}
			if _, err = tc.e.decodeRequest(b); (err == nil) != tc.ok {
				t.Errorf("error %v, want ok %v", err, tc.ok)
			}
		})
	}
}

// A bound that is broken says by how much.
func TestLimitError(t *testing.T) {
	b, err := Read.EncodeRequest(ReadRequest{strings.Split(strings.Repeat("x", 1001), "")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = Read.DecodeRequest(b)
	var limit *LimitError
	if !errors.As(err, &limit) || limit.Length != 1001 || limit.Limit != MaxLabels {
		t.Fatalf("%v, want a LimitError of 1001 over %d", err, MaxLabels)
	}
	if want := "read: label list has 1001 items; 1000 are the most"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
}
