package ionp

import "fmt"

// ProgramRequest changes modules and links in one transaction: all steps or none.
type ProgramRequest struct {
	// Steps are done in order.
	Steps []Step `cbor:"1,keyasint,omitempty"`
	// CheckOnly rehearses the steps and changes nothing.
	CheckOnly bool `cbor:"2,keyasint,omitempty"`
}

// StepKind says what a step does.
type StepKind uint8

// The kinds of steps.
const (
	StepCreate StepKind = 0 // a module of type A with label B, and number Number where that is not 0
	StepDelete StepKind = 1 // the module with label A
	StepRename StepKind = 2 // the module or register with label A to B
	StepLink   StepKind = 3 // input A to register B; an empty B takes the link away
	StepSet    StepKind = 4 // setup register A to value B, in text form
)

// Step is one change of a program.
type Step struct {
	// Kind is 0 create, 1 delete, 2 rename, 3 link, 4 set.
	Kind StepKind `cbor:"1,keyasint"`
	// A is what is changed: the label of a module or register, or the type of the module to
	// create.
	A string `cbor:"2,keyasint,omitempty"`
	// B is the label of what is created, the new label, the register to link to (empty to
	// take the link away), or the value in text form.
	B string `cbor:"3,keyasint,omitempty"`
	// Number is that of the module to create; 0 leaves it to the meter.
	Number uint32 `cbor:"4,keyasint,omitempty"`
}

func (r *ProgramRequest) check() error {
	if len(r.Steps) == 0 {
		return fmt.Errorf("steps are missing")
	}
	if err := list("step list", len(r.Steps), MaxChanges); err != nil {
		return err
	}
	for i := range r.Steps {
		if err := r.Steps[i].check(); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return nil
}

func (s *Step) check() error {
	if s.Kind > StepSet {
		return fmt.Errorf("kind %d: want 0 (create) to 4 (set)", s.Kind)
	}
	return first(required("first text", s.A, MaxLabel), text("second text", s.B, MaxText))
}

// ProgramReply says how many steps were done, or would be.
type ProgramReply struct {
	// Changed is how many steps were done, or would be.
	Changed uint32 `cbor:"1,keyasint"`
}

// TemplateSaveRequest writes the program as a template file.
type TemplateSaveRequest struct{}

// TemplateSaveReply is the file, to be fetched by FileRead.
type TemplateSaveReply struct {
	// Path is where it is to be read.
	Path string `cbor:"1,keyasint"`
	// Size is in bytes.
	Size   uint64 `cbor:"2,keyasint"`
	SHA256 []byte `cbor:"3,keyasint,omitempty"`
}

// TemplateLoadRequest makes the program that of a template, by exactly one of Path and
// Text.
type TemplateLoadRequest struct {
	// Path is a file that FileWrite has brought.
	Path string `cbor:"1,keyasint,omitempty"`
	Text string `cbor:"2,keyasint,omitempty"`
	// DryRun lists the differences and changes nothing.
	DryRun bool `cbor:"3,keyasint,omitempty"`
}

func (r *TemplateLoadRequest) check() error {
	if (r.Path == "") == (r.Text == "") {
		return fmt.Errorf("want either a path or a text")
	}
	return first(text("path", r.Path, MaxPath), text("template", r.Text, MaxDocument))
}

// TemplateLoadReply lists what was changed, or would be.
type TemplateLoadReply struct {
	// Differences are one sentence each.
	Differences []string `cbor:"1,keyasint,omitempty"`
}

// SnapshotRequest writes the whole state of the meter as a file.
type SnapshotRequest struct {
	// ID has the meter keep the snapshot under a name, until nobody has read it for an hour: who
	// asks for the same name gets the same snapshot, on whatever path. Letters, digits, - and _.
	// Without a name it is a new one, which the next takes the place of.
	ID string `cbor:"1,keyasint,omitempty"`
}

func (r *SnapshotRequest) check() error { return text("id", r.ID, MaxName) }

// SnapshotReply is the file, to be fetched by FileRead.
type SnapshotReply struct {
	// Path is where it is to be read.
	Path string `cbor:"1,keyasint"`
	// Size is in bytes.
	Size   uint64 `cbor:"2,keyasint"`
	SHA256 []byte `cbor:"3,keyasint,omitempty"`
}

// SnapshotRestoreRequest has a meter that is as it left the factory become the twin of the
// one that a snapshot was made of, and start again. Serial number, keys, certificates and
// clock stay its own.
type SnapshotRestoreRequest struct {
	// Path is the snapshot, which FileWrite has brought into the folder snapshot.
	Path string `cbor:"1,keyasint,omitempty"`
	// DryRun proves the snapshot and changes nothing.
	DryRun bool `cbor:"2,keyasint,omitempty"`
}

func (r *SnapshotRestoreRequest) check() error { return required("path", r.Path, MaxPath) }

// SnapshotRestoreReply tells of the snapshot. The meter has it for good, and is about to
// start again.
type SnapshotRestoreReply struct {
	// Model and Serial are those of the meter that it was made of.
	Model  string `cbor:"1,keyasint"`
	Serial string `cbor:"2,keyasint,omitempty"`
	// Firmware is empty where that meter showed the version of its program.
	Firmware string `cbor:"3,keyasint,omitempty"`
	// Made is in ns since 1970 UTC.
	Made int64 `cbor:"4,keyasint"`
	// What is in it, by number.
	Accounts uint32 `cbor:"5,keyasint,omitempty"`
	Setups   uint32 `cbor:"6,keyasint,omitempty"`
	// Retained are modules that have counted something.
	Retained uint32 `cbor:"7,keyasint,omitempty"`
	Events   uint32 `cbor:"8,keyasint,omitempty"`
	// Logs are those of Data Recorders, Records what they hold.
	Logs    uint32 `cbor:"9,keyasint,omitempty"`
	Records uint32 `cbor:"10,keyasint,omitempty"`
	Gaps    uint32 `cbor:"11,keyasint,omitempty"`
	Files   uint32 `cbor:"12,keyasint,omitempty"`
}
