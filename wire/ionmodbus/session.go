package ionmodbus

import "time"

// buffered bounds each direction of a session, in bytes: a client that sends more than is
// read, or fetches less than is written, stops only itself.
const buffered = 32 << 10

// session is the meter's side of a stream.
type session struct {
	peer string // the host or line that opened it, and alone knows it
	used time.Time
	// last is the sequence carried out last, once one has begun, of which taken bytes were taken and sent is what
	// its answer brings. A client that has lost the answer asks for it again, as a shorter one
	// if room is what the path does not pass.
	begun bool
	last  uint32
	room  int
	taken int
	sent  []byte
	// in is what has come for the meter, out what it has for the client.
	in, out []byte
	// ended tells that the meter says no more.
	ended bool
}

// exchange carries out a sequence, or answers it again, and appends the payload of the
// answer. ok is false where it is neither the one that is due nor the one before.
func (s *session) exchange(sequence uint32, room int, data, dst []byte, now time.Time) (payload []byte, ok bool) {
	switch {
	case sequence == s.last+1:
		s.begun, s.last, s.room, s.used = true, sequence, room, now
		s.taken = min(len(data), buffered-len(s.in))
		if s.ended {
			s.taken = len(data) // nobody reads it any more
		} else {
			s.in = append(s.in, data[:s.taken]...)
		}
		n := min(len(s.out), DownRoom(room))
		s.sent = append(s.sent[:0], s.out[:n]...)
		s.out = s.out[:copy(s.out, s.out[n:])]
	case sequence == s.last && s.begun:
		if room < s.room {
			s.shorten(room)
		}
	default:
		return dst, false
	}
	dst = append(dst, byte(s.room), byte(s.taken))
	return append(dst, s.sent...), true
}

// shorten takes back what an answer has no room for. Within a sequence answers only become
// shorter, and each says for which room it is: so one that comes late cannot be taken for
// the shorter one.
func (s *session) shorten(room int) {
	s.room = room
	if n := DownRoom(room); n < len(s.sent) {
		s.out = append(append(make([]byte, 0, len(s.sent)-n+len(s.out)), s.sent[n:]...), s.out...)
		s.sent = s.sent[:n]
	}
}

// drained reports whether the client, which asks for the next sequence, has fetched all that a
// session had when it ended.
func (s *session) drained() bool { return s.ended && len(s.out) == 0 }
