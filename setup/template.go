package setup

import (
	"bytes"
	"context"

	"github.com/hepmeter/hepmeter/wire/ionp"
)

// Template saves the meter's program as text.
func (m *Meter) Template(ctx context.Context) ([]byte, error) {
	r, err := ask(ctx, m, "saving the template", ionp.TemplateSave, ionp.TemplateSaveRequest{})
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := m.Fetch(ctx, r.Path, &text, nil); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

// templateInline is up to what size a template goes with the request itself.
const templateInline = 48 << 10

// templateUpload is where a larger one is put.
const templateUpload = "template/upload.txt"

// LoadTemplate makes the meter's program that of a text: all of it or nothing. It returns
// the differences, one a line; with dryRun nothing is changed.
func (m *Meter) LoadTemplate(ctx context.Context, text []byte, dryRun bool) ([]string, error) {
	request := ionp.TemplateLoadRequest{DryRun: dryRun, Text: string(text)}
	if len(text) > templateInline {
		if err := m.Send(ctx, templateUpload, text, nil); err != nil {
			return nil, err
		}
		request.Text, request.Path = "", templateUpload
	}
	what := "loading the template"
	if dryRun {
		what = "comparing the template"
	}
	var r ionp.TemplateLoadReply
	err := m.settled(ctx, func() (err error) {
		r, err = ask(ctx, m, what, ionp.TemplateLoad, request)
		return err
	})
	m.mu.Lock()
	m.directory = nil
	m.mu.Unlock()
	return r.Differences, err
}
