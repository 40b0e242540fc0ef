package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/hepmeter/hepmeter/firmware"
)

func newImagePackageCommand() *cobra.Command {
	var notes, out string
	cmd := &cobra.Command{
		Use:   "package F.upx --out F.zip",
		Short: "Put an image, its manifest and its release notes into one file",
		Long: `Package writes a .zip of an image, a copy of its manifest for people to read, and
release notes. The image is checked first. Meters take the package as they take the
bare image: nothing is checked less, and nothing more.`,
		Example: `  hepmeter image package hepmeter-3.0.0.upx --notes notes.md --out hepmeter-3.0.0.zip`,
		Args:    exactly(1, "the image"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := needFlags(cmd, "out"); err != nil {
				return err
			}
			image, file, err := openImage(args[0])
			if err != nil {
				return err
			}
			defer file.Close()
			if err := image.Check(nil); err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			text := fmt.Sprintf("# hepmeter %s\n\nFor %s. No notes were given.\n", image.Manifest.Version, image.Manifest.Platform)
			if notes != "" {
				b, err := readSmall(notes, firmware.MaxNotesBytes)
				if err != nil {
					return err
				}
				text = string(b)
			}
			if err := writeWhole(out, imageMarks, func(w io.Writer) error { return firmware.WritePackage(w, image, text) }); err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: the package of firmware %s for %s\n", out, image.Manifest.Version, image.Manifest.Platform)
			return nil
		},
	}
	cmd.Flags().StringVar(&notes, "notes", "", "release notes, a text in Markdown")
	cmd.Flags().StringVar(&out, "out", "", "package to write")
	return cmd
}
