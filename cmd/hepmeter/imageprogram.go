package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hepmeter/hepmeter/firmware"
)

// module is the Go module of this project, and programPath the package of this program.
const (
	module      = "github.com/hepmeter/hepmeter"
	programPath = module + "/cmd/hepmeter"
)

// readProgram reads the executable of --binary and finds out what it runs on.
func readProgram(cmd *cobra.Command, f imageBuildFlags) (platform string, program []byte, err error) {
	if program, err = readSmall(f.binary, firmware.MaxExecutableBytes); err != nil {
		return "", nil, err
	}
	if len(program) == 0 {
		return "", nil, fmt.Errorf("%s is empty", f.binary)
	}
	platform, path := "", ""
	if info := buildInfo(program); info != nil {
		settings := map[string]string{}
		for _, s := range info.Settings {
			settings[s.Key] = s.Value
		}
		platform, path = settings["GOOS"]+"/"+settings["GOARCH"], info.Path
	}
	if path != programPath {
		fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s is no executable of hepmeter, as far as can be seen: a meter that takes it returns to what it ran before\n", f.binary)
	}
	switch {
	case platform == "" || platform == "/":
		if platform = f.platform; platform == "" {
			platform = thisPlatform
		}
	case f.platform != "" && f.platform != platform:
		return "", nil, usageError{fmt.Errorf("--platform %s: %s is built for %s", f.platform, f.binary, platform)}
	}
	return platform, program, nil
}

// buildInfo is what an executable made by Go 1.18 or newer says of itself, nil if it says
// nothing. It stands, at a multiple of 16 bytes, behind 32 bytes that begin with a mark: two texts, each
// behind its length as a variable-length integer, of which the second is the information between two
// marks of 16 bytes. (Package debug/buildinfo finds it through the tables of every kind of executable,
// which is half a megabyte of program for two words.)
func buildInfo(program []byte) *debug.BuildInfo {
	// Put together here, so that this program does not hold the mark twice.
	mark := append([]byte{0xff}, " Go buildinf:"...)
	const align, header, inline, sentinel = 16, 32, 2, 16
	for at := 0; ; {
		i := bytes.Index(program[at:], mark)
		if i < 0 {
			return nil
		}
		at += i
		rest := program[at:]
		at++
		if (at-1)%align != 0 || len(rest) < header || rest[15]&inline == 0 {
			continue
		}
		rest = rest[header:]
		var text []byte
		for range 2 {
			n, used := binary.Uvarint(rest)
			if used <= 0 || n > uint64(len(rest)-used) {
				text = nil
				break
			}
			text, rest = rest[used:used+int(n)], rest[used+int(n):]
		}
		if len(text) < 2*sentinel {
			continue
		}
		if info, err := debug.ParseBuildInfo(string(text[sentinel : len(text)-sentinel])); err == nil {
			return info
		}
	}
}

// compileProgram compiles the source tree in which it is run.
func compileProgram(cmd *cobra.Command, f imageBuildFlags) (platform string, program []byte, err error) {
	platform = f.platform
	if platform == "" {
		platform = thisPlatform
	}
	system, processor, found := strings.Cut(platform, "/")
	if !found || system == "" || processor == "" {
		return "", nil, usageError{fmt.Errorf("--platform %q: want GOOS/GOARCH, such as %s", platform, thisPlatform)}
	}
	compiler, err := exec.LookPath("go")
	if err != nil {
		return "", nil, errors.New("no Go compiler is installed: install Go, or give an executable with --binary")
	}
	ctx := cmd.Context()
	if out, err := exec.CommandContext(ctx, compiler, "list", "-m").Output(); err != nil || strings.TrimSpace(string(out)) != module {
		return "", nil, errors.New("this folder is not in a source tree of hepmeter: go to one, or give an executable with --binary")
	}
	trusted, err := compiledIn(f)
	if err != nil {
		return "", nil, err
	}
	room, err := os.MkdirTemp("", "hepmeter-image-")
	if err != nil {
		return "", nil, err
	}
	defer os.RemoveAll(room)
	out := filepath.Join(room, "hepmeter")
	ldflags := "-s -w -X main.firmwareVersion=" + f.version
	if trusted != "" {
		ldflags += " -X main.releaseKey=" + trusted
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "compiling hepmeter %s for %s\n", f.version, platform)
	// Without paths and version control, so that the same source is the same executable everywhere.
	build := exec.CommandContext(ctx, compiler, "build", "-trimpath", "-buildvcs=false", "-ldflags", ldflags, "-o", out, programPath)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+processor)
	if text, err := build.CombinedOutput(); err != nil {
		return "", nil, errors.Join(ctx.Err(), fmt.Errorf("compiling hepmeter for %s: %w\n%s", platform, err, bytes.TrimSpace(text)))
	}
	program, err = readSmall(out, firmware.MaxExecutableBytes)
	return platform, program, err
}
