package modules

import "github.com/hepmeter/hepmeter/ion"

func securityUser() ion.Type {
	t := ion.Type{
		Number: numberSecurityUser, Name: "Security User", Kind: ion.Standard, Labels: ion.Numbered,
		Doc: "One account: Security User n is USERn, and comes and goes with it. Peak demand reset, full meter configuration, test mode and security configuration need " +
			"Read Access, too. The password is in no register.",
		Source: "ION Reference (7EN02-0290), Security User module",
		New:    func() ion.Behaviour { return settingsOnly{} },
	}
	for _, a := range []struct{ name, value, doc string }{
		{"Read Access", "ON", "read everything but security"},
		{"Peak Demand Reset Access", "ON", "reset the peak demand"},
		{"Time Sync Access", "ON", "set the clock"},
		{"Full Meter Config Access", "ON", "change everything but security, peak demand and test mode"},
		{"Test Mode Access", "ON", "enter test mode"},
		{"Security Config Access", "OFF", "change security and the other accounts"},
		{"Comm Config Access", "OFF", "change communications"},
	} {
		t.Setups = append(t.Setups, ion.Setup{Name: a.name, Class: ion.Boolean, Default: a.value, Doc: "the user may " + a.doc})
	}
	return t
}
