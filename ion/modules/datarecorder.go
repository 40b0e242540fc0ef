package modules

import (
	"fmt"
	"strings"

	"github.com/hepmeter/hepmeter/ion"
)

// Inputs, setup registers and outputs of the Data Recorder. The sources come first.
const (
	inRecorderSource1 = 0
	inRecorderEnable  = inRecorderSource1 + recorderSources + iota - 1
	inRecord
	inRearm
)

const (
	setRecorderDepth = iota
	setRecordMode
)

const (
	outDataLog = iota
	outLogState
	outRecComplete
)

// The record modes, as enumerated by RecordMode.
const (
	circular = iota
	stopWhenFull
)

func dataRecorder() ion.Type {
	t := ion.Type{
		Number: numberDataRecorder, Name: "Data Recorder", Kind: ion.Standard,
		Doc: "Keeps a log: each pulse at Record writes one record of what the sources hold, stamped with the time of the pulse. " +
			"A source that is NOT AVAILABLE leaves its cell empty. In circular mode a new record takes the place of the oldest, in " +
			"stop-when-full mode records are dropped once the log is full, until Rearm clears it; Rearm does nothing in circular " +
			"mode. While Enable is OFF nothing is recorded and the log stays. Linking a source elsewhere or changing a setup " +
			"register clears the log; the numbers of records go on and none is given twice. A record is durable with the " +
			"second in which it was made. The memory of a log is told as the real meters count it: Depth records of 5 bytes a " +
			"source and 8 for the time, in whole kB.",
		Source: "ION Reference, Data Recorder module; user manual 9810 page 134 (bytes of a record)",
		Memory: recorderBytes,
	}
	for i := range recorderSources {
		source := ion.Input{Name: fmt.Sprintf("Source %d", i+1), Classes: []ion.Class{ion.Numeric, ion.NumericBounded, ion.Enumerated, ion.Boolean},
			Mandatory: i == 0, Unlinked: "the records have no such cell"}
		t.Inputs = append(t.Inputs, source)
	}
	record := pulseInput("Record")
	record.Mandatory = true
	t.Inputs = append(t.Inputs, enableInput(), record, pulseInput("Rearm"))
	t.Setups = []ion.Setup{
		{Name: "Depth", Class: ion.NumericBounded, Low: 0, High: maxRecorderDepth, Whole: true, Default: defaultRecorderDepth,
			Doc: "records that the log holds; 0, as it comes, records nothing"},
		enumerated("RecordMode", "circular", "what happens when the log is full", "circular", "stop-when-full"),
	}
	t.Outputs = []ion.Output{
		{Name: "Data Log", Class: ion.Log, Doc: "the log; shows how many records it holds"},
		{Name: "Log State", Class: ion.Numeric, Doc: "records that fit before the log is full"},
		{Name: "Rec Complete", Class: ion.Pulse, Doc: "each record that was made"},
	}
	t.New = func() ion.Behaviour { return &recording{} }
	return t
}

// recorderBytes is the memory of a full log as the family counts it.
func recorderBytes(settings []ion.Value, linked []bool) int64 {
	cells := 0
	for _, on := range linked[inRecorderSource1 : inRecorderSource1+recorderSources] {
		if on {
			cells++
		}
	}
	const kB = 1024
	bytes := int64(settings[setRecorderDepth].Number) * int64(5*cells+8)
	return (bytes + kB - 1) / kB * kB
}

// recording is the behaviour of the Data Recorder.
type recording struct {
	first uint64 // number of the oldest record, 0 before the first start
}

func (m *recording) Start(c *ion.Context) {
	if m.first == 0 { // the numbers may go on after those of a recorder before
		m.first = c.NextRecord()
		c.Changed()
	}
	c.HeadLog(columns(c))
	m.show(c)
}

// columns are the labels and units of the linked sources, one in a line.
func columns(c *ion.Context) string {
	var b strings.Builder
	for i := range recorderSources {
		if label := c.SourceLabel(inRecorderSource1 + i); label != "" {
			fmt.Fprintf(&b, "%s\t%s\n", label, c.InputUnit(inRecorderSource1+i))
		}
	}
	return b.String()
}

func (m *recording) Tick(c *ion.Context) {
	if c.Pulses(inRearm) > 0 && c.Setting(setRecordMode) == stopWhenFull {
		m.clear(c)
		c.Raise(ion.PriorityReset, "Rearm", "pulsed", "Data Log", "cleared")
	}
	if c.Pulses(inRecord) > 0 {
		m.record(c)
	}
}

// record makes one record if there is room or may be made some.
func (m *recording) record(c *ion.Context) {
	depth := uint64(c.Setting(setRecorderDepth))
	held := c.NextRecord() - m.first
	if depth == 0 || held >= depth && c.Setting(setRecordMode) == stopWhenFull {
		return
	}
	body := make([]byte, 0, 9*recorderSources)
	for i := range recorderSources {
		if c.Linked(inRecorderSource1 + i) {
			body = ion.AppendCell(body, c.Input(inRecorderSource1+i))
		}
	}
	sequence := c.Record(c.PulseTime(inRecord), body)
	if oldest := sequence + 1 - min(depth, sequence); oldest > m.first {
		m.first = oldest
		c.TrimLog(m.first)
		c.Changed()
	}
	c.Pulse(outRecComplete)
	m.show(c)
}

func (m *recording) clear(c *ion.Context) {
	m.first = c.NextRecord()
	c.TrimLog(m.first)
	c.Changed()
	m.show(c)
}

func (m *recording) show(c *ion.Context) {
	held := c.NextRecord() - m.first
	c.SetLogged(outDataLog, held)
	c.Set(outLogState, max(0, c.Setting(setRecorderDepth)-float64(held)))
}

func (m *recording) Relinked(c *ion.Context, input int) {
	if input < inRecorderSource1+recorderSources {
		m.clear(c)
	}
}

func (m *recording) Configured(c *ion.Context, _ int) { m.clear(c) }

const recordingVersion = 1

func (m *recording) Keep(e *ion.Encoder) {
	e.Uint(recordingVersion)
	e.Uint(m.first)
}

func (m *recording) Restore(d *ion.Decoder) {
	d.Version(recordingVersion)
	m.first = max(1, d.Uint())
}
