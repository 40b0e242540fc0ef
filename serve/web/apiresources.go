package web

import (
	"context"
	"encoding/hex"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// Limits of what one request of the API asks for.
const (
	maxNames   = 512
	maxRecords = 1000
	maxCycles  = 10
)

// resources lists what the API answers.
func resources() []resource {
	from := parameter{name: "from", doc: "number of the first that is wanted", whole: true, high: math.MaxInt64}
	limit := parameter{name: "limit", doc: "how many at most", whole: true, low: 1, high: maxRecords, otherwise: 100}
	return []resource{
		{path: "/info", name: "info", doc: "The name plate.", needs: access.ReadMeasurement, shape: InfoAnswer{}, get: getInfo},
		{path: "/registers", name: "registers", doc: "Registers of one instant: all readings and setup registers, or those that are named. Registers of the security modules are among those that can be named, for who may read them.",
			needs: access.ReadMeasurement, query: []parameter{{name: "name", doc: "Module label/Register label, in any case", many: maxNames}}, shape: RegistersAnswer{}, get: getRegisters},
		{path: "/modules", name: "modules", doc: "The modules.", needs: access.ReadMeasurement, query: []parameter{{name: "type", doc: "of one type only"}}, shape: ModulesAnswer{}, get: getModules},
		{path: "/modules/{label}", name: "module", doc: "A module with its inputs, outputs and setup registers.", needs: access.ReadMeasurement, shape: ModuleAnswer{}, get: getModule},
		{path: "/logs", name: "logs", doc: "The Data Recorders' logs.", needs: access.ReadLog, shape: LogsAnswer{}, get: getLogs},
		{path: "/logs/{recorder}", name: "log", doc: "Records of a log, in order.", needs: access.ReadLog, query: []parameter{from, limit}, shape: LogAnswer{}, get: getLog},
		{path: "/events", name: "events", doc: "The event log, in order.", needs: access.ReadLog, query: []parameter{from, limit}, shape: EventsAnswer{}, get: getEvents},
		{path: "/gaps", name: "gaps", doc: "The times in which the meter did not run.", needs: access.ReadLog, shape: GapsAnswer{}, get: getGaps},
		{path: "/waveform", name: "waveform", doc: "The newest samples of every connected input.", needs: access.ReadMeasurement,
			query: []parameter{{name: "cycles", doc: "of the nominal frequency", whole: true, low: 1, high: maxCycles, otherwise: 2}}, shape: WaveformAnswer{}, get: getWaveform},
		{path: "/session", name: "session", doc: "Who asks, and what he may do.", needs: access.ReadMeasurement, shape: SessionAnswer{}, get: getSession},
	}
}

// InfoAnswer is the name plate.
type InfoAnswer struct {
	Model       string    `json:"model"`
	Serial      string    `json:"serial"`
	Firmware    string    `json:"firmware"`
	Generation  string    `json:"generation"`
	DeviceName  string    `json:"deviceName"`
	Owner       string    `json:"owner"`
	Tag1        string    `json:"tag1"`
	Tag2        string    `json:"tag2"`
	Template    string    `json:"template"`
	Source      string    `json:"source" doc:"where the samples come from"`
	Fingerprint string    `json:"fingerprint" doc:"of the key with which the meter signs its event log"`
	Modules     int       `json:"modules"`
	PowerUps    int       `json:"powerUps"`
	Time        time.Time `json:"time"`
	UptimeS     float64   `json:"uptimeSeconds"`
}

func getInfo(a *asked) (any, error) {
	i, err := a.session.Info()
	return InfoAnswer{i.Model, i.Serial, i.Firmware, i.Generation, i.DeviceName, i.Owner, i.Tag1, i.Tag2, i.Template, i.Source, i.Fingerprint, i.Modules, i.PowerUps, i.Time, i.Uptime.Seconds()}, err
}

// RegistersAnswer is registers of one instant.
type RegistersAnswer struct {
	Time      time.Time  `json:"time"`
	Sequence  uint64     `json:"sequence" doc:"grows with each new picture of the registers, about once a second"`
	Registers []Register `json:"registers"`
}

// Register is one register.
type Register struct {
	Name string `json:"name" doc:"Module label/Register label"`
	Unit string `json:"unit,omitempty"`
	// Value is null for NOT AVAILABLE.
	Value any `json:"value" doc:"number, true or false, text or time (RFC 3339); null is NOT AVAILABLE"`
	// Exact is the whole number behind the value of an energy.
	Exact *int64 `json:"exact,omitempty" doc:"of an energy: whole Wh, varh or VAh, truncated"`
}

func registerOf(name, unit string, v access.Value) Register {
	r := Register{Name: name, Unit: unit, Value: reading(v)}
	if v.Kind == access.KindCount && v.Available {
		r.Exact = &v.Count
	}
	return r
}

func getRegisters(a *asked) (any, error) {
	view, now, err := snapshot(a.session, access.Readings)
	if err != nil {
		return nil, err
	}
	c, err := a.server.catalogues.of(a.session, view, now)
	if err != nil {
		return nil, err
	}
	answer := RegistersAnswer{Time: now.Time(), Sequence: now.Seq(), Registers: []Register{}}
	names := a.texts["name"]
	if names == nil {
		for _, each := range c.entries {
			answer.Registers = append(answer.Registers, registerOf(each.label, each.unit, now.Value(each.point)))
		}
		return answer, nil
	}
	for _, name := range names {
		if i, ok := c.by[strings.ToLower(name)]; ok {
			each := c.entries[i]
			answer.Registers = append(answer.Registers, registerOf(each.label, each.unit, now.Value(each.point)))
			continue
		}
		in := view
		if access.SetOf(name) == access.SecuritySettings {
			if in, err = a.session.Registers(access.SecuritySettings); err != nil {
				return nil, err
			}
		}
		point := in.Find(name)
		if after, err := in.Snapshot(); err != nil {
			return nil, err
		} else if after.Layout() != now.Layout() {
			return nil, errRearranged
		}
		if point == access.NoPoint {
			return nil, access.NewRefusal(access.CodeNotFound, "there is no register "+strconv.Quote(shorten(name)))
		}
		answer.Registers = append(answer.Registers, registerOf(name, "", now.Value(point)))
	}
	return answer, nil
}

// shorten bounds a client's text in an answer to him.
func shorten(text string) string { return text[:min(len(text), 100)] }

// ModulesAnswer is the modules.
type ModulesAnswer struct {
	Modules []Module `json:"modules"`
}

// Module is a line of the list of modules.
type Module struct {
	Label      string `json:"label"`
	Type       string `json:"type"`
	Number     int    `json:"number"`
	Offline    string `json:"offline,omitempty" doc:"why it is inactive"`
	SetupCount uint64 `json:"setupCount" doc:"how often it was set up"`
}

func moduleOf(m access.ModuleEntry) Module {
	return Module{m.Label, m.Type, m.Number, m.Offline, m.SetupCount}
}

func getModules(a *asked) (any, error) {
	list, err := a.session.ModuleList(a.texts.Get("type"))
	answer := ModulesAnswer{Modules: []Module{}}
	for _, m := range list {
		answer.Modules = append(answer.Modules, moduleOf(m))
	}
	return answer, err
}

// ModuleAnswer is a module whole.
type ModuleAnswer struct {
	Module
	Inputs  []Input  `json:"inputs"`
	Outputs []Output `json:"outputs"`
	Setups  []Setup  `json:"setups"`
}

// Input is an input with its link.
type Input struct {
	Name      string   `json:"name"`
	Link      string   `json:"link,omitempty" doc:"the register that it takes"`
	Classes   []string `json:"classes"`
	Mandatory bool     `json:"mandatory"`
	Fixed     bool     `json:"fixed"`
}

// Output is an output register.
type Output struct {
	Name     string   `json:"name"`
	Class    string   `json:"class"`
	Unit     string   `json:"unit,omitempty"`
	Doc      string   `json:"doc"`
	Owners   []string `json:"owners" doc:"inputs that take it"`
	Writable bool     `json:"writable" doc:"a client writes it"`
}

// Setup is a setup register with its limits.
type Setup struct {
	Name      string   `json:"name"`
	Class     string   `json:"class"`
	Unit      string   `json:"unit,omitempty"`
	Doc       string   `json:"doc"`
	Value     string   `json:"value"`
	Default   string   `json:"default"`
	Low       *float64 `json:"low,omitempty"`
	High      *float64 `json:"high,omitempty"`
	Whole     bool     `json:"whole,omitempty"`
	Options   []string `json:"options,omitempty"`
	MaxLength int      `json:"maxLength,omitempty" doc:"in bytes"`
}

func getModule(a *asked) (any, error) {
	d, err := a.session.Describe(a.PathValue("label"))
	if err != nil {
		return nil, err
	}
	answer := ModuleAnswer{Module: moduleOf(d.ModuleEntry), Inputs: []Input{}, Outputs: []Output{}, Setups: []Setup{}}
	for _, i := range d.Inputs {
		answer.Inputs = append(answer.Inputs, Input{i.Name, i.Link, append([]string{}, i.Classes...), i.Mandatory, i.Fixed})
	}
	for _, o := range d.Outputs {
		answer.Outputs = append(answer.Outputs, Output{o.Name, o.Class, o.Unit, o.Doc, append([]string{}, o.Owners...), o.Writable})
	}
	for _, x := range d.Setups {
		setup := Setup{Name: x.Name, Class: x.Class, Unit: x.Unit, Doc: x.Doc, Value: x.Value, Default: x.Default, Whole: x.Whole, Options: x.Options, MaxLength: x.MaxLength}
		if x.Low != x.High {
			setup.Low, setup.High = finiteOrNil(x.Low), finiteOrNil(x.High)
		}
		answer.Setups = append(answer.Setups, setup)
	}
	return answer, nil
}

// LogsAnswer is the Data Recorders' logs.
type LogsAnswer struct {
	Logs []Log `json:"logs"`
}

// Log is the log of a Data Recorder.
type Log struct {
	Recorder string   `json:"recorder"`
	First    uint64   `json:"first" doc:"number of the oldest record that is kept"`
	Next     uint64   `json:"next" doc:"number that the next record will get"`
	Count    uint64   `json:"count"`
	Columns  []Column `json:"columns"`
}

// Column is what one value of each record is.
type Column struct {
	Register string `json:"register"`
	Unit     string `json:"unit,omitempty"`
}

func logOf(r access.Recorder) Log {
	l := Log{r.Label, r.First, r.Next, r.Count, []Column{}}
	for _, c := range r.Columns {
		l.Columns = append(l.Columns, Column{c.Register, c.Unit})
	}
	return l
}

func getLogs(a *asked) (any, error) {
	list, err := a.session.Recorders()
	answer := LogsAnswer{Logs: []Log{}}
	for _, r := range list {
		answer.Logs = append(answer.Logs, logOf(r))
	}
	return answer, err
}

// LogAnswer is a part of a log.
type LogAnswer struct {
	Log
	Records []LogRecord `json:"records"`
}

// LogRecord is one record.
type LogRecord struct {
	Sequence uint64    `json:"sequence"`
	Time     time.Time `json:"time"`
	Values   []any     `json:"values" doc:"one of each column; null is NOT AVAILABLE"`
}

func getLog(a *asked) (any, error) {
	recorder, records, err := a.session.Records(a.PathValue("recorder"), a.numbers["from"], int(a.numbers["limit"]))
	if err != nil {
		return nil, err
	}
	answer := LogAnswer{Log: logOf(recorder), Records: []LogRecord{}}
	for _, r := range records {
		values := make([]any, len(r.Values))
		for i, v := range r.Values {
			values[i] = reading(v)
		}
		answer.Records = append(answer.Records, LogRecord{r.Sequence, r.Time, values})
	}
	return answer, nil
}

// EventsAnswer is a part of the event log.
type EventsAnswer struct {
	First        uint64  `json:"first" doc:"number of the oldest event that is kept"`
	Next         uint64  `json:"next" doc:"number that the next event will get"`
	PreviousHash string  `json:"previousHash" doc:"of the event before the first of these"`
	Events       []Event `json:"events"`
}

// Event is an entry of the event log.
type Event struct {
	Sequence    uint64    `json:"sequence"`
	Time        time.Time `json:"time"`
	Priority    uint8     `json:"priority"`
	Cause       string    `json:"cause"`
	CauseValue  string    `json:"causeValue"`
	Effect      string    `json:"effect"`
	EffectValue string    `json:"effectValue"`
	User        string    `json:"user"`
	Origin      string    `json:"origin"`
	Hash        string    `json:"hash" doc:"SHA-256 that chains it to the event before"`
}

func getEvents(a *asked) (any, error) {
	log, err := a.session.Events(a.numbers["from"], int(a.numbers["limit"]))
	if err != nil {
		return nil, err
	}
	answer := EventsAnswer{First: log.First, Next: log.Next, PreviousHash: hex.EncodeToString(log.Previous[:]), Events: []Event{}}
	for _, e := range log.Events {
		answer.Events = append(answer.Events, Event{e.Sequence, e.Time, e.Priority, e.Cause, e.CauseValue, e.Effect, e.EffectValue, e.User, e.Origin, hex.EncodeToString(e.Hash[:])})
	}
	return answer, nil
}

// GapsAnswer is the times in which the meter did not run.
type GapsAnswer struct {
	Gaps []Gap `json:"gaps"`
}

// Gap is such a time.
type Gap struct {
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	Clean bool      `json:"clean" doc:"it was stopped in order"`
}

func getGaps(a *asked) (any, error) {
	list, err := a.session.Gaps()
	answer := GapsAnswer{Gaps: []Gap{}}
	for _, g := range list {
		answer.Gaps = append(answer.Gaps, Gap(g))
	}
	return answer, err
}

// WaveformAnswer is samples.
type WaveformAnswer struct {
	End       time.Time `json:"end" doc:"of the last sample"`
	RateHz    float64   `json:"rateHz"`
	NominalHz float64   `json:"nominalHz"`
	Channels  []Channel `json:"channels"`
}

// Channel is the samples of one input.
type Channel struct {
	Name    string  `json:"name"`
	Unit    string  `json:"unit"`
	Samples samples `json:"samples" doc:"primary values, oldest first; null is a missing sample"`
}

// samples are numbers, null where there is none.
type samples []float32

// MarshalJSON writes what JSON has no number for as null.
func (s samples) MarshalJSON() ([]byte, error) {
	text := make([]byte, 0, 10*len(s)+2)
	text = append(text, '[')
	for i, x := range s {
		if i > 0 {
			text = append(text, ',')
		}
		if v := float64(x); math.IsNaN(v) || math.IsInf(v, 0) {
			text = append(text, "null"...)
		} else {
			text = strconv.AppendFloat(text, v, 'g', 6, 32)
		}
	}
	return append(text, ']'), nil
}

// The meter collects samples while somebody looks: the first look waits for them.
const (
	waveformPatience = time.Second
	waveformTurn     = 20 * time.Millisecond
)

func getWaveform(a *asked) (any, error) {
	ctx, cancel := context.WithTimeout(a.Context(), waveformPatience)
	defer cancel()
	turn := time.NewTicker(waveformTurn)
	defer turn.Stop()
	var w access.Waveform
	span := access.LongestWaveform
	for {
		err := a.session.Waveform(&w, span)
		if err == nil && w.NominalHz > 0 {
			span = min(access.LongestWaveform, time.Duration(float64(a.numbers["cycles"])/w.NominalHz*float64(time.Second)))
			err = a.session.Waveform(&w, span)
		}
		if err == nil && len(w.Channels) > 0 && len(w.Channels[0].Samples) >= int(w.RateHz*span.Seconds()) {
			break
		}
		var refusal *access.Refusal
		if err != nil && !(errors.As(err, &refusal) && refusal.Code == access.CodeNotFound) {
			return nil, err
		}
		select {
		case <-turn.C:
			continue
		case <-ctx.Done():
		}
		if err != nil {
			return nil, err
		}
		break // fewer are all there are: a gap was a moment ago
	}
	answer := WaveformAnswer{End: w.End, RateHz: w.RateHz, NominalHz: w.NominalHz, Channels: []Channel{}}
	for _, c := range w.Channels {
		answer.Channels = append(answer.Channels, Channel{c.Name, c.Unit, c.Samples})
	}
	return answer, nil
}

// SessionAnswer is who asks.
type SessionAnswer struct {
	User       string    `json:"user" doc:"the account that acts; empty for none"`
	Credential string    `json:"credential"`
	May        []string  `json:"may" doc:"operations that are allowed now"`
	Since      time.Time `json:"since"`
}

func getSession(a *asked) (any, error) {
	own := a.session.Own()
	answer := SessionAnswer{User: own.User, Credential: own.Credential.String(), May: []string{}, Since: own.Since}
	for _, op := range own.Operations {
		answer.May = append(answer.May, op.String())
	}
	return answer, nil
}

// finite is a number as JSON has it, null for what it has no number for.
func finite(x float64) any {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return x
}

func finiteOrNil(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}
