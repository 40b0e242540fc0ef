package ionp

import "fmt"

// keptBuffer is how much memory a Reassembler keeps for the next message of several
// frames.
const keptBuffer = 16 << 10

// Reassembler makes messages of frames. The frames of one message come in order; those
// of different messages may be mixed. Its memory grows only with bytes that were
// received. The zero value takes messages of up to MessageBeforeLogin bytes.
type Reassembler struct {
	limit int // 0: MessageBeforeLogin
	parts [MaxIncomplete]partial
}

// partial is a message of which frames are still to come.
type partial struct {
	used bool
	kind Kind
	id   uint32
	// tooLong is set when the message passed the limit: the rest of it is dropped.
	tooLong bool
	bytes   []byte
}

// TooLongError reports a message over the limit. The stream can still be followed: the
// rest of the message is dropped, so the request can be refused and the next one taken.
type TooLongError struct {
	Kind  Kind
	ID    uint32
	Limit int
}

// Error says what the limit is.
func (e *TooLongError) Error() string {
	return fmt.Sprintf("%s %d is longer than %d bytes; ask for less at once", e.Kind, e.ID, e.Limit)
}

// SetLimit sets how long a message may be, and all that are under way together, in bytes.
// It also holds for those under way.
func (r *Reassembler) SetLimit(bytes int) { r.limit = bytes }

// Add takes a frame in. When it completes a message, done is true and message is valid
// until the next Add, or as long as the frame where it came in one. A *TooLongError is
// given once for each message over the limit, and ends nothing; a *FrameError means
// that the stream cannot be followed any more.
func (r *Reassembler) Add(f Frame) (message []byte, done bool, err error) {
	limit := r.limit
	if limit == 0 {
		limit = MessageBeforeLogin
	}
	if len(f.Payload) == 0 {
		return nil, false, &FrameError{fmt.Sprintf("a frame of %s %d is empty", f.Kind, f.ID)}
	}
	p := r.find(f)
	if p == nil {
		if !f.More {
			if len(f.Payload) > limit {
				return nil, false, &TooLongError{f.Kind, f.ID, limit}
			}
			return f.Payload, true, nil
		}
		if p = r.free(); p == nil {
			return nil, false, &FrameError{fmt.Sprintf("more than %d messages are under way at once", MaxIncomplete)}
		}
		p.used, p.kind, p.id = true, f.Kind, f.ID
	}
	switch {
	case p.tooLong:
	case r.held()+len(f.Payload) > limit: // all that are under way share it
		p.tooLong, p.bytes = true, nil
		err = &TooLongError{f.Kind, f.ID, limit}
	default:
		p.bytes = append(p.bytes, f.Payload...)
	}
	if f.More {
		return nil, false, err
	}
	message, done = p.bytes, !p.tooLong
	*p = partial{}
	if cap(message) <= keptBuffer {
		p.bytes = message[:0]
	}
	return message, done, err
}

func (r *Reassembler) find(f Frame) *partial {
	for i := range r.parts {
		if p := &r.parts[i]; p.used && p.kind == f.Kind && p.id == f.ID {
			return p
		}
	}
	return nil
}

func (r *Reassembler) free() *partial {
	for i := range r.parts {
		if p := &r.parts[i]; !p.used {
			return p
		}
	}
	return nil
}

// held returns how many bytes of messages that are not whole there are.
func (r *Reassembler) held() int {
	n := 0
	for i := range r.parts {
		if r.parts[i].used {
			n += len(r.parts[i].bytes)
		}
	}
	return n
}

// underway reports whether a message has begun and not ended.
func (r *Reassembler) underway() bool {
	for i := range r.parts {
		if r.parts[i].used {
			return true
		}
	}
	return false
}
