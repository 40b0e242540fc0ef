#!/bin/sh
# Compares hepmeter's Modbus TCP server with libmodbus: the same load generator, the
# same run, rounds alternating between the servers, medians of the rounds.
#
#   scripts/modbus-vs-libmodbus.sh [rounds] [seconds per round]
#
# Needs Linux with two cores or more, Go, gcc and libmodbus-dev.
set -eu
rounds=${1:-5}
seconds=${2:-1}
cd "$(dirname "$0")/.."

for tool in go gcc taskset; do
	command -v $tool >/dev/null || { echo "$tool is missing: apt-get install gcc util-linux, and Go from go.dev" >&2; exit 1; }
done
[ -e /usr/include/modbus/modbus.h ] || { echo "libmodbus is missing: apt-get install libmodbus-dev" >&2; exit 1; }

work=$(mktemp -d)
servers=
trap 'for p in $servers; do kill "$p" 2>/dev/null || :; done; rm -rf "$work"' EXIT
source=scripts/modbus-vs-libmodbus
gcc -O2 -o "$work/load" $source/load.c
gcc -O2 -I/usr/include/modbus -o "$work/libmodbus" $source/libmodbus_server.c -lmodbus
go build -o "$work/hepmeter" ./cmd/modbusbench

# start PINNED_TO NAME: starts a server; sets pid and port.
start() {
	: >"$work/port"
	if [ -n "$1" ]; then taskset -c "$1" "$work/$2" >"$work/port" & else "$work/$2" >"$work/port" & fi
	pid=$!
	servers="$servers $pid"
	n=0
	until [ -s "$work/port" ]; do
		n=$((n + 1))
		[ $n -lt 100 ] || { echo "$2 does not start" >&2; exit 1; }
		sleep 0.05
	done
	port=$(cat "$work/port")
}

# median FILE COLUMN
median() { sort -n -k"$2,$2" "$1" | awk -v c="$2" '{v[NR]=$c} END {print (NR%2) ? v[(NR+1)/2] : (v[NR/2]+v[NR/2+1])/2}'; }

compare() { # SETUP SERVER_CORE LOAD_CORE CONNECTIONS REGISTERS
	for name in libmodbus hepmeter; do : >"$work/$name.out"; done
	i=0
	while [ $i -lt "$rounds" ]; do
		for name in libmodbus hepmeter; do
			start "$2" $name
			if [ -n "$3" ]; then
				taskset -c "$3" "$work/load" 127.0.0.1 "$port" "$4" "$5" "$seconds" "$pid" >>"$work/$name.out"
			else
				"$work/load" 127.0.0.1 "$port" "$4" "$5" "$seconds" "$pid" >>"$work/$name.out"
			fi
			kill "$pid"
			wait "$pid" 2>/dev/null || :
			servers=
		done
		i=$((i + 1))
	done
	lr=$(median "$work/libmodbus.out" 1); lc=$(median "$work/libmodbus.out" 2); lp=$(median "$work/libmodbus.out" 4)
	hr=$(median "$work/hepmeter.out" 1); hc=$(median "$work/hepmeter.out" 2); hp=$(median "$work/hepmeter.out" 4)
	awk -v s="$1" -v c="$4" -v r="$5" -v lr="$lr" -v hr="$hr" -v lc="$lc" -v hc="$hc" -v lp="$lp" -v hp="$hp" 'BEGIN {
		printf "| %-8s | %5d | %4d | %9.0f | %9.0f | %5.2f | %6.2f | %6.2f | %5.2f | %6.0f | %6.0f |\n", s, c, r, lr, hr, hr/lr, lc, hc, hc/lc, lp, hp }'
}

echo "median of $rounds rounds of $seconds s; $(nproc) cores; $(go version | cut -d' ' -f3); libmodbus $(sed -n 's/.*LIBMODBUS_VERSION_STRING "\(.*\)".*/\1/p' /usr/include/modbus/modbus-version.h)"
echo
echo "| cores    | conns | regs | libmodbus |  hepmeter | ratio | CPU us | CPU us | ratio | p99 us | p99 us |"
echo "|          |       |      |     req/s |     req/s |       | libmb. | hepm.  |       | libmb. | hepm.  |"
echo "|----------|-------|------|-----------|-----------|-------|--------|--------|-------|--------|--------|"
for registers in 10 125; do
	for connections in 1 50; do
		compare separate 0 1 $connections $registers
	done
done
for registers in 10 125; do
	compare shared '' '' 50 $registers
done
