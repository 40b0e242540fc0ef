package fault

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Terminal is a pseudo terminal: a serial port without wires, whose other end is whoever
// opens Path. It passes all bytes as they are.
type Terminal struct {
	*os.File
	Path string
	// held keeps the other end open, so that it may come and go.
	held int
}

// NewTerminal makes a pseudo terminal.
func NewTerminal() (*Terminal, error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("no pseudo terminal: %w", err)
	}
	t := &Terminal{held: -1}
	if err := t.prepare(fd); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("no pseudo terminal: %w", err)
	}
	t.File = os.NewFile(uintptr(fd), "/dev/ptmx")
	return t, nil
}

func (t *Terminal) prepare(fd int) error {
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return err
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return err
	}
	t.Path = "/dev/pts/" + strconv.Itoa(number)
	if t.held, err = unix.Open(t.Path, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0); err != nil {
		return err
	}
	settings, err := unix.IoctlGetTermios(t.held, unix.TCGETS)
	if err == nil {
		settings.Iflag, settings.Oflag, settings.Lflag = 0, 0, 0
		settings.Cflag = settings.Cflag&^unix.CSIZE | unix.CS8 | unix.CREAD | unix.CLOCAL
		settings.Cc[unix.VMIN], settings.Cc[unix.VTIME] = 1, 0
		err = unix.IoctlSetTermios(t.held, unix.TCSETS, settings)
	}
	if err != nil {
		unix.Close(t.held)
	}
	return err
}

// Close takes the terminal away; whoever has it open finds it gone.
func (t *Terminal) Close() error {
	err := t.File.Close()
	if err == nil { // the second time it is closed already
		unix.Close(t.held)
	}
	return err
}
