package meter

import (
	"slices"
	"strings"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/ion"
)

// Managers implements access.Works.
func (m *Meter) Managers() []access.Manager {
	d := m.registers.published.Load().ion.Directory()
	list := make([]access.Manager, len(d.Managers))
	for i, manager := range d.Managers {
		t := manager.Type
		list[i] = access.Manager{Type: t.Name, Number: t.Number, Kind: t.Kind.String(), Rate: t.Rate.String(), Doc: t.Doc, Modules: len(manager.Modules)}
	}
	return list
}

// ModuleList implements access.Works.
func (m *Meter) ModuleList(manager string) ([]access.ModuleEntry, error) {
	d := m.registers.published.Load().ion.Directory()
	if manager != "" && !slices.ContainsFunc(d.Managers, func(info ion.ManagerInfo) bool { return strings.EqualFold(info.Type.Name, manager) }) {
		return nil, notFound(manager)
	}
	var list []access.ModuleEntry
	for i := range d.Modules {
		if module := &d.Modules[i]; manager == "" || strings.EqualFold(module.Type.Name, manager) {
			list = append(list, entryOf(module))
		}
	}
	return list, nil
}

func entryOf(module *ion.ModuleInfo) access.ModuleEntry {
	return access.ModuleEntry{Label: module.Label, Type: module.Type.Name, Number: module.Handle.Number(), Offline: module.Offline, SetupCount: module.SetupCount}
}

// Describe implements access.Works.
func (m *Meter) Describe(label string) (access.ModuleDescription, error) {
	s := m.registers.published.Load().ion
	d := s.Directory()
	module := d.Module(label)
	if module == nil {
		return access.ModuleDescription{}, notFound(label)
	}
	t := module.Type
	out := access.ModuleDescription{ModuleEntry: entryOf(module)}
	for i, in := range t.Inputs {
		description := access.InputDescription{Name: in.Name, Link: module.Links[i], Mandatory: in.Mandatory, Fixed: in.Fixed}
		for _, class := range in.Classes {
			description.Classes = append(description.Classes, class.String())
		}
		out.Inputs = append(out.Inputs, description)
	}
	writes := clientWrites(t)
	for i, o := range t.Outputs {
		at := module.First + i
		out.Outputs = append(out.Outputs, access.OutputDescription{Name: o.Name, Class: o.Class.String(), Unit: d.Registers[at].Unit, Doc: o.Doc,
			Owners: d.RegisterOwners(at), Writable: writes && i < len(t.Outputs)-1})
	}
	for i, setup := range t.Setups {
		out.Setups = append(out.Setups, access.SetupDescription{Name: setup.Name, Class: setup.Class.String(), Unit: setup.Unit, Doc: setup.Doc, Default: setup.Default,
			Value: s.Value(module.First + len(t.Outputs) + i).String(), Low: setup.Low, High: setup.High, Whole: setup.Whole, Options: setup.Options, MaxLength: setup.MaxLength})
	}
	return out, nil
}
