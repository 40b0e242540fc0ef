package csv

import "bytes"

// split cuts line at the delimiter into fields, without blanks and quotes around
// them, reusing fields. Several blanks are one delimiter. A quoted field may hold the delimiter; a doubled quote in it
// stays doubled.
func split(line []byte, delimiter byte, fields [][]byte) [][]byte {
	fields = fields[:0]
	if delimiter == ' ' {
		line = bytes.TrimRight(line, " \r")
	}
	for {
		for len(line) > 0 && line[0] == ' ' {
			line = line[1:]
		}
		var field []byte
		more := false
		if len(line) > 0 && line[0] == '"' {
			end := closingQuote(line)
			field = line[1:end]
			line = line[min(end+1, len(line)):]
			_, line, more = cutByte(line, delimiter)
		} else {
			field, line, more = cutByte(line, delimiter)
			field = bytes.TrimRight(field, " \t\r")
		}
		fields = append(fields, field)
		if !more {
			return fields
		}
	}
}

// closingQuote returns the index of the quote that closes the one at 0, or the length.
func closingQuote(line []byte) int {
	for i := 1; i < len(line); i++ {
		if line[i] != '"' {
			continue
		}
		if i+1 < len(line) && line[i+1] == '"' {
			i++
			continue
		}
		return i
	}
	return len(line)
}

func cutByte(b []byte, sep byte) (before, after []byte, found bool) {
	if i := bytes.IndexByte(b, sep); i >= 0 {
		return b[:i], b[i+1:], true
	}
	return b, nil, false
}
