package metering

// Windows begin and end between samples, and still every sample must count once.
//
// Sample k owns the interval [k, k+1) of the position axis. The running sum
// S(n) = Σ_{k<n} y_k is known at whole positions; between them it is interpolated
// by a polynomial through the nearest nodes. The sum over a window is the
// difference of S at its ends, so adjacent windows add up exactly, a window of whole
// samples is the plain sum, and what is periodic in the window cancels to the
// accuracy of the interpolation whether or not the period is a whole number of
// samples: the sampled integral of e^{jωt} is the true one times
// (ω/2)/sin(ω/2), and a factor does not matter to what adds up to zero.

// maxReach bounds the number of interpolation nodes on either side of an edge.
const maxReach = 64

// edgeReach returns the number of nodes on either side for a sampling rate. What the
// interpolation has to carry are products of harmonics: near half the sampling rate
// it takes many nodes, and only low rates have strong lines there.
func edgeReach(perCycle float64) int {
	switch {
	case perCycle < 200:
		return maxReach
	case perCycle < 500:
		return maxReach / 4
	}
	return maxReach / 8
}

// minNodes is the number of nodes used at the end of a record, where they have to
// come from one side.
const minNodes = 6

// edge is a real-valued position between samples with the weights that complete a
// sum up to it: S(position) = Σ_{k<whole} y_k + Σ_i weight[i]·y_{first+i}.
type edge struct {
	position float64
	whole    int
	first    int
	weights  int
	weight   [2*maxReach - 1]float64
}

// set places e at position in a record whose samples are [0, n), with at most reach
// nodes on either side.
func (e *edge) set(position float64, n, reach int) {
	if position < 0 {
		position = 0
	}
	if position > float64(n) {
		position = float64(n)
	}
	e.position = position
	e.whole = int(position)
	e.first, e.weights = e.whole, 0
	phi := position - float64(e.whole)
	if phi == 0 {
		return
	}
	// Nodes are at whole-left+1 ... whole+right; the samples between them are known.
	left, right := e.whole+1, n-e.whole
	if left > reach {
		left = reach
	}
	if right > reach {
		right = reach
	}
	if short := min(left, right); max(left, right) > short {
		longest := max(short, minNodes-short)
		left, right = min(left, longest), min(right, longest)
	}
	nodes := left + right
	// Barycentric Lagrange weights of equidistant nodes.
	var l [2 * maxReach]float64
	sum, b := 0.0, 1.0
	for j := range nodes {
		l[j] = b / (phi - float64(j-left+1))
		sum += l[j]
		b = -b * float64(nodes-1-j) / float64(j+1)
	}
	// A sample's weight is the sum of the weights of the nodes behind it, less one
	// where the plain sum has it already.
	e.first = e.whole - left + 1
	e.weights = nodes - 1
	tail := 0.0
	for i := nodes - 2; i >= 0; i-- {
		tail += l[i+1] / sum
		e.weight[i] = tail
		if e.first+i < e.whole {
			e.weight[i] = tail - 1
		}
	}
}

// sum returns the weighted samples at the edge; y are samples first, first+1 ...
func (e *edge) sum(y []float64) float64 {
	s := 0.0
	for i, v := range y {
		s += e.weight[i] * v
	}
	return s
}

// product returns the weighted products of two signals at the edge.
func (e *edge) product(a, b []float64) float64 {
	s := 0.0
	for i, v := range a {
		s += e.weight[i] * v * b[i]
	}
	return s
}

// shift moves e when the oldest samples are dropped.
func (e *edge) shift(samples int) {
	e.position -= float64(samples)
	e.whole -= samples
	e.first -= samples
}
