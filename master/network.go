package master

import (
	"cmp"
	"context"
	"net"
	"slices"
	"sync"
	"time"
)

const (
	// Of so many buses a network knows at most; a meter has 4 ports and 20 TCP devices.
	maxLines, maxDevices = 8, 64
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
	running sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	lines   map[string]*Bus
	devices map[string]*connection
}

// connection is the bus of a TCP device, which the network serves itself.
type connection struct {
	bus  *Bus
	used time.Time
	end  context.CancelFunc
}

// NewNetwork returns a network without buses.
func NewNetwork(options NetworkOptions) *Network {
	if options.Dial == nil {
		var dialer net.Dialer
		options.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", address)
		}
	}
	return &Network{options: options, lines: map[string]*Bus{}, devices: map[string]*connection{}}
}

// bus returns a new bus of that name.
func (n *Network) bus(name string, settings func(name string) Settings) *Bus {
	options := n.options.Bus
	options.Settings = nil
	if settings != nil {
		options.Settings = func() Settings { return settings(name) }
	}
	return New(options)
}

// Line returns the bus of a serial line by the name of its port, as in COM1. It has no path
// while nobody calls its ServeLine.
func (n *Network) Line(name string) *Bus {
	n.mu.Lock()
	defer n.mu.Unlock()
	b := n.lines[name]
	if b == nil {
		b = n.bus(name, n.options.Line)
		if len(n.lines) < maxLines {
			n.lines[name] = b
		}
	}
	return b
}

// TCP returns the bus of a TCP device by its address (host:port). It is made, and served, when
// it is asked for first; of more than 64, the one unused for the longest is given up. So ask
// for it each time, and keep none.
func (n *Network) TCP(address string) *Bus {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.devices[address]; c != nil {
		c.used = time.Now()
		return c.bus
	}
	b := n.bus(address, n.options.TCP)
	if n.closed || len(n.devices) >= maxDevices && !n.giveUp() {
		return b
	}
	ctx, end := context.WithCancel(context.Background())
	n.devices[address] = &connection{b, time.Now(), end}
	// What is asked before the goroutine runs is not to be refused.
	if err := b.open(); err != nil {
		end()
		return b
	}
	n.running.Go(func() {
		b.carry(ctx, func(ctx context.Context) (net.Conn, error) { return n.options.Dial(ctx, address) })
	})
	return b
}

// giveUp ends the bus of the TCP device that was unused for the longest and that nobody waits
// for, if there is one.
func (n *Network) giveUp() bool {
	oldest := ""
	for address, c := range n.devices {
		if c.bus.idle() && (oldest == "" || c.used.Before(n.devices[oldest].used)) {
			oldest = address
		}
	}
	if oldest == "" {
		return false
	}
	n.devices[oldest].end()
	delete(n.devices, oldest)
	return true
}

// BusStatistics are those of a bus of a network.
type BusStatistics struct {
	Name  string // of the port, or the address
	Units []UnitStatistics
}

// Statistics returns those of all buses, in the order of their names.
func (n *Network) Statistics() []BusStatistics {
	n.mu.Lock()
	var all []BusStatistics
	for name, b := range n.lines {
		all = append(all, BusStatistics{name, b.Statistics()})
	}
	for address, c := range n.devices {
		all = append(all, BusStatistics{address, c.bus.Statistics()})
	}
	n.mu.Unlock()
	slices.SortFunc(all, func(a, b BusStatistics) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// Close ends what the network serves, and returns when nothing of it runs any more. Buses of
// TCP devices have no path then.
func (n *Network) Close() {
	n.mu.Lock()
	n.closed = true
	for address, c := range n.devices {
		c.end()
		delete(n.devices, address)
	}
	n.mu.Unlock()
	n.running.Wait()
}
