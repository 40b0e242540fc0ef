package metering

import "math"

// history holds the samples of the open window, and a little more, of every connected
// lane, and of all lanes their sums over cells: short runs of samples, about 64 per
// cycle, that are added up once, on arrival. The tracker filters the cell sums;
// windows and half cycles add whole cells and only touch samples at their edges.
//
// Positions count samples from the oldest one held. When the memory is full the
// oldest are dropped, and all positions shift.
type history struct {
	wires *wiring
	// x holds the samples of each connected lane, n of them valid; derived lanes are
	// computed where they are needed.
	x [][]float64
	n int
	// reach is that of the edges.
	reach int
	// size is the number of samples there is memory for.
	size int
	// cell is the number of samples in a cell, cells the number of complete ones.
	cell, cells int
	// sum, square and peak are the sums of y and y² and the largest |y| per lane and
	// cell; power the sums of u·i per element and cell.
	sum, square, peak [][]float64
	power             [3][]float64
	// flags are those of the samples of each cell, the last of which may be incomplete.
	flags []Flags
	// origin is the number of samples of this stretch that were dropped.
	origin int64
	// scratch holds samples of derived lanes, one piece each.
	scratch [][]float64
}

// newHistory makes room for capacity samples, in cells of the given size, arriving in
// pieces of at most piece.
func newHistory(w *wiring, cell, capacity, piece, reach int) *history {
	cells := capacity / cell
	h := &history{wires: w, cell: cell, reach: reach, size: cells * cell}
	lanes := len(w.lanes)
	h.x, h.scratch = make([][]float64, lanes), make([][]float64, lanes)
	for i := range w.lanes {
		if w.lanes[i].input == none {
			h.scratch[i] = make([]float64, piece+cell+2*maxReach)
		} else {
			h.x[i] = make([]float64, h.size)
		}
	}
	planes := func() [][]float64 {
		p := make([][]float64, lanes)
		for i := range p {
			p[i] = make([]float64, cells)
		}
		return p
	}
	h.sum, h.square, h.peak = planes(), planes(), planes()
	h.flags = make([]Flags, cells)
	for k := range h.power {
		h.power[k] = make([]float64, cells)
	}
	return h
}

// free returns how many samples can be appended.
func (h *history) free() int { return h.size - h.n }

// reset forgets everything.
func (h *history) reset() { h.n, h.cells, h.origin = 0, 0, 0 }

// append takes samples [from, to) of the block's channels, which carry flags, and adds
// up the cells they complete.
func (h *history) append(channels [][]float64, from, to int, flags Flags) {
	end := h.n + to - from
	for c := h.n / h.cell; c*h.cell < end; c++ {
		if c*h.cell >= h.n {
			h.flags[c] = 0
		}
		h.flags[c] |= flags
	}
	for i := range h.wires.lanes {
		l := &h.wires.lanes[i]
		if l.input == none {
			continue
		}
		dst, src := h.x[i][h.n:end], channels[l.input][from:to]
		if l.sign > 0 {
			copy(dst, src)
			continue
		}
		for k, v := range src {
			dst[k] = -v
		}
	}
	h.n = end
	h.addUp(h.n / h.cell)
}

// samples returns samples [from, to) of a lane; those of a derived lane are valid
// until the next call for it.
func (h *history) samples(lane, from, to int) []float64 {
	if h.x[lane] != nil {
		return h.x[lane][from:to]
	}
	if cap(h.scratch[lane]) < to-from {
		h.scratch[lane] = make([]float64, to-from) // only a short record asks for more than a piece
	}
	dst := h.scratch[lane][:to-from]
	terms := h.wires.lanes[lane].terms
	a, fa := h.samples(terms[0].lane, from, to), terms[0].factor
	b, fb := h.samples(terms[1].lane, from, to), terms[1].factor
	b = b[:len(a)]
	dst = dst[:len(a)]
	if fa == 1 && fb == -1 {
		for k, v := range a {
			dst[k] = v - b[k]
		}
	} else {
		for k, v := range a {
			dst[k] = fa*v + fb*b[k]
		}
	}
	for _, t := range terms[2:] {
		for k, v := range h.samples(t.lane, from, to) {
			dst[k] += t.factor * v
		}
	}
	return dst
}

// addUp completes the cells up to cells.
func (h *history) addUp(cells int) {
	from, to := h.cells*h.cell, cells*h.cell
	for i := range h.sum {
		x := h.samples(i, from, to)
		sum, square, peak := h.sum[i], h.square[i], h.peak[i]
		for c := h.cells; c < cells; c++ {
			sum[c], square[c], peak[c] = moments(x[:h.cell])
			x = x[h.cell:]
		}
	}
	for k, p := range h.power {
		if h.wires.volts[k] == none || h.wires.amps[k] == none {
			continue
		}
		u, i := h.samples(h.wires.volts[k], from, to), h.samples(h.wires.amps[k], from, to)
		for c := h.cells; c < cells; c++ {
			p[c] = dot(u[:h.cell], i[:h.cell])
			u, i = u[h.cell:], i[h.cell:]
		}
	}
	h.cells = cells
}

