package measure

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// WriteJSON writes r as one JSON object, a line for each key and for each element
// of its lists. Long lists are encoded as they are written: a day of windows is
// never in memory twice.
func (r *Report) WriteJSON(w io.Writer) error {
	out := bufio.NewWriterSize(w, 1<<16)
	v := reflect.ValueOf(*r)
	separator := "{\n"
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !field.IsExported() || name == "" {
			continue
		}
		out.WriteString(separator)
		separator = ",\n"
		fmt.Fprintf(out, "%q: ", name)
		if err := writeValue(out, v.Field(i)); err != nil {
			return fmt.Errorf("write JSON: %s: %w", name, err)
		}
	}
	out.WriteString("\n}\n")
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// writeValue writes v; a list of objects with a line for each.
func writeValue(out *bufio.Writer, v reflect.Value) error {
	if v.Kind() != reflect.Slice || v.Len() == 0 {
		return writeOne(out, v)
	}
	separator := "[\n  "
	for i := range v.Len() {
		out.WriteString(separator)
		separator = ",\n  "
		if err := writeOne(out, v.Index(i)); err != nil {
			return err
		}
	}
	_, err := out.WriteString("\n]")
	return err
}

func writeOne(out *bufio.Writer, v reflect.Value) error {
	if v.Kind() == reflect.Slice && v.Len() == 0 {
		_, err := out.WriteString("[]")
		return err
	}
	data, err := json.Marshal(v.Interface())
	if err != nil {
		return err
	}
	_, err = out.Write(data)
	return err
}
