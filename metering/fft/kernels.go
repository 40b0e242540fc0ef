package fft

// The kernels. Each pass computes butterflies of its radix r between the values that lie m·stride apart,
//
//	y[q + stride·(r·p + j)] = w^(p·j) · Σk x[q + stride·(p + m·k)]·exp(-2πi·j·k/r),  w = exp(-2πi/(r·m)),
//
// for p < m and q < stride. The slices are cut to one length ahead of the inner loops, which frees those of bounds
// checks. A file with vector instructions can replace this one: nothing outside depends on more than the functions.

const (
	sin60 = 0.86602540378443864676 // sin(2π/6)
	cos72 = 0.30901699437494742410 // cos(2π/5)
	sin72 = 0.95105651629515357212 // sin(2π/5)
	cos36 = 0.80901699437494742410 // -cos(4π/5)
	sin36 = 0.58778525229247312917 // sin(4π/5)
)

// pack1 takes pairs of real samples as complex values, without a butterfly.
func pack1(yr, yi, x []float64) {
	yi = yi[:len(yr)]
	x = x[:2*len(yr)]
	for i := range yr {
		yr[i], yi[i] = x[2*i], x[2*i+1]
	}
}

// pack4 takes pairs of real samples as complex values and makes the first pass, with radix 4 and stride 1.
func pack4(yr, yi, x, tw []float64) {
	m := len(yr) / 4
	x0, x1, x2, x3 := x[:2*m], x[2*m:4*m], x[4*m:6*m], x[6*m:8*m]
	for p := range m {
		w := tw[6*p : 6*p+6 : 6*p+6]
		ar, ai := x0[2*p], x0[2*p+1]
		br, bi := x1[2*p], x1[2*p+1]
		cr, ci := x2[2*p], x2[2*p+1]
		dr, di := x3[2*p], x3[2*p+1]
		acr, aci := ar+cr, ai+ci
		bdr, bdi := br+dr, bi+di
		amr, ami := ar-cr, ai-ci
		bmr, bmi := br-dr, bi-di
		or, oi := yr[4*p:4*p+4:4*p+4], yi[4*p:4*p+4:4*p+4]
		or[0], oi[0] = acr+bdr, aci+bdi
		tr, ti := amr+bmi, ami-bmr
		or[1], oi[1] = tr*w[0]-ti*w[1], tr*w[1]+ti*w[0]
		tr, ti = acr-bdr, aci-bdi
		or[2], oi[2] = tr*w[2]-ti*w[3], tr*w[3]+ti*w[2]
		tr, ti = amr-bmi, ami+bmr
		or[3], oi[3] = tr*w[4]-ti*w[5], tr*w[5]+ti*w[4]
	}
}

func pass2(yr, yi, xr, xi, tw []float64, m, s int) {
	for p := range m {
		wr, wi := tw[2*p], tw[2*p+1]
		ar, ai := xr[s*p:][:s], xi[s*p:][:s]
		br, bi := xr[s*(p+m):][:s], xi[s*(p+m):][:s]
		y0r, y0i := yr[s*2*p:][:s], yi[s*2*p:][:s]
		y1r, y1i := yr[s*(2*p+1):][:s], yi[s*(2*p+1):][:s]
		for q := range s {
			y0r[q], y0i[q] = ar[q]+br[q], ai[q]+bi[q]
			tr, ti := ar[q]-br[q], ai[q]-bi[q]
			y1r[q], y1i[q] = tr*wr-ti*wi, tr*wi+ti*wr
		}
	}
}

func pass3(yr, yi, xr, xi, tw []float64, m, s int) {
	for p := range m {
		w := tw[4*p:][:4]
		w1r, w1i, w2r, w2i := w[0], w[1], w[2], w[3]
		ar, ai := xr[s*p:][:s], xi[s*p:][:s]
		br, bi := xr[s*(p+m):][:s], xi[s*(p+m):][:s]
		cr, ci := xr[s*(p+2*m):][:s], xi[s*(p+2*m):][:s]
		y0r, y0i := yr[s*3*p:][:s], yi[s*3*p:][:s]
		y1r, y1i := yr[s*(3*p+1):][:s], yi[s*(3*p+1):][:s]
		y2r, y2i := yr[s*(3*p+2):][:s], yi[s*(3*p+2):][:s]
		for q := range s {
			sr, si := br[q]+cr[q], bi[q]+ci[q]
			dr, di := sin60*(br[q]-cr[q]), sin60*(bi[q]-ci[q])
			hr, hi := ar[q]-0.5*sr, ai[q]-0.5*si
			y0r[q], y0i[q] = ar[q]+sr, ai[q]+si
			tr, ti := hr+di, hi-dr
			y1r[q], y1i[q] = tr*w1r-ti*w1i, tr*w1i+ti*w1r
			tr, ti = hr-di, hi+dr
			y2r[q], y2i[q] = tr*w2r-ti*w2i, tr*w2i+ti*w2r
		}
	}
}

