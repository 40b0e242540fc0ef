package modules

import "github.com/hepmeter/hepmeter/ion"

func displayOptions() ion.Type {
	digits := func(name, value, doc string) ion.Setup {
		return ion.Setup{Name: name, Class: ion.NumericBounded, Low: 0, High: maxDisplayDigits, Whole: true, Default: value, Doc: doc}
	}
	return ion.Type{
		Number: numberDisplayOptions, Name: "Display Options", Kind: ion.Core,
		Doc:    "How the front panel shows values, and what may be done there.",
		Source: "ION Reference (7EN02-0290), Display Options module; the values are recalled",
		Setups: []ion.Setup{
			{Name: "Contrast", Class: ion.NumericBounded, Low: 0, High: maxContrast, Whole: true, Default: defaultContrast, Doc: "of the display"},
			{Name: "Backlight Timeout", Class: ion.NumericBounded, Unit: "s", Low: 0, High: maxBacklight, Whole: true, Form: ion.Elapsed, Default: defaultBacklight,
				Doc: "how long the light stays on after a key; 0: for ever"},
			{Name: "Update Rate", Class: ion.NumericBounded, Unit: "s", Low: 1, High: maxDisplayUpdate, Whole: true, Default: defaultDisplayUpdate, Doc: "how often values change on a screen"},
			enumerated("Date Format", "YYYY/MM/DD", "how dates are written", "YYYY/MM/DD", "MM/DD/YYYY", "DD/MM/YYYY"),
			enumerated("Digit Group", "1000.0", "how numbers are written", "1000.0", "1,000.0", "1 000,0"),
			digits("Volts Digits", defaultVoltsDigits, "decimal places of voltages"),
			digits("Current Digits", defaultCurrentDigits, "decimal places of currents"),
			digits("Power Digits", defaultPowerDigits, "decimal places of powers"),
			{Name: "Front Panel Programming", Class: ion.Boolean, Default: "ON", Doc: "OFF: setup cannot be changed at the front panel"},
			{Name: "Demand Lockout Timeout", Class: ion.NumericBounded, Unit: "s", Low: 0, High: maxDemandLockout, Whole: true, Form: ion.Elapsed, Default: defaultDemandLockout,
				Doc: "shortest time between two resets of the demand; 0: none"},
		},
		New: func() ion.Behaviour { return settingsOnly{} },
	}
}
