package meter

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/ion/modules"
	"github.com/hepmeter/hepmeter/ion/template"
	"github.com/hepmeter/hepmeter/metering"
	"github.com/hepmeter/hepmeter/registermap"
	"github.com/hepmeter/hepmeter/serve/modbus"
	"github.com/hepmeter/hepmeter/waveform"
)

// mapped is a node whose registers a Modbus client reads, second by second.
type mapped struct {
	*testing.T
	node      *ion.Node
	registers registers
	now       time.Time
	second    metering.Second
	conn      net.Conn
}

type noAudit struct{}

func (noAudit) Record(access.Record) {}

func newMapped(t *testing.T, model string) *mapped {
	t.Helper()
	loaded, err := template.Load(model)
	if err != nil {
		t.Fatal(err)
	}
	m := &mapped{T: t, now: time.Unix(1_700_000_000, 0)}
	if m.node, err = loaded.Build("HM-1", "3.0.0"); err != nil {
		t.Fatal(err)
	}
	m.second = metering.Second{Windows: 5, DurationS: 1, FrequencyHz: 50}
	m.second.RMS[waveform.V1], m.second.RMS[waveform.V2] = 230, 231
	m.second.Energy.Wh[0] = 1000
	m.tick()
	security, err := access.NewSecurity(access.Generation{Name: "3.x", Modes: []access.Mode{access.LSS}, MaxAccounts: 1}, "9000", map[string]string{"Security User 1/Read Access": "ON"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	gate, err := access.NewGate(access.Options{Registers: &m.registers, Security: security, Audit: noAudit{}, Now: time.Now, After: time.After, Random: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	layout, err := registermap.Load()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- modbus.New(gate, layout, modbus.Options{}).Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	if m.conn, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.conn.Close() })
	return m
}

func (m *mapped) tick() {
	m.now = m.now.Add(time.Second)
	m.second.EndS++
	m.node.Tick(m.now, &m.second)
	m.registers.publish(&snapshot{m.node.Snapshot()})
}

func (m *mapped) do(changes ...ion.Change) {
	m.Helper()
	if err := m.node.Program(changes, ion.By{}, m.now); err != nil {
		m.Fatal(err)
	}
	m.tick()
}

// read returns the registers of a row by its number in the map.
func (m *mapped) read(number, count int) []byte {
	m.Helper()
	_ = m.conn.SetDeadline(time.Now().Add(10 * time.Second))
	request := []byte{0, 1, 0, 0, 0, 6, 1, 3, byte((number - 1) >> 8), byte(number - 1), 0, byte(count)}
	if _, err := m.conn.Write(request); err != nil {
		m.Fatal(err)
	}
	answer := make([]byte, 9+2*count)
	if _, err := io.ReadFull(m.conn, answer); err != nil {
		m.Fatal(err)
	}
	return answer[9:]
}

func (m *mapped) want(number int, want ...byte) {
	m.Helper()
	if got := m.read(number, len(want)/2); string(got) != string(want) {
		m.Errorf("register %d reads % X, want % X", number, got, want)
	}
}

func float32Bytes(x float32) []byte { return binary.BigEndian.AppendUint32(nil, math.Float32bits(x)) }

func TestModbusShowsWhatDataMappingIsLinkedTo(t *testing.T) {
	const vlnA, ratioOfPT, energy = 3028, 58002, 3204
	notAvailable := []byte{0xFF, 0xC0, 0, 0}
	unassigned := []byte{0xFF, 0xFF, 0xFF, 0xFF}
	m := newMapped(t, "ION9000")
	m.want(vlnA, float32Bytes(230)...)
	m.want(energy, 0, 0, 0, 0, 0, 0, 3, 0xE8) // the exact count passes

	m.do(ion.Link{Input: "Data Mapping voltage/Vln a", Register: "Power Meter/Vln b"})
	m.want(vlnA, float32Bytes(231)...)
	m.do(ion.Link{Input: "Data Mapping voltage/Vln a", Register: "Factory/Nominal Voltage"})
	m.want(vlnA, float32Bytes(230)...)
	m.do(ion.Link{Input: "Data Mapping voltage/Vln a"})
	m.want(vlnA, notAvailable...)
	m.do(ion.Link{Input: "Data Mapping voltage/Vln a", Register: "Power Meter/Vln a"})

	m.do(ion.Set{Register: "Data Mapping voltage/Enable Modbus", Value: "OFF"})
	m.want(vlnA, unassigned...)
	m.want(ratioOfPT, 0, 0, 1, 0x5B) // 347 V, not of this group
	m.do(ion.Set{Register: "Data Mapping voltage/Enable Modbus", Value: "ON"},
		ion.Set{Register: "Data Mapping identity/Enable Unmapped Registers", Value: "OFF"})
	m.want(vlnA, float32Bytes(230)...)
	m.want(ratioOfPT, unassigned...)
}

// A PM8000 has no V4 and no I5 input of its own: what it lacks is not linked, and
// everything else is.
func TestFactoryLinksEveryRowTheModelHas(t *testing.T) {
	for model, lacking := range map[string][]string{
		"ION9000": nil, "ION9000T": nil,
		"PM8000": {"V4 Harmonics", "V4 min", "V4 max"}, "ION7400": {"V4 Harmonics", "V4 min", "V4 max"},
	} {
		t.Run(model, func(t *testing.T) {
			m := newMapped(t, model)
			missing := map[string]bool{}
			for _, mapping := range modules.Mappings() {
				info := m.node.Directory().Module(mapping.Label)
				if info == nil || info.Offline != "" {
					t.Fatalf("%s is not there or offline: %+v", mapping.Label, info)
				}
				for i, slot := range mapping.Slots {
					module, _, _ := strings.Cut(slot.Source, "/")
					switch got := info.Links[i]; {
					case got == "":
						missing[module] = true
					case !strings.EqualFold(got, slot.Source):
						t.Errorf("%s/%s is linked to %s, want %s", mapping.Label, slot.Name, got, slot.Source)
					}
				}
			}
			want := map[string]bool{}
			for _, module := range lacking {
				want[module] = true
			}
			if fmt.Sprint(missing) != fmt.Sprint(want) {
				t.Errorf("modules that rows want and the model lacks: %v, want %v", missing, want)
			}
		})
	}
}
