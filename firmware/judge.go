package firmware

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Meter is what must be known of a meter to tell whether it takes an image.
type Meter struct {
	Model, Platform, Channel string
	Version                  Version
	// SecurityCounter is the highest of the images that it has committed to.
	SecurityCounter uint32
	// State is the schema version of its durable state.
	State int
	// AsksClients tells that it refuses clients that are too old: generation 3.x does (F4).
	AsksClients bool
	// Clock is what it takes for the time. Trusted is the latest time that it knows to have
	// passed, such as when the image that it runs was built: a clock that is behind it is wrong.
	Clock, Trusted time.Time
	// IgnoreExpiry tells that an administrator has ordered it.
	IgnoreExpiry bool
}

// Client is what is known of the tool that brings an image. Its level is asked for by the
// tool itself (F2), its protocol by the meter (F4); the zero value is not asked for
// anything.
type Client struct {
	Level    Level
	Protocol int
}

// Verdict is whether a meter takes an image.
type Verdict struct {
	// Refusals are why it does not, the one to be told first; none where it does.
	Refusals []*Refusal
	// Warnings are what its administrator should know.
	Warnings []string
	// Path is the way from the meter's version to the image's, both included: two versions where
	// it can be taken at once, none where there is no way.
	Path []Version
}

// Refusal is the first of the refusals, as an error; nil where the image is taken.
func (v Verdict) Refusal() error {
	if len(v.Refusals) == 0 {
		return nil
	}
	return v.Refusals[0]
}

// Has tells whether a refusal has the code.
func (v Verdict) Has(code Code) bool {
	return slices.ContainsFunc(v.Refusals, func(r *Refusal) bool { return r.Code == code })
}

// Judge tells whether a meter takes an image with manifest m from a client, by the rules of
// firmware (F1, F2, F4, F5), in this order: what is no image for this meter at all, what it
// has or has left behind, what it must become first, what the client must be. known are the
// releases over which a way may lead. The signature is not its business: Trust.Prove.
func Judge(m Manifest, meter Meter, client Client, known []Release) Verdict {
	var v Verdict
	refuse := func(code Code, reason string, args ...any) {
		v.Refusals = append(v.Refusals, Refuse(code, reason, args...))
	}
	if m.Product != Product {
		refuse(CodeWrongProduct, "the image is of product %s", m.Product)
	}
	if !slices.Contains(m.Models, meter.Model) {
		refuse(CodeWrongModel, "the image is for %s, and this is an %s", strings.Join(m.Models, ", "), meter.Model)
	}
	if m.Platform != meter.Platform {
		refuse(CodeWrongPlatform, "the image is for %s, and the meter runs on %s", m.Platform, meter.Platform)
	}
	if m.Channel != "" && m.Channel != meter.Channel {
		refuse(CodeWrongChannel, "the image is for channel %s, and this meter is of %s", m.Channel, orNone(meter.Channel))
	}
	order := m.Version.Compare(meter.Version)
	switch {
	case order == 0:
		refuse(CodeAlreadyInstalled, "the meter runs firmware %s already", meter.Version)
		v.Path = []Version{meter.Version}
		return v
	case order < 0:
		refuse(CodeDowngrade, "the image is of firmware %s, and the meter runs %s", m.Version, meter.Version)
	}
	if m.SecurityCounter < meter.SecurityCounter {
		refuse(CodeSecurityCounter, "the security counter of the image is %d, and that of the meter %d: a release since then has mended what this one would bring back",
			m.SecurityCounter, meter.SecurityCounter)
	}
	if order > 0 {
		v.Path = steps(meter.Version, m, meter.Model, known)
		if meter.Version.Compare(m.MinSource) < 0 {
			way := "no known release leads there"
			if v.Path != nil {
				way = "go " + arrows(v.Path)
			}
			refuse(CodeSourceTooOld, "firmware %s can be upgraded from %s or newer, and the meter runs %s: %s", m.Version, m.MinSource, meter.Version, way)
		}
	}
	if meter.State < m.State.Oldest || meter.State > m.State.Writes {
		refuse(CodeStateUnreadable, "the image reads state of schema %d to %d, and the meter's is %d", m.State.Oldest, m.State.Writes, meter.State)
	}
	now := meter.Clock
	if now.Before(meter.Trusted) {
		now = meter.Trusted
		v.Warnings = append(v.Warnings, fmt.Sprintf("the meter's clock says %s, which is before %s, when it is known to have run: set it",
			meter.Clock.UTC().Format(time.DateTime), meter.Trusted.UTC().Format(time.DateTime)))
	}
	if !m.Expires.IsZero() && now.After(m.Expires) {
		reason := fmt.Sprintf("the image has expired on %s", m.Expires.Format(time.DateOnly))
		if meter.IgnoreExpiry {
			v.Warnings = append(v.Warnings, reason+", and is taken by order")
		} else {
			refuse(CodeExpired, "%s, and the meter takes it to be %s", reason, now.UTC().Format(time.DateOnly))
		}
	}
	if client.Level != "" && client.Level.Compare(m.MinTool) < 0 {
		refuse(CodeToolTooOld, "firmware %s needs a setup tool of level %s or newer, and this one is of level %s", m.Version, m.MinTool, client.Level)
	}
	if client.Protocol != 0 && client.Protocol < m.MinClient && meter.AsksClients {
		refuse(CodeClientTooOld, "the client speaks version %d of the object protocol, and firmware %s is taken from clients of version %d or newer", client.Protocol, m.Version, m.MinClient)
	}
	return v
}

func arrows(way []Version) string {
	texts := make([]string, len(way))
	for i, v := range way {
		texts[i] = v.String()
	}
	return strings.Join(texts, " -> ")
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
