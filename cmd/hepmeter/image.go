package main

import (
	"crypto/ed25519"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hepmeter/hepmeter/firmware"
)

func newImageCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "image",
		Short: "Make, sign and look at firmware images",
		Long: `An image (.upx) is an executable of hepmeter for one platform with a signed manifest:
which models and which firmware may take it, and with which tool. A package (.zip) is an
image with its release notes. A meter takes only what a key signed that it trusts: put
KEY.pub into the folder trust of its data directory. docs/firmware.md has the formats,
how keys are changed, and what is defended against.`,
		Example: `  hepmeter image keygen --out release.key
  hepmeter image build --version 3.0.0 --key release.key --out hepmeter-3.0.0.upx
  hepmeter image package hepmeter-3.0.0.upx --notes notes.md --out hepmeter-3.0.0.zip
  hepmeter image inspect hepmeter-3.0.0.zip --trust release.key.pub`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command image %q: there are keygen, build, package, inspect and rotate", args[0])}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newImageKeygenCommand(), newImageBuildCommand(), newImagePackageCommand(), newImageInspectCommand(), newImageRotateCommand())
	return cmd
}

// readSmall reads a file of at most limit bytes.
func readSmall(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	return b, err
}

// readKey reads the private key of a file.
func readKey(path string) (ed25519.PrivateKey, error) {
	b, err := readSmall(path, firmware.MaxKeyFileBytes)
	if err != nil {
		return nil, err
	}
	key, err := firmware.ParseKey(b)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", path, err)
	}
	return key, nil
}

// readPublicKey reads the public key of a file.
func readPublicKey(path string) (ed25519.PublicKey, error) {
	b, err := readSmall(path, firmware.MaxKeyFileBytes)
	if err != nil {
		return nil, err
	}
	key, err := firmware.ParsePublicKey(b)
	if err != nil {
		return nil, fmt.Errorf("public key %s: %w", path, err)
	}
	return key, nil
}

// openImage opens an image or a package. The file stays open for it.
func openImage(path string) (*firmware.File, *os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", path)
	}
	var image *firmware.File
	if err == nil {
		if image, err = firmware.Open(f, info.Size()); err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return image, f, nil
}

// needFlags refuses a command line without some flags.
func needFlags(cmd *cobra.Command, names ...string) error {
	for _, name := range names {
		if cmd.Flags().Lookup(name).Value.String() == "" {
			return usageError{fmt.Errorf("%s needs --%s (see %s --help)", cmd.CommandPath(), strings.Join(names, " and --"), cmd.CommandPath())}
		}
	}
	return nil
}

// megabytes writes a size.
func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
