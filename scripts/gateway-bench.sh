#!/bin/sh
# Measures the Modbus gateway as its clients see it (Linux): 32 clients and 16 units, of which
# two are dead, on a line paced at 19,200 baud; then as fast as it goes, of a TCP device behind the
# fault proxy, with every answer checked to be that of its own question.
#
#   scripts/gateway-bench.sh [seconds on the paced line] [requests of the shared device]
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-120}
requests=${2:-100000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go build -o "$work/hepmeter" ./cmd/hepmeter
go build -o "$work/gatewaybench" ./tools/gatewaybench
echo "== the paced line"
"$work/gatewaybench" -hepmeter "$work/hepmeter" -for "${seconds}s" -timeout 500ms
echo
echo "== a TCP device behind the fault proxy"
"$work/gatewaybench" -hepmeter "$work/hepmeter" -tcp -baud 0 -think 0 -dead 0 -for 30m -requests "$requests" -faults examples/faults/shared-device.yaml
