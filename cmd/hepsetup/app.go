package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/setup"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// app is one run of the tool: its streams, its environment, and the flags that every
// command has.
type app struct {
	in       *os.File
	out, err *os.File
	env      func(string) string
	now      func() time.Time

	user, passwordFile, newPasswordFile string
	anonymous, json                     bool
	timeout                             time.Duration

	stdin *bufio.Reader // lines of in, where it is no terminal
	told  time.Time     // when progress was told last
}

func newApp(in, out, err *os.File, env func(string) string) *app {
	return &app{in: in, out: out, err: err, env: env, now: time.Now}
}

// report is what a command has to tell: result is for programs, text for people.
type report struct {
	result any
	text   func(*page)
}

// Exit codes, by who stopped a command.
var exitCodes = map[setup.Kind]int{setup.Failed: 1, setup.Usage: 2, setup.Refused: 3, setup.Unreachable: 4, setup.Precondition: 5}

// run carries out a command line and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	// Before flags are read, so that a command line that makes no sense is told as JSON,
	// too.
	a.json = slices.Contains(args, "--json") || slices.Contains(args, "--json=true")
	var told *report
	root := a.newRootCommand(&told)
	root.SetArgs(args)
	root.SetOut(a.out)
	root.SetErr(a.err)
	err := root.ExecuteContext(ctx)
	if err != nil {
		return a.fail(err)
	}
	if told == nil { // help, completion
		return 0
	}
	p := newPage(a.out, a.env)
	if a.json {
		p.json(envelope{OK: true, Code: "ok", Result: told.result})
	} else if told.text != nil {
		told.text(p)
	}
	if err := p.flush(); err != nil {
		fmt.Fprintln(a.err, "hepsetup: writing the result:", err)
		return 1
	}
	return 0
}

// envelope is what --json prints for every command.
type envelope struct {
	OK     bool   `json:"ok"`
	Code   string `json:"code"`
	Reason string `json:"reason"`
	Remedy string `json:"remedy"`
	Result any    `json:"result"`
}

// failure is an error that has a result all the same.
type failure struct {
	error
	report report
}

func (f failure) Unwrap() error { return f.error }

// fail tells an error in its three parts and returns the exit code.
func (a *app) fail(err error) int {
	var e *setup.Error
	if !errors.As(err, &e) {
		e = setup.NewError(setup.CodeFailed, "%v", err)
	}
	remedy := e.Remedy
	if e.Code == "bad-credentials" && a.user != "" {
		if _, err := setup.ParseUser(a.user); err != nil {
			remedy = fmt.Sprintf("accounts are called USER1, USER2 ...; %q is none. A model number is a name for web pages and SSH only; here, under LSS, leave out --user and give User1's password", a.user)
		}
	}
	var f failure
	errors.As(err, &f)
	if a.json {
		reason := e.Reason
		if e.What != "" {
			reason = e.What + ": " + reason
		}
		p := newPage(a.out, a.env)
		p.json(envelope{Code: e.Code, Reason: reason, Remedy: remedy, Result: f.report.result})
		p.flush()
		return exitCodes[e.Kind]
	}
	if f.report.text != nil {
		p := newPage(a.out, a.env)
		f.report.text(p)
		p.flush()
	}
	what := map[setup.Kind]string{setup.Failed: "failed", setup.Usage: "usage", setup.Refused: "refused by the meter", setup.Unreachable: "cannot connect", setup.Precondition: "not begun"}[e.Kind]
	if e.What != "" {
		what += ": " + e.What
	}
	p := newPage(a.err, a.env)
	p.line("hepsetup: %s", p.bad(what))
	p.item("reason", fmt.Sprintf("%s (%s)", e.Reason, e.Code))
	if remedy != "" {
		p.item("remedy", remedy)
	}
	p.flush()
	return exitCodes[e.Kind]
}

// progress tells people what goes on, beside the result.
func (a *app) progress(format string, args ...any) {
	fmt.Fprintf(a.err, format+"\n", args...)
}

// interactive reports whether there is somebody to ask.
func (a *app) interactive() bool {
	return term.IsTerminal(int(a.in.Fd())) && term.IsTerminal(int(a.err.Fd()))
}

// options are how this run connects. A password comes from --password-file, from the
// environment, or from whoever sits there; it never stands on the command line.
func (a *app) options(ctx context.Context) (setup.Options, error) {
	o := setup.Options{Timeout: a.timeout, Begin: a.begin, Progress: a.follow}
	o.Level = cmp.Or(a.env("HEPSETUP_LEVEL"), setup.Level)
	if text := a.env("HEPSETUP_PROTOCOL"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return o, setup.NewError(setup.CodeUsage, "HEPSETUP_PROTOCOL=%q is no protocol version", text)
		}
		o.Protocol = n
	}
	if a.anonymous {
		if a.user != "" || a.passwordFile != "" {
			return o, setup.NewError(setup.CodeUsage, "--anonymous goes with neither --user nor --password-file")
		}
		return o, nil
	}
	o.User = a.user
	password, given, err := a.password()
	switch {
	case err != nil:
		return o, err
	case given:
		o.Password = &password
	case a.user != "":
		text, err := a.prompt(ctx, fmt.Sprintf("Password of %s: ", a.user))
		if err != nil {
			return o, err
		}
		o.Password = &text
	case a.interactive():
		o.Ask = a.askCredential
	}
	return o, nil
}

