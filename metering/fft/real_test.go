package fft_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gonum.org/v1/gonum/dsp/fourier"
	"pgregory.net/rapid"

	"github.com/hepmeter/hepmeter/metering/fft"
)

// tolerance is the bar on the error of a spectrum relative to its largest bin. The requirement is 1e-12·√N; sound
// double precision is some 1e-15 at every length, and the bar is near that, to notice a single careless factor.
const tolerance = 1e-14

// supportedLengths lists every even 2^a·3^b·5^c up to limit, found by multiplying up, not by asking the package.
func supportedLengths(limit int) []int {
	var lengths []int
	for a := 2; a <= limit; a *= 2 {
		for b := a; b <= limit; b *= 3 {
			for c := b; c <= limit; c *= 5 {
				lengths = append(lengths, c)
			}
		}
	}
	return lengths
}

func noise(n int, seed uint64) []float64 {
	rng := rand.New(rand.NewPCG(seed, uint64(n)))
	x := make([]float64, n)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	return x
}

func transform(t testing.TB, x []float64) (re, im []float64) {
	t.Helper()
	plan, err := fft.NewReal(len(x))
	if err != nil {
		t.Fatal(err)
	}
	re, im = make([]float64, plan.Bins()), make([]float64, plan.Bins())
	plan.Transform(re, im, x)
	return re, im
}

// relativeError is the largest difference between the spectra, divided by the largest bin.
func relativeError(re, im []float64, want []complex128) float64 {
	worst, largest := 0.0, 0.0
	for k, w := range want {
		d := math.Hypot(re[k]-real(w), im[k]-imag(w))
		if !(d <= worst) { // a NaN counts as the worst
			worst = d
		}
		largest = max(largest, math.Hypot(real(w), imag(w)))
	}
	return worst / largest
}

func directTransform(x []float64) []complex128 {
	n := len(x)
	out := make([]complex128, n/2+1)
	for k := range out {
		var re, im float64
		for i, v := range x {
			s, c := math.Sincos(2 * math.Pi * float64(k*i%n) / float64(n))
			re += v * c
			im -= v * s
		}
		out[k] = complex(re, im)
	}
	return out
}

func TestEveryLengthAgainstDirectTransform(t *testing.T) {
	for _, n := range supportedLengths(720) {
		x := noise(n, 1)
		re, im := transform(t, x)
		if e := relativeError(re, im, directTransform(x)); !(e <= tolerance) {
			t.Errorf("N=%d: error %.2g of the largest bin, limit %.2g", n, e, tolerance)
		}
	}
}

func TestEveryLengthAgainstGonum(t *testing.T) {
	for _, n := range append(supportedLengths(1<<16), 1<<17, 3<<16, 234_375*2, 1_000_000) {
		x := noise(n, 2)
		before := append([]float64(nil), x...)
		re, im := transform(t, x)
		for i := range x {
			if x[i] != before[i] {
				t.Fatalf("N=%d: the transform changed sample %d", n, i)
			}
		}
		if e := relativeError(re, im, fourier.NewFFT(n).Coefficients(nil, x)); !(e <= tolerance) {
			t.Errorf("N=%d: error %.2g of the largest bin, limit %.2g", n, e, tolerance)
		}
	}
}

// meterLengths are the windows of the meter at 256, 512 and 1024 samples per cycle, 50 and 60 Hz, and twice that.
var meterLengths = []int{2560, 3072, 5120, 6144, 10240, 12288, 20480, 24576}

func TestMeterWindows(t *testing.T) {
	for _, n := range meterLengths {
		t.Run(fmt.Sprintf("N=%d", n), func(t *testing.T) {
			x := noise(n, 3)
			re, im := transform(t, x)
			e := relativeError(re, im, fourier.NewFFT(n).Coefficients(nil, x))
			t.Logf("error %.2g of the largest bin, limit %.2g", e, tolerance)
			if !(e <= tolerance) {
				t.Errorf("error %.2g of the largest bin, limit %.2g", e, tolerance)
			}
		})
	}
}

// Every harmonic of a window must come out in its own bin with its RMS value and phase, and nothing in the others:
// a misplaced bin is the commonest defect of mixed-radix transforms.
func TestLinesFallIntoTheirBins(t *testing.T) {
	for _, n := range meterLengths {
		cycles := 10
		if n%3 == 0 {
			cycles = 12
		}
		for _, order := range []int{1, 2, 3, 5, 7, 50, 127} {
			k := cycles * order
			if k >= n/2 {
				continue
			}
			const rms, phase = 230.0, 0.7
			x := make([]float64, n)
			for i := range x {
				x[i] = math.Sqrt2 * rms * math.Cos(2*math.Pi*float64(k*i%n)/float64(n)+phase)
			}
			re, im := transform(t, x)
			for bin := range re {
				want := 0.0
				if bin == k {
					want = rms
				}
				got := math.Sqrt2 * math.Hypot(re[bin], im[bin]) / float64(n)
				if !(math.Abs(got-want) <= 1e-10) {
					t.Fatalf("N=%d, order %d: bin %d has %.12g, want %g", n, order, bin, got, want)
				}
			}
			if got := math.Atan2(im[k], re[k]); !(math.Abs(got-phase) <= 1e-12) {
				t.Errorf("N=%d, order %d: phase %.15g, want %g", n, order, got, phase)
			}
		}
	}
}