// flagsIn returns the flags of the samples from position a to b, and of those that
// share a cell with them.
func (h *history) flagsIn(a, b float64) Flags {
	var flags Flags
	last := min(int(math.Ceil(b)), h.n) - 1
	for c := max(0, int(a)) / h.cell; c*h.cell <= last; c++ {
		flags |= h.flags[c]
	}
	return flags
}

// drop forgets the oldest cells.
func (h *history) drop(cells int) {
	samples := cells * h.cell
	copy(h.flags, h.flags[cells:(h.n+h.cell-1)/h.cell])
	for i := range h.sum {
		if h.x[i] != nil {
			copy(h.x[i], h.x[i][samples:h.n])
		}
		copy(h.sum[i], h.sum[i][cells:h.cells])
		copy(h.square[i], h.square[i][cells:h.cells])
		copy(h.peak[i], h.peak[i][cells:h.cells])
	}
	for k := range h.power {
		copy(h.power[k], h.power[k][cells:h.cells])
	}
	h.n -= samples
	h.cells -= cells
	h.origin += int64(samples)
}

// span splits the whole samples of [a, b) into complete cells [c0, c1) and the
// samples before and after them.
func (h *history) span(a, b *edge) (c0, c1, headEnd, tailStart int) {
	c0 = (a.whole + h.cell - 1) / h.cell
	c1 = min(b.whole/h.cell, h.cells)
	if c1 <= c0 {
		return c0, c0, b.whole, b.whole
	}
	return c0, c1, c0 * h.cell, c1 * h.cell
}

// moments returns the integrals of y and y² over [a, b) and the largest |y| in it.
func (h *history) moments(lane int, a, b *edge) (sum, square, peak float64) {
	c0, c1, headEnd, tailStart := h.span(a, b)
	sum, square, peak = moments(h.samples(lane, a.whole, headEnd))
	s, q, p := moments(h.samples(lane, tailStart, b.whole))
	peak = max(peak, p)
	for _, v := range h.peak[lane][c0:c1] {
		if v > peak {
			peak = v
		}
	}
	sum += s + total(h.sum[lane][c0:c1])
	square += q + total(h.square[lane][c0:c1])
	x := h.samples(lane, b.first, b.first+b.weights)
	sum, square = sum+b.sum(x), square+b.product(x, x)
	x = h.samples(lane, a.first, a.first+a.weights)
	return sum - a.sum(x), square - a.product(x, x), peak
}

// place sets e to a position among the samples held.
func (h *history) place(e *edge, position float64) { e.set(position, h.n, h.reach) }

// squareSum returns the integral of y² over [a, b).
func (h *history) squareSum(lane int, a, b *edge) float64 {
	return h.integral(h.square[lane], lane, lane, a, b)
}

// powerSum returns the integral of u·i of element k over [a, b).
func (h *history) powerSum(k int, a, b *edge) float64 {
	return h.integral(h.power[k], h.wires.volts[k], h.wires.amps[k], a, b)
}

// integral returns the integral of the product of two lanes over [a, b), whose sums
// per cell are given.
func (h *history) integral(cells []float64, p, q int, a, b *edge) float64 {
	c0, c1, headEnd, tailStart := h.span(a, b)
	sum := total(cells[c0:c1])
	sum += dot(h.samples(p, a.whole, headEnd), h.samples(q, a.whole, headEnd))
	sum += dot(h.samples(p, tailStart, b.whole), h.samples(q, tailStart, b.whole))
	sum += b.product(h.samples(p, b.first, b.first+b.weights), h.samples(q, b.first, b.first+b.weights))
	return sum - a.product(h.samples(p, a.first, a.first+a.weights), h.samples(q, a.first, a.first+a.weights))
}

// moments returns Σy, Σy² and the largest |y|. Two chains of each hide the latency
// of the additions, and magnitudes compare as integers, which needs no branch.
func moments(y []float64) (sum, square, peak float64) {
	var s0, s1, q0, q1 float64
	var p0, p1 uint64
	for len(y) >= 2 {
		a, b := y[0], y[1]
		s0 += a
		s1 += b
		q0 += a * a
		q1 += b * b
		p0 = max(p0, math.Float64bits(a)<<1)
		p1 = max(p1, math.Float64bits(b)<<1)
		y = y[2:]
	}
	if len(y) == 1 {
		s0 += y[0]
		q0 += y[0] * y[0]
		p0 = max(p0, math.Float64bits(y[0])<<1)
	}
	return s0 + s1, q0 + q1, math.Float64frombits(max(p0, p1) >> 1)
}

// dot returns Σ a·b.
func dot(a, b []float64) float64 {
	var s0, s1 float64
	b = b[:len(a)]
	for len(a) >= 2 && len(b) >= 2 {
		s0 += a[0] * b[0]
		s1 += a[1] * b[1]
		a, b = a[2:], b[2:]
	}
	if len(a) == 1 && len(b) == 1 {
		s0 += a[0] * b[0]
	}
	return s0 + s1
}

// total returns Σ y.
func total(y []float64) float64 {
	var s0, s1, s2, s3 float64
	for len(y) >= 4 {
		s0 += y[0]
		s1 += y[1]
		s2 += y[2]
		s3 += y[3]
		y = y[4:]
	}
	for _, v := range y {
		s0 += v
	}
	return (s0 + s1) + (s2 + s3)
}
