//go:build linux

package main

import (
	"context"
	"net"
	"slices"
	"time"

	"github.com/hepmeter/hepmeter/wire/modbus"
)

// poller is another client that reads ten registers again and again.
type poller struct {
	conn   net.Conn
	client *modbus.Client
}

const (
	polledAddress = 2999 // register 3000, the currents
	polledCount   = 10
)

func newPoller(address string) (*poller, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &poller{conn, modbus.NewClient(conn, 1)}, nil
}

// poll returns how long the reads took, in order.
func (p *poller) poll(ctx context.Context, length time.Duration) ([]time.Duration, error) {
	took := make([]time.Duration, 0, int(length.Seconds()*readsPerSecond)+1)
	every := time.NewTicker(time.Second / readsPerSecond)
	defer every.Stop()
	for end := time.Now().Add(length); ; {
		select {
		case <-every.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		began := time.Now()
		if began.After(end) {
			break
		}
		if _, err := p.client.ReadRegisters(polledAddress, polledCount); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took, nil
}
