package template

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/ion/modules"
)

// Generation is what a firmware version decides: FA409164 for the security modes, accounts
// and doors of each, the security manuals of the family for the rest.
type Generation struct {
	// Name is that of the generation: "2.x".
	Name string
	// Versions are the firmware versions that belong to it, in ascending order.
	Versions []Version
	// SecurityModes are the values of Security Options/Security Mode, FactoryMode the one
	// that a meter leaves the factory with, FactoryMapAccess that of Modbus Map Access.
	SecurityModes                 []string
	FactoryMode, FactoryMapAccess string
	// Accounts is the largest number of Security User modules, and their highest number;
	// FactoryAccounts are the numbers of those that the factory makes, with all
	// permissions.
	Accounts        int
	FactoryAccounts []int
	// Protocol is the version of the object protocol that its meters speak.
	Protocol int
	// PanelPassword says that the front panel can change a password, HTTPS and SSH that
	// there are such doors.
	PanelPassword, HTTPS, SSH bool

	setups []setupData
}

// Version is a version of the firmware.
type Version struct {
	Version string `json:"version"`
	// Models are those that it was made for; none means all of them.
	Models []string `json:"models"`
}

// Generations returns all generations, oldest first.
func Generations() ([]Generation, error) {
	text, err := data.ReadFile("generations.json")
	if err != nil {
		return nil, fmt.Errorf("reading the generations: %w", err)
	}
	return parseGenerations(text, modules.Catalogue())
}

// GenerationOf returns the generation of a firmware version. A patch release is of the generation
// of the version that it mends: 3.0.1 of that of 3.0.0. An unknown one is an error: what a
// meter refuses must not depend on a guess.
func GenerationOf(version string) (Generation, error) {
	generations, err := Generations()
	if err != nil {
		return Generation{}, err
	}
	wanted, wrong := versionNumbers(version)
	var known []string
	for _, g := range generations {
		for _, v := range g.Versions {
			// Those that are known have been checked.
			mended, _ := versionNumbers(v.Version)
			if wrong == nil && wanted[0] == mended[0] && wanted[1] == mended[1] && wanted[2] >= mended[2] {
				return g, nil
			}
			known = append(known, v.Version)
		}
	}
	return Generation{}, fmt.Errorf("there is no firmware %q: use one of %s", version, strings.Join(known, ", "))
}

// Versions returns the firmware versions of a model, or with an empty name those of any,
// in ascending order.
func Versions(model string) ([]string, error) {
	generations, err := Generations()
	var versions []string
	for _, g := range generations {
		for _, v := range g.Versions {
			if model == "" || len(v.Models) == 0 || slices.Contains(v.Models, model) {
				versions = append(versions, v.Version)
			}
		}
	}
	return versions, err
}

// accountType is the type whose modules are the accounts.
const accountType = "Security User"

// types is the catalogue as the generation has it.
func (g Generation) types() []ion.Type {
	types := modules.Catalogue()
	for _, row := range g.setups {
		if s := row.find(types); s != nil {
			s.Options, s.Default = row.Options, row.Factory
		}
	}
	return types
}

// limit are a model's limits with those of the generation.
func (g Generation) limit(limits ion.Limits) ion.Limits {
	counts := maps.Clone(limits.Modules)
	if counts == nil {
		counts = map[string]int{}
	}
	counts[accountType] = g.Accounts
	limits.Modules = counts
	return limits
}

// accounts makes the accounts of the factory.
func (g Generation) accounts() (changes []ion.Change) {
	types := modules.Catalogue()
	account := types[slices.IndexFunc(types, func(t ion.Type) bool { return t.Name == accountType })]
	for _, number := range g.FactoryAccounts {
		label := fmt.Sprintf("%s %d", accountType, number)
		changes = append(changes, ion.Create{Type: accountType, Label: label, Number: number})
		for _, permission := range account.Setups {
			changes = append(changes, ion.Set{Register: label + "/" + permission.Name, Value: "ON"})
		}
	}
	return changes
}

// The schema of generations.json.
type generationData struct {
	Name            string      `json:"name"`
	Versions        []Version   `json:"versions"`
	Accounts        int         `json:"accounts"`
	FactoryAccounts []int       `json:"factoryAccounts"`
	Protocol        int         `json:"protocol"`
	PanelPassword   bool        `json:"panelPassword"`
	HTTPS           bool        `json:"https"`
	SSH             bool        `json:"ssh"`
	Setups          []setupData `json:"setups"`
}

// setupData are the options that a generation has of an enumerated setup register.
type setupData struct {
	Type    string   `json:"type"`
	Name    string   `json:"name"`
	Options []string `json:"options"`
	Factory string   `json:"factory"`
}

