package metering

import "math"

// The resampler puts the samples of a window on a grid of a fixed number of points
// per cycle, which is what makes DFT bins land on multiples of the fundamental. Where
// the samples hold nothing that would alias into the orders reported, a short spline
// interpolates; elsewhere a Kaiser-windowed sinc does, and removes it. The coefficients
// depend only on where a point lies between two samples, so one set serves all lanes.
//
// The kernel's response is known, and the spectrum is divided by it: only what the
// stop band lets through is an error, not the droop of the pass band.

const (
	// tableSteps is the number of rows of the coefficient table per sample; between
	// rows coefficients are interpolated.
	tableSteps = 256
	// stopBandDB is the attenuation that the length of the sinc is chosen for, at most
	// maxTaps.
	stopBandDB = 64
	maxTaps    = 48
	// splineTaps is the length of the spline, for orders up to splinePass of the
	// sampling rate.
	splineTaps = 6
	splinePass = 0.25
	// gridPerCycle is the finest grid: 512 points per cycle leave orders 128 to 384 as
	// transition band below order 127.
	gridPerCycle = 512
	// responseSteps is the number of points in the table of the kernel's response.
	responseSteps = 128
	// sincGain and splineGain are the responses down to which the droop is corrected:
	// below, the image of a line is not small beside the line.
	sincGain   = 0.75
	splineGain = 0.4
	// batch is the number of points whose coefficients are held for all lanes.
	batch = 64
)

type resampler struct {
	taps int
	// least is the response down to which the droop is corrected.
	least float64
	// table holds tableSteps+1 rows of taps coefficients.
	table []float64
	// response is the gain at f = i/responseSteps·0.5 of the sampling rate.
	response [responseSteps + 2]float64
	// rows and starts are the coefficients and the first sample of each point of a
	// batch.
	rows   [batch][maxTaps]float64
	starts [batch]int
}

// resamplerOrders returns the highest order, at most wanted, that a kernel of maxTaps
// can separate from its images and aliases, at the given samples and points per cycle.
func resamplerOrders(perCycle, pointsPerCycle float64, wanted int) int {
	transition := kaiserTransition(maxTaps) * perCycle
	highest := int((min(perCycle, pointsPerCycle)-transition)/2 - 0.5)
	return max(1, min(wanted, highest))
}

// kaiserTransition returns the transition width, per sampling rate, of a
// Kaiser-windowed kernel of that many taps.
func kaiserTransition(taps int) float64 {
	return (stopBandDB - 8) / (2.285 * 2 * math.Pi * float64(taps))
}

// newResampler designs the kernel for the orders.
func newResampler(perCycle, pointsPerCycle float64, orders int) *resampler {
	pass := (float64(orders) + 0.5) / perCycle
	stop := (min(perCycle, pointsPerCycle) - float64(orders) - 0.5) / perCycle
	r := &resampler{}
	if pass <= splinePass && stop >= 0.5 {
		r.spline(pass)
	} else {
		r.sinc(pass, stop, 2*math.Pi/perCycle)
	}
	r.respond()
	return r
}

// fill makes the table from the rows of the positions up to the middle between two
// samples; the other half is the mirror image.
func (r *resampler) fill(taps int, design func(row []float64, phi float64)) {
	r.taps = taps
	r.table = make([]float64, (tableSteps+1)*taps)
	for s := range tableSteps/2 + 1 {
		row := r.table[s*taps : (s+1)*taps]
		design(row, float64(s)/tableSteps)
		mirror := r.table[(tableSteps-s)*taps : (tableSteps-s+1)*taps]
		for k, c := range row {
			mirror[taps-1-k] = c
		}
	}
}

