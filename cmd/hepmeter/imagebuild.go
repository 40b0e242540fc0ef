package main

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hepmeter/hepmeter/firmware"
	"github.com/hepmeter/hepmeter/ion/template"
	"github.com/hepmeter/hepmeter/store"
)

// imageBuildFlags are the flags of `hepmeter image build`.
type imageBuildFlags struct {
	version, binary, platform, minSource, minTool, channel, expires, templateNote, releaseKey, key, out string
	minClient                                                                                           int
	counter                                                                                             uint32
	models                                                                                              []string
}

func newImageBuildCommand() *cobra.Command {
	var f imageBuildFlags
	cmd := &cobra.Command{
		Use:   "build --version V --key KEY --out F.upx",
		Short: "Make and sign an image of an executable, or of the source tree",
		Long: `Build packs an executable of hepmeter with a manifest, signs it and writes the image.
Without --binary it compiles the source tree that it is run in (Go is needed), the way
that the same source and version give the same executable; --platform compiles for
another machine.

What the manifest asks of meters and tools is known for the published versions, and a
patch release takes the numbers of the version before it; flags replace them. The
same executable, flags, key and time (SOURCE_DATE_EPOCH, in seconds since 1970) give the
same image.`,
		Example: `  hepmeter image build --version 3.0.0 --key release.key --out hepmeter-3.0.0.upx
  hepmeter image build --version 3.0.1 --platform linux/arm64 --key release.key --out hepmeter-3.0.1-arm64.upx
  hepmeter image build --version 3.1.0 --binary ./hepmeter --model PM8000 --expires 2028-01-01 --key release.key --out pm8000.upx`,
		Args: exactly(0, "flags only"),
		RunE: func(cmd *cobra.Command, _ []string) error { return buildImage(cmd, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.version, "version", "", "firmware version of the image, such as 3.0.0")
	flags.StringVar(&f.binary, "binary", "", "executable to pack (default: the source tree here is compiled)")
	flags.StringVar(&f.platform, "platform", "", "GOOS/GOARCH of the executable (default: what --binary says of itself, or this machine's)")
	flags.StringArrayVar(&f.models, "model", nil, "model that may take it (default: all that the version was made for); may be repeated")
	flags.StringVar(&f.minSource, "min-source", "", "oldest firmware that can be upgraded to it (default: that of the version)")
	flags.StringVar(&f.minTool, "min-tool", "", "oldest level of the setup tool, such as 3.2.20218.01; none asks for none (default: that of the version)")
	flags.IntVar(&f.minClient, "min-client", 0, "oldest version of the object protocol of a client (default: that of the version)")
	flags.Uint32Var(&f.counter, "security-counter", 0, "security counter; a meter never goes back below it (default: that of the version)")
	flags.StringVar(&f.channel, "channel", "", "customer or region that it is for (default: all)")
	flags.StringVar(&f.expires, "expires", "", "day from which on it is no longer taken, as 2028-01-01 (default: never)")
	flags.StringVar(&f.templateNote, "template-note", "", "what becomes of the meter's template, in words (default: that of the version)")
	flags.StringVar(&f.releaseKey, "release-key", "", "public key to compile in as trusted (default: that of this program, if it has one)")
	flags.StringVar(&f.key, "key", "", "key to sign with, from image keygen")
	flags.StringVar(&f.out, "out", "", "image to write")
	return cmd
}

// stateSchemas are the versions of the store that this source reads and writes.
var stateSchemas = firmware.Schemas{Oldest: 1, Writes: store.SchemaVersion}

func buildImage(cmd *cobra.Command, f imageBuildFlags) error {
	if err := needFlags(cmd, "version", "key", "out"); err != nil {
		return err
	}
	m, err := manifestOf(cmd, f)
	if err != nil {
		return usageError{err}
	}
	key, err := readKey(f.key)
	if err != nil {
		return err
	}
	if err := replaceable(f.out, imageMarks); err != nil {
		return err
	}
	var program []byte
	if f.binary == "" {
		m.Platform, program, err = compileProgram(cmd, f)
	} else {
		m.Platform, program, err = readProgram(cmd, f)
	}
	if err != nil {
		return err
	}
	bar := newProgress(os.Stderr, "packing", int64(len(program)))
	defer bar.done()
	var signed firmware.Signed
	err = writeWhole(f.out, imageMarks, func(w io.Writer) (err error) {
		signed, err = firmware.Write(w, m, program, key, func(n int64) error {
			bar.at(n)
			return cmd.Context().Err()
		})
		return err
	})
	if err != nil {
		return err
	}
	bar.done()
	p := signed.Manifest.Payload
	fmt.Fprintf(cmd.ErrOrStderr(), "%s: firmware %s for %s on %s, %s packed to %s, signed by %s\n",
		f.out, m.Version, strings.Join(m.Models, ", "), m.Platform, megabytes(p.Bytes), megabytes(p.PackedBytes), signed.Manifest.Signer)
	return nil
}

// imageMarks begin images and packages.
var imageMarks = []string{"HEPMUPX", "PK\x03\x04"}

// manifestOf is the manifest that the flags and the version ask for.
func manifestOf(cmd *cobra.Command, f imageBuildFlags) (m firmware.Manifest, err error) {
	version, err := firmware.ParseVersion(f.version)
	if err != nil {
		return m, fmt.Errorf("--version: %w", err)
	}
	release, err := firmware.ReleaseOf(version)
	if err != nil {
		return m, fmt.Errorf("--version: %w", err)
	}
	m = firmware.Manifest{Version: version, Channel: f.channel, SecurityCounter: release.SecurityCounter, MinSource: release.MinSource,
		MinTool: release.MinTool, MinClient: release.MinClient, State: stateSchemas, Template: release.Template}
	if m.Models, err = modelsOf(release, f.models); err != nil {
		return m, err
	}
	changed := cmd.Flags().Changed
	if f.minSource != "" {
		if m.MinSource, err = firmware.ParseVersion(f.minSource); err != nil {
			return m, fmt.Errorf("--min-source: %w", err)
		}
	}
	if f.minTool != "" {
		m.MinTool = firmware.Level(f.minTool)
		if f.minTool == "none" {
			m.MinTool = ""
		}
		if err := m.MinTool.Validate(); err != nil {
			return m, fmt.Errorf("--min-tool: %w", err)
		}
	}
	if changed("min-client") {
		m.MinClient = f.minClient
	}
	if changed("security-counter") {
		m.SecurityCounter = f.counter
	}
	if changed("template-note") {
		m.Template = f.templateNote
	}
	if m.Built, err = buildTime(); err != nil {
		return m, err
	}
	if f.expires != "" {
		if m.Expires, err = time.Parse(time.DateOnly, f.expires); err != nil {
			return m, fmt.Errorf("--expires %q: give a day as 2028-01-01", f.expires)
		}
	}
	return m, nil
}

// modelsOf are the models of an image, in their order.
func modelsOf(release firmware.Release, wanted []string) ([]string, error) {
	models, err := template.Names()
	if err != nil {
		return nil, err
	}
	if len(release.Models) > 0 {
		models = slices.Clone(release.Models)
	}
	slices.Sort(models)
	for _, model := range wanted {
		if !slices.Contains(models, model) {
			return nil, fmt.Errorf("--model %s: firmware %s is for %s", model, release.Version, strings.Join(models, ", "))
		}
	}
	if len(wanted) > 0 {
		models = slices.Compact(slices.Sorted(slices.Values(wanted)))
	}
	return models, nil
}

// buildTime is now, or what SOURCE_DATE_EPOCH says.
func buildTime() (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		return time.Now().UTC().Truncate(time.Second), nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH=%q: want seconds since 1970", text)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// compiledIn is the release key that a program is built with, as hexadecimal digits.
func compiledIn(f imageBuildFlags) (string, error) {
	if f.releaseKey == "" {
		return releaseKey, nil
	}
	key, err := readPublicKey(f.releaseKey)
	return hex.EncodeToString(key), err
}

// release is the release key of this program, if it was built with one.
func release() ([]firmware.Key, error) {
	if releaseKey == "" {
		return nil, nil
	}
	key, err := hex.DecodeString(releaseKey)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("this program was built with a release key that is none: build it again with -X main.releaseKey= and %d hexadecimal digits", 2*ed25519.PublicKeySize)
	}
	return []firmware.Key{{Name: "release", Key: key}}, nil
}

// thisPlatform is what this program runs on.
const thisPlatform = runtime.GOOS + "/" + runtime.GOARCH
