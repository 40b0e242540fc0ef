#!/bin/sh
# Measures how long `hepmeter measure` takes for a 10-minute recording of 8 channels at
# 1024 samples per cycle (51,200 Hz), and how much memory. The bar is 10 s and 300 MB on
# two cores. Usage: scripts/measure-bench.sh [SECONDS_OF_RECORDING [DIR]]
# The recording takes 740 MB in DIR (default: a temporary folder).
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-600}
dir=${2:-$(mktemp -d)}
[ $# -ge 2 ] || trap 'rm -rf "$dir"' EXIT

go build -o "$dir/hepmeter" ./cmd/hepmeter
[ -f "$dir/bench.dat" ] || "$dir/hepmeter" record --source synth --seconds "$seconds" --revision 1999 --format BINARY "$dir/bench.cfg"

for run in 1 2 3; do
	if [ -x /usr/bin/time ]; then
		/usr/bin/time -f "run $run: %e s elapsed, %U s user, %S s system, %M kB at most" \
			"$dir/hepmeter" measure "$dir/bench.cfg" --channels V1=1,V2=2,V3=3,V4=4,I1=5,I2=6,I3=7,I4=8 --json --report "$dir/bench.html" >"$dir/bench.json"
	else
		time "$dir/hepmeter" measure "$dir/bench.cfg" --channels V1=1,V2=2,V3=3,V4=4,I1=5,I2=6,I3=7,I4=8 --json --report "$dir/bench.html" >"$dir/bench.json"
	fi
done
echo "windows: $(grep -c '"t_s"' "$dir/bench.json")"
