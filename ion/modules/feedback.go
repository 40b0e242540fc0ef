package modules

import "github.com/hepmeter/hepmeter/ion"

const (
	inFeedbackSource   = 0
	outFeedbackRelayed = 0
)

func feedback() ion.Type {
	return ion.Type{
		Number: numberFeedback, Name: "Feedback", Kind: ion.Standard,
		Doc: "Relays pulses, and is the one module by which links may lead back to a module they come from. In such a ring a pulse goes on at the next update, so that it " +
			"goes round once in each, never twice. Pulses that came before the module was linked, while it is disabled, or before a power cut are not relayed.",
		Source: "ION Reference (7EN02-0290), Feedback module",
		Inputs: []ion.Input{
			{Name: "Source", Classes: []ion.Class{ion.Pulse}, Mandatory: true, Relays: true},
			enableInput(),
		},
		Outputs: []ion.Output{{Name: "Pulse Out", Class: ion.Pulse, Doc: "each pulse of Source"}},
		New:     func() ion.Behaviour { return relay{} },
	}
}

// relay is the behaviour of Feedback.
type relay struct{}

func (relay) Tick(c *ion.Context) {
	c.PulseTimes(outFeedbackRelayed, int64(c.Pulses(inFeedbackSource)))
}
