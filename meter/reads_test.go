package meter

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/waveform/synth"
)

// BenchmarkReads reads registers one by one through a session's view, as a server does,
// beside a meter that measures nine inputs at 1024 samples per cycle in real time. It
// reports the reads in a second and, from the Diagnostics module, the longest time that
// readings were behind the samples: a window is late when that passes its own 200 ms.
func BenchmarkReads(b *testing.B) {
	source, err := synth.Default().Source(51200, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	m, err := Open(Options{Dir: b.TempDir(), Model: "ION9000", Firmware: "3.0.0", Source: source, Speed: 1, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error)
	go func() { ended <- m.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
		if err := m.Close(); err != nil {
			b.Error(err)
		}
	}()
	session, err := m.Gate().Open(access.Client{Path: access.ION, Remote: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	defer session.Close()
	view, err := session.Registers(access.Readings)
	if err != nil {
		b.Fatal(err)
	}
	lag, windows := view.Find("Diagnostics/Source Lag"), view.Find("Diagnostics/Windows Measured")
	for number(b, m, "Diagnostics/Windows Measured") < 5 {
		time.Sleep(10 * time.Millisecond) // until it measures
	}
	var points []access.Point
	for p := view.Find("Power Meter/Vln a"); len(points) < 256; p++ {
		points = append(points, p)
	}
	var available int
	var worstLag, first, last float64
	begin := time.Now()
	b.ResetTimer()
	for i := range b.N {
		snapshot, err := view.Snapshot()
		if err != nil {
			b.Fatal(err)
		}
		if v := snapshot.Value(points[i%len(points)]); v.Available {
			available++
		}
		if i%(1<<16) == 0 {
			worstLag = max(worstLag, snapshot.Value(lag).Number)
			last = snapshot.Value(windows).Number
			if first == 0 {
				first = last
			}
		}
	}
	took := time.Since(begin)
	b.StopTimer()
	if b.N > 1000 && available == 0 {
		b.Error("nothing was available: the benchmark proved nothing")
	}
	b.ReportMetric(float64(b.N)/took.Seconds()/1e6, "Mreads/s")
	b.ReportMetric(worstLag*1000, "worst_lag_ms")
	b.ReportMetric((last-first)/took.Seconds(), "windows/s")
}