func pass4(yr, yi, xr, xi, tw []float64, m, s int) {
	for p := range m {
		w := tw[6*p:][:6]
		w1r, w1i, w2r, w2i, w3r, w3i := w[0], w[1], w[2], w[3], w[4], w[5]
		ar, ai := xr[s*p:][:s], xi[s*p:][:s]
		br, bi := xr[s*(p+m):][:s], xi[s*(p+m):][:s]
		cr, ci := xr[s*(p+2*m):][:s], xi[s*(p+2*m):][:s]
		dr, di := xr[s*(p+3*m):][:s], xi[s*(p+3*m):][:s]
		y0r, y0i := yr[s*4*p:][:s], yi[s*4*p:][:s]
		y1r, y1i := yr[s*(4*p+1):][:s], yi[s*(4*p+1):][:s]
		y2r, y2i := yr[s*(4*p+2):][:s], yi[s*(4*p+2):][:s]
		y3r, y3i := yr[s*(4*p+3):][:s], yi[s*(4*p+3):][:s]
		for q := range s {
			acr, aci := ar[q]+cr[q], ai[q]+ci[q]
			bdr, bdi := br[q]+dr[q], bi[q]+di[q]
			amr, ami := ar[q]-cr[q], ai[q]-ci[q]
			bmr, bmi := br[q]-dr[q], bi[q]-di[q]
			y0r[q], y0i[q] = acr+bdr, aci+bdi
			tr, ti := amr+bmi, ami-bmr
			y1r[q], y1i[q] = tr*w1r-ti*w1i, tr*w1i+ti*w1r
			tr, ti = acr-bdr, aci-bdi
			y2r[q], y2i[q] = tr*w2r-ti*w2i, tr*w2i+ti*w2r
			tr, ti = amr-bmi, ami+bmr
			y3r[q], y3i[q] = tr*w3r-ti*w3i, tr*w3i+ti*w3r
		}
	}
}

func pass5(yr, yi, xr, xi, tw []float64, m, s int) {
	for p := range m {
		w := tw[8*p:][:8]
		w1r, w1i, w2r, w2i, w3r, w3i, w4r, w4i := w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]
		ar, ai := xr[s*p:][:s], xi[s*p:][:s]
		br, bi := xr[s*(p+m):][:s], xi[s*(p+m):][:s]
		cr, ci := xr[s*(p+2*m):][:s], xi[s*(p+2*m):][:s]
		dr, di := xr[s*(p+3*m):][:s], xi[s*(p+3*m):][:s]
		er, ei := xr[s*(p+4*m):][:s], xi[s*(p+4*m):][:s]
		y0r, y0i := yr[s*5*p:][:s], yi[s*5*p:][:s]
		y1r, y1i := yr[s*(5*p+1):][:s], yi[s*(5*p+1):][:s]
		y2r, y2i := yr[s*(5*p+2):][:s], yi[s*(5*p+2):][:s]
		y3r, y3i := yr[s*(5*p+3):][:s], yi[s*(5*p+3):][:s]
		y4r, y4i := yr[s*(5*p+4):][:s], yi[s*(5*p+4):][:s]
		for q := range s {
			ber, bei := br[q]+er[q], bi[q]+ei[q]
			bmr, bmi := br[q]-er[q], bi[q]-ei[q]
			cdr, cdi := cr[q]+dr[q], ci[q]+di[q]
			cmr, cmi := cr[q]-dr[q], ci[q]-di[q]
			y0r[q], y0i[q] = ar[q]+ber+cdr, ai[q]+bei+cdi

			gr, gi := ar[q]+cos72*ber-cos36*cdr, ai[q]+cos72*bei-cos36*cdi
			hr, hi := sin72*bmr+sin36*cmr, sin72*bmi+sin36*cmi
			tr, ti := gr+hi, gi-hr
			y1r[q], y1i[q] = tr*w1r-ti*w1i, tr*w1i+ti*w1r
			tr, ti = gr-hi, gi+hr
			y4r[q], y4i[q] = tr*w4r-ti*w4i, tr*w4i+ti*w4r

			gr, gi = ar[q]-cos36*ber+cos72*cdr, ai[q]-cos36*bei+cos72*cdi
			hr, hi = sin36*bmr-sin72*cmr, sin36*bmi-sin72*cmi
			tr, ti = gr+hi, gi-hr
			y2r[q], y2i[q] = tr*w2r-ti*w2i, tr*w2i+ti*w2r
			tr, ti = gr-hi, gi+hr
			y3r[q], y3i[q] = tr*w3r-ti*w3i, tr*w3i+ti*w3r
		}
	}
}

// unpack combines the bins z of the half-length complex transform into those of the real signal: with the even part
// e = (z[k] + z*[n-k])/2 and the odd part o = (z[k] - z*[n-k])/2i, bin k is e + o·exp(-2πi·k/2n) and bin n-k is
// the conjugate of e - o·exp(-2πi·k/2n). roots holds cos and sin of 2πk/2n.
func unpack(re, im, zr, zi, roots []float64) {
	n := len(zr)
	re[0], im[0] = zr[0]+zi[0], 0
	re[n], im[n] = zr[0]-zi[0], 0
	for k := 1; k <= n/2; k++ {
		c, s := roots[2*k], roots[2*k+1]
		l := n - k
		er, ei := 0.5*(zr[k]+zr[l]), 0.5*(zi[k]-zi[l])
		or, oi := 0.5*(zi[k]+zi[l]), 0.5*(zr[l]-zr[k])
		tr, ti := or*c+oi*s, oi*c-or*s
		re[k], im[k] = er+tr, ei+ti
		re[l], im[l] = er-tr, ti-ei
	}
}
