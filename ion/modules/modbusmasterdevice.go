package modules

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/registermap/device"
)

const deviceType = "Modbus Master Device"

// customMap is the choice of a map that a Modbus Master Map describes.
const customMap = "Custom"

// Setup registers of Modbus Master Device.
const (
	setDeviceConnection = iota
	setDeviceUnit
	setDeviceMap
	setPollInterval
	setStaleTime
	setDevicePriority
)

// Outputs of Modbus Master Device.
const (
	outOnline = iota
	outGoodPolls
	outFailedPolls
)

// inCustomMap is the one input of Modbus Master Device.
const inCustomMap = 0

func modbusMasterDevice() ion.Type {
	types := deviceTypes()
	maps := []string{customMap}
	for _, t := range types {
		maps = append(maps, t.Name)
	}
	connections := serialConnectionNames()
	for i := range tcpConnections {
		connections = append(connections, tcpConnection(i+1))
	}
	return ion.Type{
		Number: numberModbusMasterDevice, Name: deviceType, Kind: ion.Standard,
		Doc: "A Modbus device that the meter asks as a master. Modbus Imports and Exports are linked to Online, and ask it through the connection of " +
			"Modbus Master Options that Connection names. Online is ON while an answer is no older than Stale Time, OFF when there was none for so long, " +
			"and NOT AVAILABLE before either; an exception is an answer, too. Its loss and its return are events. The counts begin at 0 at power-up.",
		Source: "ION Reference (7EN02-0290) names the module; ION9000 reference 9410rc/61; registers and their factory values are ours",
		Inputs: []ion.Input{{Name: "Custom Map", Classes: []ion.Class{ion.Numeric}, Of: mapType, Unlinked: "Map names the data file that describes the device"}},
		Setups: []ion.Setup{
			enumerated("Connection", serialConnection(1), "the connection of Modbus Master Options", connections...),
			{Name: "Unit ID", Class: ion.NumericBounded, Low: 1, High: 255, Whole: true, Default: "1", Doc: "address of the device; 1 to 247 on a serial line"},
			enumerated("Map", customMap, "what registers the device has: a data file (docs/modbus-devices.md), or Custom for the Modbus Master Map that Custom Map is linked to", maps...),
			{Name: "Poll Interval", Class: ion.NumericBounded, Form: ion.Elapsed, Unit: "s", Low: 0, High: maxPollInterval, Default: defaultPollInterval,
				Doc: "how often Modbus Imports read the device; 0: only when they are triggered"},
			{Name: "Stale Time", Class: ion.NumericBounded, Form: ion.Elapsed, Unit: "s", Low: 1, High: maxPollInterval, Default: defaultStaleTime,
				Doc: "how old a value may be; older ones are NOT AVAILABLE"},
			priority("EvPriority", "30", "priority of the events when the device is lost and when it returns"),
		},
		Outputs: []ion.Output{
			{Name: "Online", Class: ion.Boolean, Doc: "the device answers"},
			{Name: "Good Polls", Class: ion.Numeric, Doc: "questions that were answered since power-up"},
			{Name: "Failed Polls", Class: ion.Numeric, Doc: "questions without an answer, or with an exception, since power-up"},
		},
		New: func() ion.Behaviour { return &masterDevice{types: types} },
	}
}

// deviceTypes are the types of devices that come with the meter.
func deviceTypes() []device.Type {
	types, err := device.Types()
	if err != nil {
		panic(err) // they are part of the program
	}
	return types
}

// masterDevice is the behaviour of Modbus Master Device, and what Modbus Imports and Exports
// know of the device.
type masterDevice struct {
	types []device.Type
	// known are the registers that it has.
	known         *device.Type
	connection    string
	unit          byte
	pollS, staleS float64
	good, failed  float64
	// startedS is the uptime at the start, heardS when the last question was asked that it
	// answered.
	startedS, heardS float64
	heard            bool
	lost             bool
}

func (*masterDevice) Check(settings []ion.Value, linked []bool) error {
	stale, poll := settings[setStaleTime].Number, settings[setPollInterval].Number
	switch {
	case settings[setDeviceMap].Text == customMap && !linked[inCustomMap]:
		return errors.New("the Map is Custom, and Custom Map is not linked")
	case int(settings[setDeviceConnection].Number) < serialConnections && settings[setDeviceUnit].Number > maxModbusUnit:
		return fmt.Errorf("unit ID %g is none of a serial line: write 1 to %d", settings[setDeviceUnit].Number, maxModbusUnit)
	case stale <= poll:
		return fmt.Errorf("a Stale Time of %g s is not longer than the Poll Interval of %g s", stale, poll)
	}
	return nil
}

func (m *masterDevice) Start(c *ion.Context) {
	m.connection, m.unit = c.SettingText(setDeviceConnection), byte(c.Setting(setDeviceUnit))
	m.pollS, m.staleS = c.Setting(setPollInterval), c.Setting(setStaleTime)
	m.startedS, m.heard, m.lost = c.UptimeS, false, false
	m.known = nil
	if i := slices.IndexFunc(m.types, func(t device.Type) bool { return t.Name == c.SettingText(setDeviceMap) }); i >= 0 {
		m.known = &m.types[i]
	} else if described, ok := c.Behind(inCustomMap).(*masterMap); ok {
		m.known = &described.described
	}
	m.show(c)
}

// answered notes that the device has answered a question, fulfilled that it has done what it
// was asked for.
func (m *masterDevice) answered(askedS float64, fulfilled bool) {
	m.heard, m.heardS = true, max(m.heardS, askedS)
	if fulfilled {
		m.good++
	} else {
		m.failed++
	}
}

func (m *masterDevice) silent() { m.failed++ }

// halfTurnS is half the time between two turns.
const halfTurnS = 0.5

// stale reports whether what was asked for so long ago is too old to be shown until the next
// turn. Turns are not exactly a second apart.
func (m *masterDevice) stale(ageS float64) bool { return ageS > m.staleS-halfTurnS }

func (m *masterDevice) Tick(c *ion.Context) {
	switch answers := m.heard && !m.stale(c.UptimeS-m.heardS); {
	case answers:
		if m.lost {
			m.raise(c, "OFF", "ON")
		}
		m.lost = false
		c.SetOn(outOnline, true)
	case m.heard || m.stale(c.UptimeS-m.startedS):
		if !m.lost {
			m.raise(c, c.Output(outOnline).String(), "OFF")
		}
		m.lost = true
		c.SetOn(outOnline, false)
	}
	m.show(c)
}

func (m *masterDevice) show(c *ion.Context) {
	c.Set(outGoodPolls, m.good)
	c.Set(outFailedPolls, m.failed)
}

func (m *masterDevice) raise(c *ion.Context, from, to string) {
	if p := c.Setting(setDevicePriority); p > 0 {
		c.Raise(uint8(p), "Online", from, "Online", to)
	}
}
