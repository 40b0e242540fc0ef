package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/hepmeter/hepmeter/firmware"
)

func newImageKeygenCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "keygen --out KEY",
		Short: "Make a key to sign images with",
		Long: `Keygen writes a new Ed25519 key to KEY, readable by you only, and its public half to
KEY.pub. Keep KEY off the machines that build and serve images if you can, and have a
copy of it. Neither file is ever overwritten.

Meters trust a key whose KEY.pub lies in the folder trust of their data directory.`,
		Example: `  hepmeter image keygen --out release.key
  mkdir -p meter-7/trust && cp release.key.pub meter-7/trust/`,
		Args: exactly(0, "flags only"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needFlags(cmd, "out"); err != nil {
				return err
			}
			key, err := firmware.NewKey(rand.Reader)
			if err != nil {
				return err
			}
			public := key.Public().(ed25519.PublicKey)
			private, err := firmware.EncodeKey(key)
			if err != nil {
				return err
			}
			file, err := firmware.EncodePublicKey(public)
			if err != nil {
				return err
			}
			if err := writeNew(out, 0o600, private); err != nil {
				return fmt.Errorf("%w (a key is never overwritten)", err)
			}
			if err := writeNew(out+".pub", 0o644, file); err != nil {
				os.Remove(out)
				return fmt.Errorf("%w (a key is never overwritten)", err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", firmware.IDOf(public))
			fmt.Fprintf(cmd.ErrOrStderr(), "%s is the key: keep it to yourself. %s.pub goes into the folder trust of the meters that are to take its images\n", out, out)
			return err
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "file to write the key to; its public half goes to the same name with .pub")
	return cmd
}
