package modules

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/metering"
	"github.com/hepmeter/hepmeter/waveform"
)

// tickWith runs a tick with a second that the test fills.
func (r *rig) tickWith(fill func(*metering.Second)) {
	r.now = r.now.Add(time.Second)
	s := nothing()
	s.EndS, s.Windows, s.DurationS = r.second.EndS+1, 5, 1
	fill(&s)
	r.second = s
	r.node.Tick(r.now, &s)
}

func fourWire(s *metering.Second) {
	for role, x := range map[waveform.Role]float64{
		waveform.V1: 230, waveform.V2: 231, waveform.V3: 232, waveform.V4: 2,
		waveform.V12: 400, waveform.V23: 401, waveform.V31: 402,
		waveform.I1: 10, waveform.I2: 11, waveform.I3: 12, waveform.I4: 1, waveform.I5: 0.5,
	} {
		s.RMS[role] = x
	}
	s.Power = metering.Power{P: metering.Phases{1000, 2000, -500, 2500}, Q1: metering.Phases{100, -200, 300, 200},
		S: metering.Phases{1010, 2020, 600, 3000}, PF: metering.Phases{0.99, 0.98, -0.83, 0.8}, DPF: metering.Phases{0.995, 0.985, -0.84, 0.81}}
	s.FrequencyHz, s.IResidual, s.VWorstLN, s.VWorstLL, s.IWorst = 50.01, 0.7, 0.4, 0.5, 9
	s.Energy = metering.Energy{Wh: [4]float64{1, 2, 3, 4}, Varh: [4]float64{5, 6, 7, 8}, VAh: [4]float64{9, 10, 11, 12}}
	s.Voltage = metering.Sequence{Pos: metering.Phasor{RMS: 231, Deg: 1}, Neg: metering.Phasor{RMS: 2, Deg: -60}, Zero: metering.Phasor{RMS: 1, Deg: 90}}
	s.Current = metering.Sequence{Pos: metering.Phasor{RMS: 11, Deg: -30}}
	s.U2, s.U0, s.I2, s.I0 = 0.9, 0.4, 5, 6
}

func TestPowerMeterReadings(t *testing.T) {
	r := newRig(t)
	r.tickWith(fourWire)
	for label, want := range map[string]float64{
		"Vln a": 230, "Vln b": 231, "Vln c": 232, "Vln avg": 231, "Vll ab": 400, "Vll bc": 401, "Vll ca": 402, "Vll avg": 401, "V4": 2,
		"Ia": 10, "Ib": 11, "Ic": 12, "I avg": 11, "I4": 1, "I residual": 0.7,
		"kW a": 1, "kW b": 2, "kW c": -0.5, "kW tot": 2.5, "kVAR a": 0.1, "kVAR b": -0.2, "kVAR c": 0.3, "kVAR tot": 0.2,
		"kVA a": 1.01, "kVA b": 2.02, "kVA c": 0.6, "kVA tot": 3,
		"PF sign a": 0.99, "PF sign tot": 0.8, "DPF c": -0.84, "PF lag": 0.8, "PF lead": na,
		"Freq": 50.01, "V unbal": 0.4, "Vll unbal": 0.5, "I unbal": 9, "Phase Rev": 0,
		// Contributions of the quadrants: 1 Wh in a second is 3.6 kW.
		"kW Q1": 3.6, "kW Q4": 14.4, "kVAR Q2": 21.6, "kVA Q3": 39.6,
		"I5": 0.7, // this rig has no I5 input: the vector sum
	} {
		r.want("Power Meter/"+label, want)
	}
	t.Run("a leading current", func(t *testing.T) {
		r.TB = t
		r.tickWith(func(s *metering.Second) {
			fourWire(s)
			s.Power.Q1[metering.Total], s.Power.PF[metering.Total] = -200, -0.8
		})
		r.want("Power Meter/PF lag", na)
		r.want("Power Meter/PF lead", 0.8)
	})
	t.Run("rotation against the setup", func(t *testing.T) {
		r.TB = t
		r.tickWith(func(s *metering.Second) { fourWire(s); s.Flags = metering.FlagPhaseOrder; s.VWorstLN = na })
		r.want("Power Meter/Phase Rev", 1)
		r.want("Power Meter/V unbal", na)
	})
	t.Run("in DELTA the phase quantities are not available", func(t *testing.T) {
		r.TB = t
		r.tickWith(func(s *metering.Second) {
			fourWire(s)
			for _, role := range []waveform.Role{waveform.V1, waveform.V2, waveform.V3} {
				s.RMS[role] = na
			}
		})
		r.want("Power Meter/Vln a", na)
		r.want("Power Meter/Vln avg", na)
		r.want("Power Meter/Vll avg", 401)
	})
	t.Run("without a window nothing is available", func(t *testing.T) {
		r.TB = t
		r.tickWith(func(s *metering.Second) { fourWire(s); s.Windows = 0 })
		for _, label := range []string{"Vln a", "kW tot", "kW Q1", "Freq", "Phase Rev", "I5"} {
			r.want("Power Meter/"+label, na)
		}
	})
}

