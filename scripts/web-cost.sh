#!/bin/sh
# Prints what ten open pages with live waveforms cost a meter beyond its own cost, in % of a core, and whether it missed a
# window. The meter is a process of its own on its usual 51,200 samples a second of 9 channels. SECONDS_EACH=n sets how
# long each of the two measurements takes, 20 unless told.
set -eu
cd "$(dirname "$0")/.."
HEPMETER_WEB_COST=${SECONDS_EACH:-20} go test -tags webcost -run '^TestCostOfWaveformPages$' -count 1 -v ./serve/web | grep -v -e '^=== ' -e '^PASS'
