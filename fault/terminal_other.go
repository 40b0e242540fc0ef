//go:build !linux

package fault

import (
	"errors"
	"os"
)

// Terminal is a pseudo terminal: a serial port without wires, whose other end is whoever
// opens Path.
type Terminal struct {
	*os.File
	Path string
}

// NewTerminal makes a pseudo terminal, on Linux.
func NewTerminal() (*Terminal, error) {
	return nil, errors.New("pseudo terminals are made on Linux alone: take a pair of serial ports that are joined")
}
