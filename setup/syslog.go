package setup

import (
	"context"

	"github.com/hepmeter/hepmeter/wire/ionp"
)

// SyslogTest is a test message that a meter has sent to its syslog server.
type SyslogTest struct {
	Server    string `json:"server"`
	Transport string `json:"transport"`
	// Message is what the server should show.
	Message string `json:"message"`
	// Taken tells that the server has taken it; UDP tells nothing of that.
	Taken bool `json:"taken"`
}

// TestSyslog has the meter send a test message to the syslog server that is set.
func (m *Meter) TestSyslog(ctx context.Context) (SyslogTest, error) {
	r, err := ask(ctx, m, "sending a syslog test message", ionp.SyslogTest, ionp.SyslogTestRequest{})
	return SyslogTest{Server: r.Server, Transport: r.Transport, Message: r.Message, Taken: r.Transport == "TCP" || r.Transport == "TLS"}, err
}