func TestI5IsMeasuredWhereItIsConnected(t *testing.T) {
	r := &rig{TB: t, now: noon, program: append(core(), ion.Link{Input: "Power Meter/I5", Register: "Data Acquisition/I5"})}
	r.build()
	r.tickWith(fourWire)
	r.want("Power Meter/I5", 0.5)
}

// Energy that a second brings is counted although its readings are not available.
func TestEnergyOfADisturbedSecondIsCounted(t *testing.T) {
	r := newRig(t, moduleUnderTest("Integrator", "Power Meter/kW tot")...)
	r.tickWith(func(s *metering.Second) { s.Energy.Wh[0] = 500 })
	r.want("Power Meter/kW tot", na)
	r.want("M/Result", 0.5)
}

func TestIntegratorModesAndUnits(t *testing.T) {
	for _, row := range []struct {
		source, mode, divisor string
		want                  float64
		count                 int64
		unit                  string
	}{
		{"Power Meter/kW tot", "forward", "3600", 0.005, 5, "kWh"},   // I + IV
		{"Power Meter/kW tot", "reverse", "3600", 0.005, 5, "kWh"},   // II + III
		{"Power Meter/kW tot", "absolute", "3600", 0.010, 10, "kWh"}, //
		{"Power Meter/kW tot", "net", "3600", 0, 0, "kWh"},
		{"Power Meter/kVAR tot", "forward", "3600", 0.011, 11, "kVARh"}, // I + II
		{"Power Meter/kVAR tot", "net", "3600", -0.004, -4, "kVARh"},
		{"Power Meter/kVA tot", "forward", "3600", 0.021, 21, "kVAh"}, // I + IV
		{"Power Meter/kVA tot", "reverse", "3600", 0.021, 21, "kVAh"},
		{"Power Meter/kW Q3", "forward", "3600", 0.003, 3, "kWh"},
		{"Power Meter/kVAR Q4", "forward", "60", 0.48, 480, "kVARmin"},
		{"Power Meter/Ia", "forward", "1", 10, 10, "As"}, // no flow: value times measured time
		{"Power Meter/kW c", "forward", "3600", 0, 0, "kWh"},
		{"Power Meter/kW c", "reverse", "3600", 0.5 / 3600, 0, "kWh"},
		{"Power Meter/kW c", "net", "1", -0.5, -500, "kWs"},
		{"Power Meter/Vln a", "absolute", "100", 2.3, 2, "V·100s"},
	} {
		t.Run(row.source+" "+row.mode, func(t *testing.T) {
			r := newRig(t, moduleUnderTest("Integrator", row.source, "Int Mode", row.mode, "Divisor", row.divisor)...)
			r.tickWith(fourWire)
			r.want("M/Result", row.want)
			if v := r.value("M/Result"); v.Count != row.count || !v.Exact {
				t.Errorf("count %d, want %d", v.Count, row.count)
			}
			index, _ := r.node.Find("M/Result")
			if unit := r.node.Directory().Registers[index].Unit; unit != row.unit {
				t.Errorf("unit %q, want %q", unit, row.unit)
			}
		})
	}
}

