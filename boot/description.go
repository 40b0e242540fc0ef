package boot

import (
	"time"

	"github.com/hepmeter/hepmeter/waveform"
	wire "github.com/hepmeter/hepmeter/wire/boot"
)

// describe is a source in the words of the boot protocol.
func (s *Samples) describe() wire.Source {
	info := s.info
	d := wire.Source{Axis: s.axis, Format: info.Format, Station: info.Station, Device: info.Device, RateHz: info.RateHz, NominalHz: info.NominalHz,
		Samples: info.Samples, Live: info.Live, Warnings: info.Warnings, Speed: s.speed}
	if !info.Start.IsZero() {
		d.StartNanos = info.Start.UnixNano()
	}
	for _, c := range info.Channels {
		d.Channels = append(d.Channels, wire.Channel{Name: c.Name, Phase: c.Phase, Unit: c.Unit, Primary: c.Primary, Secondary: c.Secondary,
			Values: uint8(c.Values), SkewSeconds: c.SkewSeconds, Unused: c.Unused})
	}
	return d
}

// described is what a description tells of a source.
func described(d wire.Source) waveform.Info {
	info := waveform.Info{Format: d.Format, Station: d.Station, Device: d.Device, RateHz: d.RateHz, NominalHz: d.NominalHz,
		Samples: d.Samples, Live: d.Live, Warnings: d.Warnings}
	if d.StartNanos != 0 {
		info.Start = time.Unix(0, d.StartNanos)
	}
	for _, c := range d.Channels {
		info.Channels = append(info.Channels, waveform.Channel{Name: c.Name, Phase: c.Phase, Unit: c.Unit, Primary: c.Primary, Secondary: c.Secondary,
			Values: waveform.Side(c.Values), SkewSeconds: c.SkewSeconds, Unused: c.Unused})
	}
	return info
}
