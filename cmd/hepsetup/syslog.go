package main

import (
	"context"

	"github.com/hepmeter/hepmeter/setup"
	"github.com/spf13/cobra"
)

func (a *app) newSyslogCommand(told **report) *cobra.Command {
	test := &cobra.Command{
		Use:   "test ADDR",
		Short: "Have the meter send a test message to its syslog server",
		Long: `Test has the meter send one message to the server of Ethernet/Syslog Server, by
Ethernet/Syslog Transport, whether Enable Syslog is ON or not: try first, then switch it
on. It says what was sent, or why it could not be. With TCP and TLS the server has taken
the message; UDP tells nothing of that, so look for it there.

It needs Comm Config Access.

  HEPSETUP_PASSWORD=0 hepsetup syslog test localhost`,
		Args: takes(1, 1, "the address of a meter"),
		RunE: a.withMeter(told, func(ctx context.Context, m *setup.Meter, _ []string) (report, error) {
			sent, err := m.TestSyslog(ctx)
			return report{sent, func(p *page) { showSyslogTest(p, sent) }}, err
		}),
	}
	trust := &cobra.Command{
		Use:   "trust ADDR FILE",
		Short: "Have the meter accept syslog servers that an authority of yours has certified",
		Long: `Trust makes the certificates of a PEM file those by which the meter knows a syslog
server that it sends to by TLS, beside the authorities that its system knows. They stand
in the place of those of the last trust.

It needs Full Meter Config Access.

  HEPSETUP_PASSWORD=0 hepsetup syslog trust localhost site-ca.pem`,
		Args: takes(2, 2, "the address of a meter and a file"),
		RunE: a.withMeter(told, func(ctx context.Context, m *setup.Meter, args []string) (report, error) {
			text, err := readFile(args[0])
			if err != nil {
				return report{}, err
			}
			subjects, err := m.TrustSyslog(ctx, text)
			return report{map[string]any{"file": setup.SyslogAuthorities, "authorities": subjects}, func(p *page) {
				for _, subject := range subjects {
					p.line("the meter now accepts syslog servers certified by %s", clean(subject))
				}
			}}, err
		}),
	}
	return group("syslog", "Where the meter sends its events", `Syslog tries out where the meter sends its events. The server is set by registers:

  hepsetup write localhost "Ethernet/Syslog Server=192.0.2.7"       or HOST, or HOST:PORT
  hepsetup write localhost "Ethernet/Syslog Transport=TLS"          or TCP, UDP
  hepsetup syslog test localhost
  hepsetup write localhost "Ethernet/Enable Syslog=ON"

By TLS a server is accepted if an authority of the meter's system has certified it, or one
of your own that the meter was told of:

  hepsetup syslog trust localhost site-ca.pem`, test, trust)
}

func showSyslogTest(p *page, sent setup.SyslogTest) {
	if sent.Taken {
		p.line("%s", p.bold("the server has taken the test message"))
	} else {
		p.line("%s", p.bold("the test message was sent; UDP does not tell whether it arrives"))
	}
	p.item("server", clean(sent.Server)+" by "+clean(sent.Transport))
	p.item("message", clean(sent.Message))
}
