package modules

import (
	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/metering"
	"github.com/hepmeter/hepmeter/waveform"
)

func hsPowerMeter() ion.Type {
	readings := highSpeedReadings()
	t := ion.Type{
		Number: numberHSPowerMeter, Name: "HS Power Meter", Kind: ion.Core, Rate: ion.EveryHalfCycle,
		Doc: "High-speed values: Urms(1/2) of each voltage on its own zero crossings, the currents, active power and " +
			"frequency of the last full cycle, every half cycle.",
		Source: "ION Reference (7EN02-0290), Power Meter module; IEC 61000-4-30 5.4.1",
		New:    func() ion.Behaviour { return &highSpeedPower{readings} },
	}
	for _, r := range acquired()[:inI5] {
		t.Inputs = append(t.Inputs, samplesInput(r.String()))
	}
	for _, r := range readings {
		t.Outputs = append(t.Outputs, ion.Output{Name: r.name, Class: ion.Numeric, Unit: r.unit, Doc: r.doc})
	}
	return t
}

type highSpeedReading struct {
	name, unit, doc string
	value           func(*metering.HalfCycle) float64
}

func highSpeedReadings() []highSpeedReading {
	type half = metering.HalfCycle
	var list []highSpeedReading
	for _, v := range []struct {
		name string
		role waveform.Role
	}{
		{"Vln a", waveform.V1}, {"Vln b", waveform.V2}, {"Vln c", waveform.V3},
		{"Vll ab", waveform.V12}, {"Vll bc", waveform.V23}, {"Vll ca", waveform.V31}, {"V4", waveform.V4},
		{"Ia", waveform.I1}, {"Ib", waveform.I2}, {"Ic", waveform.I3}, {"I4", waveform.I4},
	} {
		if v.role.IsVoltage() {
			list = append(list, highSpeedReading{v.name, "V", "Urms(1/2)", func(h *half) float64 { return h.URms[v.role] }})
		} else {
			list = append(list, highSpeedReading{v.name, "A", "RMS of the last full cycle", func(h *half) float64 { return h.URms[v.role] }})
		}
	}
	for i, p := range []string{"a", "b", "c", "tot"} {
		list = append(list, highSpeedReading{"kW " + p, "kW", "active power of the last full cycle", func(h *half) float64 { return h.P[i] / 1000 }})
	}
	return append(list, highSpeedReading{"Freq", "Hz", "frequency of the last full cycle", func(h *half) float64 { return h.FrequencyHz }})
}

type highSpeedPower struct{ readings []highSpeedReading }

func (m *highSpeedPower) Tick(c *ion.Context) {
	for i := range m.readings {
		if c.HalfCycle == nil {
			c.SetNotAvailable(i)
		} else {
			c.Set(i, m.readings[i].value(c.HalfCycle))
		}
	}
}
