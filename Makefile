# The commands of the house. `make test` is what CI runs.

.PHONY: test bench long

test:
	bash scripts/test.sh

# Every figure that the documents quote, printed by the command that makes it.
bench:
	go test -run '^$$' -bench Engine -benchtime 2s -count 5 -cpu 1 ./metering
	go test -run '^$$' -bench Decode -cpu 1 ./waveform/comtrade ./waveform/sv
	go test -run '^$$' -bench DefaultSite -cpu 1 ./waveform/synth
	go test -run '^$$' -bench ThousandModules -benchtime 3000x -cpu 1 ./ion/template
	go test -run '^$$' -bench Reads -benchtime 5s ./meter
	go test -run 'TestIdle|TestStartWithAYearOfLogs' -v ./cmd/hepmeter
	go test -run DeltaOfPatch -v ./firmware/delta
	sh scripts/store-bench.sh
	bash scripts/fft-vs-fftw.sh
	bash scripts/measure-bench.sh
	bash scripts/modbus-vs-libmodbus.sh
	sh scripts/login-flood.sh
	sh scripts/gateway-bench.sh

# What takes too long for every change: hundreds of kills, every power cut, long
# fuzzing. The dated output of the last run is in docs/proofs.
long:
	bash scripts/long.sh
