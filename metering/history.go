package metering

import "math"

// history holds the samples of the open window, and a little more, of every lane,
// and their sums over cells: short runs of samples, about 64 per cycle, that are
// added up once, on arrival. The tracker filters the cell sums; windows and half
// cycles add whole cells and only touch samples at their edges.
//
// Positions count samples from the oldest one held. When the memory is full the
// oldest are dropped, and all positions shift.
type history struct {
	wires *wiring
	// x holds the samples of each lane, n of them valid.
	x [][]float64
	n int
	// cell is the number of samples in a cell, cells the number of complete ones.
	cell, cells int
	// sum, square and peak are the sums of y and y² and the largest |y| per lane and
	// cell; power the sums of u·i per element and cell.
	sum, square, peak [][]float64
	power             [3][]float64
	// origin is the number of samples of this stretch that were dropped.
	origin int64
}

// newHistory makes room for capacity samples in cells of the given size.
func newHistory(w *wiring, cell, capacity int) *history {
	h := &history{wires: w, cell: cell}
	cells := capacity / cell
	capacity = cells * cell
	planes := func(n int) [][]float64 {
		memory := make([]float64, n*len(w.lanes))
		p := make([][]float64, len(w.lanes))
		for i := range p {
			p[i] = memory[i*n : (i+1)*n : (i+1)*n]
		}
		return p
	}
	h.x, h.sum, h.square, h.peak = planes(capacity), planes(cells), planes(cells), planes(cells)
	for k := range h.power {
		h.power[k] = make([]float64, cells)
	}
	return h
}

// free returns how many samples can be appended.
func (h *history) free() int { return len(h.x[0]) - h.n }

// reset forgets everything.
func (h *history) reset() { h.n, h.cells, h.origin = 0, 0, 0 }

// append takes samples [from, to) of the block's channels and adds up the cells
// they complete.
func (h *history) append(channels [][]float64, from, to int) {
	end := h.n + to - from
	for i := range h.wires.lanes {
		l := &h.wires.lanes[i]
		dst := h.x[i][h.n:end]
		if l.input == none {
			h.combine(dst, l.terms)
			continue
		}
		src := channels[l.input][from:to]
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

// combine computes a derived lane from the newest samples of its terms.
func (h *history) combine(dst []float64, terms []term) {
	from, to := h.n, h.n+len(dst)
	a, fa := h.x[terms[0].lane][from:to], terms[0].factor
	b, fb := h.x[terms[1].lane][from:to], terms[1].factor
	for k := range dst {
		dst[k] = fa*a[k] + fb*b[k]
	}
	for _, t := range terms[2:] {
		for k, v := range h.x[t.lane][from:to] {
			dst[k] += t.factor * v
		}
	}
}

// addUp completes the cells up to cells.
func (h *history) addUp(cells int) {
	for i, x := range h.x {
		sum, square, peak := h.sum[i], h.square[i], h.peak[i]
		for c := h.cells; c < cells; c++ {
			sum[c], square[c], peak[c] = moments(x[c*h.cell : (c+1)*h.cell])
		}
	}
	for k, p := range h.power {
		if h.wires.volts[k] == none || h.wires.amps[k] == none {
			continue
		}
		u, i := h.x[h.wires.volts[k]], h.x[h.wires.amps[k]]
		for c := h.cells; c < cells; c++ {
			p[c] = dot(u[c*h.cell:(c+1)*h.cell], i[c*h.cell:(c+1)*h.cell])
		}
	}
	h.cells = cells
}

// drop forgets the oldest cells.
func (h *history) drop(cells int) {
	samples := cells * h.cell
	for i := range h.x {
		copy(h.x[i], h.x[i][samples:h.n])
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

// moments returns the integrals of y, y² over [a, b) and the largest |y| in it.
func (h *history) moments(lane int, a, b *edge) (sum, square, peak float64) {
	x := h.x[lane]
	c0, c1, headEnd, tailStart := h.span(a, b)
	sum, square, peak = moments(x[a.whole:headEnd])
	s, q, p := moments(x[tailStart:b.whole])
	sum, square, peak = sum+s, square+q, max(peak, p)
	for _, v := range h.peak[lane][c0:c1] {
		if v > peak {
			peak = v
		}
	}
	sum += total(h.sum[lane][c0:c1]) + b.sum(x) - a.sum(x)
	square += total(h.square[lane][c0:c1]) + b.product(x, x) - a.product(x, x)
	return sum, square, peak
}

// meanSquareSum returns the integral of y² over [a, b).
func (h *history) squareSum(lane int, a, b *edge) float64 {
	x := h.x[lane]
	c0, c1, headEnd, tailStart := h.span(a, b)
	return total(h.square[lane][c0:c1]) +
		dot(x[a.whole:headEnd], x[a.whole:headEnd]) + dot(x[tailStart:b.whole], x[tailStart:b.whole]) +
		b.product(x, x) - a.product(x, x)
}

// powerSum returns the integral of u·i of element k over [a, b).
func (h *history) powerSum(k int, a, b *edge) float64 {
	u, i := h.x[h.wires.volts[k]], h.x[h.wires.amps[k]]
	c0, c1, headEnd, tailStart := h.span(a, b)
	return total(h.power[k][c0:c1]) +
		dot(u[a.whole:headEnd], i[a.whole:headEnd]) + dot(u[tailStart:b.whole], i[tailStart:b.whole]) +
		b.product(u, i) - a.product(u, i)
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
	s := 0.0
	for _, v := range y {
		s += v
	}
	return s
}