// spline designs the kernel for where nothing can alias into the orders, and only the
// images of the orders about multiples of the sampling rate must be small: the
// exponential B-spline with response sinc²(f)·sinc(f-d)·sinc(f+d)·sinc(f-e)·sinc(f+e).
// Images of DC (doubly, so those of the lowest orders are tiny), d and e vanish; d and
// e make the rest a Chebyshev polynomial of f², below -85 dB.
func (r *resampler) spline(pass float64) {
	d := pass * math.Sqrt(math.Sqrt(3)/(2+math.Sqrt(3)))
	e := math.Sqrt2 * d
	response := func(f float64) float64 {
		return sinc(f) * sinc(f) * sinc(f-d) * sinc(f+d) * sinc(f-e) * sinc(f+e)
	}
	// The kernel is no longer than a period of its Fourier series, which converges with
	// the sixth power.
	const period, lines = 8, 8 * 100
	var line [lines]float64
	for i := range line {
		line[i] = response(float64(i)/period) / (response(0) * period)
	}
	r.least = splineGain
	r.fill(splineTaps, func(row []float64, phi float64) {
		for k := range row {
			x := float64(k-splineTaps/2+1) - phi
			step := math.Cos(2 * math.Pi * x / period)
			before, cos := step, 1.0
			for i, a := range line {
				if i > 0 {
					a *= 2
				}
				row[k] += a * cos
				before, cos = cos, 2*step*cos-before
			}
		}
	})
}

// sinc designs the Kaiser-windowed sinc.
func (r *resampler) sinc(pass, stop, omega float64) {
	taps := 16
	for taps < maxTaps && kaiserTransition(taps) > stop-pass {
		taps += 8
	}
	attenuation := 8 + 2.285*2*math.Pi*max(stop-pass, kaiserTransition(maxTaps))*float64(taps)
	beta := kaiserBeta(min(attenuation, 100))
	cutoff := pass + stop // twice the middle of the transition
	half := taps / 2
	window := make([]float64, taps)
	r.least = sincGain
	r.fill(taps, func(row []float64, phi float64) {
		for k := range row {
			x := float64(k-half+1) - phi
			window[k] = kaiser(x/float64(half), beta)
			row[k] = cutoff * sinc(cutoff*x) * window[k]
		}
		pin(row, window, phi, omega)
	})
}

// respond computes the response: the mean over the positions between samples, Σ c·cos ωx,
// with the cosines of equidistant frequencies from their recurrence.
func (r *resampler) respond() {
	const positions = 16
	for p := range positions {
		s := p * tableSteps / positions
		phi := float64(s) / tableSteps
		for k, c := range r.table[s*r.taps : (s+1)*r.taps] {
			step := math.Cos(math.Pi / responseSteps * (float64(k-r.taps/2+1) - phi))
			before, cos := step, 1.0
			for i := range r.response {
				r.response[i] += c * cos / positions
				before, cos = cos, 2*step*cos-before
			}
		}
	}
}

// pin changes a row of coefficients as little as possible, measured by the window, so
// that it passes DC and the nominal fundamental exactly. The stop band keeps images
// of harmonics small beside the harmonics; those of the fundamental have to be small
// beside 1e-4 of it.
func pin(row, window []float64, phi, omega float64) {
	// The conditions Σ row·v = target, for v = 1, (1-cos ωx)/ω² and (sin ωx)/ω.
	condition := func(k int) [3]float64 {
		x := float64(k-len(row)/2+1) - phi
		s := math.Sin(omega * x / 2)
		return [3]float64{1, 2 * s * s / (omega * omega), math.Sin(omega*x) / omega}
	}
	var a [3][3]float64
	b := [3]float64{1, 0, 0}
	for k := range row {
		v := condition(k)
		for i := range 3 {
			b[i] -= row[k] * v[i]
			for j := range 3 {
				a[i][j] += window[k] * v[i] * v[j]
			}
		}
	}
	for i := range 3 {
		for r := i + 1; r < 3; r++ {
			f := a[r][i] / a[i][i]
			for j := i; j < 3; j++ {
				a[r][j] -= f * a[i][j]
			}
			b[r] -= f * b[i]
		}
	}
	for i := 2; i >= 0; i-- {
		for j := i + 1; j < 3; j++ {
			b[i] -= a[i][j] * b[j]
		}
		b[i] /= a[i][i]
	}
	for k := range row {
		v := condition(k)
		row[k] += window[k] * (b[0]*v[0] + b[1]*v[1] + b[2]*v[2])
	}
}

// gain returns the kernel's response at f, a fraction of the sampling rate.
func (r *resampler) gain(f float64) float64 {
	u := f * 2 * responseSteps
	i := max(1, min(int(u), responseSteps-1))
	u -= float64(i)
	c0, c1, c2, c3 := cubic(r.response[i-1], r.response[i], r.response[i+1], r.response[i+2])
	return c0 + u*(c1+u*(c2+u*c3))
}

