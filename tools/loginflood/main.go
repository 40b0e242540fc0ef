//go:build linux

// Loginflood measures a real meter while wrong logins pour in: what another client's
// Modbus reads, a valid login, the memory and the metering make of it. It prints the
// figures beside their bars and ends with 1 where one is missed. scripts/login-flood.sh
// runs it.
//
// The load comes from the same machine, so that it takes a part of the cores that are
// measured: it is one thread without wake-ups, at a lower priority than the meter.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const (
	connections     = 200
	loginsPerSecond = 10_000
	readsPerSecond  = 200
	floodedAccounts = 4
	loginEvery      = 2 * time.Second
)

// settings are what one run is made of.
type settings struct {
	program  string
	attempts int
	quiet    time.Duration
	flood    time.Duration
}

func main() {
	var s settings
	flag.StringVar(&s.program, "hepmeter", "", "the program to measure")
	flag.IntVar(&s.attempts, "attempts", 0, "ION Lockout Attempts; 0 locks nobody")
	flag.DurationVar(&s.quiet, "quiet", 8*time.Second, "how long to read Modbus before the flood")
	flag.DurationVar(&s.flood, "flood", 15*time.Second, "how long the flood lasts")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	passed, err := run(ctx, s)
	if err != nil {
		fmt.Fprintln(os.Stderr, "loginflood:", err)
		os.Exit(1)
	}
	if !passed {
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) (passed bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m, err := start(ctx, s.program)
	if err != nil {
		return false, err
	}
	defer m.stop()
	admin, err := newAdministrator(ctx, m)
	if err != nil {
		return false, err
	}
	defer admin.client.Close()
	if err := admin.setAttempts(ctx, s.attempts); err != nil {
		return false, err
	}
	flooded, err := admin.addAccounts(ctx, floodedAccounts)
	if err != nil {
		return false, err
	}
	honest, err := admin.addAccounts(ctx, int(s.flood/loginEvery)+1)
	if err != nil {
		return false, err
	}

	poller, err := newPoller(m.modbus)
	if err != nil {
		return false, err
	}
	defer poller.conn.Close()
	r := report{settings: s}
	time.Sleep(2 * time.Second) // the hashes of the new accounts are garbage by now
	if r.quiet, err = poller.poll(ctx, s.quiet); err != nil {
		return false, err
	}
	f, err := newFlood(m.ion, flooded)
	if err != nil {
		return false, err
	}
	defer f.close()
	if r.before, err = admin.windows(ctx); err != nil {
		return false, err
	}
	floodEnded := make(chan error, 1)
	go func() { floodEnded <- f.run(s.flood) }()
	logins := make(chan []login, 1)
	go func() { logins <- logInEach(ctx, m.ion, honest, s.flood) }()
	if r.flooded, err = poller.poll(ctx, s.flood); err != nil {
		return false, err
	}
	if err := <-floodEnded; err != nil {
		return false, err
	}
	r.logins = <-logins
	if r.after, err = admin.windows(ctx); err != nil {
		return false, err
	}
	r.offered, r.answered, r.took = f.offered, f.answered, f.took
	if r.peakKB, err = m.peakKB(); err != nil {
		return false, err
	}
	return r.print(os.Stdout), nil
}
