//go:build unix

package boot

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	wire "github.com/hepmeter/hepmeter/wire/boot"
)

// control is one end of the stream of messages.
type control struct {
	conn    *net.UnixConn
	sending sync.Mutex
	// text is what has been read and not been parsed, descriptors what came with it.
	text        []byte
	descriptors []int
}

// connection makes a connection of an inherited socket, which it closes.
func connection(file *os.File) (*net.UnixConn, error) {
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, fmt.Errorf("boot protocol: %s: %w", file.Name(), err)
	}
	u, ok := conn.(*net.UnixConn)
	if !ok {
		conn.Close()
		return nil, fmt.Errorf("boot protocol: %s is no UNIX socket", file.Name())
	}
	return u, nil
}

// pair returns two ends of a stream: one for this process, one to be inherited.
func pair(name string) (ours *net.UnixConn, theirs *os.File, err error) {
	// Between making the ends and marking them, nobody may fork.
	syscall.ForkLock.RLock()
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(ends[0])
		unix.CloseOnExec(ends[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("boot protocol: %s: %w", name, err)
	}
	theirs = os.NewFile(uintptr(ends[1]), name)
	if ours, err = connection(os.NewFile(uintptr(ends[0]), name)); err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return ours, theirs, nil
}

// send sends a message, with a descriptor where it is not negative.
func (c *control) send(m *wire.Message, descriptor int) error {
	text, err := m.Append(nil)
	if err != nil {
		return err
	}
	c.sending.Lock()
	defer c.sending.Unlock()
	if descriptor >= 0 {
		n, _, err := c.conn.WriteMsgUnix(text, unix.UnixRights(descriptor), nil)
		if err != nil {
			return err
		}
		text = text[n:]
	}
	_, err = c.conn.Write(text)
	return err
}

// receive returns the next message.
func (c *control) receive() (wire.Message, error) {
	for {
		m, n, err := wire.ParseMessage(c.text)
		if err != nil {
			return m, err
		}
		if n > 0 {
			c.text = c.text[:copy(c.text, c.text[n:])]
			return m, nil
		}
		text, rights := make([]byte, 4096), make([]byte, unix.CmsgSpace(4))
		n, held, _, _, err := c.conn.ReadMsgUnix(text, rights)
		if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
			err = errClosed
		}
		if err != nil {
			return m, err
		}
		if err := c.take(rights[:held]); err != nil {
			return m, err
		}
		c.text = append(c.text, text[:n]...)
	}
}

// errClosed reports that the other end is gone.
var errClosed = errors.New("boot protocol: the other process has ended")

// take keeps the descriptors that came with a message.
func (c *control) take(rights []byte) error {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil {
		return fmt.Errorf("boot protocol: %w", err)
	}
	for i := range messages {
		list, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return fmt.Errorf("boot protocol: %w", err)
		}
		for _, descriptor := range list {
			unix.CloseOnExec(descriptor)
		}
		c.descriptors = append(c.descriptors, list...)
	}
	return nil
}

// descriptor returns the oldest descriptor that has come.
func (c *control) descriptor() (int, error) {
	if len(c.descriptors) == 0 {
		return 0, errors.New("boot protocol: no descriptor came with the message")
	}
	first := c.descriptors[0]
	c.descriptors = c.descriptors[1:]
	return first, nil
}