// room returns the range of positions at which the kernel fits into samples
// [first, n).
func (r *resampler) room(first, n int) (lo, hi float64) {
	half := r.taps / 2
	return float64(first + half - 1), float64(n - half)
}

// run writes len(dst[0]) points over [a, b) of the lanes of x, of which samples
// [first, n) are valid. Where the kernel would reach over the ends of the record it
// takes the same phase of another cycle.
//
// It goes batch by batch, and lane by lane in each: the coefficients of a batch and the
// few samples of a lane it needs stay in the nearest cache.
func (r *resampler) run(dst, x [][]float64, first, n int, a, b float64, cycles int) {
	points := len(dst[0])
	step := (b - a) / float64(points)
	cycle := (b - a) / float64(cycles)
	lo, hi := r.room(first, n)
	for from := 0; from < points; from += batch {
		to := min(points, from+batch)
		for j := from; j < to; j++ {
			position := a + float64(j)*step
			for position < lo {
				position += cycle
			}
			for position >= hi {
				position -= cycle
			}
			r.aim(j-from, position)
		}
		for l, y := range x {
			r.interpolate(dst[l][from:to], y)
		}
	}
}

// aim makes position the place of point j of the batch.
func (r *resampler) aim(j int, position float64) {
	whole := int(position)
	u := (position - float64(whole)) * tableSteps
	row := int(u)
	u -= float64(row)
	taps := r.taps
	if taps == splineTaps { // the usual case, written out for speed
		c, t := &r.rows[j], (*[2 * splineTaps]float64)(r.table[row*splineTaps:])
		c[0], c[1], c[2] = t[0]+u*(t[6]-t[0]), t[1]+u*(t[7]-t[1]), t[2]+u*(t[8]-t[2])
		c[3], c[4], c[5] = t[3]+u*(t[9]-t[3]), t[4]+u*(t[10]-t[4]), t[5]+u*(t[11]-t[5])
	} else {
		r0 := r.table[row*taps : (row+1)*taps]
		r1 := r.table[(row+1)*taps : (row+2)*taps][:len(r0)]
		c := r.rows[j][:len(r0)]
		for k, v := range r0 {
			c[k] = v + u*(r1[k]-v)
		}
	}
	r.starts[j] = whole - taps/2 + 1
}

// interpolate writes the points of the batch of a lane.
func (r *resampler) interpolate(dst, y []float64) {
	taps, starts := r.taps, r.starts[:len(dst)]
	if taps == splineTaps {
		for j, from := range starts {
			c, p := &r.rows[j], (*[splineTaps]float64)(y[from:])
			dst[j] = (c[0]*p[0] + c[1]*p[1]) + (c[2]*p[2] + c[3]*p[3]) + (c[4]*p[4] + c[5]*p[5])
		}
		return
	}
	for j, from := range starts {
		dst[j] = dot8(r.rows[j][:taps], y[from:from+taps])
	}
}

// dot8 returns Σ c·x for a length that is a multiple of 8.
func dot8(c, x []float64) float64 {
	var s0, s1, s2, s3 float64
	for len(c) >= 8 && len(x) >= 8 {
		c8, x8 := (*[8]float64)(c), (*[8]float64)(x)
		s0 += c8[0]*x8[0] + c8[4]*x8[4]
		s1 += c8[1]*x8[1] + c8[5]*x8[5]
		s2 += c8[2]*x8[2] + c8[6]*x8[6]
		s3 += c8[3]*x8[3] + c8[7]*x8[7]
		c, x = c[8:], x[8:]
	}
	return (s0 + s1) + (s2 + s3)
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiserBeta returns the window parameter for an attenuation in dB.
func kaiserBeta(db float64) float64 {
	if db > 50 {
		return 0.1102 * (db - 8.7)
	}
	return 0.5842*math.Pow(db-21, 0.4) + 0.07886*(db-21)
}

// kaiser returns the Kaiser window at x in [-1, 1], 1 in the middle.
func kaiser(x, beta float64) float64 {
	if x < -1 || x > 1 {
		return 0
	}
	return bessel0(beta*math.Sqrt(1-x*x)) / bessel0(beta)
}

// bessel0 is the modified Bessel function of the first kind and order 0.
func bessel0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > 1e-17*sum; k++ {
		term *= (x / (2 * k)) * (x / (2 * k))
		sum += term
	}
	return sum
}
