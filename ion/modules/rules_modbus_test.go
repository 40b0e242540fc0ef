package modules

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/wire/modbus"
)

// downstream is a Modbus device with holding registers from address 0, and what it was asked.
type downstream struct {
	words  []uint16
	silent bool
	except byte
	asked  []ion.Question
	writes int
}

// answer answers all that the modules ask, and what they ask then.
func (d *downstream) answer(r *rig) {
	for {
		questions := r.node.TakeQuestions()
		if len(questions) == 0 {
			return
		}
		for _, q := range slices.Clone(questions) {
			d.asked = append(d.asked, q)
			pdu, err := d.reply(q.PDU)
			r.node.Answer(r.now, q, pdu, err)
		}
	}
}

func (d *downstream) reply(pdu []byte) ([]byte, error) {
	if d.silent {
		return nil, errors.New("no answer")
	}
	if d.except != 0 {
		return []byte{pdu[0] | 0x80, d.except}, nil
	}
	at, count := int(binary.BigEndian.Uint16(pdu[1:])), int(binary.BigEndian.Uint16(pdu[3:]))
	if modbus.Function(pdu[0]) == modbus.WriteMultipleRegisters {
		d.writes++
		for i := range count {
			d.words[at+i] = binary.BigEndian.Uint16(pdu[6+2*i:])
		}
		return pdu[:5], nil
	}
	out := []byte{pdu[0], byte(2 * count)}
	for _, w := range d.words[at : at+count] {
		out = binary.BigEndian.AppendUint16(out, w)
	}
	return out, nil
}

// seconds lets seconds pass in which the device answers what is asked.
func (d *downstream) seconds(r *rig, count int) {
	for range count {
		r.tick(1)
		d.answer(r)
	}
}

// polled is a device D on COM1 with a map of its own, which is polled every 10 s and whose
// values last 30 s.
func polled() []ion.Change {
	return []ion.Change{
		ion.Create{Type: "Modbus Master Map", Label: "Map"},
		ion.Set{Register: "Map/Register 1", Value: "kWh: 1 INT64 scale 0.001 unit kWh"},
		ion.Set{Register: "Map/Register 2", Value: "Volts: 5 FLOAT32 unit V"},
		ion.Set{Register: "Map/Register 3", Value: "Far: 100 UINT16"},
		ion.Set{Register: "Map/Register 4", Value: "Limit: 20 INT16 scale 0.1 writable"},
		ion.Create{Type: "Modbus Master Device", Label: "D"},
		ion.Link{Input: "D/Custom Map", Register: "Map/Registers"},
		ion.Set{Register: "D/Unit ID", Value: "7"},
		ion.Set{Register: "D/Stale Time", Value: "30"},
	}
}

func imported(links ...string) []ion.Change {
	return slices.Concat(polled(), externals("Pulse", "T"), externals("Boolean", "On"), module("Modbus Import", append([]string{"Device", "D/Online"}, links...),
		[]string{"Register 1", "kWh", "Register 2", "volts", "Register 3", "Far"}))
}

// energyMeter holds 123,456,789.012 kWh, 230.25 V and 7.
func energyMeter() *downstream {
	d := &downstream{words: make([]uint16, 200)}
	copy(d.words, []uint16{0x0000, 0x001C, 0xBE99, 0x1A14, 0x4366, 0x4000})
	d.words[99] = 7
	return d
}

