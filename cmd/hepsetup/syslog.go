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
	return group("syslog", "Where the meter sends its events", `Syslog tries out where the meter sends its events. The server is set by registers:

  hepsetup write localhost "Ethernet/Syslog Server=192.0.2.7"       or HOST, or HOST:PORT
  hepsetup write localhost "Ethernet/Syslog Transport=TLS"          or TCP, UDP
  hepsetup syslog test localhost
  hepsetup write localhost "Ethernet/Enable Syslog=ON"

A server whose certificate was issued by an authority of your own is accepted once that
authority's certificate, as PEM, is the meter's file documents/syslog-ca.pem.`, test)
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
