package ionp

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

// write writes setup registers and the outputs that clients write, all or none.
func (r *request) write(q *ionp.WriteRequest) (s ionp.WriteReply, err error) {
	changes := make([]access.Change, len(q.Changes))
	outputs := map[string]map[string]bool{} // those that are written, of each module
	for i, c := range q.Changes {
		change := access.Change{Kind: access.Set, Object: c.Label}
		if c.Text != nil {
			change.Text = *c.Text
		} else {
			change.Value = written(*c.Value)
		}
		if r.isOutput(outputs, c.Label) {
			change.Kind = access.Write
		}
		changes[i] = change
	}
	return ionp.WriteReply{Written: uint32(len(changes))}, r.session.Change(r.ctx, changes, false)
}

// isOutput reports whether a label is an output that clients write. Who may not look
// learns nothing: the gate then refuses the change as one of a setup register.
func (r *request) isOutput(outputs map[string]map[string]bool, label string) bool {
	if access.SetOf(label) == access.SecuritySettings || !r.session.May(access.ReadMeasurement) {
		return false
	}
	module, register, _ := strings.Cut(strings.ToLower(label), "/")
	written, known := outputs[module]
	if !known {
		written = map[string]bool{}
		if d, err := r.session.Describe(module); err == nil {
			for _, o := range d.Outputs {
				written[strings.ToLower(o.Name)] = o.Writable
			}
		}
		outputs[module] = written
	}
	return written[register]
}

func (r *request) pulse(q *ionp.PulseRequest) (s ionp.PulseReply, err error) {
	return s, r.session.Change(r.ctx, []access.Change{{Kind: access.Pulse, Object: q.Label}}, false)
}

// program changes modules and links, all or nothing.
func (r *request) program(q *ionp.ProgramRequest) (s ionp.ProgramReply, err error) {
	changes := make([]access.Change, len(q.Steps))
	for i, step := range q.Steps {
		switch step.Kind {
		case ionp.StepCreate:
			changes[i] = access.Change{Kind: access.Create, Text: step.A, Object: step.B, Number: int(step.Number)}
		case ionp.StepDelete:
			changes[i] = access.Change{Kind: access.Delete, Object: step.A}
		case ionp.StepRename:
			changes[i] = access.Change{Kind: access.Rename, Object: step.A, Text: step.B}
		case ionp.StepLink:
			changes[i] = access.Change{Kind: access.Link, Object: step.A, Text: step.B}
		case ionp.StepSet:
			changes[i] = access.Change{Kind: access.Set, Object: step.A, Text: step.B}
		default:
			return s, access.NewRefusal(access.CodeBadRequest, fmt.Sprintf("step %d has the kind %d", i+1, step.Kind))
		}
	}
	return ionp.ProgramReply{Changed: uint32(len(changes))}, r.session.Change(r.ctx, changes, q.CheckOnly)
}

// currentTemplate is the path under which the program is read as a template. It is made
// anew for each block: the hash tells when it has changed meanwhile.
const currentTemplate = "template/current.txt"

func (r *request) templateSave(*ionp.TemplateSaveRequest) (s ionp.TemplateSaveReply, err error) {
	text, err := r.session.Template(r.ctx)
	if err != nil {
		return s, err
	}
	sum := sha256.Sum256(text)
	return ionp.TemplateSaveReply{Path: currentTemplate, Size: uint64(len(text)), SHA256: sum[:]}, nil
}

// maxTemplate bounds a template that comes from a file, in bytes.
const maxTemplate = 1 << 20

func (r *request) templateLoad(q *ionp.TemplateLoadRequest) (s ionp.TemplateLoadReply, err error) {
	text := []byte(q.Text)
	if q.Path != "" {
		if text, err = r.wholeFile(q.Path, maxTemplate); err != nil {
			return s, err
		}
	}
	s.Differences, err = r.session.LoadTemplate(r.ctx, text, q.DryRun)
	return s, err
}

// wholeFile reads a file of the meter up to a limit.
func (r *request) wholeFile(path string, limit int64) ([]byte, error) {
	var text []byte
	for {
		block, file, err := r.session.ReadFile(path, int64(len(text)), ionp.MaxBlock)
		if err != nil {
			return nil, err
		}
		if file.Bytes > limit {
			return nil, access.NewRefusal(access.CodeTooLarge, fmt.Sprintf("%s has %d bytes, and %d are the most", path, file.Bytes, limit))
		}
		text = append(text, block...)
		if len(block) == 0 || int64(len(text)) >= file.Bytes {
			return text, nil
		}
	}
}