// find returns the setup register, nil if the catalogue does not have it.
func (row setupData) find(types []ion.Type) *ion.Setup {
	for _, t := range types {
		for i := range t.Setups {
			if t.Name == row.Type && t.Setups[i].Name == row.Name {
				return &t.Setups[i]
			}
		}
	}
	return nil
}

// check tells what is wrong. Options keep the catalogue's order. A factory value may
// differ from the catalogue's only where the generation does not have that one: stored
// programs leave out what is at the catalogue's default.
func (row setupData) check(types []ion.Type) error {
	s := row.find(types)
	switch {
	case s == nil || s.Class != ion.Enumerated:
		return fmt.Errorf("%s/%s is no enumerated setup register", row.Type, row.Name)
	case len(row.Options) == 0 || !slices.Contains(row.Options, row.Factory):
		return fmt.Errorf("%s/%s: factory value %q is none of its options", row.Type, row.Name, row.Factory)
	case row.Factory != s.Default && slices.Contains(row.Options, s.Default):
		return fmt.Errorf("%s/%s: factory value %q, want the catalogue's %q, which is one of the options", row.Type, row.Name, row.Factory, s.Default)
	}
	next := 0
	for _, option := range row.Options {
		i := slices.Index(s.Options[next:], option)
		if i < 0 {
			return fmt.Errorf("%s/%s: option %q is none of the catalogue's, or out of its order", row.Type, row.Name, option)
		}
		next += i + 1
	}
	return nil
}

// parseGenerations reads the generations, and reports all that is wrong.
func parseGenerations(text []byte, types []ion.Type) ([]Generation, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var rows []generationData
	if err := decoder.Decode(&rows); err != nil {
		return nil, fmt.Errorf("generations.json: %w", err)
	}
	var generations []Generation
	var problems []error
	latest := [3]int{}
	for _, row := range rows {
		g, err := row.generation(types)
		for _, v := range row.Versions {
			numbers, versionErr := versionNumbers(v.Version)
			if versionErr == nil && slices.Compare(numbers[:], latest[:]) <= 0 {
				versionErr = fmt.Errorf("version %s: versions ascend", v.Version)
			}
			latest = numbers
			err = errors.Join(err, versionErr)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("generation %q: %w", row.Name, err))
		}
		generations = append(generations, g)
	}
	return generations, errors.Join(problems...)
}

func (row generationData) generation(types []ion.Type) (Generation, error) {
	g := Generation{Name: row.Name, Versions: row.Versions, Accounts: row.Accounts, FactoryAccounts: row.FactoryAccounts,
		Protocol: row.Protocol, PanelPassword: row.PanelPassword, HTTPS: row.HTTPS, SSH: row.SSH, setups: row.Setups}
	var problems []error
	if row.Name == "" || len(row.Versions) == 0 {
		problems = append(problems, errors.New("needs a name and versions"))
	}
	if row.Accounts < 1 || row.Accounts > ion.MaxModulesPerType {
		problems = append(problems, fmt.Errorf("%d accounts are outside 1 to %d", row.Accounts, ion.MaxModulesPerType))
	}
	for _, number := range row.FactoryAccounts {
		if number < 1 || number > row.Accounts {
			problems = append(problems, fmt.Errorf("factory account %d is outside 1 to %d", number, row.Accounts))
		}
	}
	if row.Protocol < 1 {
		problems = append(problems, fmt.Errorf("protocol version %d: want 1 or more", row.Protocol))
	}
	for _, s := range row.Setups {
		if err := s.check(types); err != nil {
			problems = append(problems, err)
			continue
		}
		switch s.Type + "/" + s.Name {
		case "Security Options/Security Mode":
			g.SecurityModes, g.FactoryMode = s.Options, s.Factory
		case "Security Options/Modbus Map Access":
			g.FactoryMapAccess = s.Factory
		}
	}
	if g.FactoryMode == "" || g.FactoryMapAccess == "" {
		problems = append(problems, errors.New("needs rows for Security Mode and Modbus Map Access of Security Options"))
	}
	return g, errors.Join(problems...)
}

// versionNumbers reads a version such as 3.0.0.
func versionNumbers(version string) (numbers [3]int, err error) {
	if n, _ := fmt.Sscanf(version, "%d.%d.%d", &numbers[0], &numbers[1], &numbers[2]); n != 3 ||
		version != fmt.Sprintf("%d.%d.%d", numbers[0], numbers[1], numbers[2]) {
		return numbers, fmt.Errorf("version %q: want three numbers such as 3.0.0", version)
	}
	return numbers, nil
}