// Rules of the Modbus Import: docs/choices.md, Modbus master.
func TestModbusImport(t *testing.T) {
	runRows(t, []row{
		{"a device is needed", module("Modbus Import", nil, nil), func(r *rig) { r.wantOffline("the mandatory input Device is not linked") }},
		{"Device takes a Modbus Master Device only", externals("Boolean", "B"), func(r *rig) {
			err := r.node.Check(module("Modbus Import", []string{"Device", "B/Switch"}, nil))
			if err == nil || !strings.Contains(err.Error(), "takes a register of a Modbus Master Device; B is a External Boolean") {
				r.Error(err)
			}
		}},
		{"values in the unit of the map, an energy exact", imported(), func(r *rig) {
			d := energyMeter()
			d.seconds(r, 2)
			r.want("M/Value 1", 123456789.012)
			if v := r.value("M/Value 1"); !v.Exact || v.Count != 123456789012 {
				r.Errorf("count %d, exact %v", v.Count, v.Exact)
			}
			r.want("M/Value 2", 230.25)
			r.want("M/Value 3", 7)
			r.want("M/Value 4", na)
			r.wantText("M/Status", "ok")
			r.want("D/Good Polls", 2)
			index, _ := r.node.Find("M/Value 1")
			if unit := r.node.Directory().Registers[index].Unit; unit != "kWh" {
				r.Errorf("unit %q", unit)
			}
		}},
		{"neighbours are one read, others another", imported(), func(r *rig) {
			d := energyMeter()
			d.seconds(r, 2)
			if len(d.asked) != 2 || d.asked[0].Unit != 7 || d.asked[0].Connection != "Serial Connection 1" ||
				string(d.asked[0].PDU) != "\x03\x00\x00\x00\x06" || string(d.asked[1].PDU) != "\x03\x00\x63\x00\x01" {
				r.Errorf("asked %+v", d.asked)
			}
		}},
		{"the Poll Interval, in step", imported(), func(r *rig) {
			d := energyMeter()
			d.seconds(r, 41)
			if len(d.asked) != 2*5 {
				r.Errorf("%d reads in 40 s", len(d.asked))
			}
		}},
		{"a reading under way is not doubled, and goes on", imported(), func(r *rig) {
			r.ticks(35, 1)
			questions := slices.Clone(r.node.TakeQuestions())
			if len(questions) != 1 {
				r.Fatalf("%d questions in 35 s without an answer", len(questions))
			}
			d := energyMeter()
			pdu, err := d.reply(questions[0].PDU)
			r.node.Answer(r.now, questions[0], pdu, err)
			d.answer(r)
			r.node.Answer(r.now, questions[0], pdu, err) // a second time, which nobody waits for
			if len(d.asked) != 1 {
				r.Errorf("then asked %d more", len(d.asked))
			}
		}},
		{"a Trigger reads at once", slices.Concat(imported("Trigger", "T/Trigger"), []ion.Change{ion.Set{Register: "D/Poll Interval", Value: "0"}}), func(r *rig) {
			d := energyMeter()
			d.seconds(r, 20)
			if len(d.asked) != 0 {
				r.Errorf("read %d times without a pulse", len(d.asked))
			}
			r.fire("T")
			d.seconds(r, 2)
			r.want("M/Value 3", 7)
			if len(d.asked) != 2 {
				r.Errorf("%d reads", len(d.asked))
			}
		}},
		{"source N/A: the device says that it has no value", imported(), func(r *rig) {
			d := energyMeter()
			d.words[4], d.words[0], d.words[99] = 0xFFC0, 0x8000, 0xFFFF
			d.words[1], d.words[2], d.words[3], d.words[5] = 0, 0, 0, 0
			d.seconds(r, 2)
			for _, v := range []string{"M/Value 1", "M/Value 2", "M/Value 3"} {
				r.want(v, na)
			}
			r.wantText("D/Online", "ON")
		}},
		{"an exception: N/A, the device is online", imported(), func(r *rig) {
			d := energyMeter()
			d.seconds(r, 2)
			d.except = 2
			d.seconds(r, 11)
			r.want("M/Value 1", na)
			r.wantText("D/Online", "ON")
			r.want("D/Failed Polls", 2)
			if got := r.value("M/Status").Text; !strings.HasPrefix(got, "register 100: ") {
				r.Errorf("status %q", got)
			}
		}},
		{"silence: N/A within the Stale Time, an event, and back", imported(), func(r *rig) {
			d := energyMeter()
			d.seconds(r, 2)
			d.silent = true
			d.seconds(r, 28)
			r.want("M/Value 1", 123456789.012)
			r.want("M/Age", 29)
			r.node.TakeChanges()
			d.seconds(r, 1)
			r.want("M/Value 1", na)
			r.wantText("D/Online", "OFF")
			r.wantText("M/Status", "no answer")
			if got := deviceEvents(r); !slices.Equal(got, []string{"ON: OFF"}) {
				r.Errorf("events %v", got)
			}
			d.seconds(r, 20) // nothing more is told
			d.silent = false
			d.seconds(r, 11)
			r.want("M/Value 1", 123456789.012)
			r.wantText("D/Online", "ON")
			if got := deviceEvents(r); !slices.Equal(got, []string{"OFF: ON"}) {
				r.Errorf("events %v", got)
			}
		}},
		{"a silent device is asked once for each reading", imported(), func(r *rig) {
			d := energyMeter()
			d.silent = true
			d.seconds(r, 21)
			if len(d.asked) != 3 {
				r.Errorf("asked %d times in 21 s", len(d.asked))
			}
		}},
		{"an answer that is none", imported(), func(r *rig) {
			r.ticks(2, 1)
			for _, q := range slices.Clone(r.node.TakeQuestions()) {
				r.node.Answer(r.now, q, []byte{3, 4, 1, 2, 3, 4}, nil)
			}
			r.tick(1)
			r.want("M/Value 1", na)
			r.wantText("M/Status", "the answer to a read of 6 registers has 6 bytes")
		}},
		{"a register that the map does not have", imported(), func(r *rig) {
			r.do(ion.Set{Register: "M/Register 2", Value: "Amps"})
			d := energyMeter()
			d.seconds(r, 2)
			r.want("M/Value 1", 123456789.012)
			r.want("M/Value 2", na)
			r.wantText("M/Status", `Register 2: Map has no "Amps"`)
		}},
		{"a map that changes is obeyed at once", imported(), func(r *rig) {
			d := energyMeter()
			d.seconds(r, 2)
			r.do(ion.Set{Register: "Map/Register 3", Value: "Far: 101 UINT16"})
			r.want("M/Value 3", na)
			d.words[100] = 8
			d.seconds(r, 2)
			r.want("M/Value 3", 8)
		}},
		{"an answer to what was asked before a change is dropped", imported(), func(r *rig) {
			r.tick(1)
			asked := slices.Clone(r.node.TakeQuestions())
			r.do(ion.Set{Register: "D/Unit ID", Value: "8"})
			d := energyMeter()
			pdu, err := d.reply(asked[0].PDU)
			r.node.Answer(r.now, asked[0], pdu, err)
			r.tick(1)
			r.want("M/Value 1", na)
			r.want("D/Good Polls", 0)
		}},
		{"an answer to a module that is gone is dropped", imported(), func(r *rig) {
			r.tick(1)
			asked := slices.Clone(r.node.TakeQuestions())
			r.do(ion.Delete{Module: "M"})
			pdu, err := energyMeter().reply(asked[0].PDU)
			r.node.Answer(r.now, asked[0], pdu, err)
			r.tick(1)
			r.want("D/Good Polls", 0)
		}},
		{"Enable off: nothing is read, and values age", imported("Enable", "On/Switch"), func(r *rig) {
			d := energyMeter()
			r.turn("On/Switch", true)
			d.seconds(r, 2)
			r.turn("On/Switch", false)
			d.seconds(r, 28)
			r.want("M/Value 1", 123456789.012)
			if len(d.asked) != 2 {
				r.Errorf("read %d times", len(d.asked))
			}
			d.seconds(r, 2)
			r.want("M/Value 1", na)
		}},
		{"power-up: N/A until the first answer", imported(), func(r *rig) {
			energyMeter().seconds(r, 2)
			r.restart()
			r.tick(1)
			r.want("M/Value 1", na)
		}},
	})
}

