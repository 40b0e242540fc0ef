//go:build unix

package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/hepmeter/hepmeter/boot"
	"github.com/hepmeter/hepmeter/meter"
	wire "github.com/hepmeter/hepmeter/wire/boot"
)

// firmwareCommand is the name of the command that a boot stage starts. It is part of the
// boot protocol.
const firmwareCommand = "firmware"

func newFirmwareCommand() *cobra.Command {
	return &cobra.Command{
		Use:    firmwareCommand,
		Short:  "The firmware process, which the boot stage (hepmeter run) starts",
		Hidden: true,
		Args:   exactly(0, "no argument"),
		RunE:   func(cmd *cobra.Command, _ []string) error { return runFirmware(cmd) },
	}
}

// runFirmware is one life of the meter. It ends when the boot stage says so, whatever signals
// a terminal sends to both.
func runFirmware(cmd *cobra.Command) error {
	signal.Ignore(os.Interrupt, syscall.SIGTERM)
	link, err := boot.Inherit()
	if err != nil {
		return err
	}
	// A boot stage that is gone hears no more, and nobody is left to tell.
	if err := serveLink(link, cmd.OutOrStdout(), cmd.ErrOrStderr()); err != nil {
		_ = link.Failed(err)
		return errTold
	}
	return nil
}

func serveLink(link *boot.Link, out, stderr io.Writer) error {
	makeRoom()
	boundMemory()
	f := flagsOf(link.Hello)
	h, err := newHouse(f, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	h.sockets, h.source, h.speed, h.serving = link, link.Samples(), link.Hello.Source.Speed, link.Serving
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		<-link.Over()
		cancel()
	}()
	again, err := h.live(ctx, func(m *meter.Meter) {
		if link.Hello.Starts == 0 {
			h.greet(out, m)
		} else {
			fmt.Fprintln(out, "started again")
		}
		go report(ctx, link, m)
	})
	if err == nil && again {
		_ = link.Restart("asked for")
	}
	return err
}

// report tells the boot stage once a second how far the meter has measured.
func report(ctx context.Context, link *boot.Link, m *meter.Meter) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			_ = link.Measuring(m.Measured())
		case <-ctx.Done():
			return
		}
	}
}

// flagsOf are the flags that the user gave to the boot stage.
func flagsOf(hello wire.Hello) runFlags {
	o := hello.Options
	return runFlags{data: hello.Directory, named: o.Data != "", model: o.Model, serial: o.Serial, source: o.Source, host: o.Host, ports: o.Ports,
		limits: o.Limits, firmware: o.Generation, port: o.Port, lines: o.Lines}
}
