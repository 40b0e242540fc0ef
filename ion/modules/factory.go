package modules

import "github.com/hepmeter/hepmeter/ion"

const (
	outDeviceType = iota
	outManufacturer
	outSerialNum
	outRevision
	outMeteringRevision
	outOptions
	outIONVersion
	outDefaultTemplate
)

func factory() ion.Type {
	text := func(name, doc string) ion.Output { return ion.Output{Name: name, Class: ion.String, Doc: doc} }
	owner := func(name, doc string) ion.Setup {
		return ion.Setup{Name: name, Class: ion.String, MaxLength: ownerTextBytes, Doc: doc}
	}
	t := ion.Type{
		Number: numberFactory, Name: "Factory", Kind: ion.Core,
		Doc:    "What the meter is, whose it is, and the nominal values of the site. What a meter in software does not have is NOT AVAILABLE.",
		Source: "ION Reference (7EN02-0290), Factory module",
		Setups: []ion.Setup{
			owner("Device Name", "the name that the owner gives the meter"),
			owner("Owner", "who owns it"),
			owner("Tag 1", "for the owner's use"),
			owner("Tag 2", "for the owner's use"),
			owner("Template", "the name of the program that is loaded, for the owner's use"),
			enumerated("Nominal Frequency", "50 Hz", "basic windows are 10 cycles at 50 Hz, 12 at 60 Hz", "50 Hz", "60 Hz"),
			{Name: "Nominal Voltage", Class: ion.NumericBounded, Unit: "V", Low: 1, High: maxPrimary, Default: nominalVolts,
				Doc: "primary; phase to neutral, in DELTA phase to phase"},
			{Name: "Nominal Current", Class: ion.NumericBounded, Unit: "A", Low: 0.001, High: maxPrimary, Default: ratedAmperes, Doc: "primary"},
		},
		Outputs: []ion.Output{
			text("Device Type", "the model"), text("Manufacturer", "who made it"),
			text("SerialNum", "the serial number"), text("Revision", "the version of the firmware"),
			text("Metering FW Revision", "the version of the metering firmware, which is part of it"),
			text("Options", "what the model is equipped with"),
			text("ION Version", "the version of the module engine; not that of the firmware"),
			text("Default Template", "the name of the program that the factory loads"),
		},
		New: func() ion.Behaviour { return identity{} },
	}
	for _, name := range []string{"Compliance", "RMD Revision", "RMD SerialNum", "Upgrade Agent Revision",
		"Opt Mod A Revision", "Opt Mod B Revision", "Opt Mod C Revision", "Opt Mod D Revision"} {
		t.Outputs = append(t.Outputs, text(name, "NOT AVAILABLE: the meter has none"))
	}
	return t
}

type identity struct{}

func (m identity) Start(c *ion.Context) { m.Tick(c) }

func (identity) Tick(c *ion.Context) {
	id := c.Identity()
	for _, x := range [...]struct {
		output int
		text   string
	}{
		{outDeviceType, id.Model}, {outManufacturer, id.Manufacturer}, {outSerialNum, id.Serial},
		{outRevision, id.Revision}, {outMeteringRevision, id.Revision}, {outOptions, id.Options},
		{outIONVersion, ionVersion}, {outDefaultTemplate, id.Template},
	} {
		c.SetText(x.output, x.text)
	}
}