// deviceEvents are the events of device D since it was last called, as "from: to".
func deviceEvents(r *rig) (list []string) {
	for _, e := range r.node.TakeChanges().Events {
		if e.Cause == "D/Online" {
			list = append(list, e.CauseValue+": "+e.EffectValue)
		}
	}
	return list
}

// Rules of the Modbus Master Device and Map.
func TestModbusMasterDevice(t *testing.T) {
	runRows(t, []row{
		{"a custom map must be linked", module("Modbus Master Device", nil, nil), func(r *rig) { r.wantOffline("the Map is Custom, and Custom Map is not linked") }},
		{"a data file needs none", module("Modbus Master Device", nil, []string{"Map", "PowerLogic iEM3000"}), func(r *rig) { r.wantOffline("") }},
		{"a serial line has units to 247", module("Modbus Master Device", nil, []string{"Map", "Eastron SDM630", "Unit ID", "255"}), func(r *rig) {
			r.wantOffline("unit ID 255 is none of a serial line: write 1 to 247")
		}},
		{"a TCP device may have unit 255", module("Modbus Master Device", nil, []string{"Map", "Eastron SDM630", "Unit ID", "255", "Connection", "TCP Connection 20"}), func(r *rig) {
			r.wantOffline("")
		}},
		{"values last longer than a poll", module("Modbus Master Device", nil, []string{"Map", "Eastron SDM630", "Poll Interval", "1m", "Stale Time", "60"}), func(r *rig) {
			r.wantOffline("a Stale Time of 60 s is not longer than the Poll Interval of 60 s")
		}},
		{"Online is N/A before anything is known, then OFF", imported(), func(r *rig) {
			d := energyMeter()
			d.silent = true
			d.seconds(r, 29)
			r.wantText("D/Online", "N/A")
			d.seconds(r, 2)
			r.wantText("D/Online", "OFF")
		}},
		{"a line of a map that is none is refused", nil, func(r *rig) {
			err := r.node.Check([]ion.Change{ion.Create{Type: "Modbus Master Map", Label: "X"}, ion.Set{Register: "X/Register 1", Value: "kWh: 1 INT48"}})
			if err == nil || !strings.Contains(err.Error(), "holds no number") {
				r.Error(err)
			}
		}},
		{"a name twice", module("Modbus Master Map", nil, []string{"Register 1", "a: 1 INT16", "Register 9", "A: 2 INT16"}), func(r *rig) {
			r.wantOffline(`the register "A" is there twice`)
		}},
	})
}

