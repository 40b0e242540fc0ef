package delta

import "encoding/binary"

// step says how the target goes on: the place in the base moves by seek bytes, then copied
// bytes of the base follow, each plus a difference, then literal bytes. No step is empty.
type step struct {
	seek            int
	copied, literal int
}

const (
	// seedBytes is how much must be equal for a place in the base to be looked at; seedStride
	// is the distance of the places of the base that are indexed. So whatever is equal over
	// seedBytes+seedStride-1 bytes is found, and the index stays small.
	seedBytes  = 12
	seedStride = 2
	// better is how many bytes more another place of the base must give than the present one
	// goes on to give: a step costs about as much.
	better = 8
)

// index finds places of the base by the bytes that stand there.
type index struct {
	base   []byte
	places []int32 // by hash: a place + 1, 0 for none
	shift  uint
}

func newIndex(base []byte) *index {
	bits := uint(10)
	for 1<<bits < len(base)/seedStride {
		bits++
	}
	x := &index{base: base, places: make([]int32, 1<<bits), shift: 64 - bits}
	// From the back, so that the first of several equal places stays.
	for i := (len(base) - seedBytes + seedStride) / seedStride * seedStride; i > 0; i -= seedStride {
		x.places[x.hash(base[i-seedStride:])] = int32(i - seedStride + 1)
	}
	return x
}

func (x *index) hash(b []byte) uint64 {
	h := binary.LittleEndian.Uint64(b)*0x9e3779b97f4a7c15 ^ uint64(binary.LittleEndian.Uint32(b[8:]))*0xc2b2ae3d27d4eb4f
	return (h * 0x9e3779b97f4a7c15) >> x.shift
}

// find returns a place of the base from which on it equals b for length bytes, 0 if there
// is none with as many as a seed.
func (x *index) find(b []byte) (place, length int) {
	if len(b) < seedBytes {
		return 0, 0
	}
	i := int(x.places[x.hash(b)]) - 1
	if i < 0 {
		return 0, 0
	}
	if n := common(x.base[i:], b); n >= seedBytes {
		return i, n
	}
	return 0, 0
}

// common returns how many bytes a and b have in common from their start.
func common(a, b []byte) int {
	n := min(len(a), len(b))
	i := 0
	for ; i+8 <= n && binary.LittleEndian.Uint64(a[i:]) == binary.LittleEndian.Uint64(b[i:]); i += 8 {
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}

// steps finds how target is made of base. It goes on with one place of the base over bytes
// that differ, as long as no other place gives clearly more: in an executable whose parts have moved
// only addresses differ, and their differences are few. The method is Colin Percival's
// (Naive differences of executable code, 2003), with an index of seeds in place of sorted suffixes.
func steps(base, target []byte) []step {
	x := newIndex(base)
	var list []step
	scan, length, place := 0, 0, 0
	// done is how far the target is described, at where in the base that stands, shift leads
	// from a place of the target to one of the base, and seek is what the next step begins with.
	done, at, shift, seek := 0, 0, 0, 0
	equal := func(i int) bool {
		j := i + shift
		return j >= 0 && j < len(base) && base[j] == target[i]
	}
	for scan < len(target) {
		score := 0 // bytes of scan to scan+length that the present place gives
		scan += length
		for counted := scan; scan < len(target); scan++ {
			place, length = x.find(target[scan:])
			for ; counted < scan+length; counted++ {
				if equal(counted) {
					score++
				}
			}
			if length > 0 && length == score || length > score+better {
				break
			}
			switch {
			case counted == scan: // not counted yet
				counted++
			case equal(scan):
				score--
			}
		}
		if length == score && scan < len(target) {
			continue
		}
		forward := extend(scan-done, func(i int) (same, ok bool) {
			ok = at+i < len(base)
			return ok && base[at+i] == target[done+i], ok
		})
		backward := 0
		if scan < len(target) {
			backward = extend(scan-done, func(i int) (same, ok bool) {
				ok = place-1-i >= 0
				return ok && base[place-1-i] == target[scan-1-i], ok
			})
		}
		if overlap := forward + backward - (scan - done); overlap > 0 {
			// Both give these bytes: cut where together they give most.
			score, best, cut := 0, 0, 0
			for i := range overlap {
				if target[done+forward-overlap+i] == base[at+forward-overlap+i] {
					score++
				}
				if target[scan-backward+i] == base[place-backward+i] {
					score--
				}
				if score > best {
					best, cut = score, i+1
				}
			}
			forward += cut - overlap
			backward -= cut
		}
		if literal := scan - backward - (done + forward); forward+literal > 0 {
			list = append(list, step{seek, forward, literal})
			seek = 0
		}
		seek += place - backward - (at + forward)
		done, at, shift = scan-backward, place-backward, place-scan
	}
	return list
}

// extend returns the length up to limit over which at least half of the bytes are the same,
// and most of all beyond that.
func extend(limit int, same func(i int) (same, ok bool)) int {
	score, best, length := 0, 0, 0
	for i := range limit {
		equal, ok := same(i)
		if !ok {
			break
		}
		if equal {
			score++
		}
		if 2*score-(i+1) > best {
			best, length = 2*score-(i+1), i+1
		}
	}
	return length
}
