package setup

import (
	"context"
	"fmt"
	"strings"

	"github.com/hepmeter/hepmeter/wire/ionp"
)

// Manager is the kind of all modules of one type.
type Manager struct {
	Type    string `json:"type"`
	Number  int    `json:"number"`
	Kind    string `json:"kind"`
	Rate    string `json:"rate"`
	Doc     string `json:"doc"`
	Modules int    `json:"modules"`
}

// Managers lists the types of modules that the meter knows.
func (m *Meter) Managers(ctx context.Context) ([]Manager, error) {
	r, err := ask(ctx, m, "listing types of modules", ionp.Managers, ionp.ManagersRequest{})
	if err != nil {
		return nil, err
	}
	list := make([]Manager, 0, len(r.Managers))
	for _, w := range r.Managers {
		list = append(list, Manager{w.Type, int(w.Number), w.Kind, w.Rate, w.Doc, int(w.Modules)})
	}
	return list, nil
}

// ModuleEntry is a line of the list of modules.
type ModuleEntry struct {
	Label  string `json:"label"`
	Type   string `json:"type"`
	Number int    `json:"number"`
	Online bool   `json:"online"`
	// Offline is why it is not.
	Offline    string `json:"offline,omitempty"`
	SetupCount uint64 `json:"setup_count"`
}

// modulesAtATime is how many modules are listed with one request.
const modulesAtATime = 200

// Modules lists the modules of a type, of all where it is empty.
func (m *Meter) Modules(ctx context.Context, manager string) ([]ModuleEntry, error) {
	list := []ModuleEntry{}
	request := ionp.ModulesRequest{Manager: manager, Limit: modulesAtATime}
	for {
		r, err := ask(ctx, m, "listing modules", ionp.Modules, request)
		if err != nil {
			return nil, err
		}
		for _, w := range r.Modules {
			list = append(list, ModuleEntry{w.Label, w.Type, int(w.Number), w.Online, w.Offline, w.SetupCount})
		}
		if r.Next <= request.From {
			return list, nil
		}
		request.From = r.Next
	}
}

// Module describes a module whole.
type Module struct {
	Label   string          `json:"label"`
	Type    string          `json:"type"`
	Inputs  []Input         `json:"inputs"`
	Outputs []Output        `json:"outputs"`
	Setups  []SetupRegister `json:"setups"`
}

// Input is an input of a module, and what it is linked to.
type Input struct {
	Name      string   `json:"name"`
	Link      string   `json:"link"`
	Classes   []string `json:"classes"`
	Mandatory bool     `json:"mandatory"`
	Fixed     bool     `json:"fixed"`
}

// Output is an output register, and the inputs that are linked to it.
type Output struct {
	Name   string   `json:"name"`
	Class  string   `json:"class"`
	Unit   string   `json:"unit"`
	Owners []string `json:"owners"`
}

// SetupRegister is a setup register with its limits.
type SetupRegister struct {
	Name      string   `json:"name"`
	Class     string   `json:"class"`
	Unit      string   `json:"unit"`
	Low       *float64 `json:"low"` // nil for no bound
	High      *float64 `json:"high"`
	Whole     bool     `json:"whole"`
	Options   []string `json:"options,omitempty"`
	MaxLength int      `json:"max_length,omitempty"`
	Default   string   `json:"default"`
	Doc       string   `json:"doc"`
	Value     string   `json:"value"`
}

// Takes says in words what the register takes.
func (s SetupRegister) Takes() string {
	switch {
	case len(s.Options) > 0:
		return strings.Join(s.Options, ", ")
	case s.MaxLength > 0:
		return fmt.Sprintf("text, up to %d characters", s.MaxLength)
	case s.Low == nil || s.High == nil:
		return s.Class
	}
	text := fmt.Sprintf("%.10g to %.10g", *s.Low, *s.High)
	if s.Unit != "" {
		text += " " + s.Unit
	}
	if s.Whole {
		text += ", whole"
	}
	return text
}

// Module describes a module by its label.
func (m *Meter) Module(ctx context.Context, label string) (Module, error) {
	r, err := ask(ctx, m, "describing "+label, ionp.Module, ionp.ModuleRequest{Label: label})
	if err != nil {
		return Module{}, err
	}
	module := Module{Label: r.Label, Type: r.Type, Inputs: []Input{}, Outputs: []Output{}, Setups: []SetupRegister{}}
	for _, w := range r.Inputs {
		module.Inputs = append(module.Inputs, Input{w.Name, w.Link, w.Classes, w.Mandatory, w.Fixed})
	}
	for _, w := range r.Outputs {
		module.Outputs = append(module.Outputs, Output{w.Name, w.Class, w.Unit, w.Owners})
	}
	for _, w := range r.Setups {
		module.Setups = append(module.Setups, SetupRegister{w.Name, w.Class, w.Unit, w.Low, w.High, w.Whole, w.Options, int(w.MaxLength), w.Default, w.Doc, w.Value})
	}
	return module, nil
}

// CreateModule makes a module; number 0 takes the lowest that is free.
func (m *Meter) CreateModule(ctx context.Context, typeName, label string, number int) error {
	return m.program(ctx, "creating "+label, ionp.Step{Kind: ionp.StepCreate, A: typeName, B: label, Number: uint32(number)})
}

// DeleteModule deletes a module.
func (m *Meter) DeleteModule(ctx context.Context, label string) error {
	return m.program(ctx, "deleting "+label, ionp.Step{Kind: ionp.StepDelete, A: label})
}

// RenameModule gives a module another label.
func (m *Meter) RenameModule(ctx context.Context, label, to string) error {
	return m.program(ctx, "renaming "+label, ionp.Step{Kind: ionp.StepRename, A: label, B: to})
}

// Link links an input to a register; an empty register unlinks it.
func (m *Meter) Link(ctx context.Context, input, register string) error {
	return m.program(ctx, "linking "+input, ionp.Step{Kind: ionp.StepLink, A: input, B: register})
}

func (m *Meter) program(ctx context.Context, what string, change ionp.Step) error {
	_, err := ask(ctx, m, what, ionp.Program, ionp.ProgramRequest{Steps: []ionp.Step{change}})
	m.mu.Lock()
	m.directory = nil // what registers there are may have changed
	m.mu.Unlock()
	return err
}
