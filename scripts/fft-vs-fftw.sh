#!/bin/sh
# Times our real transform and FFTW's at the lengths of the meter in one run, on one core, and prints a table.
# Each figure is the minimum over many short runs, taken in rounds in turn, so that a busy machine disturbs both alike.
# Without FFTW it prints our column alone and says what to install. ROUNDS=n sets the rounds, 3 unless told.
set -eu
cd "$(dirname "$0")/.."

lengths="2560 5120 6144 10240 12288 16384 20480 24576"
rounds=${ROUNDS:-3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

go test -c -o "$work/fft.test" ./metering/fft

fftw=yes
if ! command -v cc >/dev/null; then
	echo "FFTW is not timed: no C compiler. On Debian: apt-get install gcc libfftw3-dev" >&2
	fftw=
elif ! cc -O2 -o "$work/fftw_bench" scripts/fftw_bench.c -lfftw3 -lm 2>"$work/cc.log"; then
	if grep -q 'fftw3' "$work/cc.log"; then
		echo "FFTW is not timed: its library is absent. On Debian: apt-get install libfftw3-dev" >&2
	else
		cat "$work/cc.log" >&2
		exit 1
	fi
	fftw=
fi

pinned=
if command -v taskset >/dev/null; then
	pinned="taskset -c 0"
fi

: >"$work/ours"
: >"$work/fftw"
round=0
while [ "$round" -lt "$rounds" ]; do
	$pinned "$work/fft.test" -test.run '^$' -test.bench '^BenchmarkReal$' -test.cpu 1 -test.benchtime 5ms -test.count 30 >"$work/bench"
	# BenchmarkReal/N=10240   4000   43000 ns/op ...
	sed -n 's|^BenchmarkReal/N=\([0-9]*\)[^ \t]*[ \t]*[0-9]*[ \t]*\([0-9.]*\) ns/op.*|\1 \2|p' "$work/bench" >>"$work/ours"
	if [ -n "$fftw" ]; then
		# shellcheck disable=SC2086 # the list is meant to split
		$pinned "$work/fftw_bench" $lengths >>"$work/fftw"
	fi
	round=$((round + 1))
done

awk -v lengths="$lengths" '
	FILENAME ~ /ours$/ { t = $2 / 1000; if (!($1 in ours) || t < ours[$1]) ours[$1] = t; next }
	{ if (!($1 in fftw) || $2 < fftw[$1]) fftw[$1] = $2 + 0 }
	END {
		printf "%8s %10s %10s %7s\n", "N", "ours us", "FFTW us", "ratio"
		count = split(lengths, n, " ")
		for (i = 1; i <= count; i++) {
			k = n[i]
			if (!(k in ours)) { print "no figure for N = " k " from BenchmarkReal" > "/dev/stderr"; exit 1 }
			if (k in fftw) printf "%8d %10.1f %10.1f %7.2f\n", k, ours[k], fftw[k], ours[k] / fftw[k]
			else printf "%8d %10.1f %10s %7s\n", k, ours[k], "-", "-"
		}
	}' "$work/ours" "$work/fftw"
