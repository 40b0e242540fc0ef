package meter

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/metering"
	"github.com/hepmeter/hepmeter/waveform"
)

// scope keeps the newest samples for who looks at waveforms. While nobody does it costs
// one comparison a block.
type scope struct {
	// wanted is until when somebody looks, in nanoseconds since 1970.
	wanted atomic.Int64

	mu      sync.Mutex
	config  metering.Config
	factors []float64   // to primary values, by channel
	rings   [][]float32 // by channel, longest samples each
	next    int         // where in the rings the next sample goes
	held    int         // samples in the rings
	// following is the index of the sample after the latest.
	following int64
	end       time.Time // civil time of the latest
	taken     time.Time // when the latest came
}

// scopePatience is how long samples are kept after the latest look, and how old the newest
// may be to be shown.
const scopePatience = 3 * time.Second

// configure begins anew for a metering configuration.
func (s *scope) configure(c metering.Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	longest := int(c.RateHz*access.LongestWaveform.Seconds()) + 1
	s.config, s.next, s.held = c, 0, 0
	s.factors, s.rings = make([]float64, len(c.Inputs)), make([][]float32, len(c.Inputs))
	for i, role := range c.Inputs {
		s.factors[i] = c.Scale(role)
		s.rings[i] = make([]float32, longest)
	}
}

// take adds a block whose last sample was at end. It runs on the engine goroutine.
func (s *scope) take(b *waveform.Block, now, end time.Time) {
	if now.UnixNano() > s.wanted.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := b.Len()
	if len(b.Samples) != len(s.rings) || len(s.rings) == 0 || n == 0 || b.RateHz != s.config.RateHz {
		s.held = 0
		return
	}
	longest := len(s.rings[0])
	if b.Gap || b.First != s.following { // samples are missing, or nobody looked meanwhile
		s.held = 0
	}
	skip := max(0, n-longest)
	for c, ring := range s.rings {
		factor, at := s.factors[c], s.next
		for _, v := range b.Samples[c][skip:] {
			ring[at] = float32(v * factor)
			if at++; at == longest {
				at = 0
			}
		}
	}
	s.next = (s.next + n - skip) % longest
	s.held = min(longest, s.held+n-skip)
	s.end, s.taken, s.following = end, now, b.First+int64(n)
}

// Waveform implements access.Scope.
func (s *scope) Waveform(w *access.Waveform, span time.Duration) bool {
	now := time.Now()
	s.wanted.Store(now.Add(scopePatience).UnixNano())
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(s.held, int(s.config.RateHz*span.Seconds()+0.5))
	if n == 0 || now.Sub(s.taken) > scopePatience {
		return false
	}
	w.End, w.RateHz, w.NominalHz = s.end, s.config.RateHz, s.config.NominalHz
	if cap(w.Channels) < len(s.rings) {
		w.Channels = make([]access.WaveformChannel, len(s.rings))
	}
	w.Channels = w.Channels[:len(s.rings)]
	longest := len(s.rings[0])
	first := (s.next - n + longest) % longest
	for c, ring := range s.rings {
		channel := &w.Channels[c]
		channel.Name, channel.Unit = s.config.Inputs[c].String(), unitOf(s.config.Inputs[c])
		if cap(channel.Samples) < n {
			channel.Samples = make([]float32, n)
		}
		channel.Samples = channel.Samples[:n]
		copied := copy(channel.Samples, ring[first:min(longest, first+n)])
		copy(channel.Samples[copied:], ring)
	}
	return true
}

func unitOf(r waveform.Role) string {
	if r.IsCurrent() {
		return "A"
	}
	return "V"
}
