package modbus

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/registermap"
)

// Modules implements access.ModuleLister: the modules that have an End Address.
func (m *testMeter) Modules(typeName string) (labels []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.labels {
		if module, found := strings.CutSuffix(l, "/end address"); found && typeName == registermap.SlaveType {
			labels = append(labels, module)
		}
	}
	return labels
}

// slaveOf are the registers of a Modbus Slave module.
func slaveOf(label string, base, end float64, format string, values ...access.Value) map[string]access.Value {
	registers := map[string]access.Value{label + "/" + registermap.SlaveBase: number(base), label + "/" + registermap.SlaveEnd: number(end)}
	for i, f := range registermap.Formats() {
		if f.Name == format {
			registers[label+"/"+registermap.SlaveFormat] = enum(i, format)
		}
	}
	for i, v := range values {
		registers[label+"/"+registermap.SlaveRegister(i+1)] = v
	}
	return registers
}

// read is what a client reads of registers by number.
func readOf(t *testing.T, h *handler, c *client, first, quantity int) []byte {
	t.Helper()
	request := []byte{0, 1, 0, 0, 0, 6, 1, 3, byte((first - 1) >> 8), byte(first - 1), byte(quantity >> 8), byte(quantity)}
	_, got, err := h.exchange(c, request, make([]byte, 0, answerBuffer))
	if err != nil || len(got) != 9+2*quantity {
		t.Fatalf("% X, %v", got, err)
	}
	return got[9:]
}

// communications.md 2.3 and 2.12, and 12 where it has them.
func TestSlaveFormats(t *testing.T) {
	none := access.Value{Kind: access.KindNumber}
	for _, tc := range []struct {
		format, want string
		end          float64
		values       []access.Value
	}{
		{"unsigned 16-bit", "00E6 FFFF FFFE", 41003, []access.Value{number(230), none, number(65534)}},
		{"signed 16-bit", "FFFF 8000 8001", 41003, []access.Value{number(-1), none, number(-32767)}},
		{"unsigned 32-bit", "4A4AC320 FFFFFFFF", 41004, []access.Value{number(1246413600), none}},
		{"signed 32-bit", "FFFFFFFE 80000000", 41004, []access.Value{number(-2), none}},
		{"unsigned 32-bit M10K", "30391A85 FFFFFFFF", 41004, []access.Value{number(123456789), none}},
		{"signed 32-bit M10K", "CFC7E57B 80008000", 41004, []access.Value{number(-123456789), none}},
		{"packed Boolean", "FFFF 8001", 41002, []access.Value{number(65535), number(0x8001)}},
		{"float", "43664000 FFC00000", 41004, []access.Value{number(230.25), none}},
		{"unsigned 16-bit input", "0007 FFFF", 41002, []access.Value{number(7), none}},
	} {
		t.Run(tc.format, func(t *testing.T) {
			meter := newTestMeter()
			meter.set(slaveOf("s", 41001, tc.end, tc.format, tc.values...))
			gate, _ := newTestGate(t, meter, openRead(t), nil)
			h := newHandler(gate, testMap(t), mbap{})
			want := unhex(t, tc.want)
			if got := readOf(t, h, enter(t, h), 41001, len(want)/2); !bytes.Equal(got, want) {
				t.Errorf("% X, want % X", got, want)
			}
			// The registers before and behind are nobody's.
			if got := readOf(t, h, enter(t, h), 41000, len(want)/2+2); !bytes.Equal(got, append(append([]byte{0xFF, 0xFF}, want...), 0xFF, 0xFF)) {
				t.Errorf("with neighbours % X", got)
			}
		})
	}
}

// Of one module and the fixed map every answer shows one instant; a module that moves, goes
// offline or goes away leaves unassigned registers behind.
func TestSlavesFollowTheSnapshot(t *testing.T) {
	meter := newTestMeter()
	gate, _ := newTestGate(t, meter, openRead(t), nil)
	h := newHandler(gate, testMap(t), mbap{})
	c := enter(t, h)
	at := func(first int, want string) {
		t.Helper()
		if got := readOf(t, h, c, first, 1); !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("register %d reads % X, want %s", first, got, want)
		}
	}
	at(41001, "FFFF")
	meter.set(slaveOf("s", 41001, 41001, "unsigned 16-bit", number(5)))
	at(41001, "0005")
	meter.set(map[string]access.Value{"s/Register 1": number(6)})
	at(41001, "0006")
	meter.set(map[string]access.Value{"s/Base Address": number(256), "s/End Address": number(256)})
	at(41001, "FFFF")
	at(256, "0006")
	meter.set(map[string]access.Value{"s/End Address": {Kind: access.KindNumber}})
	at(256, "FFFF")
}