func TestHSPowerMeter(t *testing.T) {
	r := newRig(t, ion.Create{Type: "HS Power Meter", Label: "HS Power Meter"})
	hc := &metering.HalfCycle{FrequencyHz: 49.9, P: metering.Phases{1000, na, 3000, 4000}}
	for i := range hc.URms {
		hc.URms[i] = float64(i)
	}
	hc.URms[waveform.V4] = na
	r.node.HalfCycle(noon, hc)
	for label, want := range map[string]float64{"Vln a": float64(waveform.V1), "Vll ca": float64(waveform.V31), "V4": na,
		"Ic": float64(waveform.I3), "I4": float64(waveform.I4), "kW a": 1, "kW b": na, "kW tot": 4, "Freq": 49.9} {
		r.want("HS Power Meter/"+label, want)
	}
}

func TestSymmetricalComponents(t *testing.T) {
	program := []ion.Change{}
	for _, quantity := range []string{"V", "I"} {
		label := quantity + " Symm Comp"
		program = append(program, ion.Create{Type: "Symmetrical Components", Label: label})
		for i := 1; i <= 3; i++ {
			program = append(program, ion.Link{Input: fmt.Sprintf("%s/Source %d", label, i), Register: fmt.Sprintf("Data Acquisition/%s%d", quantity, i)})
		}
	}
	r := newRig(t, program...)
	r.tickWith(fourWire)
	for label, want := range map[string]float64{"V Symm Comp/PosSeqMag": 231, "V Symm Comp/PosSeqPhs": 1, "V Symm Comp/NegSeqMag": 2, "V Symm Comp/NegSeqPhs": -60,
		"V Symm Comp/ZeroSeqMag": 1, "V Symm Comp/ZeroSeqPhs": 90, "V Symm Comp/u2": 0.9, "V Symm Comp/u0": 0.4,
		"I Symm Comp/PosSeqMag": 11, "I Symm Comp/PosSeqPhs": -30, "I Symm Comp/u2": 5, "I Symm Comp/u0": 6} {
		r.want(label, want)
	}
	r.tickWith(func(s *metering.Second) { fourWire(s); s.Fundamental[waveform.V1].Deg = 100 })
	r.want("V Symm Comp/PosSeqPhs", -99)
	r.want("V Symm Comp/NegSeqPhs", -160)
	r.want("I Symm Comp/PosSeqPhs", -130)
	r.tickWith(func(s *metering.Second) { fourWire(s); s.RMS[waveform.V1] = na })
	r.want("V Symm Comp/PosSeqMag", na)
	r.want("I Symm Comp/PosSeqMag", 11)
}

// spectrum is a window of V1 with the given subgroups from order 0.
func spectrum(durationS float64, lines ...float64) *metering.Window {
	w := &metering.Window{DurationS: durationS, HighestOrder: len(lines) - 1}
	w.Subgroup[waveform.V1] = lines
	w.Angle[waveform.V1] = make([]float64, len(lines))
	for h := range lines {
		w.Angle[waveform.V1][h] = float64(10 * h)
	}
	return w
}

