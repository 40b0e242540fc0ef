package main

import (
	"cmp"
	"runtime"
	"strconv"

	"github.com/hepmeter/hepmeter/setup"
	"github.com/spf13/cobra"
)

func (a *app) newVersionCommand(told **report) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "The tool's version, and the level it is equivalent to",
		Long: `Version states the tool's own version, and the version of the maker's setup tool that it
is equivalent to: meters and firmware images ask for that level.

  hepsetup version`,
		Args: takes(0, 0, "nothing"),
		RunE: func(*cobra.Command, []string) error {
			level := cmp.Or(a.env("HEPSETUP_LEVEL"), setup.Level)
			protocol := cmp.Or(a.env("HEPSETUP_PROTOCOL"), strconv.Itoa(setup.Protocol))
			*told = &report{map[string]any{"version": toolVersion, "level": level, "protocol": protocol, "go": runtime.Version()}, func(p *page) {
				p.line("hepsetup %s (%s %s/%s)", toolVersion, runtime.Version(), runtime.GOOS, runtime.GOARCH)
				p.line("equivalent to level %s, object protocol %s", level, protocol)
			}}
			return nil
		},
	}
}

func (a *app) newCompletionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Write a script that completes commands in a shell",
		Long: `Completion writes a completion script to the standard output.

  source <(hepsetup completion bash)
  hepsetup completion zsh > "${fpath[1]}/_hepsetup"
  hepsetup completion fish > ~/.config/fish/completions/hepsetup.fish`,
		Args:      takes(1, 1, "bash, zsh or fish"),
		ValidArgs: []string{"bash", "zsh", "fish"},
		RunE: func(cmd *cobra.Command, args []string) error {
			switch args[0] {
			case "bash":
				return cmd.Root().GenBashCompletionV2(a.out, true)
			case "zsh":
				return cmd.Root().GenZshCompletion(a.out)
			case "fish":
				return cmd.Root().GenFishCompletion(a.out, true)
			}
			return usage("there is no completion for %q: choose bash, zsh or fish", args[0])
		},
	}
}