func exported(settings ...string) []ion.Change {
	return slices.Concat(polled(), externals("Pulse", "T"), externals("Boolean", "On"), externals("Numeric", "N"),
		module("Modbus Export", []string{"Device", "D/Online", "Source 1", "N/Numeric", "Trigger", "T/Trigger", "Enable", "On/Switch"}, append([]string{"Register 1", "Limit"}, settings...)))
}

// Rules of the Modbus Export.
func TestModbusExport(t *testing.T) {
	start := func(r *rig) *downstream {
		d := energyMeter()
		r.turn("On/Switch", true)
		r.put("N", 5)
		d.seconds(r, 3)
		return d
	}
	wrote := func(r *rig, d *downstream, writes int, word uint16) {
		r.Helper()
		if d.writes != writes || d.words[19] != word {
			r.Errorf("%d writes, the register holds %d, want %d and %d", d.writes, d.words[19], writes, word)
		}
	}
	runRows(t, []row{
		{"a pulse writes, in the form of the map", exported(), func(r *rig) {
			d := start(r)
			wrote(r, d, 0, 0)
			r.fire("T")
			d.seconds(r, 2)
			wrote(r, d, 1, 50)
			r.want("M/Writes", 1)
			d.seconds(r, 20)
			wrote(r, d, 1, 50)
		}},
		{"a change writes, once", exported("Write On Change", "ON"), func(r *rig) {
			d := start(r)
			r.put("N", -1.5)
			d.seconds(r, 20)
			wrote(r, d, 1, 0xFFF1)
		}},
		{"power-up: the values are no change", exported("Write On Change", "ON"), func(r *rig) {
			d := start(r)
			r.restart()
			d.seconds(r, 5)
			wrote(r, d, 0, 0)
		}},
		{"a write without an answer is not repeated, and told once", exported(), func(r *rig) {
			d := start(r)
			d.silent = true
			r.fire("T")
			d.seconds(r, 20)
			if len(d.asked) != 1 {
				r.Errorf("asked %d times", len(d.asked))
			}
			r.want("M/Failed Writes", 1)
			r.wantText("M/Status", "no answer")
			r.fire("T")
			d.seconds(r, 2)
			if events := r.events(); len(events) != 1 {
				r.Errorf("%d events of two failures", len(events))
			}
			d.silent = false
			r.fire("T")
			d.seconds(r, 2)
			wrote(r, d, 1, 50)
			r.wantText("M/Status", "ok")
		}},
		{"a value that does not fit is not written", exported(), func(r *rig) {
			d := start(r)
			r.put("N", 4000)
			r.fire("T")
			d.seconds(r, 2)
			wrote(r, d, 0, 0)
			r.wantText("M/Status", "Limit has no room for 4000")
		}},
		{"source N/A: not written", slices.Concat(exported(), []ion.Change{ion.Link{Input: "M/Source 1", Register: "Power Meter/Vln a"}}), func(r *rig) {
			d := energyMeter()
			r.turn("On/Switch", true)
			r.fire("T")
			r.tick(na)
			d.answer(r)
			wrote(r, d, 0, 0)
		}},
		{"Enable off: nothing is written, and not later", exported("Write On Change", "ON"), func(r *rig) {
			d := start(r)
			r.turn("On/Switch", false)
			r.fire("T")
			r.put("N", 6)
			d.seconds(r, 3)
			r.turn("On/Switch", true)
			d.seconds(r, 3)
			wrote(r, d, 0, 0)
		}},
		{"a register that is not writable", exported("Register 1", "kWh"), func(r *rig) {
			d := start(r)
			r.fire("T")
			d.seconds(r, 2)
			wrote(r, d, 0, 0)
			r.wantText("M/Status", "Register 1: kWh of Map is not writable")
		}},
	})
}

