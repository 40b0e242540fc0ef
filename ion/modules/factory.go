package modules

import "github.com/hepmeter/hepmeter/ion"

const (
	outDeviceType = iota
	outManufacturer
	outSerialNum
	outRevision
)

func factory() ion.Type {
	text := func(name, doc string) ion.Output { return ion.Output{Name: name, Class: ion.String, Doc: doc} }
	owner := func(name, doc string) ion.Setup {
		return ion.Setup{Name: name, Class: ion.String, MaxLength: ownerTextBytes, Doc: doc}
	}
	return ion.Type{
		Number: numberFactory, Name: "Factory", Kind: ion.Core,
		Doc:    "What the meter is, whose it is, and the nominal values of the site.",
		Source: "ION Reference (7EN02-0290), Factory module",
		Setups: []ion.Setup{
			owner("Device Name", "the name that the owner gives the meter"),
			owner("Owner", "who owns it"),
			owner("Tag 1", "for the owner's use"),
			owner("Tag 2", "for the owner's use"),
			enumerated("Nominal Frequency", "50 Hz", "basic windows are 10 cycles at 50 Hz, 12 at 60 Hz", "50 Hz", "60 Hz"),
			{Name: "Nominal Voltage", Class: ion.NumericBounded, Unit: "V", Low: 1, High: maxPrimary, Default: nominalVolts,
				Doc: "primary; phase to neutral, in DELTA phase to phase"},
		},
		Outputs: []ion.Output{
			text("Device Type", "the model"), text("Manufacturer", "who made it"),
			text("SerialNum", "the serial number"), text("Revision", "the version of the firmware"),
		},
		New: func() ion.Behaviour { return identity{} },
	}
}

type identity struct{}

func (m identity) Start(c *ion.Context) { m.Tick(c) }

func (identity) Tick(c *ion.Context) {
	id := c.Identity()
	c.SetText(outDeviceType, id.Model)
	c.SetText(outManufacturer, id.Manufacturer)
	c.SetText(outSerialNum, id.Serial)
	c.SetText(outRevision, id.Revision)
}
