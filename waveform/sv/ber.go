package sv

import "fmt"

// reader reads BER elements (ITU-T X.690) of definite length, with one-byte tags, from
// at on in a frame that it does not copy.
type reader struct {
	frame []byte
	at    int
}

func (r *reader) more() bool { return r.at < len(r.frame) }

// next returns the next element's tag and a reader of its contents.
func (r *reader) next() (tag byte, contents reader, err error) {
	at := r.at
	if len(r.frame)-at < 2 {
		return 0, reader{}, fmt.Errorf("byte %d: an element ends after its tag", at)
	}
	tag = r.frame[at]
	n := int(r.frame[at+1])
	body := at + 2
	if n >= 0x80 {
		more := n & 0x7f
		if more == 0 || more > 3 || len(r.frame)-body < more {
			return 0, reader{}, fmt.Errorf("byte %d: element %#02x has a length of %d more bytes: 1 to 3 are read", at, tag, more)
		}
		n = 0
		for range more {
			n = n<<8 | int(r.frame[body])
			body++
		}
	}
	if n > len(r.frame)-body {
		return 0, reader{}, fmt.Errorf("byte %d: element %#02x of %d bytes, %d are left", at, tag, n, len(r.frame)-body)
	}
	r.at = body + n
	return tag, reader{frame: r.frame[:body+n], at: body}, nil
}

// enter returns the contents of the next element, which must have this tag.
func (r *reader) enter(tag byte, name string) (reader, error) {
	at := r.at
	got, contents, err := r.next()
	if err == nil && got != tag {
		err = fmt.Errorf("byte %d: element %#02x where %s (%#02x) must stand", at, got, name, tag)
	}
	return contents, err
}

func (r *reader) rest() []byte { return r.frame[r.at:] }

// exactly returns the contents, which must be n bytes.
func (r *reader) exactly(name string, n int) ([]byte, error) {
	if len(r.frame)-r.at != n {
		return nil, fmt.Errorf("byte %d: %s of %d bytes, want %d", r.at, name, len(r.frame)-r.at, n)
	}
	return r.rest(), nil
}

// unsigned reads a whole number of up to n bytes; one more may lead it as a sign, and
// zeros before that are as some publishers write.
func (r *reader) unsigned(name string, n int) (uint64, error) {
	b := r.rest()
	for len(b) > n && b[0] == 0 {
		b = b[1:]
	}
	if len(b) == 0 || len(b) > n {
		return 0, fmt.Errorf("byte %d: %s of %d bytes, want up to %d", r.at, name, len(r.frame)-r.at, n)
	}
	v := uint64(0)
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return v, nil
}