func TestHarmonicsAnalyzer(t *testing.T) {
	r := newRig(t, ion.Create{Type: "Harmonics Analyzer", Label: "H"}, ion.Link{Input: "H/Source", Register: "Data Acquisition/V1"},
		ion.Link{Input: "H/Nominal", Register: "Factory/Nominal Voltage"}, ion.Set{Register: "Factory/Nominal Voltage", Value: "250"})
	r.tickWith(fourWire) // from now on the input is known to deliver samples
	volts := func(s *metering.Second) {
		fourWire(s)
		s.THDF[waveform.V1], s.THDOdd[waveform.V1], s.THDEven[waveform.V1], s.Crest[waveform.V1] = 5, 4, 3, 1.41
	}
	// Each order is the RMS over the windows of the second, weighted by their duration.
	r.node.Window(r.now, spectrum(0.2, 0, 200, 0, 30))
	r.node.Window(r.now, spectrum(0.6, 0, 200, 0, 10))
	r.tickWith(volts)
	third := math.Sqrt((0.2*900 + 0.6*100) / 0.8)
	for label, want := range map[string]float64{"Total HD": 5, "Total OddHD": 4, "Total EvenHD": 3, "Crest Factor": 1.41, "K Factor": na,
		"HD1": 100, "HD2": 0, "HD3": third / 2, "HD4": na, "HD63": na, "Mag 1": 200, "Mag 3": third, "Phs 3": 30, "Phs 4": na} {
		r.want("H/"+label, want)
	}
	// What an order that not every window reaches would be is not known.
	r.node.Window(r.now, spectrum(0.2, 0, 200, 5, 30))
	r.node.Window(r.now, spectrum(0.2, 0, 200, 5))
	r.tickWith(volts)
	r.want("H/Mag 2", 5)
	r.want("H/Mag 3", na)

	r.do(ion.Set{Register: "H/Harmonics Display Mode", Value: "engineering units"})
	r.node.Window(r.now, spectrum(0.2, 0, 200, 8))
	r.tickWith(volts)
	r.want("H/HD2", 8)
	r.do(ion.Set{Register: "H/Harmonics Display Mode", Value: "% of RMS"})
	// The RMS of the windows, not of the second, which is corrected for transformers.
	w := spectrum(0.2, 0, 200, 23)
	w.RMS[waveform.V1] = 230
	r.node.Window(r.now, w)
	r.tickWith(func(s *metering.Second) { volts(s); s.RMS[waveform.V1] = 999 })
	r.want("H/HD2", 10)

	// The distortion of the second is 5 % of a fundamental of 200 V.
	for mode, want := range map[string][2]float64{"% of fundamental": {11.5, 5}, "% of RMS": {10, 5 * 200 / 230.0}, "% of nominal": {9.2, 4}} {
		r.do(ion.Set{Register: "H/Harmonics Display Mode", Value: mode}, ion.Set{Register: "H/THD Display Mode", Value: mode})
		r.node.Window(r.now, w)
		r.tickWith(volts)
		r.want("H/HD2", want[0])
		r.want("H/Total HD", want[1])
		r.want("H/Total EvenHD", want[1]*3/5)
	}

	r.tickWith(volts) // a second without a window
	r.want("H/Mag 1", na)
	r.tickWith(func(s *metering.Second) {}) // the input is gone
	r.want("H/Total HD", na)
}

func TestDiagnostics(t *testing.T) {
	r := newRig(t, ion.Create{Type: "Diagnostics", Label: "D"})
	r.do(ion.Create{Type: "Integrator", Label: "Idle"})
	r.node.SetStatus(ion.Status{PowerUps: 3, SourceLagS: 0.25})
	r.tick(1)
	for _, label := range []string{"CPU Load", "Memory", "TotalLogMemory", "UsedLogMemory", "Commit Latency"} {
		r.want("D/"+label, na)
	}
	r.node.SetStatus(ion.Status{PowerUps: 3, SourceLagS: 0.25, CPULoadPercent: 7, MemoryBytes: 12_000_000, LogMemoryBytes: 10_000_000, CommitLatencyS: 0.002})
	for _, flags := range []metering.Flags{metering.FlagQuestionable | metering.FlagOverrun, metering.FlagGap | metering.FlagOutOfRange, metering.FlagUnsynchronised | metering.FlagGap | metering.FlagClock} {
		r.node.Window(r.now, &metering.Window{Flags: flags})
	}
	r.node.Window(r.now, &metering.Window{StartS: 1.03, DurationS: 0.2}) // a second was not sampled
	r.ticks(9, 1)
	r.now = r.now.Add(time.Hour) // the clock is set: the meter is no hour older
	r.tick(1)
	for label, want := range map[string]float64{"Power Up Count": 3, "Uptime": 10, "Windows Measured": 4, "Gaps": 2, "Unsynchronised Windows": 1,
		"Missed Windows": 5, "Source Lag": 0.25, "CPU Load": 7, "Memory": 12_000, "TotalLogMemory": 10_000, "UsedLogMemory": 0, "Commit Latency": 0.002,
		"Modules Online": 5, "Modules Offline": 1,
		"Questionable Windows": 2, "Clock Unsynchronised Windows": 1, "Overruns": 1,
		"Battery Remaining": na, "Temperature": na, "Opt Mod A Type String": na, "Opt Mod D Type String": na} {
		r.want("D/"+label, want)
	}
}

