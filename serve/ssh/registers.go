package ssh

import (
	"context"
	"strings"

	"github.com/hepmeter/hepmeter/access"
)

// powerMeter is the module whose registers may be named without it.
const powerMeter = "Power Meter"

// maxRead bounds the registers of one command.
const maxRead = 1000

// read shows registers. Labels have blanks in them, so that it is commas that part them.
func (t *terminal) read(_ context.Context, args []string) error {
	var labels []string
	for _, label := range strings.Split(strings.Join(args, " "), ",") {
		if label = strings.TrimSpace(label); label != "" {
			labels = append(labels, label)
		}
	}
	if len(labels) == 0 {
		return usage("read needs the label of a register, such as Power Meter/Vln a")
	}
	var rows [][]string
	for _, set := range []access.RegisterSet{access.Readings, access.SecuritySettings} {
		var asked []string
		for _, label := range labels {
			if access.SetOf(label) == set {
				asked = append(asked, label)
			}
		}
		if len(asked) == 0 {
			continue
		}
		view, err := t.session.Registers(set)
		if err != nil {
			return err
		}
		some, err := t.readings(view, asked, false)
		if err != nil {
			return err
		}
		rows = append(rows, some...)
	}
	t.table([]string{"register", "value"}, rows)
	return nil
}

// readings are registers of one picture, with their values and units. Those that the meter
// does not have are left out, or refused.
func (t *terminal) readings(view access.View, labels []string, leaveOut bool) ([][]string, error) {
	snapshot, err := view.Snapshot()
	if err != nil {
		return nil, err
	}
	modules := map[string]access.ModuleDescription{}
	describe := func(label string) (access.ModuleDescription, error) {
		if d, ok := modules[label]; ok {
			return d, nil
		}
		d, err := t.session.Describe(label)
		if err == nil {
			modules[label] = d
		}
		return d, err
	}
	var rows [][]string
	add := func(d access.ModuleDescription, register string) bool {
		for _, o := range d.Outputs {
			if strings.EqualFold(o.Name, register) {
				value := "no value"
				if snapshot != nil {
					value = show(snapshot.Value(view.Find(d.Label+"/"+o.Name)), o.Unit)
				}
				rows = append(rows, []string{d.Label + "/" + o.Name, value})
				return true
			}
		}
		for _, s := range d.Setups {
			if strings.EqualFold(s.Name, register) {
				rows = append(rows, []string{d.Label + "/" + s.Name, strings.TrimSpace(s.Value + " " + s.Unit)})
				return true
			}
		}
		return false
	}
	for _, label := range labels {
		module, register, whole := strings.Cut(label, "/")
		d, err := describe(module)
		if err == nil && !whole {
			for _, o := range d.Outputs {
				add(d, o.Name)
			}
			for _, s := range d.Setups {
				add(d, s.Name)
			}
		} else {
			if !whole {
				register = label
				if d, err = describe(powerMeter); err != nil {
					return nil, err
				}
			}
			if found := err == nil && add(d, register); !found && !leaveOut {
				return nil, access.NewRefusal(access.CodeNotFound, "there is no register "+quoted(label))
			}
		}
		if len(rows) > maxRead {
			return nil, usage("these are more than %d registers: ask for fewer", maxRead)
		}
	}
	return rows, nil
}

func quoted(text string) string {
	if len(text) > 100 {
		text = text[:100]
	}
	return `"` + plain(text) + `"`
}
