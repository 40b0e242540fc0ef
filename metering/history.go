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
	// sum, square and top are the sums of y and y² and the largest y² per lane and
	// cell; power the sums of u·i per element and cell.
	sum, square, top [][]float64
	power            [3][]float64
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
	h.sum, h.square, h.top = planes(), planes(), planes()
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
	done := h.cells
	from, to := done*h.cell, cells*h.cell
	for i := range h.sum {
		addMoments(h.sum[i][done:cells], h.square[i][done:cells], h.top[i][done:cells], h.samples(i, from, to), h.cell)
	}
	for k, p := range h.power {
		if u, i := h.wires.volts[k], h.wires.amps[k]; u != none && i != none {
			addProducts(p[done:cells], h.samples(u, from, to), h.samples(i, from, to), h.cell)
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

// addMoments adds up y in cells.
func addMoments(sum, square, top, y []float64, cell int) {
	square, top = square[:len(sum)], top[:len(sum)]
	for c := range sum {
		sum[c], square[c], top[c] = moments(y[c*cell:][:cell])
	}
}

// addProducts adds up a·b in cells.
func addProducts(sum, a, b []float64, cell int) {
	for c := range sum {
		sum[c] = dot(a[c*cell:][:cell], b[c*cell:][:cell])
	}
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
		copy(h.top[i], h.top[i][cells:h.cells])
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
	sum, square, top := moments(h.samples(lane, a.whole, headEnd))
	s, q, t := moments(h.samples(lane, tailStart, b.whole))
	top = max(top, t)
	for _, v := range h.top[lane][c0:c1] {
		if v > top {
			top = v
		}
	}
	sum += s + total(h.sum[lane][c0:c1])
	square += q + total(h.square[lane][c0:c1])
	x := h.samples(lane, b.first, b.first+b.weights)
	sum, square = sum+b.sum(x), square+b.product(x, x)
	x = h.samples(lane, a.first, a.first+a.weights)
	// The root of a square is exact.
	return sum - a.sum(x), square - a.product(x, x), math.Sqrt(top)
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
	head, before := h.products(p, q, a, a.whole, headEnd)
	tail, after := h.products(p, q, b, tailStart, b.whole)
	return total(cells[c0:c1]) + head - before + tail + after
}

// products returns the sum of products of two lanes over the samples [from, to) beside
// an edge, and that weighted by the edge.
func (h *history) products(p, q int, e *edge, from, to int) (plain, weighted float64) {
	first := min(from, e.first)
	last := max(to, e.first+e.weights)
	x := h.samples(p, first, last)
	y := x
	if q != p {
		y = h.samples(q, first, last)
	}
	plain = dot(x[from-first:to-first], y[from-first:to-first])
	return plain, e.product(x[e.first-first:][:e.weights], y[e.first-first:])
}

// moments returns Σy, Σy² and the largest y². Squares compare as integers, which needs
// no branch. One plain chain of additions is fastest: the processor works on several
// cells at once.
func moments(y []float64) (sum, square, top float64) {
	var largest uint64
	for _, v := range y {
		sum += v
		v *= v
		square += v
		largest = max(largest, math.Float64bits(v))
	}
	return sum, square, math.Float64frombits(largest)
}

// dot returns Σ a·b.
func dot(a, b []float64) float64 {
	sum := 0.0
	b = b[:len(a)]
	for k, v := range a {
		sum += v * b[k]
	}
	return sum
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