// TestModbusGateway: what nobody has asked is not available, a unit shows its own counts, and
// the gateway those of all.
func TestModbusGateway(t *testing.T) {
	r := newRig(t, ion.Create{Type: "Modbus Gateway", Label: "Modbus Gateway"})
	r.do(ion.Create{Type: "Modbus Gateway Unit", Label: "Five"}, ion.Set{Register: "Five/Unit", Value: "5"},
		ion.Create{Type: "Modbus Gateway Unit", Label: "Six"}, ion.Set{Register: "Six/Unit", Value: "6"})
	r.tick(1)
	for _, label := range []string{"Modbus Gateway/Units", "Modbus Gateway/Units Backing Off", "Modbus Gateway/Requests", "Five/Requests", "Five/Latency", "Five/Answering"} {
		r.want(label, na)
	}
	r.node.SetStatus(ion.Status{Downstream: []ion.Downstream{
		{Unit: 5, Requests: 10, Answers: 9, Exceptions: 8, Timeouts: 7, CRCErrors: 6, Lost: 11, Retries: 5, Dropped: 4, Cached: 3, Refused: 2, LatencyS: 0.25, LatencyP95S: 0.5, LatencyMaxS: 1},
		{Unit: 7, Requests: 100, Timeouts: 90, BackingOff: true, LatencyS: math.NaN(), LatencyP95S: math.NaN(), LatencyMaxS: math.NaN()}}})
	r.tick(1)
	for label, want := range map[string]float64{"Modbus Gateway/Units": 2, "Modbus Gateway/Units Backing Off": 1, "Modbus Gateway/Requests": 110, "Modbus Gateway/Answers": 9,
		"Modbus Gateway/Timeouts": 97, "Modbus Gateway/Refused Requests": 2, "Five/Requests": 10, "Five/Answers": 9, "Five/Exceptions": 8, "Five/Timeouts": 7, "Five/CRC Errors": 6,
		"Five/Lost Requests": 11, "Five/Retries": 5, "Five/Dropped Answers": 4, "Five/Cached Answers": 3, "Five/Refused Requests": 2, "Five/Latency": 0.25, "Five/Latency 95": 0.5, "Five/Latency Max": 1,
		"Five/Answering": 1, "Six/Requests": na, "Six/Answering": na} {
		r.want(label, want)
	}
	r.do(ion.Set{Register: "Six/Unit", Value: "7"})
	r.tick(1)
	for label, want := range map[string]float64{"Six/Requests": 100, "Six/Answers": 0, "Six/Latency": na, "Six/Answering": 0} {
		r.want(label, want)
	}
}

func TestFactory(t *testing.T) {
	r := newRig(t)
	for label, want := range map[string]string{"Device Type": "ION9000", "Revision": "3.0.0", "Metering FW Revision": "3.0.0", "ION Version": "1", "Nominal Frequency": "50 Hz"} {
		if v := r.value("Factory/" + label); !v.Available || v.Text != want {
			t.Errorf("%s = %v, want %s", label, v, want)
		}
	}
	if v := r.value("Factory/Opt Mod A Revision"); v.Available {
		t.Errorf("there is an option module: %v", v)
	}
}

