package ssh

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"golang.org/x/term"

	"github.com/hepmeter/hepmeter/access"
)

// terminal is where a command's words come from, and where its answer goes.
type terminal struct {
	channel  *channel
	session  *access.Session
	out, err io.Writer
	// editor and keys are there where the client has a terminal; input otherwise.
	editor *term.Terminal
	keys   *keyboard
	input  *bufio.Reader
	// group is the menu that numbers are of: 0 for the first.
	group int
}

func newTerminal(k *channel, session *access.Session) *terminal {
	return &terminal{channel: k, session: session, out: k.out, err: k.err, input: bufio.NewReaderSize(k.wire, maxLine)}
}

const prompt = "hepmeter> "

// attend reads from the client's terminal, and follows its size.
func (t *terminal) attend(ctx context.Context, running *sync.WaitGroup) {
	k := t.channel
	t.keys = newKeyboard()
	t.editor = term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{t.keys, k.out}, prompt)
	t.editor.AutoCompleteCallback = t.complete
	t.out, t.err = t.editor, t.editor
	running.Go(func() { t.keys.listen(ctx, k.wire) })
	// Not where requests are read: the editor may wait for a client that takes nothing.
	running.Go(func() { k.conn.server.guarded(ctx, t.follows) })
}

// follows tells the editor of new sizes.
func (t *terminal) follows(ctx context.Context) int {
	for {
		select {
		case <-ctx.Done():
			return exitDone
		case <-t.channel.resized:
			_ = t.editor.SetSize(int(t.channel.width.Load()), int(t.channel.height.Load())) // a client that is gone needs none
		}
	}
}

// width is how many columns there are; 0 for no limit.
func (t *terminal) width() int { return int(t.channel.width.Load()) }

// shell carries out what is typed until the client leaves.
func (t *terminal) shell(ctx context.Context) int {
	if t.editor == nil {
		return t.script(ctx)
	}
	model, firmware, _ := t.session.Greeting()
	t.printf("%s, firmware %s. You are %s.\n\n", model, firmware, t.who())
	t.menu()
	for {
		t.editor.SetPrompt(t.prompt())
		line, err := t.editor.ReadLine()
		switch {
		case err != nil && !errors.Is(err, term.ErrPasteIndicator):
			t.printf("\n")
			return exitDone // Ctrl-D, or the client is gone
		case ctx.Err() != nil:
			return exitFailed
		case strings.TrimSpace(line) == "":
			t.group = 0
			continue
		}
		if t.carryOut(ctx, line) == statusExit {
			return exitDone
		}
	}
}

// script carries out lines of a client without a terminal, and returns the status of the
// last.
func (t *terminal) script(ctx context.Context) (status int) {
	for ctx.Err() == nil {
		line, err := t.line()
		var tooLong usageError
		if errors.As(err, &tooLong) {
			fmt.Fprintln(t.err, tooLong)
			return exitUsage
		}
		if strings.TrimSpace(line) != "" {
			if status = t.carryOut(ctx, line); status == statusExit {
				return exitDone
			}
		}
		if err != nil {
			return status
		}
	}
	return exitFailed
}

// run carries out the one command that a client has sent.
func (t *terminal) run(ctx context.Context, line string) int {
	if status := t.carryOut(ctx, line); status != statusExit {
		return status
	}
	return exitDone
}

// line reads a line of a client without a terminal.
func (t *terminal) line() (string, error) {
	line, err := t.input.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", usage("a line has at most %d bytes", maxLine)
	}
	return strings.TrimRight(string(line), "\r\n"), err
}

// errGivenUp ends a command whose question was answered with Ctrl-C.
var errGivenUp = errors.New("given up: nothing was changed")

// ask asks for a line. Who has no terminal is not asked.
func (t *terminal) ask(question string) (string, error) {
	if t.editor == nil {
		return "", usage("there is no terminal to ask on")
	}
	t.keys.ask()
	t.editor.SetPrompt(question)
	line, err := t.editor.ReadLine()
	t.editor.SetPrompt(t.prompt())
	if t.keys.done() || err != nil {
		return "", errGivenUp
	}
	return line, nil
}

// maxSecret bounds a password that is typed or sent, in bytes; the gate's rule is stricter.
const maxSecret = 128

// newPassword asks for a new password twice, without echo. Without a terminal it is the
// first line of what the client sends.
func (t *terminal) newPassword(of string) (string, error) {
	if t.editor == nil {
		line, err := t.line()
		switch {
		case line == "" && err != nil:
			return "", usage("there is no terminal to ask for the password on: use ssh -t, or send it as one line of input")
		case len(line) > maxSecret:
			return "", usage("a password has at most %d bytes", maxSecret)
		}
		return line, nil
	}
	first, err := t.secret("New password of " + of + ": ")
	if err != nil {
		return "", err
	}
	again, err := t.secret("The same again: ")
	if err != nil {
		return "", err
	}
	if first != again {
		return "", errors.New("the two are not the same: nothing was changed")
	}
	return first, nil
}

func (t *terminal) secret(question string) (string, error) {
	t.keys.ask()
	line, err := t.editor.ReadPassword(question)
	switch givenUp := t.keys.done(); {
	case givenUp, err != nil && !errors.Is(err, term.ErrPasteIndicator):
		return "", errGivenUp
	case len(line) > maxSecret:
		return "", usage("a password has at most %d bytes", maxSecret)
	}
	return line, nil
}

// printf writes text of the meter's own, in which stored text is plain already.
func (t *terminal) printf(format string, args ...any) { fmt.Fprintf(t.out, format, args...) }

// table writes rows that fit the terminal.
func (t *terminal) table(heads []string, rows [][]string) {
	_, _ = io.WriteString(t.out, table(t.width(), heads, rows)) // a client that is gone reads nothing
}

// who names the user.
func (t *terminal) who() string {
	id := t.session.Identity()
	switch name := t.session.UserName(); {
	case id.Kind == access.ModelNumber:
		return fmt.Sprintf("%s (as %s)", plain(t.channel.conn.server.gate.Security().ModelName), name)
	case name != "":
		return name
	}
	return "nobody in particular"
}
