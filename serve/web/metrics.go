package web

import (
	"bytes"
	"math"
	"net/http"
	"runtime/metrics"
	"strconv"
	"strings"

	"github.com/hepmeter/hepmeter/access"
)

// metricsKind is the text format that Prometheus scrapes (exposition format 0.0.4).
const metricsKind = "text/plain; version=0.0.4; charset=utf-8"

// metric is a family of readings under one name in base units, as Prometheus wants it.
type metric struct {
	name, kind, help, label string
	// scale makes the unit of the registers the one of the name.
	scale   float64
	samples []sample
}

// sample is one register of a family with the value of its label.
type sample struct{ at, register string }

// perPhase are registers of the Power Meter module by phase.
func perPhase(stem string, total string) []sample {
	list := []sample{}
	for _, phase := range []string{"a", "b", "c"} {
		list = append(list, sample{phase, "Power Meter/" + stem + phase})
	}
	if total != "" {
		list = append(list, sample{"total", "Power Meter/" + total})
	}
	return list
}

// families lists the readings that are given to Prometheus.
func families() []metric {
	const gauge, counter = "gauge", "counter"
	energy := func(quantity string) []sample {
		return []sample{{"delivered", quantity + " del/Result"}, {"received", quantity + " rec/Result"}}
	}
	harmonics := func(letter string) (list []sample) {
		for _, n := range []string{"1", "2", "3", "4"} {
			list = append(list, sample{letter + n, letter + n + " Harmonics/Total HD"})
		}
		return list
	}
	return []metric{
		{"hepmeter_voltage_volts", gauge, "RMS voltage between a phase and neutral, or two phases.", "between", 1,
			append(perPhase("Vln ", ""), sample{"ab", "Power Meter/Vll ab"}, sample{"bc", "Power Meter/Vll bc"}, sample{"ca", "Power Meter/Vll ca"}, sample{"neutral-earth", "Power Meter/V4"})},
		{"hepmeter_current_amperes", gauge, "RMS current of a conductor.", "conductor", 1, append(perPhase("I", ""), sample{"neutral", "Power Meter/I4"}, sample{"earth", "Power Meter/I5"})},
		{"hepmeter_active_power_watts", gauge, "Active power.", "phase", 1e3, perPhase("kW ", "kW tot")},
		{"hepmeter_reactive_power_vars", gauge, "Fundamental reactive power.", "phase", 1e3, perPhase("kVAR ", "kVAR tot")},
		{"hepmeter_apparent_power_voltamperes", gauge, "Apparent power.", "phase", 1e3, perPhase("kVA ", "kVA tot")},
		{"hepmeter_power_factor_ratio", gauge, "Power factor, with the sign that the register PF Sign says.", "phase", 1, perPhase("PF sign ", "PF sign tot")},
		{"hepmeter_frequency_hertz", gauge, "Line frequency.", "", 1, []sample{{"", "Power Meter/Freq"}}},
		{"hepmeter_thd_ratio", gauge, "Total harmonic distortion of an input, as a part of its fundamental.", "input", 1e-2, append(harmonics("V"), harmonics("I")...)},
		{"hepmeter_active_energy_watthours_total", counter, "Active energy; the owner may reset it.", "direction", 1, energy("kWh")},
		{"hepmeter_reactive_energy_varhours_total", counter, "Reactive energy; the owner may reset it.", "direction", 1, energy("kVARh")},
		{"hepmeter_apparent_energy_voltamperehours_total", counter, "Apparent energy; the owner may reset it.", "direction", 1, energy("kVAh")},
	}
}

// serveMetrics answers Prometheus. What is NOT AVAILABLE is left out.
func (s *Server) serveMetrics(w http.ResponseWriter, r *http.Request) {
	session, err := s.caller(r, access.ReadMeasurement, "/metrics")
	if err != nil {
		s.writeProblem(w, r, err)
		return
	}
	view, now, err := snapshot(session, access.Readings)
	if err != nil {
		s.writeProblem(w, r, err)
		return
	}
	registers, err := s.catalogues.of(session, view, now)
	if err != nil {
		s.writeProblem(w, r, err)
		return
	}
	var e exposition
	for _, m := range families() {
		e.family(m.name, m.kind, m.help)
		for _, one := range m.samples {
			v := registers.value(one.register, now)
			switch {
			case !v.Available || v.Kind != access.KindNumber && v.Kind != access.KindCount:
			case v.Kind == access.KindCount:
				e.sample(m.label, one.at, float64(v.Count))
			default:
				e.sample(m.label, one.at, v.Number*m.scale)
			}
		}
	}
	s.exposeProcess(&e, session, now)
	writeText(w, r, http.StatusOK, metricsKind, e.text.Bytes())
}

