#!/usr/bin/env bash
# The long proofs; `make long` runs them and keeps their output in docs/proofs.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${KILLS:=500}" "${FUZZTIME:=200000x}"
out=docs/proofs/kills.txt
{
	date -u +'%Y-%m-%d %H:%M UTC'
	echo "HEPMETER_KILLS=$KILLS go test ./cmd/hepmeter -run TestKill -v"
	HEPMETER_KILLS=$KILLS go test ./cmd/hepmeter -run TestKill -timeout 2h -v | grep -vE '^=== '
	echo "HEPMETER_KILLS=$KILLS go test ./meter -run TestKillUnderLoad -v"
	HEPMETER_KILLS=$KILLS go test ./meter -run TestKillUnderLoad -timeout 2h -v | grep -vE '^=== '
} | tee "$out.new"
mv "$out.new" "$out"
out=docs/proofs/upgrade-machine.txt
{
	date -u +'%Y-%m-%d %H:%M UTC'
	echo "HEPMETER_UPGRADE_CUTS=all go test ./firmware -run TestCutEverywhere -v"
	HEPMETER_UPGRADE_CUTS=all go test ./firmware -run TestCutEverywhere -timeout 30m -v | grep -vE '^=== '
} | tee "$out.new"
mv "$out.new" "$out"
go test ./meter -run TestGateThroughProtocols -timeout 30m -v | grep '^gate:'
sh scripts/prove-store.sh
git grep -oE 'func Fuzz[A-Za-z0-9_]+' -- '*_test.go' | sed 's/func //' | while IFS=: read -r path target; do
	echo "$(dirname "$path") $target"
	go test -run '^$' -fuzz "^$target\$" -fuzztime "$FUZZTIME" -fuzzminimizetime 20x "./$(dirname "$path")"
done
