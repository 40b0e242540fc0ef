// Package boot is what stands before the firmware: it owns the listening sockets
// and tells the world when the meter serves.
package boot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Service names a listening port.
type Service string

// The services of a meter. A service that a firmware does not have keeps its name
// reserved: its port can be given, and nothing listens there.
const (
	HTTP         Service = "http"
	HTTPS        Service = "https"
	Modbus       Service = "modbus"
	ModbusRTUTCP Service = "modbus-rtu-tcp"
	ION          Service = "ion"
	SSH          Service = "ssh"
	EtherGate1   Service = "ethergate1"
	EtherGate2   Service = "ethergate2"
)

// Ports maps services to TCP ports; 0 picks a free one.
type Ports map[Service]int

// PortsByName returns the port set called "dev" (unprivileged) or "standard".
func PortsByName(name string) (Ports, error) {
	switch name {
	case "dev":
		return Ports{HTTP: 8080, HTTPS: 8443, Modbus: 5020, ModbusRTUTCP: 7701, ION: 7700, SSH: 2222, EtherGate1: 7801, EtherGate2: 7802}, nil
	case "standard":
		return Ports{HTTP: 80, HTTPS: 443, Modbus: 502, ModbusRTUTCP: 7701, ION: 7700, SSH: 22, EtherGate1: 7801, EtherGate2: 7802}, nil
	}
	return nil, fmt.Errorf("unknown port set %q: use dev or standard", name)
}

// Set changes one port by "NAME=N".
func (p Ports) Set(assignment string) error {
	name, number, ok := strings.Cut(assignment, "=")
	if !ok {
		return fmt.Errorf("port %q: write NAME=N, for example modbus=0", assignment)
	}
	if _, known := p[Service(name)]; !known {
		return fmt.Errorf("port %q: unknown service %q, use one of %s", assignment, name, p.names())
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("port %q: %q is not a port number, use 0 (any free one) to 65535", assignment, number)
	}
	p[Service(name)] = n
	return nil
}

// ServiceOf is the service of an assignment that Set takes.
func ServiceOf(assignment string) Service {
	name, _, _ := strings.Cut(assignment, "=")
	return Service(name)
}

func (p Ports) names() string {
	names := slices.SortedFunc(maps.Keys(p), func(a, b Service) int { return cmp.Compare(a, b) })
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = string(n)
	}
	return strings.Join(out, ", ")
}

// Listen opens the socket of one service on host.
func (p Ports) Listen(ctx context.Context, host string, s Service) (net.Listener, error) {
	address := net.JoinHostPort(host, strconv.Itoa(p[s]))
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s cannot listen on %s: %w (%s)", s, address, err, remedy(err, s))
	}
	return l, nil
}

// remedy says what to do about a socket that cannot be opened.
func remedy(err error, s Service) string {
	var lookup *net.DNSError
	switch {
	case errors.Is(err, syscall.EADDRNOTAVAIL), errors.As(err, &lookup):
		return "--host wants an address of this machine: 127.0.0.1 for this machine alone, 0.0.0.0 for all networks"
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("ports below 1024 want rights that this user does not have: --ports dev, or --port %s=N", s)
	}
	return fmt.Sprintf("give another port: --port %s=N, or %s=0 for a free one", s, s)
}
