package boot

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Ready is what `run --ready FILE` writes once everything serves.
type Ready struct {
	PID      int    `json:"pid"`
	Model    string `json:"model"`
	Serial   string `json:"serial"`
	Firmware string `json:"firmware"`
	// Data is the data directory.
	Data string `json:"data"`
	// Endpoints maps each serving service to its address.
	Endpoints map[Service]string `json:"endpoints"`
	// Fingerprints are of the keys that clients should see, by service.
	Fingerprints map[Service]string `json:"fingerprints"`
}

// Complete adds to what a meter tells what its boot stage knows: the process to stop, the
// data directory, and the sockets.
func (r Ready) Complete(directory string, sockets *Sockets) Ready {
	r.PID, r.Data, r.Endpoints = os.Getpid(), directory, sockets.Addresses()
	if absolute, err := filepath.Abs(directory); err == nil {
		r.Data = absolute
	}
	return r
}

// WriteFile writes r to path so that a reader sees all of it or nothing.
func (r Ready) WriteFile(path string) error {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("ready file %s: %w", path, err)
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("ready file %s: %w (is the folder there and writable?)", path, err)
	}
	defer os.Remove(temporary.Name()) // fails, as it should, after the rename
	if _, err = temporary.Write(append(text, '\n')); err == nil {
		err = temporary.Chmod(0o644)
	}
	if e := temporary.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("ready file %s: %w", path, err)
	}
	return nil
}
