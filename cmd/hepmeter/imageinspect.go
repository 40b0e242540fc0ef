package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/hepmeter/hepmeter/firmware"
)

// inspection is what `hepmeter image inspect --json` prints.
type inspection struct {
	File     string            `json:"file"`
	Packaged bool              `json:"packaged"`
	Manifest firmware.Manifest `json:"manifest"`
	// Sound says that all hashes are right, Trusted that a key of --trust signed it; null
	// without --trust. Problems say what is wrong.
	Sound    bool      `json:"sound"`
	Trusted  *bool     `json:"trusted"`
	Problems []problem `json:"problems"`
	Notes    string    `json:"notes,omitempty"`
}

type problem struct {
	Code   firmware.Code `json:"code"`
	Reason string        `json:"reason"`
	Remedy string        `json:"remedy"`
}

func newImageInspectCommand() *cobra.Command {
	var trust []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "inspect F",
		Short: "Show what an image or a package is, and check it",
		Long: `Inspect prints the manifest of an image or a package and compares all of it with its
hashes. With --trust it also tells whether one of these keys signed it: KEY.pub of a
signer, or a key list of image rotate. Without, nobody has vouched for what it says.

Exit code 0: sound, and signed by a key of --trust if there was one; 1: not.`,
		Example: `  hepmeter image inspect hepmeter-3.0.0.zip
  hepmeter image inspect hepmeter-3.0.0.upx --trust release.key.pub
  hepmeter image inspect hepmeter-3.0.0.upx --json | jq -r .manifest.payload.sha256`,
		Args: exactly(1, "the image or package"),
		RunE: func(cmd *cobra.Command, args []string) error {
			trusted, err := trustOf(trust)
			if err != nil {
				return err
			}
			image, file, err := openImage(args[0])
			if err != nil {
				return err
			}
			defer file.Close()
			seen := inspection{File: args[0], Packaged: image.Packaged, Manifest: image.Manifest, Problems: []problem{}, Notes: image.Notes}
			bar := newProgress(os.Stderr, "checking", int64(image.Manifest.Payload.Blocks()))
			err = image.Check(func(n int) error {
				bar.at(int64(n))
				return cmd.Context().Err()
			})
			bar.done()
			seen.Sound = err == nil
			if err := seen.note(err); err != nil {
				return err
			}
			if len(trust) > 0 {
				_, err := trusted.Prove(image.Signed)
				proven := err == nil
				seen.Trusted = &proven
				if err := seen.note(err); err != nil {
					return err
				}
			}
			if asJSON {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				encoder.SetEscapeHTML(false)
				err = encoder.Encode(seen)
			} else {
				err = seen.print(cmd.OutOrStdout())
			}
			if err != nil {
				return err
			}
			if len(seen.Problems) > 0 {
				p := seen.Problems[0]
				return fmt.Errorf("%s: %s (%s); %s", args[0], p.Reason, p.Code, p.Remedy)
			}
			return nil
		},
	}
	cmd.Flags().StringArrayVar(&trust, "trust", nil, "public key that is trusted, or a key list (.keys); may be repeated")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// note adds a refusal to the problems, and returns any other error.
func (s *inspection) note(err error) error {
	var refusal *firmware.Refusal
	if errors.As(err, &refusal) {
		s.Problems = append(s.Problems, problem{refusal.Code, refusal.Reason, refusal.Remedy})
		return nil
	}
	return err
}

// trustOf is a trust in the keys and key lists of files.
func trustOf(paths []string) (firmware.Trust, error) {
	own, err := release()
	if err != nil {
		return firmware.Trust{}, err
	}
	files := map[string][]byte{}
	for _, path := range paths {
		b, err := readSmall(path, firmware.MaxKeyListBytes)
		if err != nil {
			return firmware.Trust{}, err
		}
		name := path
		if !strings.HasSuffix(path, firmware.KeyListSuffix) && !strings.HasSuffix(path, ".pub") {
			name += ".pub"
		}
		files[name] = b
	}
	return firmware.ReadTrust(files, own...)
}

func (s *inspection) print(out io.Writer) error {
	m, p := s.Manifest, s.Manifest.Payload
	kind := "image"
	if s.Packaged {
		kind = "package"
	}
	or := func(text, none string) string {
		if text == "" {
			return none
		}
		return text
	}
	source := "any firmware"
	if m.MinSource != (firmware.Version{}) {
		source = "firmware " + m.MinSource.String() + " or newer"
	}
	client := "any"
	if m.MinClient > 0 {
		client = fmt.Sprintf("object protocol %d or newer (asked for by meters of firmware 3.x)", m.MinClient)
	}
	expires := "never"
	if !m.Expires.IsZero() {
		expires = m.Expires.Format(time.DateOnly)
	}
	sound, trusted := "all hashes are right", "not asked (--trust KEY.pub)"
	if !s.Sound {
		sound = "DAMAGED"
	}
	if s.Trusted != nil {
		trusted = "signed by a trusted key"
		if !*s.Trusted {
			trusted = "NOT TRUSTED"
		}
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range [][2]string{
		{kind, s.File},
		{"firmware", m.Version.String()},
		{"models", strings.Join(m.Models, ", ")},
		{"platform", m.Platform},
		{"channel", or(m.Channel, "all")},
		{"upgrades", source},
		{"setup tool", or(string(m.MinTool), "any level")},
		{"client", client},
		{"security counter", fmt.Sprint(m.SecurityCounter)},
		{"state", fmt.Sprintf("reads schema %d to %d, writes %d", m.State.Oldest, m.State.Writes, m.State.Writes)},
		{"template", or(m.Template, "nothing is said")},
		{"built", m.Built.Format(time.RFC3339)},
		{"expires", expires},
		{"executable", fmt.Sprintf("%d bytes, SHA-256 %s", p.Bytes, p.SHA256)},
		{"payload", fmt.Sprintf("%d bytes (%s), %d blocks", p.PackedBytes, p.Packing, p.Blocks())},
		{"signer", string(m.Signer)},
		{"content", sound},
		{"signature", trusted},
	} {
		fmt.Fprintf(w, "%s\t%s\n", row[0], row[1])
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if s.Notes != "" {
		_, err := fmt.Fprintf(out, "\n%s\n", strings.TrimSpace(printable(s.Notes)))
		return err
	}
	return nil
}

// printable takes out what a terminal could take for commands.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, text)
}
