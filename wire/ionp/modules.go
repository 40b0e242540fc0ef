package ionp

// ModulesRequest asks for the modules of the program, page by page.
type ModulesRequest struct {
	// Manager is a module type; empty for all.
	Manager string `cbor:"1,keyasint,omitempty"`
	// From is 0, then Next of the reply before.
	From uint64 `cbor:"2,keyasint,omitempty"`
	// Limit is how many to return at most; 0 leaves it to the meter.
	Limit uint32 `cbor:"3,keyasint,omitempty"`
}

func (r *ModulesRequest) check() error {
	return first(text("manager", r.Manager, MaxName), number("limit", r.Limit, 0, MaxPage))
}

// ModulesReply is a page of modules.
type ModulesReply struct {
	// Modules are in the order of their numbers.
	Modules []ModuleSummary `cbor:"1,keyasint,omitempty"`
	// Next is where the next page begins; 0 after the last.
	Next uint64 `cbor:"2,keyasint,omitempty"`
}

// ModuleSummary is a module in a list.
type ModuleSummary struct {
	Label  string `cbor:"1,keyasint"`
	Type   string `cbor:"2,keyasint"`
	Number uint32 `cbor:"3,keyasint"`
	Online bool   `cbor:"4,keyasint"`
	// Offline is why the module does not run.
	Offline string `cbor:"5,keyasint,omitempty"`
	// SetupCount counts the changes of its setup.
	SetupCount uint64 `cbor:"6,keyasint,omitempty"`
}

// ModuleRequest asks for all of one module.
type ModuleRequest struct {
	// Label is that of the module.
	Label string `cbor:"1,keyasint,omitempty"`
}

func (r *ModuleRequest) check() error { return required("label", r.Label, MaxLabel) }

// ModuleReply is all of one module.
type ModuleReply struct {
	Label string `cbor:"1,keyasint"`
	Type  string `cbor:"2,keyasint"`
	// Inputs are its inputs with their links.
	Inputs []Input `cbor:"3,keyasint,omitempty"`
	// Outputs are its output registers, without values.
	Outputs []Output `cbor:"4,keyasint,omitempty"`
	// Setups are its setup registers with their values.
	Setups []Setup `cbor:"5,keyasint,omitempty"`
}

// Input is an input of a module.
type Input struct {
	Name string `cbor:"1,keyasint"`
	// Link is the label of the register it is linked to; empty where it is not linked.
	Link string `cbor:"2,keyasint,omitempty"`
	// Classes are the register classes that may be linked to it.
	Classes   []string `cbor:"3,keyasint,omitempty"`
	Mandatory bool     `cbor:"4,keyasint,omitempty"`
	// Fixed is set where the link cannot be changed.
	Fixed bool `cbor:"5,keyasint,omitempty"`
}

// Output is an output register of a module.
type Output struct {
	Name  string `cbor:"1,keyasint"`
	Class string `cbor:"2,keyasint,omitempty"`
	Unit  string `cbor:"3,keyasint,omitempty"`
	// Owners are the labels of the modules whose inputs are linked to it.
	Owners []string `cbor:"4,keyasint,omitempty"`
}

// Setup is a setup register of a module.
type Setup struct {
	Name  string `cbor:"1,keyasint"`
	Class string `cbor:"2,keyasint,omitempty"`
	Unit  string `cbor:"3,keyasint,omitempty"`
	// Low and High bound a numeric register; absent where there is no bound.
	Low  *float64 `cbor:"4,keyasint,omitempty"`
	High *float64 `cbor:"5,keyasint,omitempty"`
	// Whole is set where only whole numbers are taken.
	Whole bool `cbor:"6,keyasint,omitempty"`
	// Options are the values of an enumerated register.
	Options []string `cbor:"7,keyasint,omitempty"`
	// MaxLength is the longest text, in bytes.
	MaxLength uint32 `cbor:"8,keyasint,omitempty"`
	Default   string `cbor:"9,keyasint,omitempty"`
	Doc       string `cbor:"10,keyasint,omitempty"`
	// Value is the present value, in the text form that a write takes.
	Value string `cbor:"11,keyasint,omitempty"`
}
