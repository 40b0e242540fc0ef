package main

import (
	"context"
	"strings"

	"github.com/hepmeter/hepmeter/master"
)

// polls is how the meter's own modules reach the devices of a network.
type polls struct{ network *master.Network }

// Ask implements meter.Network: a place with a port number is a TCP device, any other a line.
func (p polls) Ask(ctx context.Context, client uint64, place string, unit byte, pdu []byte) ([]byte, error) {
	bus := p.network.Line
	if strings.Contains(place, ":") {
		bus = p.network.TCP
	}
	return bus(place).Ask(ctx, client, unit, pdu)
}
