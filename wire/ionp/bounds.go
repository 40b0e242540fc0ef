package ionp

import "fmt"

// LimitError reports a part of a request that is too long, in bytes of text or items of
// a list.
type LimitError struct {
	What      string
	Length    int
	Limit     int
	ListItems bool
}

// Error names the part, its length and the limit.
func (e *LimitError) Error() string {
	unit := "bytes"
	if e.ListItems {
		unit = "items"
	}
	return fmt.Sprintf("%s has %d %s; %d are the most", e.What, e.Length, unit, e.Limit)
}

func tooLong(what string, length, limit int) error {
	return &LimitError{What: what, Length: length, Limit: limit}
}

// text holds a text or a byte string against its bound.
func text[T ~string | ~[]byte](what string, s T, limit int) error {
	if len(s) > limit {
		return tooLong(what, len(s), limit)
	}
	return nil
}

// required is text for one that must not be empty.
func required[T ~string | ~[]byte](what string, s T, limit int) error {
	if len(s) == 0 {
		return fmt.Errorf("%s is missing", what)
	}
	return text(what, s, limit)
}

// list holds the length of a list or map against its bound.
func list(what string, length, limit int) error {
	if length > limit {
		return &LimitError{What: what, Length: length, Limit: limit, ListItems: true}
	}
	return nil
}

// texts holds a list of texts against its bounds; none of them may be empty.
func texts(what string, l []string, most, longest int) error {
	if err := list(what+" list", len(l), most); err != nil {
		return err
	}
	for i, s := range l {
		if len(s) == 0 || len(s) > longest {
			return required(fmt.Sprintf("%s %d", what, i+1), s, longest)
		}
	}
	return nil
}

// pairs holds a map of texts against its bounds.
func pairs[T ~string](what string, m map[string]T, most, longestKey, longest int) error {
	if err := list(what+" list", len(m), most); err != nil {
		return err
	}
	for k, v := range m {
		if err := required(what+" name", k, longestKey); err != nil {
			return err
		}
		if err := text(what, v, longest); err != nil {
			return err
		}
	}
	return nil
}

// number holds a number against its bounds.
func number[T int64 | uint32 | uint64](what string, n, least, most T) error {
	if n < least || n > most {
		return fmt.Errorf("%s %d: want %d to %d", what, n, least, most)
	}
	return nil
}

// first returns the first error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
