package modules

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/metering"
	"github.com/hepmeter/hepmeter/waveform"
)

// series lets seconds pass with these values of Vln a and returns what a register was
// after each, as a word: 0, 1 and - for NOT AVAILABLE.
func (r *rig) series(label string, volts ...float64) string {
	r.Helper()
	var word strings.Builder
	for _, x := range volts {
		r.tick(x)
		switch v := r.value(label); {
		case !v.Available:
			word.WriteByte('-')
		case v.Number != 0:
			word.WriteByte('1')
		default:
			word.WriteByte('0')
		}
	}
	return word.String()
}

func (r *rig) wantSeries(label, want string, volts ...float64) {
	r.Helper()
	if got := r.series(label, volts...); got != want {
		r.Errorf("%s was %s, want %s", label, got, want)
	}
}

// The operating rules of Setpoint and Relative Setpoint.
func TestOperatingRulesOfSetpoints(t *testing.T) {
	const volts = "Power Meter/Vln a"
	over := func(pairs ...string) []ion.Change {
		return slices.Concat(moduleUnderTest("Setpoint", volts, "High Limit", "10", "Low Limit", "8", "EvPriority", "130"), settings(pairs...), tallied("T", "M/Trigger"))
	}
	band := func(pairs ...string) []ion.Change {
		return slices.Concat(moduleUnderTest("Relative Setpoint", volts, "SusUntlON", "0", "SusUntlOFF", "0", "EvPriority", "130"),
			[]ion.Change{ion.Link{Input: "M/Nominal", Register: "Factory/Nominal Voltage"}, ion.Set{Register: "Factory/Nominal Voltage", Value: "100"}},
			settings(pairs...), tallied("T", "M/Trigger"))
	}
	enabled := func(changes []ion.Change) []ion.Change { return slices.Concat(changes, []ion.Change{enableLink()}) }

	for _, row := range []struct {
		name    string
		program []ion.Change
		run     func(*rig)
	}{
		{"Setpoint/greater than: ON above High Limit, OFF below Low Limit", over(), func(r *rig) {
			r.wantSeries("M/Status", "0010111000", 9, 10, 10.1, 7.9, 11, 9, 8, 7, 9, 10)
			r.want("T/Accumulatr", 2)
		}},
		{"Setpoint/less than: ON below Low Limit, OFF above High Limit", over("Eval Mode", "less than"), func(r *rig) {
			r.wantSeries("M/Status", "00111000", 9, 8, 7.9, 9, 10, 10.1, 9, 8)
		}},
		{"Setpoint/absolute: the magnitude counts", over("Input Mode", "absolute"), func(r *rig) {
			r.wantSeries("M/Status", "0110", -9, -11, 9, -7)
			r.want("M/Alarm Extreme", 11)
		}},
		{"Setpoint/signed: the sign counts", over(), func(r *rig) { r.wantSeries("M/Status", "00", -9, -11) }},
		{"Setpoint/a Boolean source", slices.Concat(moduleUnderTest("Setpoint", "Power Meter/Phase Rev", "High Limit", "10"), tallied("T", "M/Trigger")), func(r *rig) {
			for _, on := range []bool{false, true, false} {
				r.enable(on)
				r.tick(1)
				r.want("M/Status", map[bool]float64{true: 1}[on])
			}
			r.want("T/Accumulatr", 1)
		}},
		{"Setpoint/a Boolean source, less than", moduleUnderTest("Setpoint", "Power Meter/Phase Rev", "Eval Mode", "less than"), func(r *rig) {
			r.enable(false)
			r.tick(1)
			r.want("M/Status", 1)
		}},
		{"Setpoint/SusUntlON: beyond for that long, without a break", over("SusUntlON", "3"), func(r *rig) {
			r.wantSeries("M/Status", "00000001", 0, 11, 11, 9, 11, 11, 11, 11)
		}},
		{"Setpoint/SusUntlOFF: back for that long, without a break", over("SusUntlOFF", "2"), func(r *rig) {
			r.wantSeries("M/Status", "1111110", 11, 7, 7, 9, 7, 7, 7)
		}},
		{"Setpoint/ten delays of a little less than a second are a delay of ten", over("SusUntlON", "10"), func(r *rig) {
			for range 11 {
				r.now, r.second.EndS = r.now.Add(-4*time.Millisecond), r.second.EndS-0.004
				r.tick(11)
			}
			r.want("M/Status", 1)
		}},
		{"Setpoint/a clock step is no delay", over("SusUntlON", "10"), func(r *rig) {
			r.ticks(2, 11)
			r.now = r.now.Add(time.Hour)
			r.tick(11)
			r.want("M/Status", 0)
			r.ticks(8, 11)
			r.want("M/Status", 1)
		}},
		{"Setpoint/source N/A: Status N/A, and the delays begin anew", over("SusUntlON", "2"), func(r *rig) {
			r.wantSeries("M/Status", "00-001-1", 11, 11, na, 11, 11, 11, na, 11)
			r.want("T/Accumulatr", 1)
		}},
		{"Setpoint/Enable off: Status N/A", enabled(over()), func(r *rig) {
			r.enable(false)
			r.wantSeries("M/Status", "--", 11, 0)
			r.enable(true)
			r.wantSeries("M/Status", "10", 11, 0)
		}},
		{"Setpoint/the Enable register disabled: Status N/A whatever the input says", enabled(over("Enable", "disabled")), func(r *rig) {
			r.enable(true)
			r.wantSeries("M/Status", "--", 11, 0)
		}},
		{"Setpoint/power-up re-evaluates", over("SusUntlON", "2"), func(r *rig) {
			r.wantSeries("M/Status", "001", 11, 11, 11)
			r.restart()
			r.want("M/Status", na)
			r.wantSeries("M/Status", "001", 11, 11, 11)
		}},
		{"Setpoint/re-link and change of setup: N/A until the next evaluation", over(), func(r *rig) {
			r.wantSeries("M/Status", "1", 11)
			r.do(ion.Set{Register: "M/SusUntlON", Value: "1"})
			r.want("M/Status", na)
			r.tick(11)
			r.want("M/Status", 0)
			r.do(ion.Link{Input: "M/Source", Register: "Power Meter/Vln b"})
			r.want("M/Status", na)
		}},
		{"Setpoint/four events at EvPriority", enabled(over()), func(r *rig) {
			r.enable(true)
			r.series("M/Status", 9, 11, 12, 7)
			r.wantEvents(130, "Source 11 > Status ON", "Source 7 > Status OFF")
			r.tick(13)
			r.do(ion.Set{Register: "M/High Limit", Value: "12"})
			r.wantEvents(130, "Source 13 > Status ON", "setup > Status setup changed while ON")
			r.tick(13)
			r.enable(false)
			r.tick(13)
			r.wantEvents(130, "Source 13 > Status ON", "Enable disabled > Status disabled while ON")
			r.enable(true)
			r.tick(13)
			r.do(ion.Set{Register: "M/Enable", Value: "disabled"})
			r.wantEvents(130, "Source 13 > Status ON", "Enable disabled > Status disabled while ON")
			r.tick(13)
			r.wantEvents(130)
		}},
		{"Setpoint/EvPriority 0 raises none", over("EvPriority", "0"), func(r *rig) {
			r.series("M/Status", 11, 7)
			if events := r.node.TakeChanges().Events; len(events) > 0 {
				r.Errorf("events %v", events)
			}
		}},
		{"Setpoint/a change of EvPriority does not end an alarm", over(), func(r *rig) {
			r.tick(11)
			r.do(ion.Set{Register: "M/EvPriority", Value: "20"})
			r.tick(11)
			r.want("T/Accumulatr", 1)
			r.want("M/Status", 1)
		}},
		{"Setpoint/limits the wrong way round keep it offline", over("High Limit", "7"), func(r *rig) {
			if reason := r.node.Offline()["M"]; reason != "low limit 8 is above high limit 7: exchange them" {
				r.Errorf("offline: %q", reason)
			}
			r.do(ion.Set{Register: "M/Low Limit", Value: "6"})
			r.wantSeries("M/Status", "1", 11)
		}},
		{"Setpoint/the alarm keeps start, end and extremes", over("SusUntlON", "2", "SusUntlOFF", "1"), func(r *rig) {
			for _, name := range []string{"Alarm Start", "Alarm End", "Pickup Extreme", "Alarm Extreme"} {
				r.want("M/"+name, na)
			}
			r.series("M/Status", 20, 5, 11, 12, 11) // the 20 was no alarm
			start := float64(r.now.Unix())
			r.want("M/Alarm Start", start)
			r.want("M/Alarm End", na)
			r.want("M/Pickup Extreme", 12)
			r.series("M/Status", 13, 15)
			highest := r.now
			r.series("M/Status", 9, 7, 7)
			r.want("M/Alarm End", float64(r.now.Unix()))
			r.want("M/Alarm Extreme", 15)
			if at := r.value("M/Alarm Extreme").Time(); !at.Equal(highest) {
				r.Errorf("the extreme is stamped %v, want %v", at, highest)
			}
			r.tick(30)
			r.want("M/Alarm Start", start)
			r.restart()
			for name, want := range map[string]float64{"Alarm Start": start, "Pickup Extreme": 12, "Alarm Extreme": 15} {
				r.want("M/"+name, want)
			}
		}},
		{"Setpoint/the extreme of a less than alarm is the smallest value", over("Eval Mode", "less than"), func(r *rig) {
			r.series("M/Status", 9, 5, -4, 6)
			r.want("M/Pickup Extreme", 5)
			r.want("M/Alarm Extreme", -4)
		}},
		{"Setpoint/an alarm that a power cut ended has no end", over(), func(r *rig) {
			r.series("M/Status", 11, 15)
			r.restart()
			r.want("M/Alarm Extreme", 15)
			r.want("M/Alarm End", na)
		}},

		{"Relative Setpoint/percent of Nominal", band(), func(r *rig) {
			r.wantSeries("M/Over", "00111000", 100, 110, 110.1, 106, 105, 104.9, 100, 107)
			r.wantSeries("M/Under", "0011100", 100, 90, 89.9, 94, 95, 95.1, 100)
			r.want("T/Accumulatr", 2)
		}},
		{"Relative Setpoint/absolute", band("RelSetMode", "absolute", "OverPickup", "6"), func(r *rig) {
			r.wantSeries("M/Over", "0110", 106, 106.5, 105, 104)
		}},
		{"Relative Setpoint/Status is Over or Under", band(), func(r *rig) {
			r.wantSeries("M/Status", "0111110", 100, 111, 106, 80, 94, 111, 100)
			r.want("T/Accumulatr", 3)
		}},
		{"Relative Setpoint/a negative Nominal", slices.Concat(moduleUnderTest("Relative Setpoint", volts, "SusUntlON", "0"),
			[]ion.Change{ion.Link{Input: "M/Nominal", Register: "Power Meter/Vln b"}}), func(r *rig) {
			r.inputs(-112, -100, na)
			r.want("M/Under", 1)
			r.want("M/Over", 0)
		}},
		{"Relative Setpoint/Nominal N/A, or 0 in percent: N/A", slices.Concat(moduleUnderTest("Relative Setpoint", volts, "SusUntlON", "0"),
			[]ion.Change{ion.Link{Input: "M/Nominal", Register: "Power Meter/Vln b"}}), func(r *rig) {
			for _, nominal := range []float64{na, 0} {
				r.inputs(5, nominal, na)
				for _, name := range []string{"Status", "Over", "Under"} {
					r.want("M/"+name, na)
				}
			}
			r.do(ion.Set{Register: "M/RelSetMode", Value: "absolute"})
			r.inputs(11, 0, na)
			r.want("M/Over", 1)
		}},
		{"Relative Setpoint/SusUntlON and SusUntlOFF", band("SusUntlON", "2", "SusUntlOFF", "1"), func(r *rig) {
			r.wantSeries("M/Status", "00000110", 120, 120, 100, 120, 120, 120, 100, 100)
		}},
		{"Relative Setpoint/the default delays are 30 s", slices.Concat(moduleUnderTest("Relative Setpoint", volts),
			[]ion.Change{ion.Link{Input: "M/Nominal", Register: "Factory/Nominal Voltage"}}), func(r *rig) {
			r.ticks(30, 500)
			r.want("M/Status", 0)
			r.tick(500)
			r.want("M/Status", 1)
		}},
		{"Relative Setpoint/source N/A: all N/A, and the delays begin anew", band("SusUntlON", "1"), func(r *rig) {
			r.wantSeries("M/Status", "0-01", 120, na, 120, 120)
			r.tick(na)
			for _, name := range []string{"Status", "Over", "Under"} {
				r.want("M/"+name, na)
			}
		}},
		{"Relative Setpoint/Enable off: all N/A", enabled(band()), func(r *rig) {
			r.enable(true)
			r.tick(120)
			r.want("M/Over", 1)
			r.enable(false)
			r.tick(120)
			for _, name := range []string{"Status", "Over", "Under"} {
				r.want("M/"+name, na)
			}
			r.wantEvents(130, "Source 120 > Over ON", "Enable disabled > Status disabled while ON")
		}},
		{"Relative Setpoint/the Enable register disabled: all N/A", enabled(band("Enable", "disabled")), func(r *rig) {
			r.enable(true)
			r.wantSeries("M/Status", "-", 120)
		}},
		{"Relative Setpoint/events of both sides", band(), func(r *rig) {
			r.series("M/Status", 120, 80, 100)
			r.wantEvents(130, "Source 120 > Over ON", "Source 80 > Over OFF", "Source 80 > Under ON", "Source 100 > Under OFF")
			r.tick(120)
			r.do(ion.Set{Register: "M/OverPickup", Value: "30"})
			r.wantEvents(130, "Source 120 > Over ON", "setup > Status setup changed while ON")
		}},
		{"Relative Setpoint/the alarm keeps start, end and the value furthest out", band("SusUntlON", "1", "SusUntlOFF", "1"), func(r *rig) {
			r.series("M/Status", 115, 112)
			r.want("M/Alarm Start", float64(r.now.Unix()))
			r.want("M/Pickup Extreme", 115)
			r.series("M/Status", 80, 80, 118)
			r.want("M/Alarm Extreme", 80)
			r.series("M/Status", 100)
			r.want("M/Alarm End", float64(r.now.Unix()))
			r.restart()
			r.want("M/Alarm Extreme", 80)
		}},
		{"Relative Setpoint/power-up re-evaluates", band("SusUntlON", "1"), func(r *rig) {
			r.wantSeries("M/Status", "01", 120, 120)
			r.restart()
			r.want("M/Status", na)
			r.wantSeries("M/Status", "01", 120, 120)
		}},
		{"Relative Setpoint/re-link of Nominal ends the alarm", band(), func(r *rig) {
			r.tick(120)
			r.do(ion.Link{Input: "M/Nominal", Register: "Power Meter/Vln b"})
			r.wantEvents(130, "Source 120 > Over ON", "linked elsewhere > Status setup changed while ON")
			r.want("M/Alarm End", float64(r.now.Unix()))
		}},
		{"Relative Setpoint/a dropout beyond the pickup keeps it offline", band("UnderDropout", "11"), func(r *rig) {
			if reason := r.node.Offline()["M"]; reason != "under dropout 11 is further out than under pickup 10: exchange them" {
				r.Errorf("offline: %q", reason)
			}
		}},
	} {
		t.Run(row.name, func(t *testing.T) { row.run(newRig(t, row.program...)) })
	}
}