func TestEdgeBins(t *testing.T) {
	for _, n := range []int{2, 4, 6, 10, 10240} {
		x := make([]float64, n)
		for i := range x {
			x[i] = 3 + 2*float64(1-i%2*2) // 3 constant, 2 alternating
		}
		re, im := transform(t, x)
		if math.Abs(re[0]-3*float64(n)) > 1e-9 || math.Abs(re[n/2]-2*float64(n)) > 1e-9 || im[0] != 0 || im[n/2] != 0 {
			t.Errorf("N=%d: bin 0 is %g%+gi, bin N/2 is %g%+gi; want %d and %d", n, re[0], im[0], re[n/2], im[n/2], 3*n, 2*n)
		}
	}
}

func TestLinearity(t *testing.T) {
	lengths := supportedLengths(4096)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom(lengths).Draw(t, "n")
		seed := rapid.Uint64().Draw(t, "seed")
		a := rapid.Float64Range(-100, 100).Draw(t, "a")
		x, y := noise(n, seed), noise(n, seed+1)
		sum := make([]float64, n)
		for i := range sum {
			sum[i] = x[i] + a*y[i]
		}
		plan, err := fft.NewReal(n)
		if err != nil {
			t.Fatal(err)
		}
		bins := plan.Bins()
		xr, xi, yr, yi := make([]float64, bins), make([]float64, bins), make([]float64, bins), make([]float64, bins)
		sr, si := make([]float64, bins), make([]float64, bins)
		plan.Transform(xr, xi, x)
		plan.Transform(yr, yi, y)
		plan.Transform(sr, si, sum)
		want := make([]complex128, bins)
		for k := range want {
			want[k] = complex(xr[k]+a*yr[k], xi[k]+a*yi[k])
		}
		if e := relativeError(sr, si, want); !(e <= tolerance) {
			t.Fatalf("N=%d: spectrum of the sum differs from the sum of the spectra by %.2g", n, e)
		}
	})
}

func TestParseval(t *testing.T) {
	lengths := supportedLengths(1 << 15)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom(lengths).Draw(t, "n")
		x := noise(n, rapid.Uint64().Draw(t, "seed"))
		plan, err := fft.NewReal(n)
		if err != nil {
			t.Fatal(err)
		}
		re, im := make([]float64, plan.Bins()), make([]float64, plan.Bins())
		plan.Transform(re, im, x)
		inTime, inBins := 0.0, 0.0
		for _, v := range x {
			inTime += v * v
		}
		for k := range re {
			weight := 2.0
			if k == 0 || k == n/2 {
				weight = 1
			}
			inBins += weight * (re[k]*re[k] + im[k]*im[k]) / float64(n)
		}
		if !(math.Abs(inBins-inTime) <= 1e-12*inTime) { // the error of these plain sums, not of the transform
			t.Fatalf("N=%d: energy %.17g in time, %.17g in bins", n, inTime, inBins)
		}
	})
}

func TestPlanErrors(t *testing.T) {
	tests := []struct {
		name string
		n    int
		want string
	}{
		{"negative", -4, "outside"},
		{"zero", 0, "outside"},
		{"one", 1, "outside"},
		{"odd", 45, "next one is 48"},
		{"prime factor 7", 14, "next one is 16"},
		{"large prime", 10243, "next one is 10368"},
		{"above the limit", fft.MaxLength + 2, "outside"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := fft.NewReal(tt.n)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("NewReal(%d) = %v, want an error with %q", tt.n, err, tt.want)
			}
		})
	}
}

func TestGood(t *testing.T) {
	supported := map[int]bool{}
	for _, n := range supportedLengths(1 << 14) {
		supported[n] = true
	}
	next := 1 << 14
	for n := 1 << 14; n >= 0; n-- {
		if supported[n] {
			next = n
		}
		if got := fft.Good(n); got != next {
			t.Fatalf("Good(%d) = %d, want %d", n, got, next)
		}
		if got := fft.Supported(n); got != supported[n] {
			t.Fatalf("Supported(%d) = %v", n, got)
		}
	}
	if got := fft.Good(fft.MaxLength + 1); got != 0 {
		t.Errorf("Good above the limit = %d, want 0", got)
	}
}

func TestTransformRefusesWrongLengths(t *testing.T) {
	plan, err := fft.NewReal(16)
	if err != nil {
		t.Fatal(err)
	}
	for _, shape := range [][3]int{{8, 9, 16}, {9, 8, 16}, {9, 9, 15}, {9, 9, 17}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Transform took re, im, x of lengths %v", shape)
				}
			}()
			plan.Transform(make([]float64, shape[0]), make([]float64, shape[1]), make([]float64, shape[2]))
		}()
	}
}

func TestTransformAllocatesNothing(t *testing.T) {
	for _, n := range []int{2, 30, 10240, 12288} {
		plan, err := fft.NewReal(n)
		if err != nil {
			t.Fatal(err)
		}
		x, re, im := noise(n, 5), make([]float64, plan.Bins()), make([]float64, plan.Bins())
		if got := testing.AllocsPerRun(10, func() { plan.Transform(re, im, x) }); got != 0 {
			t.Errorf("N=%d: %g allocations per transform", n, got)
		}
	}
}

func BenchmarkReal(b *testing.B) {
	for _, n := range []int{2560, 5120, 6144, 10240, 12288, 16384, 20480, 24576} {
		b.Run(fmt.Sprintf("N=%d", n), func(b *testing.B) {
			plan, err := fft.NewReal(n)
			if err != nil {
				b.Fatal(err)
			}
			x, re, im := noise(n, 6), make([]float64, plan.Bins()), make([]float64, plan.Bins())
			b.ReportAllocs()
			for b.Loop() {
				plan.Transform(re, im, x)
			}
		})
	}
}
