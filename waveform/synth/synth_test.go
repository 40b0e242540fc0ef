package synth

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/waveform"
)

var testStart = time.Date(2026, 3, 2, 22, 15, 0, 0, time.UTC)

func TestDefaultSite(t *testing.T) {
	src, err := Default().Source(51200, testStart)
	if err != nil {
		t.Fatal(err)
	}
	var b waveform.Block
	var squares [9]float64
	n := 0
	for range 10 {
		m, err := src.Next(context.Background(), &b, 5120)
		if err != nil {
			t.Fatal(err)
		}
		for c := range b.Samples {
			for _, x := range b.Samples[c] {
				squares[c] += x * x
			}
		}
		n += m
	}
	for c, ch := range src.Info().Channels {
		t.Logf("%s %.4f %s", ch.Name, math.Sqrt(squares[c]/float64(n)), ch.Unit)
	}
	if len(b.Samples) != 9 {
		t.Fatalf("%d channels, want 9", len(b.Samples))
	}
}

func BenchmarkDefaultSite(b *testing.B) {
	src, err := Default().Source(51200, testStart)
	if err != nil {
		b.Fatal(err)
	}
	var block waveform.Block
	ctx := context.Background()
	const length = 10240
	if _, err := src.Next(ctx, &block, length); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		if _, err := src.Next(ctx, &block, length); err != nil {
			b.Fatal(err)
		}
	}
	perBlock := b.Elapsed().Seconds() / float64(b.N)
	b.ReportMetric(length/51200.0/perBlock, "x_realtime")
	b.ReportMetric(9*length/perBlock/1e6, "Msamples/s")
}
