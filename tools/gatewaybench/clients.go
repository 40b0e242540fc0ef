//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"

	"github.com/hepmeter/hepmeter/wire/modbus"
)

// tally is what one client has seen.
type tally struct {
	right, wrong, unanswered, other int64
	latency                         time.Duration // of right answers together
	longest                         time.Duration
}

// poll asks one unit after the other, each time for other registers, until ctx is done or
// enough answers have come.
func poll(ctx context.Context, address string, p plan, client int, left *atomic.Int64) (tally, error) {
	var t tally
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return t, err
	}
	defer func() { conn.Close() }()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	random := rand.New(rand.NewPCG(uint64(client), 7))
	for unit := client % p.units; ctx.Err() == nil && left.Load() > 0; unit = (unit + 1) % p.units {
		at, began := random.IntN(60_000), time.Now()
		words, err := modbus.NewClient(conn, byte(unit+1)).ReadRegisters(at, p.registers)
		var exception modbus.Exception
		switch {
		case err == nil:
			t.check(byte(unit+1), at, words, time.Since(began))
			left.Add(-1)
		case errors.As(err, &exception) && exception == modbus.GatewayTargetNoResponse:
			t.unanswered++
			if unit < p.dead { // a dead unit is answered for at once while it backs off
				pause(ctx, max(p.transaction(), 10*time.Millisecond))
			}
		case errors.As(err, &exception):
			t.other++
		case ctx.Err() != nil:
		default:
			return t, fmt.Errorf("client %d, unit %d: %w", client, unit+1, err)
		}
	}
	return t, nil
}

func (t *tally) check(unit byte, at int, words []uint16, took time.Duration) {
	for i, w := range words {
		if w != word(unit, at+i) {
			t.wrong++
			return
		}
	}
	t.right++
	t.latency += took
	t.longest = max(t.longest, took)
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