// The high-speed setpoints run every half cycle, and their delays are counted in them.
func TestHighSpeedSetpoints(t *testing.T) {
	changes := []ion.Change{
		ion.Create{Type: "HS Power Meter", Label: "HS"},
		ion.Create{Type: "HS Setpoint", Label: "S"}, ion.Link{Input: "S/Source", Register: "HS/Vln a"},
		ion.Set{Register: "S/Eval Mode", Value: "less than"}, ion.Set{Register: "S/High Limit", Value: "207"}, ion.Set{Register: "S/Low Limit", Value: "207"},
		ion.Set{Register: "S/SusUntlON", Value: "0.02"},
		ion.Create{Type: "HS Relative Setpoint", Label: "R"}, ion.Link{Input: "R/Source", Register: "HS/Vln a"},
		ion.Link{Input: "R/Nominal", Register: "Factory/Nominal Voltage"}, ion.Set{Register: "R/SusUntlON", Value: "0"}, ion.Set{Register: "R/SusUntlOFF", Value: "0.01"},
	}
	r := newRig(t, changes...)
	half := metering.HalfCycle{}
	for i := range half.URms {
		half.URms[i] = na
	}
	now := r.now
	word := map[string]string{}
	for _, volts := range []float64{230, 200, 200, 200, 230, 200, 200, 230, 230} {
		now = now.Add(9990 * time.Microsecond) // 50.05 Hz
		half.EndS += 0.00999
		half.URms[waveform.V1] = volts
		r.node.HalfCycle(now, &half)
		for _, label := range []string{"S", "R"} {
			word[label] += r.value(label + "/Status").String()[1:2]
		}
	}
	if word["S"] != "FFFNFFFFF" || word["R"] != "FNNNNNNNF" {
		t.Errorf("HS Setpoint %s, want FFFNFFFFF; HS Relative Setpoint %s, want FNNNNNNNF (N is ON, F is OFF)", word["S"], word["R"])
	}
}

