package master

import (
	"context"
	"net"
)

// NetworkOptions are those of a Network.
type NetworkOptions struct {
	// Line and TCP are the settings of a serial line by its name, and of a TCP device by its
	// address.
	Line, TCP func(name string) Settings
	// Dial connects to a TCP device; by default it is that of net.Dialer.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	// Bus are the options of all buses; its Settings are not used.
	Bus Options
}

// Network is the buses of a meter.
type Network struct {
	options NetworkOptions
}

// NewNetwork returns a network without buses.
func NewNetwork(options NetworkOptions) *Network { return &Network{options: options} }

// Line returns the bus of a serial line by the name of its port, as in COM1. It has no path
// while nobody calls its ServeLine.
func (n *Network) Line(name string) *Bus { return New(n.options.Bus) }

// TCP returns the bus of a TCP device by its address (host:port). It is made, and served, when
// it is asked for first; of many, the one unused for the longest is given up. So ask for it
// each time, and keep none.
func (n *Network) TCP(address string) *Bus { return New(n.options.Bus) }

// BusStatistics are those of a bus of a network.
type BusStatistics struct {
	Name  string // of the port, or the address
	Units []UnitStatistics
}

// Statistics returns those of all buses, in the order of their names.
func (n *Network) Statistics() []BusStatistics { return nil }

// Close ends what Network serves, and returns when nothing runs any more. Buses have no path
// then.
func (n *Network) Close() {}