// exposeProcess tells of the gate, the server and the program.
func (s *Server) exposeProcess(e *exposition, session *access.Session, now access.Snapshot) {
	one := func(name, kind, help string, v float64) {
		e.family(name, kind, help)
		e.sample("", "", v)
	}
	one("hepmeter_snapshot_timestamp_seconds", "gauge", "Time that the readings describe.", float64(now.Time().UnixNano())/1e9)
	gate := s.gate.Counters()
	one("hepmeter_gate_reads_total", "counter", "Reads through the gate, on all paths.", float64(gate.Reads))
	one("hepmeter_gate_changes_total", "counter", "Allowed changes.", float64(gate.Changes))
	one("hepmeter_gate_refusals_total", "counter", "Refusals.", float64(gate.Refusals))
	one("hepmeter_gate_connections", "gauge", "Connections that are open, of all paths.", float64(gate.Connections))
	own := s.Counters()
	one("hepmeter_web_requests_total", "counter", "Requests that the web server answered.", float64(own.Requests))
	one("hepmeter_web_connections", "gauge", "TCP connections to the web server.", float64(own.Connections))
	one("hepmeter_web_logins", "gauge", "Browsers that are logged in.", float64(own.Logins))
	if info, err := session.Info(); err == nil {
		one("hepmeter_uptime_seconds", "gauge", "How long the meter has run.", info.Uptime.Seconds())
		e.family("hepmeter_info", "gauge", "The name plate.")
		e.labelled([]string{"model", info.Model, "serial", info.Serial, "firmware", info.Firmware}, 1)
	}
	for _, m := range ofRuntime {
		read := []metrics.Sample{{Name: m.of}}
		metrics.Read(read)
		if read[0].Value.Kind() == metrics.KindUint64 {
			one(m.name, m.kind, m.help, float64(read[0].Value.Uint64()))
		}
	}
}

// ofRuntime are metrics of the program that Go keeps (package runtime/metrics): reading
// them stops nothing.
var ofRuntime = [...]struct{ of, name, kind, help string }{
	{"/sched/goroutines:goroutines", "go_goroutines", "gauge", "Goroutines of the program."},
	{"/memory/classes/heap/objects:bytes", "go_heap_objects_bytes", "gauge", "Memory in use by objects."},
	{"/memory/classes/total:bytes", "go_memory_bytes", "gauge", "Memory that the program has of the system."},
	{"/gc/cycles/total:gc-cycles", "go_gc_cycles_total", "counter", "Garbage collections."},
}

// exposition is a text of metrics in the making.
type exposition struct {
	text bytes.Buffer
	name string
}

// family begins a family of metrics.
func (e *exposition) family(name, kind, help string) {
	e.name = name
	e.text.WriteString("# HELP " + name + " " + help + "\n# TYPE " + name + " " + kind + "\n")
}

// sample adds a value of the family, under a label where it has one.
func (e *exposition) sample(label, at string, v float64) {
	if label == "" {
		e.labelled(nil, v)
		return
	}
	e.labelled([]string{label, at}, v)
}

func (e *exposition) labelled(pairs []string, v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return
	}
	e.text.WriteString(e.name)
	for i := 0; i+1 < len(pairs); i += 2 {
		e.text.WriteByte("{,"[min(i, 1)])
		e.text.WriteString(pairs[i] + `="` + escapeLabel.Replace(pairs[i+1]) + `"`)
	}
	if len(pairs) > 0 {
		e.text.WriteByte('}')
	}
	e.text.WriteString(" " + strconv.FormatFloat(v, 'g', -1, 64) + "\n")
}

var escapeLabel = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