// noisy is a source with mean 100 and standard deviation 1.
func noisy(second int) float64 { return 100 + math.Sqrt2*math.Sin(float64(second)) }

func TestSetpointLearning(t *testing.T) {
	learner := func(pairs ...string) []ion.Change {
		return slices.Concat(moduleUnderTest("Setpoint", "Power Meter/Vln a", "High Limit", "1000", "Learn Duration", "0.05"), settings(pairs...), tallied("Done", "M/Learn Complete"))
	}
	const duration = 4320 // 0.05 days
	// learn starts learning and lets seconds pass until it is complete, at most the duration and a little.
	learn := func(r *rig, source func(second int) float64) (seconds int) {
		r.Helper()
		r.pulse("M/Learn Now")
		for second := range duration + 10 {
			r.tick(source(second))
			if !r.value("M/Learning").IsTrue() {
				return second
			}
		}
		return duration + 10
	}
	near := func(r *rig, label string, want, within float64) {
		r.Helper()
		if v := r.value(label); !v.Available || math.Abs(v.Number-want) > within {
			r.Errorf("%s = %v, want %v", label, v, want)
		}
	}
	for _, row := range []struct {
		name    string
		program []ion.Change
		run     func(*rig)
	}{
		{"a steady source is learned in a quarter of the duration", learner(), func(r *rig) {
			r.want("M/Learning", 0)
			if took := learn(r, noisy); took < duration/4 || took > duration/4+300 {
				r.Errorf("learned in %d s", took)
			}
			r.want("Done/Accumulatr", 1)
			near(r, "M/Learned High", 103, 0.1)
			near(r, "M/Learned Low", 102, 0.1)
			r.want("M/Learned SusUntlON", 0)
			r.wantEvents(25, "Learn Now pulsed > Learning ON", "Learning complete > Learning OFF")
		}},
		{"manual: the setup stays, and what was learned survives a power cut", learner(), func(r *rig) {
			learn(r, noisy)
			r.restart()
			near(r, "M/Learned High", 103, 0.1)
			r.want("M/High Limit", 1000)
		}},
		{"automatic: the setup is written and counted", learner("Learn Install Mode", "automatic"), func(r *rig) {
			counted := r.node.Directory().Module("M").SetupCount
			learn(r, noisy)
			near(r, "M/High Limit", 103, 0.1)
			near(r, "M/Low Limit", 102, 0.1)
			if now := r.node.Directory().Module("M").SetupCount; now != counted+2 {
				r.Errorf("the setup counter grew by %d, want 2: two limits changed", now-counted)
			}
			changes := r.node.TakeChanges()
			if len(changes.Setup["M/High Limit"]) == 0 {
				r.Error("the new limit is not kept")
			}
			r.tick(110)
			r.want("M/Status", 1)
			r.restart()
			near(r, "M/High Limit", 103, 0.1)
		}},
		{"less than: below the mean", learner("Eval Mode", "less than", "Low Limit", "-1000"), func(r *rig) {
			learn(r, noisy)
			near(r, "M/Learned High", 98, 0.1)
			near(r, "M/Learned Low", 97, 0.1)
		}},
		{"the delay is a quarter more than the longest normal excursion", learner(), func(r *rig) {
			learn(r, func(second int) float64 {
				if second%600 < 8 { // every ten minutes 8 s far out
					return 120
				}
				return 100
			})
			near(r, "M/Learned SusUntlON", 10, 0.01)
			near(r, "M/Learned SusUntlOFF", 10, 0.01)
		}},
		{"a source that keeps moving is learned until the end of the duration", learner(), func(r *rig) {
			if took := learn(r, func(second int) float64 { return float64(second) }); took != duration {
				r.Errorf("learned in %d s", took)
			}
		}},
		{"automatic: a source that never varies leaves nothing to install", learner("Learn Install Mode", "automatic"), func(r *rig) {
			learn(r, func(int) float64 { return 100 })
			r.want("M/High Limit", 1000)
			r.wantEvents(30, "Learning complete > High Limit not installed: nothing usable was learned")
		}},
		{"a source that is never available teaches nothing", learner("Learn Install Mode", "automatic"), func(r *rig) {
			if took := learn(r, func(int) float64 { return na }); took != duration {
				r.Errorf("ended after %d s", took)
			}
			r.want("M/Learned High", na)
			r.want("M/High Limit", 1000)
		}},
		{"a Boolean source cannot be learned", slices.Concat(moduleUnderTest("Setpoint", "Power Meter/Phase Rev")), func(r *rig) {
			r.pulse("M/Learn Now")
			r.tick(1)
			r.want("M/Learning", 0)
			r.wantEvents(30, "Learn Now pulsed > Learning a Boolean source has no limits to learn")
		}},
		{"Learn Now while learning begins anew", learner(), func(r *rig) {
			r.pulse("M/Learn Now")
			r.ticks(1000, 500)
			if took := learn(r, noisy); took < duration/4 {
				r.Errorf("learned in %d s", took)
			}
			near(r, "M/Learned High", 103, 0.1)
		}},
		{"Stop Learn ends it without a result", learner(), func(r *rig) {
			r.pulse("M/Learn Now")
			r.ticks(10, 5)
			r.want("M/Learning", 1)
			r.pulse("M/Stop Learn")
			r.tick(5)
			r.want("M/Learning", 0)
			r.want("M/Learned High", na)
			r.want("Done/Accumulatr", 0)
		}},
		{"re-link and a change of Eval Mode stop it", learner(), func(r *rig) {
			r.pulse("M/Learn Now")
			r.tick(5)
			r.do(ion.Set{Register: "M/Eval Mode", Value: "less than"})
			r.want("M/Learning", 0)
			r.pulse("M/Learn Now")
			r.tick(5)
			r.want("M/Learning", 1)
			r.do(ion.Link{Input: "M/Source", Register: "Power Meter/Vln b"})
			r.want("M/Learning", 0)
		}},
		{"it goes on while the module is disabled", slices.Concat(learner("Enable", "disabled"), []ion.Change{enableLink()}), func(r *rig) {
			learn(r, noisy)
			near(r, "M/Learned High", 103, 0.1)
			r.want("M/Status", na)
			r.do(ion.Set{Register: "M/Enable", Value: "enabled"})
			r.enable(false)
			learn(r, noisy)
			near(r, "M/Learned High", 103, 0.1)
		}},
		{"a power cut takes a minute of it at most, and an outage does not count", learner(), func(r *rig) {
			r.pulse("M/Learn Now")
			for second := range duration / 8 {
				r.tick(noisy(second))
			}
			r.restart()
			r.want("M/Learning", 1)
			r.now = r.now.Add(24 * time.Hour)
			seconds := 0
			for r.value("M/Learning").IsTrue() && seconds < duration {
				seconds++
				r.tick(noisy(seconds))
			}
			if seconds < duration/8 || seconds > duration/8+300 {
				r.Errorf("it took %d s more", seconds)
			}
		}},
		{"an alarm that is ON when new limits are installed ends", learner("Learn Install Mode", "automatic", "EvPriority", "130", "High Limit", "50"), func(r *rig) {
			learn(r, noisy)
			r.wantEvents(130, "Source 100 > Status ON", "Learning complete > Status setup changed while ON")
			r.want("M/Status", 0)
		}},
	} {
		t.Run(row.name, func(t *testing.T) { row.run(newRig(t, row.program...)) })
	}
}
