package boot

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.bug.st/serial"
)

// SerialLine is a serial port of the meter as the user gives it: which device it is, and
// what he has said of it himself. Zero values leave the rest to the port's registers.
type SerialLine struct {
	Port     string // as in COM1
	Device   string // /dev/ttyUSB0
	Baud     int
	Framing  string // data bits, parity and stop bits, as in 8E1
	Unit     int    // 1 to 247
	Protocol string // as the register Protocol has it
}

var (
	// protocols of a line that can be given, with what the register Protocol calls them.
	protocols = map[string]string{"modbus-rtu": "Modbus RTU", "modbus-master": "Modbus Master", "ethergate": "EtherGate"}

	serialName = regexp.MustCompile(`^(?i)com[1-4]$`)
	bauds      = []int{2400, 4800, 9600, 19200, 38400, 57600, 115200}
	framings   = []string{"8N1", "8N2", "8E1", "8E2", "8O1", "8O2"}
)

// ParseSerial reads "com1=DEVICE?baud=N&parity=P&unit=N&protocol=P", of which all
// behind the device may be left out. Parity is N, E or O, or all of it as in 8E1; a protocol
// is modbus-rtu, modbus-master or ethergate.
func ParseSerial(assignment string) (SerialLine, error) {
	port, rest, _ := strings.Cut(assignment, "=")
	device, query, _ := strings.Cut(rest, "?")
	if !serialName.MatchString(port) || device == "" {
		return SerialLine{}, fmt.Errorf("serial port %q: write com1=DEVICE, for example com1=/dev/ttyUSB0?baud=9600&unit=7&protocol=modbus-rtu", assignment)
	}
	line := SerialLine{Port: strings.ToUpper(port), Device: device}
	options, err := url.ParseQuery(query)
	if err != nil {
		return SerialLine{}, fmt.Errorf("serial port %q: %w", assignment, err)
	}
	for name, values := range options {
		if err := line.set(name, values[len(values)-1]); err != nil {
			return SerialLine{}, fmt.Errorf("serial port %q: %w", assignment, err)
		}
	}
	return line, nil
}

func (l *SerialLine) set(name, value string) error {
	number, notNumber := strconv.Atoi(value)
	switch name {
	case "baud":
		if notNumber != nil || !slices.Contains(bauds, number) {
			return fmt.Errorf("baud %q: use one of %v", value, bauds)
		}
		l.Baud = number
	case "unit":
		if notNumber != nil || number < 1 || number > 247 {
			return fmt.Errorf("unit %q: use 1 to 247", value)
		}
		l.Unit = number
	case "parity":
		framing := strings.ToUpper(value)
		if len(framing) == 1 {
			framing = "8" + framing + "1"
		}
		if !slices.Contains(framings, framing) {
			return fmt.Errorf("parity %q: use N, E, O or one of %v", value, framings)
		}
		l.Framing = framing
	case "protocol":
		protocol, known := protocols[value]
		if !known {
			return fmt.Errorf("protocol %q: use modbus-rtu, modbus-master or ethergate", value)
		}
		l.Protocol = protocol
	default:
		return fmt.Errorf("unknown option %q: use baud, parity, unit or protocol", name)
	}
	return nil
}

// Serial is an open device. A Read returns nothing, and no error, when its time is up.
type Serial struct{ serial.Port }

// closing is how long Close waits: a device that is gone may hold it for half a minute.
const closing = time.Second

// OpenSerial opens a device for so many bits per second and a framing as in 8E1.
func OpenSerial(device string, baud int, framing string) (*Serial, error) {
	mode := &serial.Mode{BaudRate: baud, DataBits: 8}
	if !slices.Contains(framings, framing) {
		return nil, fmt.Errorf("%s: framing %q is none of %v", device, framing, framings)
	}
	switch framing[1] {
	case 'E':
		mode.Parity = serial.EvenParity
	case 'O':
		mode.Parity = serial.OddParity
	}
	if framing[2] == '2' {
		mode.StopBits = serial.TwoStopBits
	}
	port, err := serial.Open(device, mode)
	if err != nil {
		return nil, fmt.Errorf("cannot open %s: %w", device, err)
	}
	s := &Serial{port}
	if err := s.try(); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot read %s: %w", device, err), s.Close())
	}
	return s, nil
}

// try reads what is there already, which belongs to nobody. The library cannot wait for
// descriptors of 1,024 and more, and panics: a meter with that many connections is to go on
// without the port.
func (s *Serial) try() (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("too many connections are open: %v", fault)
		}
	}()
	if err := s.SetReadTimeout(time.Millisecond); err != nil {
		return err
	}
	_, err = s.Read(make([]byte, 4096))
	return err
}

// Close gives the device back, or leaves that to the system where it takes long.
func (s *Serial) Close() error {
	closed := make(chan error, 1)
	go func() { closed <- s.Port.Close() }()
	select {
	case err := <-closed:
		return err
	case <-time.After(closing):
		return nil
	}
}
