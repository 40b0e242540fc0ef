package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// stateDir returns the folder that holds a model's state when --data is not given:
// below XDG_STATE_HOME or ~/.local/state on Unix, Application Support on macOS,
// LOCALAPPDATA on Windows.
func stateDir(model string) (string, error) {
	base := os.Getenv("XDG_STATE_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("no place for the meter's state: %w (give one with --data DIR)", err)
		}
		base = filepath.Join(home, ".local", "state")
		switch runtime.GOOS {
		case "darwin":
			base = filepath.Join(home, "Library", "Application Support")
		case "windows":
			base = filepath.Join(home, "AppData", "Local")
			if local := os.Getenv("LOCALAPPDATA"); local != "" {
				base = local
			}
		}
	}
	return filepath.Join(base, "hepmeter", model), nil
}
