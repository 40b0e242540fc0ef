//go:build !unix

package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/hepmeter/hepmeter/boot"
	"github.com/hepmeter/hepmeter/meter"
)

// runOn runs boot stage and firmware in one process, where sockets cannot be handed over.
func runOn(cmd *cobra.Command, h *house, samples *boot.Samples, _ io.Closer) (err error) {
	makeRoom()
	boundMemory()
	sockets := new(boot.Sockets)
	defer func() { err = errors.Join(err, sockets.Close()) }()
	h.sockets, h.speed = sockets, samples.Speed()
	h.serving = func(r boot.Ready) error {
		if h.flags.ready == "" {
			return nil
		}
		return r.Complete(h.flags.data, sockets).WriteFile(h.flags.ready)
	}
	for starts := 0; ; starts++ {
		h.source = samples.Reader()
		again, err := h.live(cmd.Context(), func(m *meter.Meter) {
			if starts == 0 {
				h.greet(cmd.OutOrStdout(), m)
			} else {
				fmt.Fprintln(cmd.OutOrStdout(), "started again")
			}
		})
		if !again || err != nil {
			return err
		}
	}
}

// addPlatformCommands adds none here.
func addPlatformCommands(*cobra.Command) {}
