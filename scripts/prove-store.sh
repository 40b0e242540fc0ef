#!/bin/sh
# The store's proofs and figures at length. Writes them to docs/proofs/store-*.txt.
# Usage: sh scripts/prove-store.sh   (about ten minutes; CUTS=1 KILLS=60 FUZZ=20s for less)
set -eu
: "${CUTS:=2}" "${KILLS:=500}" "${FUZZ:=60s}"
cd "$(dirname "$0")/.."
out=docs/proofs
mkdir -p "$out"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
head="$(go version), $(uname -sr), $(nproc) cores"

{
	echo "Proofs of the store: $head"
	# A process for each test: a store that is lost with its simulated disk keeps its memory
	# mapped, and a process has room for some 30,000 of them.
	go test -c -o "$tmp/store.test" ./store
	go test -c -o "$tmp/vfs.test" ./store/vfs
	for room in store vfs; do
		cd "$(test $room = store && echo store || echo store/vfs)"
		for test in $("$tmp/$room.test" -test.list '^Test'); do
			HEPMETER_STORE_CUTS=$CUTS HEPMETER_STORE_KILLS=$KILLS "$tmp/$room.test" -test.run "^$test\$" -test.timeout 30m -test.v
		done
		cd "$OLDPWD"
	done |
		grep -v "^=== \|^    *--- PASS\|^PASS\|refuse_test.go\|store_test.go\|^        "
} >"$out/store-proofs.txt"

{
	echo "What the store costs: $head"
	printf 'package main\nimport ("fmt"; "os"; "time"; "flag")\nfunc main() { flag.Parse(); fmt.Println(time.Now(), os.Getpid()) }\n' >"$tmp/empty.go"
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o "$tmp/empty" "$tmp/empty.go"
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o "$tmp/storecost" ./tools/storecost
	echo "stripped binary without the store $(wc -c <"$tmp/empty") bytes, with it $(wc -c <"$tmp/storecost") bytes"
	for start in "first start" "second start, state there"; do
		echo "-- $start"
		START_NS=$(date +%s%N) GOMAXPROCS=1 "$tmp/storecost" -dir "$tmp/d" -commits 60 -every 1s
	done
	echo "-- as fast as the disk allows"
	go test -run xxx -bench . -benchtime 3s -cpu 1 ./store | grep Benchmark
} >"$out/store-cost.txt"

{
	echo "Fuzzing the store: $head"
	for target in FuzzOpenDamaged FuzzCommitRoundTrip; do
		echo "-- $target"
		go test -run xxx -fuzz "$target" -fuzztime "$FUZZ" -fuzzminimizetime 5x ./store | tail -3
	done
} >"$out/store-fuzz.txt"

sh scripts/store-bench.sh >"$out/store-bench.txt"
