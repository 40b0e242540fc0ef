package fft

// The kernels. Each pass computes butterflies of its radix r between the values that lie m·stride apart,
//
//	y[q + stride·(r·p + j)] = w^(p·j) · Σk x[q + stride·(p + m·k)]·exp(-2πi·j·k/r),  w = exp(-2πi/(r·m)),
//
// for p < m and q < stride. The slices are cut to one length ahead of the inner loops, which frees those of bounds
// checks. A file with vector instructions can replace this one: nothing outside depends on more than the functions.

const (
	sin45 = 0.70710678118654752440
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

// pack8 takes pairs of real samples as complex values and makes the first pass, with radix 8 and stride 1.
func pack8(yr, yi, x, tw []float64) {
	m := len(yr) / 8
	x0, x1, x2, x3 := x[:2*m], x[2*m:4*m], x[4*m:6*m], x[6*m:8*m]
	x4, x5, x6, x7 := x[8*m:10*m], x[10*m:12*m], x[12*m:14*m], x[14*m:16*m]
	for p := range m {
		w := tw[14*p : 14*p+14 : 14*p+14]
		or, oi := yr[8*p:8*p+8:8*p+8], yi[8*p:8*p+8:8*p+8]
		i := 2 * p

		ar, ai := x0[i]+x4[i], x0[i+1]+x4[i+1]
		br, bi := x1[i]+x5[i], x1[i+1]+x5[i+1]
		cr, ci := x2[i]+x6[i], x2[i+1]+x6[i+1]
		dr, di := x3[i]+x7[i], x3[i+1]+x7[i+1]
		acr, aci := ar+cr, ai+ci
		bdr, bdi := br+dr, bi+di
		amr, ami := ar-cr, ai-ci
		bmr, bmi := br-dr, bi-di
		or[0], oi[0] = acr+bdr, aci+bdi
		tr, ti := acr-bdr, aci-bdi
		or[4], oi[4] = tr*w[6]-ti*w[7], tr*w[7]+ti*w[6]
		tr, ti = amr+bmi, ami-bmr
		or[2], oi[2] = tr*w[2]-ti*w[3], tr*w[3]+ti*w[2]
		tr, ti = amr-bmi, ami+bmr
		or[6], oi[6] = tr*w[10]-ti*w[11], tr*w[11]+ti*w[10]

		ar, ai = x0[i]-x4[i], x0[i+1]-x4[i+1]
		br, bi = x1[i]-x5[i], x1[i+1]-x5[i+1]
		cr, ci = x2[i]-x6[i], x2[i+1]-x6[i+1]
		dr, di = x3[i]-x7[i], x3[i+1]-x7[i+1]
		br, bi = sin45*(br+bi), sin45*(bi-br)
		dr, di = sin45*(di-dr), -sin45*(dr+di)
		acr, aci = ar+ci, ai-cr
		bdr, bdi = br+dr, bi+di
		amr, ami = ar-ci, ai+cr
		bmr, bmi = br-dr, bi-di
		tr, ti = acr+bdr, aci+bdi
		or[1], oi[1] = tr*w[0]-ti*w[1], tr*w[1]+ti*w[0]
		tr, ti = acr-bdr, aci-bdi
		or[5], oi[5] = tr*w[8]-ti*w[9], tr*w[9]+ti*w[8]
		tr, ti = amr+bmi, ami-bmr
		or[3], oi[3] = tr*w[4]-ti*w[5], tr*w[5]+ti*w[4]
		tr, ti = amr-bmi, ami+bmr
		or[7], oi[7] = tr*w[12]-ti*w[13], tr*w[13]+ti*w[12]
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

func pass8(yr, yi, xr, xi, tw []float64, m, s int) {
	for p := range m {
		w := tw[14*p:][:14]
		x0r, x0i := xr[s*p:][:s], xi[s*p:][:s]
		x1r, x1i := xr[s*(p+m):][:s], xi[s*(p+m):][:s]
		x2r, x2i := xr[s*(p+2*m):][:s], xi[s*(p+2*m):][:s]
		x3r, x3i := xr[s*(p+3*m):][:s], xi[s*(p+3*m):][:s]
		x4r, x4i := xr[s*(p+4*m):][:s], xi[s*(p+4*m):][:s]
		x5r, x5i := xr[s*(p+5*m):][:s], xi[s*(p+5*m):][:s]
		x6r, x6i := xr[s*(p+6*m):][:s], xi[s*(p+6*m):][:s]
		x7r, x7i := xr[s*(p+7*m):][:s], xi[s*(p+7*m):][:s]
		y0r, y0i := yr[s*8*p:][:s], yi[s*8*p:][:s]
		y1r, y1i := yr[s*(8*p+1):][:s], yi[s*(8*p+1):][:s]
		y2r, y2i := yr[s*(8*p+2):][:s], yi[s*(8*p+2):][:s]
		y3r, y3i := yr[s*(8*p+3):][:s], yi[s*(8*p+3):][:s]
		y4r, y4i := yr[s*(8*p+4):][:s], yi[s*(8*p+4):][:s]
		y5r, y5i := yr[s*(8*p+5):][:s], yi[s*(8*p+5):][:s]
		y6r, y6i := yr[s*(8*p+6):][:s], yi[s*(8*p+6):][:s]
		y7r, y7i := yr[s*(8*p+7):][:s], yi[s*(8*p+7):][:s]
		for q := range s {
			ar, ai := x0r[q]+x4r[q], x0i[q]+x4i[q]
			br, bi := x1r[q]+x5r[q], x1i[q]+x5i[q]
			cr, ci := x2r[q]+x6r[q], x2i[q]+x6i[q]
			dr, di := x3r[q]+x7r[q], x3i[q]+x7i[q]
			acr, aci := ar+cr, ai+ci
			bdr, bdi := br+dr, bi+di
			amr, ami := ar-cr, ai-ci
			bmr, bmi := br-dr, bi-di
			y0r[q], y0i[q] = acr+bdr, aci+bdi
			tr, ti := acr-bdr, aci-bdi
			y4r[q], y4i[q] = tr*w[6]-ti*w[7], tr*w[7]+ti*w[6]
			tr, ti = amr+bmi, ami-bmr
			y2r[q], y2i[q] = tr*w[2]-ti*w[3], tr*w[3]+ti*w[2]
			tr, ti = amr-bmi, ami+bmr
			y6r[q], y6i[q] = tr*w[10]-ti*w[11], tr*w[11]+ti*w[10]

			ar, ai = x0r[q]-x4r[q], x0i[q]-x4i[q]
			br, bi = x1r[q]-x5r[q], x1i[q]-x5i[q]
			cr, ci = x2r[q]-x6r[q], x2i[q]-x6i[q]
			dr, di = x3r[q]-x7r[q], x3i[q]-x7i[q]
			br, bi = sin45*(br+bi), sin45*(bi-br)
			dr, di = sin45*(di-dr), -sin45*(dr+di)
			acr, aci = ar+ci, ai-cr
			bdr, bdi = br+dr, bi+di
			amr, ami = ar-ci, ai+cr
			bmr, bmi = br-dr, bi-di
			tr, ti = acr+bdr, aci+bdi
			y1r[q], y1i[q] = tr*w[0]-ti*w[1], tr*w[1]+ti*w[0]
			tr, ti = acr-bdr, aci-bdi
			y5r[q], y5i[q] = tr*w[8]-ti*w[9], tr*w[9]+ti*w[8]
			tr, ti = amr+bmi, ami-bmr
			y3r[q], y3i[q] = tr*w[4]-ti*w[5], tr*w[5]+ti*w[4]
			tr, ti = amr-bmi, ami+bmr
			y7r[q], y7i[q] = tr*w[12]-ti*w[13], tr*w[13]+ti*w[12]
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
		l := n - k
		unpackPair(re, im, k, zr[k], zi[k], zr[l], zi[l], roots[2*k], roots[2*k+1])
	}
}

// unpack4 makes the last pass of the complex transform, with radix 4, stride s = len(zr)/4 and no twiddle factors, and
// unpacks at once: the butterflies at q and s-q together give four pairs of bins k and n-k. roots holds cos and sin of
// 2πk/2n for the lower bins of the pairs, k = q, s+q, s-q, 2s-q, for each q from 0 to s/2.
func unpack4(re, im, zr, zi, roots []float64) {
	n := len(zr)
	s := n / 4
	ar, br, cr, dr := zr[:s], zr[s:2*s], zr[2*s:3*s], zr[3*s:4*s]
	ai, bi, ci, di := zi[:s], zi[s:2*s], zi[2*s:3*s], zi[3*s:4*s]
	re0, re1, re2, re3 := re[:s], re[s:2*s], re[2*s:3*s], re[3*s:4*s]
	im0, im1, im2, im3 := im[:s], im[s:2*s], im[2*s:3*s], im[3*s:4*s]

	for q, l := 1, s-1; q < l; q, l = q+1, l-1 {
		w := roots[8*q : 8*q+8 : 8*q+8]

		acr, aci := ar[q]+cr[q], ai[q]+ci[q]
		bdr, bdi := br[q]+dr[q], bi[q]+di[q]
		acR, acI := ar[l]+cr[l], ai[l]+ci[l]
		bdR, bdI := br[l]+dr[l], bi[l]+di[l]
		amr, ami := ar[q]-cr[q], ai[q]-ci[q]
		bmr, bmi := br[q]-dr[q], bi[q]-di[q]
		amR, amI := ar[l]-cr[l], ai[l]-ci[l]
		bmR, bmI := br[l]-dr[l], bi[l]-di[l]

		// q and 3s+l
		kr, ki := acr+bdr, aci+bdi
		lr, li := amR-bmI, amI+bmR
		er, ei, or, oi := 0.5*(kr+lr), 0.5*(ki-li), 0.5*(ki+li), 0.5*(lr-kr)
		tr, ti := or*w[0]+oi*w[1], oi*w[0]-or*w[1]
		re0[q], im0[q] = er+tr, ei+ti
		re3[l], im3[l] = er-tr, ti-ei

		// s+q and 2s+l
		kr, ki = amr+bmi, ami-bmr
		lr, li = acR-bdR, acI-bdI
		er, ei, or, oi = 0.5*(kr+lr), 0.5*(ki-li), 0.5*(ki+li), 0.5*(lr-kr)
		tr, ti = or*w[2]+oi*w[3], oi*w[2]-or*w[3]
		re1[q], im1[q] = er+tr, ei+ti
		re2[l], im2[l] = er-tr, ti-ei

		// l and 3s+q
		kr, ki = acR+bdR, acI+bdI
		lr, li = amr-bmi, ami+bmr
		er, ei, or, oi = 0.5*(kr+lr), 0.5*(ki-li), 0.5*(ki+li), 0.5*(lr-kr)
		tr, ti = or*w[4]+oi*w[5], oi*w[4]-or*w[5]
		re0[l], im0[l] = er+tr, ei+ti
		re3[q], im3[q] = er-tr, ti-ei

		// s+l and 2s+q
		kr, ki = amR+bmI, amI-bmR
		lr, li = acr-bdr, aci-bdi
		er, ei, or, oi = 0.5*(kr+lr), 0.5*(ki-li), 0.5*(ki+li), 0.5*(lr-kr)
		tr, ti = or*w[6]+oi*w[7], oi*w[6]-or*w[7]
		re1[l], im1[l] = er+tr, ei+ti
		re2[q], im2[q] = er-tr, ti-ei
	}

	// q = 0 is its own partner: bins 0 and n come from one value, n/2 too, and s goes with 3s.
	acr, aci := ar[0]+cr[0], ai[0]+ci[0]
	bdr, bdi := br[0]+dr[0], bi[0]+di[0]
	amr, ami := ar[0]-cr[0], ai[0]-ci[0]
	bmr, bmi := br[0]-dr[0], bi[0]-di[0]
	re[0], im[0] = acr+bdr+(aci+bdi), 0
	re[n], im[n] = acr+bdr-(aci+bdi), 0
	re[2*s], im[2*s] = acr-bdr, bdi-aci
	unpackPair(re, im, s, amr+bmi, ami-bmr, amr-bmi, ami+bmr, roots[2], roots[3])

	// So is q = s/2 where s is even: its four bins are two pairs.
	if s%2 == 0 {
		q, w := s/2, roots[4*s:]
		acr, aci = ar[q]+cr[q], ai[q]+ci[q]
		bdr, bdi = br[q]+dr[q], bi[q]+di[q]
		amr, ami = ar[q]-cr[q], ai[q]-ci[q]
		bmr, bmi = br[q]-dr[q], bi[q]-di[q]
		unpackPair(re, im, q, acr+bdr, aci+bdi, amr-bmi, ami+bmr, w[0], w[1])
		unpackPair(re, im, s+q, amr+bmi, ami-bmr, acr-bdr, aci-bdi, w[2], w[3])
	}
}

// unpackPair combines the bins k and n-k of the complex transform, given as kr + i·ki and lr + i·li.
func unpackPair(re, im []float64, k int, kr, ki, lr, li, c, s float64) {
	l := len(re) - 1 - k
	er, ei, or, oi := 0.5*(kr+lr), 0.5*(ki-li), 0.5*(ki+li), 0.5*(lr-kr)
	tr, ti := or*c+oi*s, oi*c-or*s
	re[k], im[k] = er+tr, ei+ti
	re[l], im[l] = er-tr, ti-ei
}
