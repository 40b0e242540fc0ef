//go:build linux

package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// openPty makes a pseudo terminal that passes bytes unchanged: this end of it, and the path
// of the other.
func openPty() (*os.File, string, error) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, "", err
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	var settings *unix.Termios
	if err == nil {
		settings, err = unix.IoctlGetTermios(int(master.Fd()), unix.TCGETS)
	}
	if err == nil {
		settings.Iflag, settings.Oflag, settings.Lflag = 0, 0, 0
		err = unix.IoctlSetTermios(int(master.Fd()), unix.TCSETS, settings)
	}
	if err != nil {
		master.Close()
		return nil, "", fmt.Errorf("pseudo terminal: %w", err)
	}
	return master, fmt.Sprintf("/dev/pts/%d", number), nil
}
