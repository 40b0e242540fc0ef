package main

import (
	"strings"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/setup"
	"github.com/spf13/cobra"
)

// refusal is one entry of docs/refusals.md.
type refusal struct {
	Code     string `json:"code"`
	Exit     int    `json:"exit_code"`
	By       string `json:"by"`
	Sentence string `json:"sentence"`
	Remedy   string `json:"remedy"`
}

// refusals lists every code that there is: the meter's and the tool's.
func refusals() []refusal {
	var list []refusal
	for _, c := range access.Codes() {
		exit := exitCodes[setup.Refused]
		if c.Code == access.CodeFailed {
			exit = exitCodes[setup.Failed]
		}
		list = append(list, refusal{string(c.Code), exit, "meter", c.Sentence, c.Remedy})
	}
	for _, c := range setup.Codes() {
		list = append(list, refusal{c.Code, exitCodes[c.Kind], "tool", c.Sentence, c.Remedy})
	}
	return list
}

func (a *app) newExplainCommand(told **report) *cobra.Command {
	return &cobra.Command{
		Use:   "explain [CODE]",
		Short: "What a refusal means, and what to do",
		Long: `Explain says what a reason code means. Without CODE it lists all.

  hepsetup explain no-permission`,
		Args: takes(0, 1, "a code"),
		RunE: func(_ *cobra.Command, args []string) error {
			list := refusals()
			if len(args) == 0 {
				*told = &report{list, func(p *page) {
					var rows [][]string
					for _, r := range list {
						rows = append(rows, []string{r.Code, r.By, r.Sentence})
					}
					p.table([]string{"Code", "By", "Means"}, rows)
				}}
				return nil
			}
			var found []refusal
			var codes []string
			for _, r := range list {
				codes = append(codes, r.Code)
				if strings.EqualFold(r.Code, args[0]) {
					found = append(found, r)
				}
			}
			if len(found) == 0 {
				e := setup.NewError(setup.CodeUsage, "there is no code %q", args[0])
				e.Remedy = "list them with `hepsetup explain`"
				if near := setup.Nearest(args[0], codes, 2); len(near) > 0 {
					e.Remedy = "did you mean " + strings.Join(near, " or ") + "?"
				}
				return e
			}
			*told = &report{found, func(p *page) {
				for _, r := range found {
					p.line("%s", p.bold(r.Code))
					p.item("means", r.Sentence)
					p.item("remedy", r.Remedy)
					p.item("given by", map[string]string{"meter": "the meter", "tool": "the tool, before or instead of the meter"}[r.By])
				}
			}}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var codes []string
			for _, r := range refusals() {
				codes = append(codes, r.Code)
			}
			return codes, cobra.ShellCompDirectiveNoFileComp
		},
	}
}
