package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/setup"
	"github.com/spf13/cobra"
)

func (a *app) newInfoCommand(told **report) *cobra.Command {
	return &cobra.Command{
		Use:   "info ADDR",
		Short: "What a meter is: model, firmware, names, ports, key",
		Long: `Info shows the meter's name plate, and the fingerprint of the key with which it signs
its event log. Through Modbus it also tells what the way there passes, and how fast it is.

  hepsetup info localhost
  hepsetup info modbus://localhost:5020/255
  hepsetup info 'rtu:/dev/ttyUSB0?baud=19200&parity=N&unit=100'`,
		Args: takes(1, 1, "the address of a meter"),
		RunE: a.withMeter(told, func(ctx context.Context, m *setup.Meter, _ []string) (report, error) {
			info, err := m.Info(ctx)
			if err != nil { // what it tells anyone who connects
				greeting := map[string]any{"model": m.Model(), "firmware": m.Firmware(), "takes": m.Takes()}
				return report{}, failure{err, report{greeting, func(p *page) {
					p.line("%s, firmware %s; it takes now: %s", clean(m.Model()), clean(m.Firmware()), clean(strings.Join(m.Takes(), ", ")))
				}}}
			}
			told := infoReport{Info: info}
			if path, ok := m.Path(); ok {
				told.Path = &path
			}
			return report{told, func(p *page) { showInfo(p, told) }}, nil
		}),
	}
}

// infoReport is a name plate, and through Modbus what the way there passes.
type infoReport struct {
	setup.Info
	Path *setup.Path `json:"path,omitempty"`
}

func showInfo(p *page, i infoReport) {
	row := func(name, text string) {
		if text != "" {
			p.item(name, clean(text))
		}
	}
	p.line("%s", p.bold(clean(i.Model)+" "+clean(i.Serial)))
	row("firmware", i.Firmware+" (generation "+i.Generation+")")
	row("name", i.DeviceName)
	row("owner", i.Owner)
	row("tags", strings.Join(slices.DeleteFunc(slices.Clone(i.Tags), func(s string) bool { return s == "" }), ", "))
	row("program", strings.TrimPrefix(i.Template+", "+things(i.Modules, "module"), ", "))
	row("source", i.Source)
	row("time", stamp(i.Time))
	row("up", setup.Short(time.Duration(i.UptimeS)*time.Second)+", power-up "+strconv.FormatInt(i.PowerUps, 10))
	var endpoints []string
	for _, name := range slices.Sorted(maps.Keys(i.Endpoints)) {
		endpoints = append(endpoints, name+" "+i.Endpoints[name])
	}
	row("serves", strings.Join(endpoints, ", "))
	row("sessions", strconv.Itoa(i.Sessions))
	row("log key", i.Fingerprint)
	if i.Path != nil {
		row("path", fmt.Sprintf("passes frames of %d bytes there and %d back, %s a round trip, %.0f bytes/s", i.Path.RequestFrame, i.Path.AnswerFrame,
			time.Duration(i.Path.RoundTripS*float64(time.Second)).Round(10*time.Microsecond), i.Path.BytesPerSecond))
	}
}

// stamp writes a time to the second; cell does so in a column whose heading says UTC.
func stamp(t time.Time) string { return cell(t) + " UTC" }
func cell(t time.Time) string  { return t.UTC().Format(time.DateTime) }
