//go:build linux

// Gatewaybench measures the Modbus gateway as its clients see it: many of them poll many
// units behind one line, some units are dead, and every answer is checked to be that of its
// own question. It starts the meter, plays the units on the line, and paces the line as a
// wire of that speed would.
//
//	go run ./tools/gatewaybench                     32 clients, 16 units, 2 dead, 19,200 baud, 120 s
//	go run ./tools/gatewaybench -tcp -baud 0 -think 0 -dead 0 -for 30m -requests 100000 -faults examples/faults/shared-device.yaml
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// plan is what is asked for.
type plan struct {
	hepmeter string
	baud     int // 0 for a line without pace
	clients  int
	units    int
	dead     int
	lasting  time.Duration
	requests int  // ends the run, too; 0 for no such end
	tcp      bool // the units are those of a TCP device
	patience time.Duration
	faults   string // scenario of the fault proxy between meter and units
	registers,
	thinkMs int
}

func main() {
	var p plan
	flag.StringVar(&p.hepmeter, "hepmeter", "", "the program; empty builds it")
	flag.IntVar(&p.baud, "baud", 19200, "pace of the line in bit/s; 0 for none")
	flag.IntVar(&p.clients, "clients", 32, "how many clients poll")
	flag.IntVar(&p.units, "units", 16, "how many units are polled")
	flag.IntVar(&p.dead, "dead", 2, "how many of them never answer")
	flag.IntVar(&p.registers, "registers", 20, "how many registers each request reads")
	flag.IntVar(&p.thinkMs, "think", 5, "how long a unit takes to answer, in ms")
	flag.DurationVar(&p.lasting, "for", 120*time.Second, "how long")
	flag.IntVar(&p.requests, "requests", 0, "end after so many answered requests")
	flag.DurationVar(&p.patience, "timeout", time.Second, "how long the gateway waits for an answer: the register COM1/Rx Timeout")
	flag.BoolVar(&p.tcp, "tcp", false, "the units are behind a TCP device, not on a line")
	flag.StringVar(&p.faults, "faults", "", "scenario of the fault proxy on the line")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, p); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "gatewaybench:", err)
		os.Exit(1)
	}
}
