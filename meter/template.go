package meter

import (
	"context"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/ion/template"
)

// Template saves the program of the running meter as text (docs/templates.md). It bears no
// time: the same program is the same text, also for who fetches it in parts.
func (m *Meter) Template(ctx context.Context) ([]byte, error) {
	var text []byte
	err := m.ask(ctx, func(time.Time) error {
		text = m.templateOf(m.node)
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
	return m.loadTemplate(ctx, text, by, func(access.Modules, []access.Change) error { return nil }, false)
}

// loadTemplate asks judge before it changes anything; with rehearse it only tells what it
// would change.
func (m *Meter) loadTemplate(ctx context.Context, text []byte, by ion.By, judge access.Judge, rehearse bool) (template.Differences, error) {
	target, err := template.Parse(text)
	if err != nil {
		return nil, access.NewRefusal(access.CodeBadRequest, "reading the template: "+err.Error())
	}
	var changed template.Differences
	do := func(now time.Time) error {
		before := m.node.Listing()
		plan, err := template.Plan(m.node, target)
		if err != nil {
			return refusalOf(err)
		}
		if err := judge(directory{m.node.Directory()}, judged(plan)); err != nil {
			return err
		}
		if rehearse {
			changed = template.Compare(before, target)
			return nil
		}
		if err := m.node.Program(plan, by, now); err != nil {
			return refusalOf(err)
		}
		m.secure(nil)
		changed = template.Compare(before, m.node.Listing())
		return nil
	}
	if err := m.order(ctx, command{do: do, asks: rehearse, done: make(chan error, 1)}); err != nil {
		return nil, err
	}
	return changed, nil
}

// judged are changes of a program in the gate's terms.
func judged(plan []ion.Change) []access.Change {
	list := make([]access.Change, len(plan))
	for i, c := range plan {
		switch c := c.(type) {
		case ion.Create:
			list[i] = access.Change{Kind: access.Create, Object: c.Label, Text: c.Type, Number: c.Number}
		case ion.Delete:
			list[i] = access.Change{Kind: access.Delete, Object: c.Module}
		case ion.Rename:
			list[i] = access.Change{Kind: access.Rename, Object: c.Module, Text: c.Label}
		case ion.Link:
			list[i] = access.Change{Kind: access.Link, Object: c.Input, Text: c.Register}
		case ion.Set:
			list[i] = access.Change{Kind: access.Set, Object: c.Register, Text: c.Value}
		}
	}
	return list
}
