#!/bin/sh
# The store's figures with a full year of logs: size, start, commits, reading beside
# them, bytes written in a day. Works in the directory given, on its disk.
# Usage: sh scripts/store-bench.sh [DIR]   (about two minutes; quiet machine, please)
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d "${1:-${TMPDIR:-/tmp}}/store-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
export CGO_ENABLED=0
go build -trimpath -o "$work/storebench" ./tools/storebench
go build -trimpath -o "$work/hepmeter" ./cmd/hepmeter
echo "The store with a year of logs: $(go version), $(uname -sr), $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg)"
"$work/hepmeter" run --data "$work/meter" --port modbus=0 --port modbus-rtu-tcp=0 --port ion=0 --port http=0 --port https=0 --port ssh=0 >/dev/null 2>&1 &
meter=$!
sleep 5
kill -INT "$meter"
wait "$meter"
"$work/storebench" -dir "$work/year" -like "$work/meter"
