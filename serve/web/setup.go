package web

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// setupSection is a form of the setup page: registers that belong together and need the
// same right.
type setupSection struct {
	Name, Title string
	needs       access.Operation
	registers   []setupRegister

	Fields []setupField
	// Missing says why the reader may not change it; nil where he may.
	Missing *access.Refusal
}

// setupRegister is one register of a form, with what it is called there.
type setupRegister struct{ label, title string }

// setupField is a register as a form shows it.
type setupField struct {
	Label, Title, Unit, Doc, Value string
	Options                        []string
	Number                         bool
	Low, High, Step                string
	MaxLength                      int
}

// ID is that of the field on the page.
func (f setupField) ID() string { return fileName(f.Label) }

// registersOf are registers of a module under their own names.
func registersOf(module string, names ...string) (list []setupRegister) {
	for _, name := range names {
		list = append(list, setupRegister{module + "/" + name, name})
	}
	return list
}

// setupSections are the forms of the page, one of each serial port.
func setupSections(s *access.Session) ([]setupSection, error) {
	sections := []setupSection{
		{Name: "metering", Title: "Basic metering", needs: access.WriteSetup, registers: slices.Concat(
			registersOf("Power Meter", "Volts Mode", "PT Prim", "PT Sec", "CT Prim", "CT Sec", "I4 Prim", "I4 Sec", "Ph Order"),
			registersOf("Factory", "Nominal Frequency", "Nominal Voltage", "Nominal Current"))},
		{Name: "names", Title: "Names", needs: access.WriteSetup, registers: registersOf("Factory", "Device Name", "Owner", "Tag 1", "Tag 2")},
		{Name: "time", Title: "Local time", needs: access.SetClock, registers: registersOf("Clock", "TZ Offset", "DST Offset")},
		{Name: "ethernet", Title: "Ethernet", needs: access.WriteCommunications, registers: registersOf("Ethernet",
			"Enable ION", "Enable Modbus TCP", "Enable Modbus RTU over TCP", "Enable SSH", "Enable SFTP", "Enable Syslog", "Syslog Server", "Syslog Transport",
			"HTTP Port", "HTTPS Port", "ION Port", "Modbus TCP Port", "Modbus RTU over TCP Port", "SSH Port", "Syslog Port")},
		{Name: "web", Title: "Web pages", needs: access.AdministerSecurity, registers: registersOf("Ethernet", "Web Access")},
	}
	ports, err := s.ModuleList("Communications")
	if err != nil {
		return nil, err
	}
	for _, port := range ports {
		sections = append(sections, setupSection{Name: port.Label, Title: "Serial port " + port.Label, needs: access.WriteCommunications,
			registers: registersOf(port.Label, "Protocol", "Baud Rate", "Parity", "Unit ID", "Comm Mode", "Response Delay", "Hardware Handshake", "RTS Delay", "Rx Timeout")})
	}
	return sections, nil
}

// fill describes the fields of a section with their limits and values; a register that
// the meter does not have is left out.
func (section *setupSection) fill(s *access.Session) error {
	modules := map[string]access.ModuleDescription{}
	for _, r := range section.registers {
		module, register, _ := strings.Cut(r.label, "/")
		d, ok := modules[module]
		if !ok {
			var err error
			if d, err = s.Describe(module); err != nil {
				return err
			}
			modules[module] = d
		}
		for _, setup := range d.Setups {
			if setup.Name == register {
				section.Fields = append(section.Fields, fieldOf(r, setup))
			}
		}
	}
	return nil
}

