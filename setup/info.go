package setup

import (
	"context"
	"time"

	"github.com/hepmeter/hepmeter/wire/ionp"
)

// Info is a meter's name plate.
type Info struct {
	Model       string            `json:"model"`
	Serial      string            `json:"serial"`
	Firmware    string            `json:"firmware"`
	Generation  string            `json:"generation"`
	DeviceName  string            `json:"device_name"`
	Owner       string            `json:"owner"`
	Tags        []string          `json:"tags"`
	Fingerprint string            `json:"fingerprint"` // of the key that signs the event log
	Protocol    int               `json:"protocol"`
	Time        time.Time         `json:"time"`
	UptimeS     int64             `json:"uptime_s"`
	PowerUps    int64             `json:"power_ups"`
	Template    string            `json:"template"`
	Modules     int               `json:"modules"`
	Source      string            `json:"source"`
	Sessions    int               `json:"sessions"`
	Endpoints   map[string]string `json:"endpoints"`
}

// Info reads the name plate.
func (m *Meter) Info(ctx context.Context) (Info, error) {
	r, err := ask(ctx, m, "reading the name plate", ionp.Info, ionp.InfoRequest{})
	if err != nil {
		return Info{}, err
	}
	return Info{r.Model, r.Serial, r.Firmware, r.Generation, r.DeviceName, r.Owner, []string{r.Tag1, r.Tag2}, r.Fingerprint, int(r.Version), time.Unix(r.Time, 0).UTC(),
		int64(r.UptimeSeconds), int64(r.PowerUps), r.Template, int(r.Modules), r.Source, int(r.Sessions), r.Endpoints}, nil
}