// password is that of --password-file or of the environment.
func (a *app) password() (string, bool, error) {
	if a.passwordFile != "" {
		text, err := a.firstLine(a.passwordFile)
		return text, true, err
	}
	text := a.env("HEPSETUP_PASSWORD")
	return text, text != "", nil
}

// newPassword is that of --new-password-file or of the environment, or is asked for
// twice.
func (a *app) newPassword(ctx context.Context, user string) (string, error) {
	if a.newPasswordFile != "" {
		return a.firstLine(a.newPasswordFile)
	}
	if text := a.env("HEPSETUP_NEW_PASSWORD"); text != "" {
		return text, nil
	}
	if a.interactive() { // between the prompts, too
		restore, err := echoOff(int(a.in.Fd()))
		if err != nil {
			return "", err
		}
		defer restore()
	}
	for {
		first, err := a.prompt(ctx, fmt.Sprintf("New password of %s: ", user))
		if err != nil {
			return "", err
		}
		if err := setup.CheckPassword(first); err != nil {
			a.progress("%v", err)
			continue
		}
		second, err := a.prompt(ctx, "The same again: ")
		if err != nil {
			return "", err
		}
		if first == second {
			return first, nil
		}
		a.progress("the two are not the same: once more")
	}
}

// hasNewPassword tells whether a new password can be had without asking.
func (a *app) hasNewPassword() bool {
	return a.newPasswordFile != "" || a.env("HEPSETUP_NEW_PASSWORD") != ""
}

// maxPasswordFile bounds what is read of a password file.
const maxPasswordFile = 4096

// firstLine reads the first line of a file; - is the standard input.
func (a *app) firstLine(path string) (string, error) {
	r := io.Reader(a.in)
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return "", setup.NewError(setup.CodeFile, "the password file: %v", err)
		}
		defer f.Close()
		r = f
	}
	text, err := bufio.NewReader(io.LimitReader(r, maxPasswordFile)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", setup.NewError(setup.CodeFile, "the password file: %v", err)
	}
	return strings.TrimRight(text, "\r\n"), nil
}

// prompt asks for a password, without showing it.
func (a *app) prompt(ctx context.Context, text string) (string, error) {
	if !a.interactive() {
		return "", setup.NewError(setup.CodePasswordNeeded, "there is no terminal to ask at: %q", strings.TrimSuffix(text, ": "))
	}
	fd := int(a.in.Fd())
	restore, err := echoOff(fd)
	if err != nil {
		return "", err
	}
	defer restore()
	fmt.Fprint(a.err, text)
	defer fmt.Fprintln(a.err)
	type answer struct {
		text []byte
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		answered <- answer{text, err}
	}()
	select {
	case got := <-answered:
		return string(got.text), got.err
	case <-ctx.Done():
		return "", setup.NewError(setup.CodeInterrupted, "")
	}
}

// askCredential is asked when the meter wants more than nothing.
func (a *app) askCredential(ctx context.Context, refusal *setup.Error) (setup.Credential, bool) {
	a.progress("%s: %s", cmp.Or(refusal.What, "the meter"), refusal.Reason)
	var c setup.Credential
	hint := "User (Enter for none): "
	if refusal.Code == "user-needed" {
		hint = "User: "
	}
	user, err := a.question(hint)
	if err != nil || user == "" && refusal.Code == "user-needed" {
		return c, false
	}
	password, err := a.prompt(ctx, "Password: ")
	if err != nil {
		return c, false
	}
	c.User, c.Password = user, &password
	return c, true
}

// question asks for a line of text.
func (a *app) question(text string) (string, error) {
	fmt.Fprint(a.err, text)
	if a.stdin == nil {
		a.stdin = bufio.NewReader(a.in)
	}
	line, err := a.stdin.ReadString('\n')
	return strings.TrimSpace(line), err
}

// confirmed asks y/N; without a terminal the answer is otherwise.
func (a *app) confirmed(text string, otherwise bool) (bool, error) {
	if !a.interactive() {
		return otherwise, nil
	}
	line, err := a.question(text + " [y/N] ")
	return strings.EqualFold(line, "y") || strings.EqualFold(line, "yes"), err
}

// withMeter makes the run of a command whose first argument is ADDR.
func (a *app) withMeter(told **report, do func(ctx context.Context, m *setup.Meter, args []string) (report, error)) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		m, err := a.connect(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		defer m.Close()
		r, err := do(cmd.Context(), m, args[1:])
		if err != nil {
			return err
		}
		*told = &r
		return nil
	}
}

func (a *app) connect(ctx context.Context, addr string) (*setup.Meter, error) {
	address, err := setup.ParseAddress(addr)
	if err != nil {
		return nil, err
	}
	o, err := a.options(ctx)
	if err != nil {
		return nil, err
	}
	return setup.Connect(ctx, address, o)
}