func fieldOf(r setupRegister, setup access.SetupDescription) setupField {
	f := setupField{Label: r.label, Title: r.title, Unit: setup.Unit, Doc: setup.Doc, Value: setup.Value, Options: setup.Options, MaxLength: setup.MaxLength}
	switch {
	case len(f.Options) > 0:
	case strings.EqualFold(setup.Class, "Boolean") || setup.Value == "ON" || setup.Value == "OFF":
		f.Options = []string{"ON", "OFF"}
	case setup.MaxLength == 0:
		f.Number, f.Step = true, "any"
		f.Low, f.High = strconv.FormatFloat(setup.Low, 'f', -1, 64), strconv.FormatFloat(setup.High, 'f', -1, 64)
		if setup.Whole {
			f.Step = "1"
		}
	}
	return f
}

// setupSheet is what the setup page shows.
type setupSheet struct {
	Sections []setupSection
	// Now is the meter's time; Clock says why it may not be set.
	Now, NowField string
	Clock         *access.Refusal
	// Open tells that setup by the web pages is allowed, Opens that the reader may switch
	// that.
	Open, Opens bool
}

// setupPage shows the registers that a meter is set up with, and changes them where setup
// by the web pages is on and the reader may.
var setupPage = page{
	path: "/setup", title: "Setup", group: "Meter", needs: access.ReadMeasurement, template: "setup.html", scripts: []string{"setup.js"},
	show: func(q *request) (any, error) {
		sections, err := setupSections(q.Session)
		if err != nil {
			return nil, err
		}
		for i := range sections {
			section := &sections[i]
			if err := section.fill(q.Session); err != nil {
				return nil, err
			}
			section.Missing = q.missing(section.needs)
			for k := range section.Fields { // what was refused is not to be typed again
				if typed, ok := q.PostForm[section.Fields[k].Label]; ok && len(typed) > 0 {
					section.Fields[k].Value = typed[0]
				}
			}
		}
		info, err := q.Session.Info()
		if err != nil {
			return nil, err
		}
		return setupSheet{Sections: sections, Now: stamp(info.Time), NowField: fieldTime(info.Time), Clock: q.missing(access.SetClock),
			Open: q.server.gate.Security().WebSetup, Opens: q.Session.May(access.AdministerSecurity)}, nil
	},
	actions: map[string]func(*request) error{
		"set":   changeSetup,
		"clock": setClock,
		"open":  func(q *request) error { return openSetup(q, "ON") },
		"close": func(q *request) error { return openSetup(q, "OFF") },
	},
}

// changeSetup writes what is different in a form, all or nothing.
func changeSetup(q *request) error {
	sections, err := setupSections(q.Session)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(sections, func(section setupSection) bool { return section.Name == q.PostForm.Get("section") })
	if i < 0 {
		return access.NewRefusal(access.CodeBadRequest, "there is no such form")
	}
	section := &sections[i]
	if err := section.fill(q.Session); err != nil {
		return err
	}
	var changes []access.Change
	for _, f := range section.Fields {
		if typed, ok := q.PostForm[f.Label]; ok && len(typed) > 0 && strings.TrimSpace(typed[0]) != f.Value {
			changes = append(changes, access.Change{Kind: access.Set, Object: f.Label, Text: strings.TrimSpace(typed[0])})
		}
	}
	if len(changes) == 0 {
		q.Say("Nothing was changed: the meter has these values already.")
		return nil
	}
	if err := q.Session.Change(q.Context(), changes, false); err != nil {
		return err
	}
	q.Say("%s: %s written.", section.Title, plural(len(changes), "register"))
	return nil
}

func setClock(q *request) error {
	t, err := timeOf(cmp.Or(q.PostForm.Get("time"), "-"))
	if err != nil {
		return err
	}
	if err := q.Session.SetClock(q.Context(), t); err != nil {
		return err
	}
	q.Say("The clock is set to %s UTC.", t.UTC().Format(time.DateTime))
	return nil
}

// openSetup switches setup by the web pages.
func openSetup(q *request, value string) error {
	if err := q.Session.SetOptions(q.Context(), map[string]string{access.RegisterWebSetup: value}); err != nil {
		return err
	}
	q.Say("Setup by the web pages is %s.", value)
	return nil
}