func TestMeteringConfig(t *testing.T) {
	r := newRig(t)
	defaults, err := MeteringConfig(r.node)
	if err != nil {
		t.Fatal(err)
	}
	direct, five := metering.Ratio{Primary: 347, Secondary: 347}, metering.Ratio{Primary: 5, Secondary: 5}
	if diff := cmp.Diff(metering.Config{NominalHz: 50, PT: direct, V4PT: direct, CT: five, I4CT: five, I5CT: five}, defaults); diff != "" {
		t.Error(diff)
	}
	set := func(name, value string) ion.Change { return ion.Set{Register: name, Value: value} }
	r.do(set("Factory/Nominal Frequency", "60 Hz"), set("Power Meter/Volts Mode", "DELTA"), set("Power Meter/PT Prim", "14400"), set("Power Meter/PT Sec", "120"),
		set("Power Meter/CT Prim", "200"), set("Power Meter/V4 Sec", "100"), set("Power Meter/I4 Prim", "50"), set("Power Meter/I5 Sec", "1"),
		set("Power Meter/V2 Polarity", "inverted"), set("Power Meter/I4 Polarity", "inverted"), set("Power Meter/Ph Order", "ACB"), set("Power Meter/PF Sign", "IEEE"),
		set("Power Meter/kVA Mode", "effective"), set("Power Meter/Energy Mode", "per phase"), set("Power Meter/Demand Current", "150"))
	got, err := MeteringConfig(r.node)
	if err != nil {
		t.Fatal(err)
	}
	want := metering.Config{NominalHz: 60, VoltsMode: metering.Delta, PT: metering.Ratio{Primary: 14400, Secondary: 120}, CT: metering.Ratio{Primary: 200, Secondary: 5},
		V4PT: metering.Ratio{Primary: 347, Secondary: 100}, I4CT: metering.Ratio{Primary: 50, Secondary: 5}, I5CT: metering.Ratio{Primary: 5, Secondary: 1},
		Inverted: []waveform.Role{waveform.V2, waveform.I4}, PhaseOrder: metering.ACB, PFSign: metering.SignIEEE, Apparent: metering.EffectiveS,
		PerPhaseEnergy: true, DemandCurrentA: 150}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	bare, err := ion.New(ion.Config{Types: Catalogue()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := MeteringConfig(bare); err == nil {
		t.Error("a program without a Power Meter was accepted")
	}
}

// Instr Transformer Correction reaches the engine through the configuration, and in DELTA
// as that of the line-to-line voltages.
func TestMeteringConfigHasTheCorrections(t *testing.T) {
	const kind = "Instr Transformer Correction"
	r := newRig(t, ion.Create{Type: kind, Label: "V1 Correction"}, ion.Create{Type: kind, Label: "I2 Correction"}, ion.Create{Type: kind, Label: "I4 Correction"})
	r.do(ion.Set{Register: "V1 Correction/Correction Type", Value: "ratio"}, ion.Set{Register: "V1 Correction/Ratio Test Data", Value: "90: 1.001, 110:0.998"},
		ion.Set{Register: "V1 Correction/Phase Test Data", Value: "100: 5"},
		ion.Set{Register: "I2 Correction/Correction Type", Value: "ratio and phase"}, ion.Set{Register: "I2 Correction/Phase Test Data", Value: "10: -12"},
		ion.Set{Register: "I4 Correction/Ratio Test Data", Value: "10: 1.1"}, ion.Set{Register: "Power Meter/CT Sec", Value: "1"})
	cfg, err := MeteringConfig(r.node)
	if err != nil {
		t.Fatal(err)
	}
	want := []metering.Correction{
		{Role: waveform.V1, RatedSecondary: 347, Ratio: []metering.TestPoint{{Percent: 90, Value: 1.001}, {Percent: 110, Value: 0.998}}},
		{Role: waveform.I2, RatedSecondary: 1, Phase: []metering.TestPoint{{Percent: 10, Value: -12}}},
	}
	if diff := cmp.Diff(want, cfg.Corrections); diff != "" {
		t.Error(diff)
	}
	r.do(ion.Set{Register: "Power Meter/Volts Mode", Value: "DELTA"})
	want[0].Role = waveform.V12
	if cfg, _ = MeteringConfig(r.node); !cmp.Equal(want, cfg.Corrections) {
		t.Errorf("in DELTA %+v, want %+v", cfg.Corrections, want)
	}
}

// The names of the volts modes are those of the metering engine.
func TestVoltsModesAreThoseOfTheEngine(t *testing.T) {
	for i, option := range powerMeter().Setups[0].Options {
		if got := metering.VoltsMode(i).String(); got != option {
			t.Errorf("volts mode %d is %q here and %q in the engine", i, option, got)
		}
	}
}
