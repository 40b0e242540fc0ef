package ionp

import (
	"fmt"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

func (r *request) factoryOpen(q *ionp.FactoryOpenRequest) (s ionp.FactoryOpenReply, err error) {
	code, until, err := r.session.OpenFactory(r.ctx, int(q.Minutes))
	if err != nil {
		return s, err
	}
	return ionp.FactoryOpenReply{Code: ionp.Secret(code), Until: until.UnixNano()}, nil
}

func (r *request) factoryClose(*ionp.FactoryCloseRequest) (s ionp.FactoryCloseReply, err error) {
	return s, r.session.CloseFactory()
}

// The diagnostic commands.
const commandStatus = "status"

// factoryUse runs a diagnostic command with the code that is good for one use.
func (r *request) factoryUse(q *ionp.FactoryUseRequest) (s ionp.FactoryUseReply, err error) {
	if q.Command != commandStatus { // before the code is used up
		return s, access.NewRefusal(access.CodeBadRequest, fmt.Sprintf("there is no diagnostic command %q: there is %q", q.Command, commandStatus))
	}
	session, err := r.root.Login(r.ctx, access.Credential{User: access.FactoryUser, Given: true, Password: string(q.Code)}, access.TokenIdle)
	if err != nil {
		return s, err
	}
	defer session.Close()
	info, err := session.Info()
	if err != nil {
		return s, err
	}
	gate, server := r.server.gate.Counters(), r.server.Counters()
	s.Text = fmt.Sprintf("%s %s, firmware %s\nup %s, %d power-ups, %d modules\ngate: %d connections, %d reads, %d changes, %d refusals\nobject protocol: %d connections, %d requests, %d refused, %d failed\n",
		info.Model, info.Serial, info.Firmware, info.Uptime.Round(time.Second), info.PowerUps, info.Modules,
		gate.Connections, gate.Reads, gate.Changes, gate.Refusals, server.Connections, server.Requests, server.Refused, server.Failed)
	return s, nil
}
