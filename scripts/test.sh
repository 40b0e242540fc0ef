#!/usr/bin/env bash
# The whole proof, as CI runs it: sh scripts/test.sh
# Needs Go; installs the other real programs the tests drive where it can (Debian,
# as root or with sudo), and lists as skipped, by name, the tests whose program is
# missing. With CI=true a skipped test is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n== %s\n' "$*"; }

say "programs the tests drive"
missing=()
command -v mbpoll >/dev/null 2>&1 || missing+=(mbpoll)
command -v tshark >/dev/null 2>&1 || missing+=(tshark)
command -v socat >/dev/null 2>&1 || missing+=(socat)
/usr/bin/python3 -c 'import pymodbus.client' >/dev/null 2>&1 || missing+=(python3-pymodbus python3-serial-asyncio)
command -v gcc >/dev/null 2>&1 || missing+=(gcc libc6-dev)
command -v ip >/dev/null 2>&1 || missing+=(iproute2)
for program in chromium sshpass tmux curl sslscan ssh-audit; do
	command -v "$program" >/dev/null 2>&1 || missing+=("$program")
done
command -v ssh >/dev/null 2>&1 || missing+=(openssh-client)
[ -x /usr/sbin/rsyslogd ] || missing+=(rsyslog)
if [ ${#missing[@]} -gt 0 ] && command -v apt-get >/dev/null 2>&1; then
	sudo=""
	[ "$(id -u)" = 0 ] || sudo="sudo -n"
	if $sudo true 2>/dev/null; then
		$sudo apt-get update -qq >/dev/null && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null ||
			echo "could not install: ${missing[*]} (the tests that need them are skipped by name)"
	fi
fi
# What checks the pages for accessibility, in tests only.
sh scripts/fetch-axe.sh >/dev/null || echo "could not fetch axe-core (the test that needs it is skipped by name)"
for p in mbpoll socat tshark gcc ip chromium ssh sshpass tmux curl sslscan ssh-audit /usr/sbin/rsyslogd; do printf '%-18s %s\n' "$p" "$(command -v $p || echo missing)"; done
printf '%-10s %s\n' pymodbus "$(/usr/bin/python3 -c 'import pymodbus; print(pymodbus.__version__)' 2>/dev/null || echo missing)"
go version

say "format, vet, staticcheck, house rules"
unformatted=$(gofmt -l $(git ls-files '*.go'))
[ -z "$unformatted" ] || { echo "gofmt would change: $unformatted"; exit 1; }
go vet ./...
go tool staticcheck ./...
go run ./tools/houserules

say "builds without cgo"
for target in linux/amd64 linux/arm64 windows/amd64 darwin/arm64; do
	out=$(mktemp)
	for program in hepmeter hepsetup; do
		CGO_ENABLED=0 GOOS=${target%/*} GOARCH=${target#*/} go build -trimpath -ldflags '-s -w' -o "$out" "./cmd/$program"
		size=$(wc -c <"$out")
		printf '%-8s %-14s %5.1f MB\n' "$program" "$target" "$(echo "$size" | awk '{print $1/1e6}')"
		if [ "$target" = linux/amd64 ] && [ "$size" -gt 27000000 ]; then echo "$program is over 27 MB"; exit 1; fi
	done
	rm -f "$out"
done

say "tests"
# The pages as a browser shows them, for people to look at.
export HEPMETER_SCREENSHOTS=${HEPMETER_SCREENSHOTS:-$PWD/screenshots}
mkdir -p "$HEPMETER_SCREENSHOTS"
log=$(mktemp)
race=(-race)
command -v gcc >/dev/null 2>&1 || race=()
status=0
go test "${race[@]}" -timeout 30m -v ./... >"$log" 2>&1 || status=$?
grep -E '^(ok|FAIL|---? ?FAIL|panic:|\?)|^ *--- (FAIL|SKIP)' "$log" || true
[ $status = 0 ] || { grep -nE -B30 '^ *--- FAIL' "$log" | tail -n 200; exit $status; }
passed=$(grep -cE '^ *--- PASS' "$log" || true)
skipped=$(grep -cE '^ *--- SKIP' "$log" || true)

# A number of runs, not a time: a deadline that falls into a run is reported as a
# failure by the fuzzer.
say "fuzzing, ${FUZZTIME:=3000x} a target"
while IFS=: read -r path target; do
	printf '%s %s\n' "$(dirname "$path")" "$target"
	go test -run '^$' -fuzz "^$target\$" -fuzztime "$FUZZTIME" -fuzzminimizetime 20x "./$(dirname "$path")" >"$log" 2>&1 || { cat "$log"; exit 1; }
done < <(git grep -oE 'func Fuzz[A-Za-z0-9_]+' -- '*_test.go' | sed 's/func //')

echo
echo "$passed passed, 0 failed, $skipped skipped"
if [ "${CI:-}" = true ] && [ "$skipped" != 0 ]; then
	echo "tests were skipped; in CI every program they need must be installed"
	exit 1
fi
