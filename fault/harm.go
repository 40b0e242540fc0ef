package fault

import (
	"math/rand/v2"
	"slices"
	"time"
)

// harm is what is done instead of passing a frame on.
type harm struct {
	pieces   [][]byte      // what is sent on, a write each
	wait     time.Duration // before the first piece
	between  time.Duration // the pieces
	answer   []byte        // what the client is told instead
	hold     hold
	holdTime time.Duration // of a merge
	silent   bool          // the connection never says anything again
	reset    bool          // the connection is reset
}

// hold is why a frame is held back.
type hold int

const (
	holdNone  hold = iota
	holdLate       // it comes after the next
	holdMerge      // it comes with the next
)

// harmFrame works out what a fault does to a frame. The result has memory of its own.
func harmFrame(g Framing, v verdict, f Frame, from Place) harm {
	r := v.rule
	b := slices.Clone(f.Bytes)
	one := func(b []byte) harm { return harm{pieces: [][]byte{b}} }
	exception := func() harm {
		if from == Requests {
			return harm{answer: g.exception(f, byte(r.Code))}
		}
		return one(g.exception(f, byte(r.Code)))
	}
	switch r.Fault {
	case "delay":
		return harm{pieces: [][]byte{b}, wait: r.Wait}
	case "duplicate":
		return harm{pieces: [][]byte{b, b}}
	case "reorder":
		return harm{pieces: [][]byte{b}, hold: holdLate}
	case "merge":
		return harm{pieces: [][]byte{b}, hold: holdMerge, holdTime: r.Wait}
	case "truncate":
		return one(b[:max(1, len(b)-r.Bytes)])
	case "pad":
		return one(append(b, make([]byte, r.Bytes)...))
	case "corrupt":
		random := rand.New(rand.NewPCG(v.random, 0))
		start := r.At
		if start == unstated {
			start = random.IntN(len(b))
		}
		for i := start; i < min(start+r.Bytes, len(b)); i++ {
			b[i] ^= byte(1 + random.IntN(255))
		}
		return one(b)
	case "wrongCRC":
		b[len(b)-1] ^= byte(1 + v.random%255)
		return one(b)
	case "wrongUnit":
		b[g.pduAt()-1]++
		return one(g.mend(b))
	case "wrongFunction":
		at := g.pduAt()
		b[at] = b[at]&exceptionBit | (b[at]+1)&^exceptionBit
		return one(g.mend(b))
	case "wrongTransaction":
		if b[1]++; b[1] == 0 {
			b[0]++
		}
		return one(b)
	case "split":
		return harm{pieces: slices.Collect(slices.Chunk(b, r.Bytes)), between: r.Wait}
	case "exception":
		return exception()
	case "limit":
		switch r.Then {
		case "cut":
			return one(g.mend(b[:r.Bytes]))
		case "exception":
			return exception()
		}
	case "halfOpen":
		return harm{silent: true}
	case "reset":
		return harm{reset: true}
	case "outage":
		return harm{reset: r.Then == "reset"}
	}
	return harm{} // a drop
}
