package modules

import "github.com/hepmeter/hepmeter/ion"

// bannerBytes is room for a notice of a few sentences, on one line of a security file.
const bannerBytes = 800

func securityOptions() ion.Type {
	t := ion.Type{
		Number: numberSecurityOptions, Name: "Security Options", Kind: ion.Core, Labels: ion.Named,
		Doc: "How the meter guards its doors. Firmware before 3.0.0 has the modes None, Standard (its factory value) and Advanced; from 3.0.0 on " +
			"it is LSS (legacy security support: a request without a user name acts as Security User 1) or Advanced.",
		Source: "ION Reference (7EN02-0290), Security Options module; ION9000 manual 7EN02-0390, Cybersecurity",
		Setups: []ion.Setup{
			enumerated("Security Mode", "LSS", "who must say who he is", "None", "Standard", "LSS", "Advanced"),
			enumerated("Modbus Map Access", "Read Only", "what the Modbus map, which has no place for a password, may do", "None", "Read Only", "Read/Write"),
		},
		New: func() ion.Behaviour { return settingsOnly{} },
	}
	for _, path := range []string{"ION", "Web", "SSH", "SFTP", "Panel"} {
		t.Setups = append(t.Setups, ion.Setup{Name: path + " Lockout Attempts", Class: ion.NumericBounded, Low: 0, High: 255, Whole: true, Default: defaultLockoutAttempts,
			Doc: "wrong logins by one user on this path until it is locked for him; 0: never"})
	}
	t.Setups = append(t.Setups,
		ion.Setup{Name: "Lockout Minutes", Class: ion.NumericBounded, Unit: "min", Low: 1, High: maxSessionMinutes, Whole: true, Default: defaultLockoutMinutes, Doc: "how long a user stays locked"},
		ion.Setup{Name: "ION Session Timeout", Class: ion.NumericBounded, Unit: "min", Low: 1, High: maxSessionMinutes, Whole: true, Default: defaultSessionMinutes,
			Doc: "how long the same wrong login over ION counts once"},
		ion.Setup{Name: "Require Named User For Upgrade", Class: ion.Boolean, Default: "OFF", Doc: "ON: firmware is taken from a named user only"},
		ion.Setup{Name: "Allow Broadcast Time Sync", Class: ion.Boolean, Default: "ON", Doc: "the clock may be set by a message to all meters, which names no user"},
		ion.Setup{Name: "Web Configuration", Class: ion.Boolean, Default: "OFF", Doc: "ON: setup may be changed by way of the web pages"},
	)
	for _, e := range []struct{ name, value string }{{"Valid Login", "0"}, {"Invalid Login", "128"}, {"Lockout", "255"}} {
		t.Setups = append(t.Setups, ion.Setup{Name: e.name + " EvPriority", Class: ion.NumericBounded, Low: 0, High: 255, Whole: true, Default: e.value,
			Doc: "priority of the event; 0: none is raised"})
	}
	t.Setups = append(t.Setups, ion.Setup{Name: "Banner", Class: ion.String, MaxLength: bannerBytes, Doc: "text shown to who is about to log in, such as who may; empty: none"})
	return t
}
