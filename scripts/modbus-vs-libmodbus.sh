#!/bin/sh
# Compares hepmeter's Modbus TCP server with libmodbus: the same load generator, the
# same run, rounds alternating between the servers, medians of the rounds.
#
#   scripts/modbus-vs-libmodbus.sh [rounds] [seconds per round]
#
# server  tools/modbusbench: the server with its gate, sessions, views and images
# meter   hepmeter run: the same inside a meter that measures its default site
#
# CPU per request leaves out what a server uses without requests (the meter: to
# measure). Needs Linux with two cores or more, Go, gcc and libmodbus-dev.
set -eu
rounds=${1:-3}
seconds=${2:-1}
cd "$(dirname "$0")/.."

for tool in go gcc taskset; do
	command -v $tool >/dev/null || { echo "$tool is missing: apt-get install gcc util-linux, and Go from go.dev" >&2; exit 1; }
done
[ -e /usr/include/modbus/modbus.h ] || { echo "libmodbus is missing: apt-get install libmodbus-dev" >&2; exit 1; }

work=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null || :; wait; rm -rf "$work"' EXIT
source=scripts/modbus-vs-libmodbus
gcc -O2 -o "$work/load" $source/load.c
gcc -O2 -I/usr/include/modbus -o "$work/libmodbus" $source/libmodbus_server.c -lmodbus
go build -o "$work/server" ./tools/modbusbench
go build -o "$work/hepmeter" ./cmd/hepmeter
cat >"$work/meter" <<-END
	#!/bin/sh
	exec "$work/hepmeter" run --data "$work/data" --port modbus=0 --port modbus-rtu-tcp=0 --port ion=0 --port http=0 --port https=0 --port ssh=0 --ready "$work/ready.json" >"$work/meter.log" 2>&1
END
chmod +x "$work/meter"

# port_of NAME: the port that the server has told of, or nothing.
port_of() {
	case $1 in
	meter) sed -n 's/.*"modbus":[^"]*"[^"]*:\([0-9]*\)".*/\1/p' "$work/ready.json" 2>/dev/null || : ;;
	*) cat "$work/port" ;;
	esac
}

# start PINNED_TO NAME: starts a server; sets pid and port.
start() {
	rm -f "$work/ready.json"
	: >"$work/port"
	if [ -n "$1" ]; then taskset -c "$1" "$work/$2" >"$work/port" & else "$work/$2" >"$work/port" & fi
	pid=$!
	n=0
	port=
	while [ -z "$port" ]; do
		n=$((n + 1))
		[ $n -lt 100 ] || { echo "$2 does not start" >&2; cat "$work/meter.log" >&2 || :; exit 1; }
		sleep 0.05
		port=$(port_of "$2")
	done
}

# median NAME COLUMN
median() { sort -n -k"$2,$2" "$work/$1.out" | awk -v c="$2" '{v[NR]=$c} END {print (NR%2) ? v[(NR+1)/2] : (v[NR/2]+v[NR/2+1])/2}'; }

compare() { # SETUP SERVER_CORE LOAD_CORE CONNECTIONS REGISTERS
	for name in libmodbus server meter; do : >"$work/$name.out"; done
	i=0
	while [ $i -lt "$rounds" ]; do
		for name in libmodbus server meter; do
			start "$2" $name
			serving=$pid # the meter serves in its firmware process
			[ "$name" != meter ] || serving=$(cat "/proc/$pid/task/"*/children | tr -d ' ')
			if [ -n "$3" ]; then
				taskset -c "$3" "$work/load" 127.0.0.1 "$port" "$4" "$5" "$seconds" "$serving" >>"$work/$name.out"
			else
				"$work/load" 127.0.0.1 "$port" "$4" "$5" "$seconds" "$serving" >>"$work/$name.out"
			fi
			kill "$pid"
			wait "$pid" 2>/dev/null || :
			pid=
		done
		i=$((i + 1))
	done
	rate=$(median libmodbus 1)
	cpu=$(median libmodbus 2)
	for name in libmodbus server meter; do
		awk -v s="$1" -v c="$4" -v r="$5" -v n=$name -v lr="$rate" -v lc="$cpu" -v hr="$(median $name 1)" -v hc="$(median $name 2)" \
			-v p50="$(median $name 3)" -v p99="$(median $name 4)" -v idle="$(median $name 5)" 'BEGIN {
			printf "| %-8s | %5d | %4d | %-9s | %9.0f | %5.2f | %6.2f | %5.2f | %6.0f | %6.0f | %6.1f |\n", s, c, r, n, hr, hr/lr, hc, hc/lc, p50, p99, idle }'
	done
}

echo "median of $rounds rounds of $seconds s; $(nproc) cores; $(go version | cut -d' ' -f3); libmodbus $(sed -n 's/.*LIBMODBUS_VERSION_STRING "\(.*\)".*/\1/p' /usr/include/modbus/modbus-version.h); load before: $(cut -d' ' -f1 /proc/loadavg)"
echo
echo "| cores    | conns | regs | server    |     req/s | ratio | CPU us | ratio | p50 us | p99 us | idle % |"
echo "|----------|-------|------|-----------|-----------|-------|--------|-------|--------|--------|--------|"
for registers in 10 125; do
	for connections in 1 50; do
		compare separate 0 1 $connections $registers
	done
done
for registers in 10 125; do
	compare shared '' '' 50 $registers
done