func TestWritesToSlaveInputs(t *testing.T) {
	write := func(label string, x float64) access.Change {
		return access.Change{Kind: access.Write, Object: label, Value: number(x)}
	}
	for _, tc := range []struct {
		name, request, response string
		want                    []access.Change
	}{
		{"one", "0001 0000 0006 01 06 A029 0007", "0001 0000 0006 01 06 A029 0007", []access.Change{write("i/Register 2", 7)}},
		{"two", "0001 0000 000B 01 10 A028 0002 04 0001 0002", "0001 0000 0006 01 10 A028 0002", []access.Change{write("i/Register 1", 1), write("i/Register 2", 2)}},
		{"past the end", "0001 0000 000B 01 10 A037 0002 04 0001 0002", "0001 0000 0003 01 9002", nil},
		{"before the beginning", "0001 0000 000B 01 10 A027 0002 04 0001 0002", "0001 0000 0003 01 9002", nil},
		{"NOT AVAILABLE", "0001 0000 0006 01 06 A029 FFFF", "0001 0000 0003 01 8603", nil},
		{"what shows a source", "0001 0000 0006 01 06 A08C 0007", "0001 0000 0003 01 8602", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			meter := newTestMeter()
			meter.set(slaveOf("i", 41001, 41016, "unsigned 16-bit input"))
			meter.set(slaveOf("s", 41101, 41101, "unsigned 16-bit", number(5)))
			works := new(testWorks)
			gate, _ := newTestGate(t, meter, openAll(t), works)
			h := newHandler(gate, testMap(t), mbap{})
			_, got, err := h.exchange(enter(t, h), unhex(t, tc.request), make([]byte, 0, answerBuffer))
			if err != nil || !bytes.Equal(got, unhex(t, tc.response)) {
				t.Errorf("% X, %v; want %s", got, err, tc.response)
			}
			var want [][]access.Change
			if tc.want != nil {
				want = [][]access.Change{tc.want}
			}
			done := works.all()
			for i := range done {
				for j := range done[i] {
					done[i][j].Target = ""
				}
			}
			if !reflect.DeepEqual(done, want) {
				t.Errorf("done %#v\nwant %#v", done, want)
			}
		})
	}
	t.Run("a map that is read only", func(t *testing.T) {
		meter := newTestMeter()
		meter.set(slaveOf("i", 41001, 41016, "unsigned 16-bit input"))
		gate, log := newTestGate(t, meter, openRead(t), nil)
		h := newHandler(gate, testMap(t), mbap{})
		_, got, err := h.exchange(enter(t, h), unhex(t, "0001 0000 0006 01 06 A029 0007"), make([]byte, 0, answerBuffer))
		if err != nil || !bytes.Equal(got, unhex(t, "0001 0000 0003 01 8602")) {
			t.Errorf("% X, %v", got, err)
		}
		if records := log.all(); len(records) != 1 || records[0].Target != "register 41002 i/Register 2" {
			t.Errorf("%+v", records)
		}
	})
}

// A reading of registers of Modbus Slave modules costs what others cost.
func BenchmarkReadOfSlaves(b *testing.B) {
	meter := newTestMeter()
	for _, label := range []string{"a", "b", "c", "d"} {
		values := make([]access.Value, registermap.SlaveSlots)
		for i := range values {
			values[i] = number(float64(i))
		}
		base := 41001 + 100*float64(label[0]-'a')
		meter.set(slaveOf(label, base, base+31, "float", values...))
	}
	gate, _ := newTestGate(b, meter, openRead(b), nil)
	h := newHandler(gate, testMap(b), mbap{})
	c := enter(b, h)
	for _, of := range []struct {
		name, request string
	}{{"slaves", "0001 0000 0006 01 03 A028 0020"}, {"map", "0001 0000 0006 01 03 0BB7 0020"}} {
		b.Run(of.name, func(b *testing.B) {
			request, out := unhex(b, of.request), make([]byte, 0, answerBuffer)
			for b.Loop() {
				if _, _, err := h.exchange(c, request, out[:0]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
