package modules

import (
	"math"
	"slices"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/wire/routing"
)

// setGatewayUnit is the setup register Unit of a Modbus Gateway Unit.
const setGatewayUnit = 0

func modbusGateway() ion.Type {
	milliseconds := func(name string, high float64, value, doc string) ion.Setup {
		return ion.Setup{Name: name, Class: ion.NumericBounded, Unit: "ms", Low: 0, High: high, Whole: true, Default: value, Doc: doc}
	}
	return ion.Type{
		Number: numberModbusGateway, Name: routing.Gateway, Kind: ion.Core, Labels: ion.Named,
		Doc: "How the meter passes requests of Modbus TCP on to the units behind it: those of the serial line that the Modbus Gateway Connection of Modbus " +
			"Master Options names, while the Protocol of that port is Modbus Master, and those of TCP devices. Outputs are counted since the meter " +
			"started, over all units, and NOT AVAILABLE before one was asked.",
		Source: "ION9000 manual 7EN02-0390, Modbus Ethernet gateway; PM5500 manual, address list; the registers are ours",
		Setups: []ion.Setup{
			enumerated("Access", "Read/Write", "what clients may do with the units: this needs Security Config Access, as Allowed Addresses", "None", "Read Only", "Read/Write"),
			{Name: "Allowed Addresses", Class: ion.String, MaxLength: routing.MaxAddressesBytes, Check: checkAddresses,
				Doc: "who may ask: addresses and prefixes between commas, each with =ro, =rw or =none, such as 192.0.2.7, 192.0.2.0/24=ro; the longest prefix decides, and who is in none may not; empty: everybody may"},
			{Name: "TCP Units", Class: ion.String, MaxLength: routing.MaxUnitsBytes, Check: checkUnits,
				Doc: "units that are TCP devices: 21=1 is unit 21 on TCP Connection 1 of Modbus Master Options, 22=1/5 one that the device calls 5, 30-39=2 ten of them; the others are on the serial line"},
			{Name: "Broadcast", Class: ion.Boolean, Default: "OFF", Doc: "broadcasts (unit 0), which the meter itself obeys, are passed on to the serial line, too"},
			milliseconds("Cache", maxGatewayCache, "0", "how old an answer to the same read may be that is given again; 0: every read is sent"),
			milliseconds("Frame Delay", maxFrameDelay, "0", "silence between two frames of the serial line, where it is to be more than 3.5 characters"),
		},
		Outputs: append([]ion.Output{
			{Name: "Units", Class: ion.Numeric, Doc: "units that were asked"},
			{Name: "Units Backing Off", Class: ion.Numeric, Doc: "those that are not asked for a while, since they did not answer"},
		}, gatewayCounts()...),
		New: func() ion.Behaviour { return gatewayTotals{} },
	}
}

func modbusGatewayUnit() ion.Type {
	return ion.Type{
		Number: numberModbusGatewayUnit, Name: "Modbus Gateway Unit", Kind: ion.Standard,
		Doc: "How one unit behind the Modbus gateway answers, for logs, setpoints and whatever else can be linked. Counts are since the meter started; " +
			"all is NOT AVAILABLE before the unit was asked. The page Gateway shows all units without such a module.",
		Source: "ours",
		Setups: []ion.Setup{
			{Name: "Unit", Class: ion.NumericBounded, Low: 1, High: routing.MaxUnit, Whole: true, Default: "1", Doc: "as clients of the gateway ask for it"},
		},
		Outputs: slices.Concat(gatewayCounts(), []ion.Output{
			{Name: "Latency", Class: ion.Numeric, Unit: "s", Doc: "mean time from the request to the answer"},
			{Name: "Latency 95", Class: ion.Numeric, Unit: "s", Doc: "time within which 95 of 100 answers came"},
			{Name: "Latency Max", Class: ion.Numeric, Unit: "s", Doc: "longest time"},
			{Name: "Answering", Class: ion.Boolean, Doc: "OFF: the unit is not asked for a while, since it did not answer"},
		}),
		New: func() ion.Behaviour { return gatewayUnit{} },
	}
}

// gatewayCounts are the outputs that are counted for each unit; counts has their values.
func gatewayCounts() (outputs []ion.Output) {
	for _, o := range [...]struct{ name, doc string }{
		{"Requests", "requests for units, those answered without asking included"},
		{"Answers", "answers that came in time"},
		{"Exceptions", "those among them that were exceptions"},
		{"Timeouts", "requests that were sent and not answered in time"},
		{"CRC Errors", "requests for which something came that was no answer"},
		{"Lost Requests", "requests for which the port or the connection was not to be had, or was lost"},
		{"Retries", "requests that were sent again"},
		{"Dropped Answers", "late and foreign answers, which nobody was given"},
		{"Cached Answers", "requests answered from the cache, or with the answer to another one's"},
		{"Refused Requests", "requests turned away at once: their unit backs off, or too many waited"},
	} {
		outputs = append(outputs, ion.Output{Name: o.name, Class: ion.Numeric, Doc: o.doc})
	}
	return outputs
}

// gatewayCounted is how many they are.
const gatewayCounted = 10

func counts(d ion.Downstream) [gatewayCounted]uint64 {
	return [...]uint64{d.Requests, d.Answers, d.Exceptions, d.Timeouts, d.CRCErrors, d.Lost, d.Retries, d.Dropped, d.Cached, d.Refused}
}

func checkAddresses(text string) error {
	_, err := routing.ParseAddresses(text)
	return err
}

func checkUnits(text string) error {
	_, err := routing.ParseUnits(text)
	return err
}

// gatewayTotals is the behaviour of Modbus Gateway.
type gatewayTotals struct{}

func (gatewayTotals) Tick(c *ion.Context) {
	units := c.Status().Downstream
	var sums [gatewayCounted]uint64
	backing := 0
	for _, d := range units {
		for i, n := range counts(d) {
			sums[i] += n
		}
		if d.BackingOff {
			backing++
		}
	}
	set := func(output int, x float64) {
		if len(units) == 0 {
			x = math.NaN()
		}
		c.Set(output, x)
	}
	set(0, float64(len(units)))
	set(1, float64(backing))
	for i, n := range sums {
		set(2+i, float64(n))
	}
}

// gatewayUnit is the behaviour of Modbus Gateway Unit.
type gatewayUnit struct{}

func (gatewayUnit) Tick(c *ion.Context) {
	unit := byte(c.Setting(setGatewayUnit))
	units := c.Status().Downstream
	at := slices.IndexFunc(units, func(d ion.Downstream) bool { return d.Unit == unit })
	if at < 0 {
		for i := range gatewayCounted + 4 {
			c.SetNotAvailable(i)
		}
		return
	}
	d := units[at]
	n := counts(d)
	for i, count := range n {
		c.Set(i, float64(count))
	}
	for i, seconds := range [...]float64{d.LatencyS, d.LatencyP95S, d.LatencyMaxS} {
		c.Set(len(n)+i, seconds)
	}
	c.SetOn(len(n)+3, !d.BackingOff)
}
