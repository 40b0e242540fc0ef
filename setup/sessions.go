package setup

import (
	"context"
	"time"

	"github.com/hepmeter/hepmeter/wire/ionp"
)

// Session is one client's connection with the meter.
type Session struct {
	ID         string    `json:"id"`
	Path       string    `json:"path"`
	Address    string    `json:"address"`
	Client     string    `json:"client"`
	User       string    `json:"user"`
	Credential string    `json:"credential"`
	Since      time.Time `json:"since"`
	IdleS      int64     `json:"idle_s"`
	Requests   uint64    `json:"requests"`
	Encrypted  bool      `json:"encrypted"`
}

// Sessions lists who is connected.
func (m *Meter) Sessions(ctx context.Context) ([]Session, error) {
	r, err := ask(ctx, m, "listing sessions", ionp.Sessions, ionp.SessionsRequest{})
	if err != nil {
		return nil, err
	}
	list := []Session{}
	for _, w := range r.Sessions {
		list = append(list, Session{w.ID, w.Path, w.Address, w.Client, w.User, w.Kind, time.Unix(0, w.Since).UTC(), int64(w.IdleSeconds), w.Requests, w.Encrypted})
	}
	return list, nil
}

// EndSession closes a client's connection.
func (m *Meter) EndSession(ctx context.Context, id string) error {
	_, err := ask(ctx, m, "ending a session", ionp.SessionEnd, ionp.SessionEndRequest{ID: id})
	return err
}

// OpenFactory opens factory access for some minutes and returns the diagnostic code,
// which lets in once.
func (m *Meter) OpenFactory(ctx context.Context, minutes int) (code string, until time.Time, err error) {
	r, err := ask(ctx, m, "opening factory access", ionp.FactoryOpen, ionp.FactoryOpenRequest{Minutes: uint32(minutes)})
	return string(r.Code), time.Unix(0, r.Until).UTC(), err
}

// CloseFactory closes factory access.
func (m *Meter) CloseFactory(ctx context.Context) error {
	_, err := ask(ctx, m, "closing factory access", ionp.FactoryClose, ionp.FactoryCloseRequest{})
	return err
}

// Diagnostics has the meter carry out a diagnostic command, by the diagnostic code.
func (m *Meter) Diagnostics(ctx context.Context, code, command string) (string, error) {
	r, err := ask(ctx, m, "diagnostics", ionp.FactoryUse, ionp.FactoryUseRequest{Code: ionp.Secret(code), Command: command})
	return r.Text, err
}
