// Package template holds the models and their factory templates as data (models.json says
// what each model has, frameworks/*.txt how its modules are programmed, generations.json
// what depends on the firmware) and the template as text: Parse, Format, Export, Compare, Plan and Model.Rebuild. docs/templates.md is its
// description.
package template

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/ion/modules"
	"github.com/hepmeter/hepmeter/registermap"
	"github.com/hepmeter/hepmeter/waveform"
)

//go:embed models.json generations.json frameworks/*.txt
var data embed.FS

// Manufacturer is what the Factory module shows.
const Manufacturer = "hepmeter"

// Model is one model of meter.
type Model struct {
	// Name is the model as `--model` takes it; Product the text of its identification.
	Name, Product string
	// SamplesPerCycle is the rate at which its inputs are sampled.
	SamplesPerCycle int
	// Inputs are the physical inputs.
	Inputs []waveform.Role
	Limits ion.Limits
	// Program makes its factory modules, but for the accounts, which depend on the
	// firmware.
	Program []ion.Change
}

// Models returns all models.
func Models() ([]Model, error) {
	text, err := data.ReadFile("models.json")
	if err != nil {
		return nil, fmt.Errorf("reading the models: %w", err)
	}
	return parseModels(text, func(framework string) ([]byte, error) {
		return data.ReadFile("frameworks/" + framework + ".txt")
	})
}

// Names returns the names of all models, in the order in which they are offered.
func Names() ([]string, error) {
	models, err := Models()
	names := make([]string, len(models))
	for i, m := range models {
		names[i] = m.Name
	}
	return names, err
}

// Load returns the model called name; the case does not matter.
func Load(name string) (Model, error) {
	models, err := Models()
	if err != nil {
		return Model{}, err
	}
	names := make([]string, len(models))
	for i, m := range models {
		if strings.EqualFold(m.Name, name) {
			return m, nil
		}
		names[i] = m.Name
	}
	return Model{}, fmt.Errorf("there is no model %q: use one of %s", name, strings.Join(names, ", "))
}

// Build makes a factory-fresh node of the model, of the generation of the firmware that
// revision names.
func (m Model) Build(serial, revision string) (*ion.Node, error) {
	g, err := GenerationOf(revision)
	if err != nil {
		return nil, err
	}
	return m.build(g, slices.Concat(m.Program, g.accounts()), serial, revision)
}

func (m Model) build(g Generation, program []ion.Change, serial, revision string) (*ion.Node, error) {
	node, err := ion.New(ion.Config{
		Types: g.types(), Limits: g.limit(m.Limits), Program: program,
		Identity: ion.Identity{Model: m.Name, Manufacturer: Manufacturer, Serial: serial, Revision: revision,
			Options:  fmt.Sprintf("%d inputs, %d samples per cycle", len(m.Inputs), m.SamplesPerCycle),
			Template: m.Name + " factory " + revision},
	})
	if err != nil {
		return nil, fmt.Errorf("building a %s: %w", m.Name, err)
	}
	return node, nil
}

// The schema of models.json.
type modelData struct {
	Name            string   `json:"name"`
	Product         string   `json:"product"`
	SamplesPerCycle int      `json:"samplesPerCycle"`
	Inputs          []string `json:"inputs"`
	Frameworks      []string `json:"frameworks"`
	Limits          struct {
		ChainDepth       int            `json:"chainDepth"`
		HalfCycleModules int            `json:"halfCycleModules"`
		LogKilobytes     int64          `json:"logKilobytes"`
		Modules          map[string]int `json:"modules"`
	} `json:"limits"`
}

// parseModels reads the models and their frameworks, and reports all that is wrong.
func parseModels(text []byte, framework func(name string) ([]byte, error)) ([]Model, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var rows []modelData
	if err := decoder.Decode(&rows); err != nil {
		return nil, fmt.Errorf("models.json: %w", err)
	}
	var models []Model
	var problems []error
	types, mappings := modules.Catalogue(), modules.Mappings()
	for _, row := range rows {
		m, err := row.model(types, mappings, framework)
		if err != nil {
			problems = append(problems, fmt.Errorf("model %q: %w", row.Name, err))
		}
		if slices.ContainsFunc(models, func(o Model) bool { return strings.EqualFold(o.Name, m.Name) }) {
			problems = append(problems, fmt.Errorf("model %q: listed twice", row.Name))
		}
		models = append(models, m)
	}
	return models, errors.Join(problems...)
}

func (row modelData) model(types []ion.Type, mappings []registermap.Mapping, framework func(name string) ([]byte, error)) (Model, error) {
	m := Model{Name: row.Name, Product: row.Product, SamplesPerCycle: row.SamplesPerCycle,
		Limits: ion.Limits{ChainDepth: row.Limits.ChainDepth, Modules: row.Limits.Modules,
			HalfCycle: row.Limits.HalfCycleModules, LogBytes: row.Limits.LogKilobytes * 1024}}
	var problems []error
	if row.Name == "" || row.Product == "" {
		problems = append(problems, errors.New("needs a name and a product text"))
	}
	if row.SamplesPerCycle < 16 || row.SamplesPerCycle > 65_536 {
		problems = append(problems, fmt.Errorf("%d samples per cycle are outside 16 to 65536", row.SamplesPerCycle))
	}
	for _, name := range row.Inputs {
		role, err := waveform.ParseRole(name)
		if err != nil {
			problems = append(problems, err)
		}
		m.Inputs = append(m.Inputs, role)
	}
	for typeName := range row.Limits.Modules {
		if !slices.ContainsFunc(types, func(t ion.Type) bool { return t.Name == typeName }) {
			problems = append(problems, fmt.Errorf("limit of an unknown module type %q", typeName))
		}
	}
	for _, name := range row.Frameworks {
		text, err := framework(name)
		if err != nil {
			problems = append(problems, fmt.Errorf("framework %q: %w", name, err))
			continue
		}
		changes, err := Parse(text)
		if err != nil {
			problems = append(problems, fmt.Errorf("framework %q: %w", name, err))
		}
		m.Program = append(m.Program, changes...)
	}
	m.Program = append(m.Program, dataMapping(m.Program, mappings)...)
	// A meter is called by its model until its owner gives it a name.
	m.Program = append(m.Program, ion.Set{Register: "Factory/Device Name", Value: m.Name})
	return m, errors.Join(problems...)
}
