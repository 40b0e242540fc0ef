//go:build unix

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/hepmeter/hepmeter/boot"
	wire "github.com/hepmeter/hepmeter/wire/boot"
)

// stagePercent is how much the heap of the boot stage may grow between two collections. Most
// of it are the samples that it keeps, which stay, and are no work for the collector.
const stagePercent = 20

// runOn runs the boot stage of a meter, which keeps a firmware process running.
func runOn(cmd *cobra.Command, h *house, samples *boot.Samples, lock io.Closer) error {
	debug.SetGCPercent(stagePercent)
	held, ok := lock.(*os.File)
	if !ok {
		return errors.New("the lock of the data directory cannot be handed over")
	}
	program, err := ownProgram()
	if err != nil {
		return err
	}
	f := h.flags
	stage := &boot.Stage{
		Program: program, Arguments: []string{firmwareCommand}, Directory: f.data, Lock: held, Samples: samples, Ready: f.ready, Log: h.log,
		Options: wire.Options{Model: f.model, Serial: f.serial, Limits: f.limits, Host: f.host, Ports: f.ports, Port: f.port, Lines: f.lines,
			Generation: f.firmware, Source: f.source},
	}
	if f.named {
		stage.Options.Data = f.data
	}
	return stage.Run(cmd.Context())
}

// ownProgram is the program that runs, also where its file has been replaced meanwhile.
func ownProgram() (string, error) {
	if runtime.GOOS == "linux" {
		return "/proc/self/exe", nil
	}
	program, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("the program's own file, which is the firmware: %w", err)
	}
	return program, nil
}

// addPlatformCommands adds the command of the firmware process.
func addPlatformCommands(root *cobra.Command) { root.AddCommand(newFirmwareCommand()) }
