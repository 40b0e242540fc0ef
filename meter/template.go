package meter

import (
	"context"
	"fmt"
	"time"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/ion/template"
)

// Template saves the program of the running meter as text (docs/templates.md).
func (m *Meter) Template(ctx context.Context) ([]byte, error) {
	var text []byte
	err := m.ask(ctx, func(now time.Time) error {
		text = template.Export(m.node, template.Header{Model: m.identity.Model, Firmware: m.Firmware(), Saved: now})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return text, nil
}

// LoadTemplate makes the program of the running meter that of a template, or changes
// nothing: the error then has every reason. What both have in common keeps its
// registers and logs. It returns what was changed, when that is durable.
func (m *Meter) LoadTemplate(ctx context.Context, text []byte, by ion.By) (template.Differences, error) {
	target, err := template.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("reading the template: %w", err)
	}
	var changed template.Differences
	err = m.command(ctx, func(now time.Time) error {
		before := m.node.Listing()
		plan, err := template.Plan(m.node, target)
		if err != nil {
			return err
		}
		if err := m.node.Program(plan, by, now); err != nil {
			return err
		}
		changed = template.Compare(before, m.node.Listing())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return changed, nil
}
