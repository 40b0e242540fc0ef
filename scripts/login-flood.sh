#!/bin/sh
# Measures a meter in a flood of wrong logins: 10,000 a second on 200 connections with
# fresh names and passwords, once without lockout and once with lockout after 5 attempts.
# Prints each figure beside its bar; ends with 1 where one is missed. About a minute;
# quiet machine, please. Needs Linux.
# Usage: sh scripts/login-flood.sh
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CGO_ENABLED=0
go build -trimpath -o "$work/hepmeter" ./cmd/hepmeter
go build -trimpath -o "$work/loginflood" ./tools/loginflood
echo "A login flood: $(go version), $(uname -sr), $(nproc) cores, load before $(cut -d' ' -f1 /proc/loadavg)"
status=0
for attempts in 0 5; do
	"$work/loginflood" -hepmeter "$work/hepmeter" -attempts $attempts || status=1
done
exit $status