func slaved(settings ...string) []ion.Change {
	return slices.Concat(externals("Boolean", "B", "C"), module("Modbus Slave", []string{"Source 1", "Power Meter/Vln a", "Source 3", "B/Switch"},
		append([]string{"Base Address", "41001"}, settings...)))
}

// Rules of the Modbus Slave (ION Reference; communications.md 2.3 and 2.12).
func TestModbusSlave(t *testing.T) {
	clamped := func(format string, volts, want float64) row {
		return row{"clamped to " + format, slaved("Format", format), func(r *rig) {
			r.tick(volts)
			r.want("M/Register 1", want)
		}}
	}
	taken := func(r *rig, want string, changes ...ion.Change) {
		r.Helper()
		switch err := r.node.Check(changes); {
		case want == "" && err != nil:
			r.Error(err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			r.Errorf("%v, want %s", err, want)
		}
	}
	second := func(base string) []ion.Change {
		return []ion.Change{ion.Create{Type: "Modbus Slave", Label: "S"}, ion.Link{Input: "S/Source 1", Register: "Power Meter/Vln b"}, ion.Set{Register: "S/Base Address", Value: base}}
	}
	runRows(t, []row{
		{"no address", module("Modbus Slave", []string{"Source 1", "Power Meter/Vln a"}, nil), func(r *rig) { r.wantOffline("no Base Address is set") }},
		{"no source", module("Modbus Slave", nil, []string{"Base Address", "41001"}), func(r *rig) { r.wantOffline("none of the inputs Source 1 … Source 16 is linked") }},
		{"past the last register", slaved("Base Address", "65535"), func(r *rig) { r.wantOffline("its last register 65537 is above 65536") }},
		{"a scale without a width", slaved("Scaling", "ON", "In Full", "0"), func(r *rig) { r.wantOffline("with Scaling, In Zero and In Full must differ") }},
		{"registers belong to slots", slaved("Format", "unsigned 32-bit"), func(r *rig) {
			r.turn("B/Switch", true)
			r.tick(230.4)
			r.want("M/Register 1", 230)
			r.want("M/Register 2", na)
			r.want("M/Register 3", 1)
			r.want("M/End Address", 41006)
		}},
		{"7500/70: x 10", slaved("Scaling", "ON", "In Full", "6553", "Out Full", "65530"), func(r *rig) {
			r.tick(230.04)
			r.want("M/Register 1", 2300)
			r.tick(7000)
			r.want("M/Register 1", 65534)
		}},
		clamped("unsigned 16-bit", 1e6, 65534), clamped("unsigned 16-bit", -3, 0), clamped("signed 16-bit", -1e6, -32767), clamped("signed 16-bit", 1e6, 32767),
		clamped("unsigned 32-bit", 1e12, 4294967294), clamped("signed 32-bit", -1e12, -2147483647), clamped("unsigned 32-bit M10K", 1e12, 655349999),
		clamped("signed 32-bit M10K", -1e12, -327679999), clamped("float", 0.5, 0.5),
		{"source N/A: N/A", slaved(), func(r *rig) {
			r.tick(na)
			r.want("M/Register 1", na)
		}},
		{"packed Boolean: what has a value, and what is ON", slaved("Format", "packed Boolean"), func(r *rig) {
			r.do(ion.Link{Input: "M/Source 1", Register: "C/Switch"}, ion.Link{Input: "M/Source 16", Register: "B/Switch"})
			r.turn("B/Switch", true)
			r.tick(1)
			r.want("M/Register 1", 1<<2|1<<15)
			r.want("M/Register 2", 1<<2|1<<15)
			r.turn("C/Switch", false)
			r.tick(1)
			r.want("M/Register 1", 1|1<<2|1<<15)
			r.want("M/Register 2", 1<<2|1<<15)
			r.want("M/End Address", 41002)
		}},
		{"input mode: clients write, and a power cut keeps", module("Modbus Slave", nil, []string{"Base Address", "41001", "Format", "unsigned 16-bit input"}), func(r *rig) {
			r.want("M/Register 16", na)
			r.want("M/End Address", 41016)
			v := ion.Value{Class: ion.Numeric, Available: true, Number: 65534}
			r.write("M/Register 16", v)
			r.restart()
			r.tick(1)
			r.want("M/Register 16", 65534)
			v.Number = 0.5
			if err := r.node.Command("M/Register 1", v, ion.By{}, r.now); err == nil {
				r.Error("half a count was taken")
			}
			if err := r.node.Command("M/End Address", v, ion.By{}, r.now); err == nil {
				r.Error("End Address was written")
			}
		}},
		{"what shows a source is not written", slaved(), func(r *rig) {
			if err := r.node.Command("M/Register 1", ion.Value{Class: ion.Numeric, Available: true, Number: 1}, ion.By{}, r.now); err == nil {
				r.Error("taken")
			}
		}},
		{"registers of another module are refused", slaved(), func(r *rig) {
			taken(r, "S: Modbus register 41003 is taken by M", second("41003")...)
			taken(r, "", second("41004")...)
			taken(r, "", second("41000")...)
			taken(r, "S: Modbus register 41001 is taken by M", slices.Concat(second("41000"), []ion.Change{ion.Link{Input: "S/Source 2", Register: "Power Meter/Vln c"}})...)
		}},
		{"registers of the fixed map are refused until they are freed", slices.Concat(slaved(), []ion.Change{ion.Create{Type: "Data Mapping frequency", Label: "Data Mapping frequency"}}), func(r *rig) {
			at := ion.Set{Register: "M/Base Address", Value: "3109"}
			taken(r, "M: Modbus register 3110 is taken by Data Mapping frequency", at)
			free := ion.Set{Register: "Data Mapping frequency/Enable Modbus", Value: "OFF"}
			taken(r, "", free, at)
			r.do(free, at)
			taken(r, "Data Mapping frequency: Modbus register 3110 is taken by M", ion.Set{Register: "Data Mapping frequency/Enable Modbus", Value: "ON"})
		}},
		{"a module that serves nothing takes no registers", slaved(), func(r *rig) {
			taken(r, "", ion.Create{Type: "Modbus Slave", Label: "S"}, ion.Create{Type: "Modbus Slave", Label: "U"})
		}},
	})
}

// A peer's address has a port.
func TestCheckPeer(t *testing.T) {
	for _, tc := range []struct {
		text string
		ok   bool
	}{
		{"", true}, {"192.0.2.7:502", true}, {"[2001:db8::7]:502", true}, {"feeder.example.com:5020", true},
		{"192.0.2.7", false}, {"2001:db8::7:502", false}, {"192.0.2.7:0", false}, {"192.0.2.7:65536", false}, {":502", false}, {"a b:502", false},
	} {
		if err := checkPeer(tc.text); (err == nil) != tc.ok {
			t.Errorf("%q: %v", tc.text, err)
		}
	}
}
