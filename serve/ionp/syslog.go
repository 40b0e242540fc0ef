package ionp

import "github.com/hepmeter/hepmeter/wire/ionp"

// syslogTest sends a test message to the syslog server.
func (r *request) syslogTest(*ionp.SyslogTestRequest) (s ionp.SyslogTestReply, err error) {
	test, err := r.session.TestSyslog(r.ctx)
	if err != nil {
		return s, err
	}
	return ionp.SyslogTestReply{Server: test.Target.Address(), Transport: test.Target.Transport, Message: test.Message}, nil
}
