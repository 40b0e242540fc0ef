package ssh

import (
	"context"
	"fmt"
	"strings"

	"github.com/hepmeter/hepmeter/access"
)

// keyReadings are what status shows, where the meter has them.
func keyReadings() []string {
	var list []string
	for _, name := range []string{"Vln a", "Vln b", "Vln c", "Vll ab", "Vll bc", "Vll ca", "Ia", "Ib", "Ic", "I4", "kW tot", "kVAR tot", "kVA tot", "PF sign tot", "Freq"} {
		list = append(list, powerMeter+"/"+name)
	}
	return append(list, "kWh del/Result", "kWh rec/Result")
}

// status shows the meter at a glance.
func (t *terminal) status(_ context.Context, args []string) error {
	if err := none(args); err != nil {
		return err
	}
	info, err := t.session.Info()
	if err != nil {
		return err
	}
	rows := [][]string{
		{"model", info.Model}, {"serial number", info.Serial}, {"firmware", info.Firmware},
		{"device name", info.DeviceName}, {"owner", info.Owner}, {"tags", strings.TrimSpace(info.Tag1 + " " + info.Tag2)},
		{"time", stamp(info.Time)}, {"up", fmt.Sprintf("%s, %d power-ups", span(info.Uptime), info.PowerUps)}, {"source", info.Source},
		{"security", t.channel.conn.server.gate.Security().Mode.String()}, {"you", t.who()},
	}
	if waits, ok := t.pending(); ok {
		rows = append(rows, []string{"waits for `confirm`", waits})
	}
	shown := rows[:0]
	for _, row := range rows {
		if row[1] != "" {
			shown = append(shown, row)
		}
	}
	t.table([]string{"meter", ""}, shown)
	view, err := t.session.Registers(access.Readings)
	if err != nil {
		return err
	}
	readings, err := t.readings(view, keyReadings(), true)
	if err != nil {
		return err
	}
	t.printf("\n")
	t.table([]string{"reading", "value"}, readings)
	return nil
}

// pending tells what waits for its confirmation.
func (t *terminal) pending() (text string, ok bool) {
	until, what, ok := t.session.Pending()
	if !ok {
		return "", false
	}
	return fmt.Sprintf("%s, taken back in %s unless confirmed", what, span(max(0, until.Sub(t.channel.conn.server.options.Now())))), true
}

// whoami tells who the session is and what it may do.
func (t *terminal) whoami(_ context.Context, args []string) error {
	if err := none(args); err != nil {
		return err
	}
	own := t.session.Own()
	var may []string
	for _, op := range own.Operations {
		may = append(may, op.String())
	}
	t.table([]string{"you", t.who()}, [][]string{
		{"since", stamp(own.Since)}, {"permissions", strings.Join(own.Permissions.Words(), " ")}, {"you may", strings.Join(may, ", ")},
	})
	return nil
}
