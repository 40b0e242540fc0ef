package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hepmeter/hepmeter/firmware"
)

// imageRotateFlags are the flags of `hepmeter image rotate`.
type imageRotateFlags struct {
	key, after, out           string
	add, addForLists, revoked []string
}

func newImageRotateCommand() *cobra.Command {
	var f imageRotateFlags
	cmd := &cobra.Command{
		Use:   "rotate --key KEY [--after LAST.keys] [--add PUB] [--revoke PUB] --out NEXT.keys",
		Short: "Add keys that meters trust, and revoke keys, by a signed list",
		Long: `Rotate writes a key list: keys that sign images beside those of the owner, and keys that
are revoked for good, as those whose secret has leaked. A meter takes it if a key that
it trusts for lists has signed it (those in its folder trust may) and its counter is
higher than that of the list it has. Each list is whole and takes the place of the one
before it: give that with --after.

Put the list into the folder trust of the data directory, beside the earlier ones, and
start the meter again. A list that would leave a meter without a key that may sign the
next one is refused by it.`,
		Example: `  hepmeter image rotate --key owner.key --add release-2027.key.pub --out 1.keys
  hepmeter image rotate --key owner.key --after 1.keys --add release-2028.key.pub --revoke release-2027.key.pub --out 2.keys`,
		Args: exactly(0, "flags only"),
		RunE: func(cmd *cobra.Command, _ []string) error { return rotateKeys(cmd, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.key, "key", "", "key that signs the list; meters must trust it for lists")
	flags.StringVar(&f.after, "after", "", "the last list, whose keys and revocations go on (default: this is the first)")
	flags.StringArrayVar(&f.add, "add", nil, "public key that may sign images; may be repeated")
	flags.StringArrayVar(&f.addForLists, "add-for-lists", nil, "public key that may sign images and key lists; may be repeated")
	flags.StringArrayVar(&f.revoked, "revoke", nil, "public key, or fingerprint of one, that counts no more; may be repeated")
	flags.StringVar(&f.out, "out", "", "list to write, NAME.keys")
	return cmd
}

func rotateKeys(cmd *cobra.Command, f imageRotateFlags) error {
	if err := needFlags(cmd, "key", "out"); err != nil {
		return err
	}
	switch {
	case !strings.HasSuffix(f.out, firmware.KeyListSuffix):
		return usageError{fmt.Errorf("--out %s: meters look for names that end in %s", f.out, firmware.KeyListSuffix)}
	case len(f.add)+len(f.addForLists)+len(f.revoked) == 0:
		return usageError{fmt.Errorf("give a key with --add, --add-for-lists or --revoke (see %s --help)", cmd.CommandPath())}
	}
	signer, err := readKey(f.key)
	if err != nil {
		return err
	}
	var last firmware.KeyList
	if f.after != "" {
		b, err := readSmall(f.after, firmware.MaxKeyListBytes)
		if err == nil {
			last, err = firmware.ParseKeyList(b)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.after, err)
		}
	}
	var add []firmware.Key
	for _, group := range []struct {
		paths []string
		lists bool
	}{{f.add, false}, {f.addForLists, true}} {
		for _, path := range group.paths {
			key, err := readPublicKey(path)
			if err != nil {
				return err
			}
			name := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(path), ".pub"), ".key")
			add = append(add, firmware.Key{Name: name, Key: key, Lists: group.lists})
		}
	}
	var revoke []firmware.KeyID
	for _, named := range f.revoked {
		if strings.HasPrefix(named, "SHA256:") {
			revoke = append(revoke, firmware.KeyID(named))
			continue
		}
		key, err := readPublicKey(named)
		if err != nil {
			return err
		}
		revoke = append(revoke, firmware.IDOf(key))
	}
	list, err := last.Next(time.Now().UTC().Truncate(time.Second), add, revoke, signer)
	if err != nil {
		return err
	}
	if err := writeWhole(f.out, []string{"{"}, func(w io.Writer) error {
		_, err := w.Write(list.Bytes())
		return err
	}); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s: key list %d, %d keys beside those of the owner, %d revoked, signed by %s\n", f.out, list.Counter, len(list.Keys), len(list.Revoked), list.Signer)
	return nil
}
