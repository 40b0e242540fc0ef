package ionp

import (
	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

// handler carries out an operation and returns the body of its reply.
type handler func(*request) (ionp.Body, error)

// handlers are all operations that the server has.
func handlers() map[ionp.Operation]handler {
	h := map[ionp.Operation]handler{}
	on(h, ionp.Hello, (*request).hello)
	on(h, ionp.Login, (*request).login)
	on(h, ionp.Logout, (*request).logout)

	on(h, ionp.Info, (*request).info)
	on(h, ionp.Managers, (*request).managers)
	on(h, ionp.Modules, (*request).modules)
	on(h, ionp.Module, (*request).module)

	h[ionp.Read.Operation()] = (*request).read
	on(h, ionp.Write, (*request).write)
	on(h, ionp.Pulse, (*request).pulse)
	on(h, ionp.Subscribe, (*request).subscribe)
	on(h, ionp.Unsubscribe, (*request).unsubscribe)

	on(h, ionp.Program, (*request).program)
	on(h, ionp.TemplateSave, (*request).templateSave)
	on(h, ionp.TemplateLoad, (*request).templateLoad)
	on(h, ionp.Snapshot, (*request).snapshot)
	on(h, ionp.SnapshotRestore, (*request).snapshotRestore)

	on(h, ionp.Events, (*request).events)
	on(h, ionp.EventHead, (*request).eventHead)
	on(h, ionp.Recorders, (*request).recorders)
	on(h, ionp.Records, (*request).records)
	on(h, ionp.Gaps, (*request).gaps)
	on(h, ionp.ClearLog, (*request).clearLog)

	on(h, ionp.Files, (*request).files)
	on(h, ionp.FileRead, (*request).fileRead)
	on(h, ionp.FileWrite, (*request).fileWrite)
	on(h, ionp.FileDelete, (*request).fileDelete)

	on(h, ionp.Clock, (*request).clock)
	on(h, ionp.ClockSet, (*request).clockSet)
	on(h, ionp.Reset, (*request).reset)

	on(h, ionp.SecurityStatus, (*request).securityStatus)
	on(h, ionp.UserAdd, (*request).userAdd)
	on(h, ionp.UserSet, (*request).userSet)
	on(h, ionp.UserPassword, (*request).userPassword)
	on(h, ionp.UserRemove, (*request).userRemove)
	on(h, ionp.UserUnlock, (*request).userUnlock)
	on(h, ionp.SecuritySet, (*request).securitySet)
	on(h, ionp.ProvisionalBegin, (*request).provisionalBegin)
	on(h, ionp.ProvisionalConfirm, (*request).provisionalConfirm)
	on(h, ionp.ProvisionalCancel, (*request).provisionalCancel)
	on(h, ionp.Pending, (*request).pending)
	on(h, ionp.SecurityExport, (*request).securityExport)
	on(h, ionp.SecurityApply, (*request).securityApply)

	on(h, ionp.SyslogTest, (*request).syslogTest)

	on(h, ionp.Ledger, (*request).ledger)
	on(h, ionp.FactoryOpen, (*request).factoryOpen)
	on(h, ionp.FactoryClose, (*request).factoryClose)
	on(h, ionp.FactoryUse, (*request).factoryUse)
	on(h, ionp.Sessions, (*request).sessions)
	on(h, ionp.SessionEnd, (*request).sessionEnd)
	return h
}

// on makes f the handler of an exchange, whose bodies it need not decode and encode.
func on[Q, S any](h map[ionp.Operation]handler, e ionp.Exchange[Q, S], f func(*request, *Q) (S, error)) {
	h[e.Operation()] = func(r *request) (ionp.Body, error) {
		q, err := e.DecodeRequest(r.body)
		if err != nil {
			return nil, badRequest(err)
		}
		s, err := f(r, &q)
		if err != nil {
			return nil, err
		}
		return e.EncodeReply(s)
	}
}

// hello tells a client what it needs to begin, and remembers what it says of itself.
func (r *request) hello(q *ionp.HelloRequest) (s ionp.HelloReply, err error) {
	version := max(q.Version, ionp.VersionStateless)
	frame := ionp.FrameBeforeHello
	if q.LargestFrame != 0 {
		if frame, err = ionp.AgreeFrame(q.LargestFrame); err != nil {
			return s, badRequest(err)
		}
	}
	r.version = min(version, ionp.Version)
	r.root.Call(q.ClientName, q.ClientVersion)
	// The reply to the hello goes out in frames that every client takes.
	r.after = func() {
		r.greeted = true
		r.setLimits()
		r.out.Lock()
		defer r.out.Unlock()
		r.writer.SetLargestFrame(frame)
	}
	s.Version, s.LargestFrame = r.version, ionp.LargestFrame
	var takes []access.CredentialKind
	s.Model, s.Firmware, takes = r.root.Greeting()
	for _, kind := range takes {
		s.Credentials = append(s.Credentials, kindName(kind))
	}
	return s, nil
}

// kindName is the protocol's word for a kind of credential.
func kindName(k access.CredentialKind) string {
	switch k {
	case access.NoCredential:
		return "none"
	case access.PasswordOnly:
		return "password"
	case access.NamedUser:
		return "user"
	}
	return k.String()
}

// login gives a token for the credential of the request.
func (r *request) login(*ionp.LoginRequest) (s ionp.LoginReply, err error) {
	if r.credential == nil {
		return s, access.NewRefusal(access.CodeCredentialsNeeded, "a login brings a credential")
	}
	for i := len(r.tokens) - 1; i >= 0; i-- { // room, if one has ended
		if len(r.tokens) >= maxTokens && r.tokens[i].session.Use() != nil {
			r.forget(i)
		}
	}
	if len(r.tokens) >= maxTokens {
		return s, access.NewRefusal(access.CodeBusy, "this connection has as many tokens as it can have: log out of one")
	}
	var fresh token
	if _, err := r.server.options.Random.Read(fresh.bytes[:]); err != nil {
		return s, err
	}
	if fresh.session, err = r.root.Login(r.ctx, credentialOf(r.credential), access.TokenIdle); err != nil {
		return s, err
	}
	r.tokens = append(r.tokens, fresh)
	r.trust(fresh.session)
	own := fresh.session.Own()
	return ionp.LoginReply{Token: fresh.bytes[:], IdleSeconds: uint32(access.TokenIdle.Seconds()), User: own.User, Permissions: own.Permissions.Words()}, nil
}

// logout ends the token of the request.
func (r *request) logout(*ionp.LogoutRequest) (s ionp.LogoutReply, err error) {
	i := r.tokenOf(r.token)
	if i < 0 {
		return s, access.NewRefusal(access.CodeBadRequest, "a logout brings the token that it ends")
	}
	r.forget(i)
	return s, nil
}
