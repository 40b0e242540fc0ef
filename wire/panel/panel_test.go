package panel

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

func TestRequestsWithinTheirBounds(t *testing.T) {
	for _, row := range []struct {
		name, said string
		want       Request
		err        error
	}{
		{"a hello", `{"version":1,"columns":80,"rows":24}`, Request{Version: 1, Columns: 80, Rows: 24}, nil},
		{"a display that is too small", `{"columns":3,"rows":2}`, Request{Columns: LeastColumns, Rows: LeastRows}, nil},
		{"a display that is too large", `{"columns":1000000,"rows":1000000}`, Request{Columns: MostColumns, Rows: MostRows}, nil},
		{"a key with a name", `{"key":"up"}`, Request{Key: Up}, nil},
		{"a key with a character", `{"key":"~"}`, Request{Key: "~"}, nil},
		{"a key that there is not", `{"key":"f1"}`, Request{}, ErrMalformed},
		{"a control character", `{"key":"\u001b"}`, Request{}, ErrMalformed},
		{"a size below 0", `{"columns":-1}`, Request{}, ErrMalformed},
		{"no JSON", `up`, Request{}, ErrMalformed},
		{"a line that is too long", strings.Repeat(" ", MaxRequest) + `{"key":"up"}`, Request{}, ErrMalformed},
		{"nothing", "", Request{}, ErrMalformed},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := NewRequests(strings.NewReader(row.said + "\n")).Next()
			if got != row.want || !errors.Is(err, row.err) {
				t.Errorf("%+v, %v; want %+v, %v", got, err, row.want, row.err)
			}
		})
	}
}

func TestALineThatDoesNotEndIsNoRequest(t *testing.T) {
	if _, err := NewRequests(strings.NewReader(`{"key":"up"}`)).Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v, want an unexpected end", err)
	}
	if _, err := NewRequests(strings.NewReader("")).Next(); err != io.EOF {
		t.Errorf("%v, want the end", err)
	}
}

func TestPicturesHaveNoControlCharacters(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, Picture{Lines: []Line{{{Text: "a\x1b[2Jb\u202ec\x00", Style: Title}, {Text: "°C"}}}, Error: "\a"}); err != nil {
		t.Fatal(err)
	}
	p, err := NewPictures(&b).Next()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.Lines[0].Text(), "a?[2Jb?c?°C"; got != want || p.Error != "?" {
		t.Errorf("%q and %q, want %q", got, p.Error, want)
	}
}

func TestMessagesGoThereAndBack(t *testing.T) {
	var b bytes.Buffer
	said := []Request{{Version: Version, Columns: 80, Rows: 24}, {Key: Enter}, {Key: "0"}, {Columns: 40, Rows: 16}}
	for _, q := range said {
		if err := Write(&b, q); err != nil {
			t.Fatal(err)
		}
	}
	r := NewRequests(&b)
	for _, want := range said {
		if got, err := r.Next(); got != want || err != nil {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
	}
}

func FuzzRequests(f *testing.F) {
	f.Add([]byte("{\"version\":1,\"columns\":80,\"rows\":24}\n{\"key\":\"up\"}\n"))
	f.Add([]byte("{\"version\":1,\"screen\":\"volts\"}\n"))
	f.Add([]byte("{}\n[]\nnull\n"))
	f.Fuzz(func(t *testing.T, said []byte) {
		r := NewRequests(bytes.NewReader(said))
		for {
			q, err := r.Next()
			if err != nil {
				return
			}
			var b bytes.Buffer
			if err := Write(&b, q); err != nil {
				t.Fatal(err)
			}
			if len(q.Screen) > MaxRequest || q.Columns > MostColumns || q.Rows > MostRows {
				t.Errorf("%+v is out of bounds", q)
			}
			if b.Len() > MaxRequest {
				return // escaped JSON may be longer than what it was read from
			}
			if again, err := NewRequests(&b).Next(); err != nil || again != q {
				t.Errorf("%+v became %+v, %v", q, again, err)
			}
		}
	})
}

func FuzzPictures(f *testing.F) {
	f.Add([]byte("{\"version\":1,\"lines\":[[{\"text\":\"V1\",\"style\":\"title\"}],[]]}\n{\"end\":true}\n"))
	f.Fuzz(func(t *testing.T, said []byte) {
		p, err := NewPictures(bytes.NewReader(said)).Next()
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := Write(&b, p); err != nil {
			t.Fatal(err)
		}
		if b.Len() > MaxPicture {
			return
		}
		again, err := NewPictures(&b).Next()
		if err != nil || len(again.Lines) != len(p.Lines) || again.End != p.End {
			t.Errorf("%+v became %+v, %v", p, again, err)
		}
		for i, line := range p.Lines {
			if got := again.Lines[i].Text(); !reflect.DeepEqual(got, line.Text()) {
				t.Errorf("line %d: %q became %q", i, line.Text(), got)
			}
		}
	})
}
