// Times FFTW's real transform (r2c, double, planned with MEASURE) for scripts/fft-vs-fftw.sh.
// Usage: fftw_bench N...   prints "N microseconds" per length, the minimum over short batches.

#define _POSIX_C_SOURCE 199309L
#include <fftw3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double seconds(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + 1e-9 * t.tv_nsec;
}

int main(int argc, char **argv) {
	for (int a = 1; a < argc; a++) {
		int n = atoi(argv[a]);
		if (n < 2) {
			fprintf(stderr, "fftw_bench: length %s is not a number above 1\n", argv[a]);
			return 1;
		}
		double *x = fftw_alloc_real(n);
		fftw_complex *bins = fftw_alloc_complex(n / 2 + 1);
		fftw_plan plan = fftw_plan_dft_r2c_1d(n, x, bins, FFTW_MEASURE | FFTW_PRESERVE_INPUT);
		for (int i = 0; i < n; i++) // planning overwrites the arrays
			x[i] = rand() / (double)RAND_MAX - 0.5;

		// A batch is some milliseconds; the minimum over many is what the machine does when nothing else runs.
		int batch = 1 + 20000000 / (n * 10);
		double best = 1e9;
		for (int run = 0; run < 60; run++) {
			double start = seconds();
			for (int i = 0; i < batch; i++)
				fftw_execute(plan);
			double t = (seconds() - start) / batch;
			if (t < best)
				best = t;
		}
		printf("%d %.2f\n", n, best * 1e6);
		fftw_destroy_plan(plan);
		fftw_free(x);
		fftw_free(bins);
	}
	return 0;
}
