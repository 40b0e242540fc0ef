package main

import (
	"cmp"
	"strconv"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/master"
	"github.com/hepmeter/hepmeter/wire/routing"
)

// How TCP devices are asked, which have no port with registers: the time-out is the message
// time-out of a sibling product (Com'X), and a read is sent again once.
const (
	deviceTimeout = 3 * time.Second
	deviceRetries = 1
)

// newNetwork is the Modbus devices behind a meter. They are asked as its registers say then.
func newNetwork(security func() *access.Security) *master.Network {
	gateway := func(name string) time.Duration {
		return duration(security(), routing.Gateway+"/"+name, time.Millisecond)
	}
	return master.NewNetwork(master.NetworkOptions{
		Line: func(port string) master.Settings {
			now := security()
			retries, _ := strconv.Atoi(now.Setting(port + "/Retries")) // none where there is no such register
			return master.Settings{
				ResponseTimeout: duration(now, port+"/Rx Timeout", time.Second),
				Turnaround:      duration(now, port+"/Turnaround Delay", time.Second),
				FrameDelay:      gateway("Frame Delay"),
				Cache:           gateway("Cache"),
				Retries:         retries,
			}
		},
		TCP: func(string) master.Settings {
			return master.Settings{ResponseTimeout: deviceTimeout, Cache: gateway("Cache"), Retries: deviceRetries}
		},
	})
}

// duration is what a register says in units of time; 0 where it says nothing.
func duration(security *access.Security, label string, unit time.Duration) time.Duration {
	x, _ := strconv.ParseFloat(security.Setting(label), 64)
	return time.Duration(x * float64(unit))
}

// protocol is what a serial port of the meter speaks: as the user has said, or else as its
// register has it.
func (h *house) protocol(security *access.Security, port string) string {
	given := ""
	for _, line := range h.lines {
		if line.Port == port {
			given = line.Protocol
		}
	}
	return cmp.Or(given, security.Setting(port+"/Protocol"))
}

// isGateway reports whether requests to other units go to devices behind the meter.
func (h *house) isGateway(security *access.Security) bool {
	return routing.Read(security.Setting).On(func(port string) string { return h.protocol(security, port) })
}
