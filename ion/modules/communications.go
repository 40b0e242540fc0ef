package modules

import (
	"fmt"
	"strings"

	"github.com/hepmeter/hepmeter/ion"
)

const (
	setProtocol = iota
	setBaudRate
	setParity
	setUnitID
)

func communications() ion.Type {
	seconds := func(name string, low, high float64, value, doc string) ion.Setup {
		return ion.Setup{Name: name, Class: ion.NumericBounded, Unit: "s", Low: low, High: high, Default: value, Doc: doc}
	}
	return ion.Type{
		Number: numberCommunications, Name: "Communications", Kind: ion.Core,
		Doc: "How one serial port speaks. What answers on the port obeys these registers; a Unit ID that the protocol " +
			"does not have keeps the module offline and the port silent.",
		Source: "ION Reference (7EN02-0290), Communications module; ION9000 manual 7EN02-0390, serial ports",
		Setups: []ion.Setup{
			enumerated("Protocol", defaultProtocol, "what is spoken; None shuts the port", "ION", "Modbus RTU", "Modbus Master", "DNP v3.00", "DLMS", "EtherGate",
				"GPS: Truetime/Datum", "GPS: Arbiter", "GPS: Arbiter-Vorne", "Factory", "None"),
			enumerated("Baud Rate", defaultBaudRate, "bits per second", "2400", "4800", "9600", "19200", "38400", "57600", "115200"),
			enumerated("Parity", defaultFraming, "data bits, parity (N none, E even, O odd) and stop bits", "8N1", "8N2", "8E1", "8E2", "8O1", "8O2"),
			{Name: "Unit ID", Class: ion.NumericBounded, Low: 1, High: maxUnitID, Whole: true, Default: defaultUnitID, Doc: "address of the meter on the line; 1 to 247 for Modbus"},
			enumerated("Comm Mode", "RS-485", "the electrical interface", "RS-485", "RS-232"),
			{Name: "RS485 Bias", Class: ion.Boolean, Default: "ON", Doc: "the meter holds the idle line"},
			enumerated("RTS/CTS Level", "active high", "level of the handshake lines that means active", "active high", "active low"),
			{Name: "Hardware Handshake", Class: ion.Boolean, Default: "OFF", Doc: "RTS is active around what the meter sends, where the device has it; CTS is not waited for"},
			seconds("RTS Delay", 0, maxRTSDelay, "0", "with Hardware Handshake, wait between RTS and the first character"),
			seconds("Rx Timeout", minRxTimeout, maxRxTimeout, defaultRxTimeout, "response time-out: how long a Modbus Master or gateway waits for a device to answer"),
			seconds("Turnaround Delay", 0, maxTurnaround, defaultTurnaround, "how long a Modbus Master waits after a broadcast before it sends again"),
			{Name: "Retries", Class: ion.NumericBounded, Low: 0, High: maxRetries, Whole: true, Default: defaultRetries,
				Doc: "how often a Modbus Master repeats an unanswered read; a write is never repeated"},
			seconds("Response Delay", 0, maxResponseDelay, "0", "how long after a request the meter begins its answer, at the least; the silence that ends the request is part of it"),
		},
		New: func() ion.Behaviour { return port{} },
	}
}

// maxModbusUnit is the highest address of a Modbus device.
const maxModbusUnit = 247

// port is the behaviour of Communications.
type port struct{ settingsOnly }

// Check refuses an address that the protocol does not have.
func (port) Check(settings []ion.Value, _ []bool) error {
	if protocol, unit := settings[setProtocol].Text, settings[setUnitID].Number; strings.HasPrefix(protocol, "Modbus") && unit > maxModbusUnit {
		return fmt.Errorf("unit ID %g is none of %s: write 1 to %d", unit, protocol, maxModbusUnit)
	}
	return nil
}
