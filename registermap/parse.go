package registermap

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

var rowColumns = []string{
	"number", "name", "registers", "type", "unit", "write", "group", "evidence", "form", "source", "scale", "enum",
}

var objectColumns = []string{"id", "name", "source", "text"}

// maxRows bounds a map file: one row per register is the most there can be.
const maxRows = 65536

// ParseRows reads a register map: CSV with the columns of registers.csv in that
// order. It is strict: an unknown word, a length that does not fit the type, a row
// out of order or an overlap is an error that names the line.
func ParseRows(r io.Reader) ([]Row, error) {
	var rows []Row
	next := 1 // the first free number
	err := eachRecord(r, rowColumns, func(field map[string]string) error {
		row, err := parseRow(field)
		if err != nil {
			return err
		}
		if row.Number < next {
			return fmt.Errorf("register %d: register %d is already taken by the row above; rows ascend and do not overlap", row.Number, next-1)
		}
		next = row.Number + row.Registers
		rows = append(rows, row)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("register map: %w", err)
	}
	assignMappings(rows)
	return rows, nil
}

func parseRow(field map[string]string) (Row, error) {
	row := Row{
		Name:     field["name"],
		Type:     Type(field["type"]),
		Unit:     field["unit"],
		Write:    Write(field["write"]),
		Group:    field["group"],
		Evidence: Evidence(field["evidence"]),
		Form:     Form(field["form"]),
		Scale:    1,
	}
	var err error
	if row.Number, err = strconv.Atoi(field["number"]); err != nil || row.Number < 1 || row.Number > 65536 {
		return Row{}, fmt.Errorf("number %q: want a one-based register number, 1 to 65536", field["number"])
	}
	fail := func(format string, args ...any) (Row, error) {
		return Row{}, fmt.Errorf("register %d: %w", row.Number, fmt.Errorf(format, args...))
	}
	if row.Name == "" || row.Group == "" {
		return fail("name and group must not be empty")
	}
	fixed, known := typeRegisters[row.Type]
	if !known {
		return fail("unknown type %q", row.Type)
	}
	if row.Registers, err = strconv.Atoi(field["registers"]); err != nil || row.Registers < 1 || row.Registers > 125 {
		return fail("registers %q: want 1 to 125, what one request can read", field["registers"])
	}
	if fixed != 0 && row.Registers != fixed {
		return fail("%s fills %d registers, not %d", row.Type, fixed, row.Registers)
	}
	if row.Number+row.Registers-1 > 65536 {
		return fail("%d registers run past register 65536", row.Registers)
	}
	if row.Evidence != Confirmed && row.Evidence != Sister && row.Evidence != Own {
		return fail("evidence %q: want hep, sister or own", field["evidence"])
	}
	if field["scale"] != "" {
		row.Scale, err = strconv.ParseFloat(field["scale"], 64)
		if err != nil || row.Scale == 0 || math.IsNaN(row.Scale) || math.IsInf(row.Scale, 0) {
			return fail("scale %q: want a number other than 0, or nothing", field["scale"])
		}
	}
	if field["enum"] != "" {
		row.Enum = strings.Split(field["enum"], "|")
		if row.Type != UINT16 || slices.Contains(row.Enum, "") {
			return fail("enum %q: want names separated by |, on a UINT16", field["enum"])
		}
	}
	if row.Form == "" {
		row.Form = Sum
	}
	if row.Sources, err = parseSources(row.Form, field["source"]); err != nil {
		return fail("source %q: %w", field["source"], err)
	}
	if row.Writable() {
		if err := row.checkWrite(); err != nil {
			return fail("write %q: %w", row.Write, err)
		}
		row.Target = row.Sources[0].Label
		if row.Write == WritePulse {
			row.Sources = nil
		}
	}
	if (row.Type == PF4Q) != (row.Form == FourQuadrant) {
		return fail("type PF4Q and form pf4q belong together")
	}
	switch row.Type {
	case UTF8, BITMAP, DATETIME:
		if len(row.Sources) > 1 && !row.bitwise() || row.Scale != 1 {
			return fail("%s takes one source, unscaled", row.Type)
		}
	}
	if row.bitwise() && (row.Type != BITMAP || len(row.Sources) >= 16*row.Registers) {
		return fail("form %s wants a BITMAP with room for %d sources below its topmost bit", row.Form, len(row.Sources))
	}
	return row, nil
}

// checkWrite tells what is wrong with how a row is written.
func (r Row) checkWrite() error {
	types, known := map[Write][]Type{
		WriteSetup: {UINT16, UINT32, FLOAT32}, WriteNumber: {FLOAT32}, WriteSwitch: {UINT16}, WritePulse: {UINT16}, WriteClock: {UINT32},
	}[r.Write]
	switch {
	case !known:
		return errors.New("want setup, number, switch, pulse, clock, or nothing")
	case !slices.Contains(types, r.Type):
		return fmt.Errorf("wants one of %v, not %s", types, r.Type)
	case len(r.Sources) != 1 || r.Form != Sum || r.Scale != 1:
		return errors.New("wants one source, unscaled, which is what is written")
	case len(r.Enum) > 0 && r.Write != WriteSetup:
		return errors.New("takes no enum: only a setup register does")
	}
	return nil
}

// bitwise reports whether each source of the row has a bit.
func (r Row) bitwise() bool { return r.Form == Bits || r.Form == Validity }

// parseSources reads "A + B - C" of a sum and "A; B" of the other forms. Labels may
// contain a plus or a minus, but not between spaces.
func parseSources(form Form, text string) ([]Term, error) {
	var terms []Term
	switch form {
	case Sum:
		if text == "" {
			return nil, nil
		}
		negative := false
		for text != "" {
			label, rest := text, ""
			nextNegative := false
			plus, minus := strings.Index(text, " + "), strings.Index(text, " - ")
			if cut := plus; cut >= 0 || minus >= 0 {
				if cut < 0 || (minus >= 0 && minus < cut) {
					cut, nextNegative = minus, true
				}
				label, rest = text[:cut], text[cut+3:]
				if rest == "" {
					return nil, errors.New("ends with a sign")
				}
			}
			terms = append(terms, Term{Label: label, Negative: negative})
			text, negative = rest, nextNegative
		}
	case Deviation, FourQuadrant, Bits, Validity:
		for label := range strings.SplitSeq(text, "; ") {
			terms = append(terms, Term{Label: label})
		}
		want, fixed := map[Form]int{Deviation: 2, FourQuadrant: 3}[form]
		if fixed && len(terms) != want {
			return nil, fmt.Errorf("form %s wants %d sources separated by \"; \", got %d", form, want, len(terms))
		}
	default:
		return nil, fmt.Errorf("unknown form %q", form)
	}
	for _, t := range terms {
		if !validLabel(t.Label) {
			return nil, fmt.Errorf("label %q: want Module label/Register label", t.Label)
		}
	}
	return terms, nil
}

func validLabel(label string) bool {
	module, register, ok := strings.Cut(label, "/")
	return ok && module != "" && register != "" && !strings.Contains(register, "/") &&
		module == strings.TrimSpace(module) && register == strings.TrimSpace(register)
}

// ParseIdentification reads the objects of Read Device Identification: CSV with the
// columns of identification.csv.
func ParseIdentification(r io.Reader) ([]Object, error) {
	var objects []Object
	err := eachRecord(r, objectColumns, func(field map[string]string) error {
		id, err := strconv.ParseUint(field["id"], 0, 8)
		if err != nil {
			return fmt.Errorf("id %q: want 0x00 to 0xFF", field["id"])
		}
		o := Object{ID: byte(id), Name: field["name"], Source: field["source"], Text: field["text"]}
		switch {
		case o.Name == "":
			return fmt.Errorf("object 0x%02X: name must not be empty", o.ID)
		case o.ID > 0x06 && o.ID < 0x80:
			return fmt.Errorf("object 0x%02X is reserved by the Modbus specification; own objects start at 0x80", o.ID)
		case (o.Source == "") == (o.Text == ""):
			return fmt.Errorf("object 0x%02X: give a source or a text, not both", o.ID)
		case o.Source != "" && !validLabel(o.Source):
			return fmt.Errorf("object 0x%02X: source %q: want Module label/Register label", o.ID, o.Source)
		case len(objects) > 0 && objects[len(objects)-1].ID >= o.ID:
			return fmt.Errorf("object 0x%02X: ids ascend", o.ID)
		}
		objects = append(objects, o)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("device identification: %w", err)
	}
	if len(objects) < 3 || objects[2].ID != 2 {
		return nil, errors.New("device identification: objects 0x00 to 0x02 are mandatory")
	}
	return objects, nil
}

// eachRecord calls row for every record below a header that must be exactly columns.
func eachRecord(r io.Reader, columns []string, row func(map[string]string) error) error {
	reader := csv.NewReader(r)
	reader.FieldsPerRecord = len(columns)
	header, err := reader.Read()
	if err != nil {
		return fmt.Errorf("header: %w", err)
	}
	if !slices.Equal(header, columns) {
		return fmt.Errorf("header %q: want %q", strings.Join(header, ","), strings.Join(columns, ","))
	}
	for n := 0; ; n++ {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err // it names the line
		}
		line, _ := reader.FieldPos(0)
		if n == maxRows {
			return fmt.Errorf("line %d: more than %d rows", line, maxRows)
		}
		field := make(map[string]string, len(columns))
		for i, name := range columns {
			field[name] = record[i]
		}
		if err := row(field); err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
}
