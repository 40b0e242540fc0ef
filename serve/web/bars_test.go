package web

import (
	"strconv"
	"testing"
)

// TestFirstPage: from the login page to live values at most 150 KB come over the line, and
// live values stand 300 ms after the page was asked for, nothing of it from a cache.
func TestFirstPage(t *testing.T) {
	s := serve(t, "3.0.0")
	p := s.chromium(t)
	p.logIn("USER1", "0")
	p.until(`performance.getEntriesByName("live").length`)
	p.mu.Lock()
	bytes := p.bytes // of the login page, too
	p.mu.Unlock()
	best := 0.0
	for range 5 {
		p.open("/")
		p.until(`performance.getEntriesByName("live").length`)
		if took := eval[float64](p, `performance.getEntriesByName("live")[0].startTime`); best == 0 || took < best {
			best = took
		}
	}
	first := eval[float64](p, `performance.getEntriesByType("resource").length`)
	t.Logf("first page after login: %.1f KB transferred with the login page, live values after %.0f ms (best of 5), %.0f resources", bytes/1000, best, first)
	if bytes == 0 || bytes > 150_000 {
		t.Errorf("%.0f bytes are transferred, want at most 150,000", bytes)
	}
	if best > 300 && !slow() {
		t.Errorf("live values after %.0f ms, want at most 300", best)
	}
}

// slow tells that figures of time mean nothing: the race detector is on.
func slow() bool { return raceEnabled }

// TestWaveformPictures: Chromium paints at least 20 pictures a second.
func TestWaveformPictures(t *testing.T) {
	s := serve(t, "3.0.0")
	p := s.chromium(t)
	p.logIn("USER1", "0")
	p.open("/waveforms")
	p.until(`document.querySelectorAll("#charts canvas").length === 2`)
	best := 0
	for range 10 {
		eval[bool](p, `delete document.body.dataset.painted`)
		p.until(`document.body.dataset.painted`)
		n, err := strconv.Atoi(eval[string](p, `document.body.dataset.painted`))
		if err != nil {
			t.Fatal(err)
		}
		best = max(best, n)
		if best >= 20 {
			break
		}
	}
	t.Logf("waveforms: %d pictures a second painted", best)
	if best < 20 && !slow() {
		t.Errorf("%d pictures a second, want 20", best)
	}
	p.complained("/waveforms")
}
