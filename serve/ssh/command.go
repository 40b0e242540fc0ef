package ssh

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// command is what a word does.
type command struct {
	word, arguments, text string
	do                    func(*terminal, context.Context, []string) error
}

// statusExit is the status of the command that leaves; no exit status is.
const statusExit = -1

// errExit is what the command exit returns.
var errExit = errors.New("exit")

// commands are all there are, in the order of help.
func commands() []command {
	return []command{
		{"status", "", "the name plate, the main readings, security, and what waits for confirmation", (*terminal).status},
		{"read", "REGISTER, ...", "registers by their labels, such as Power Meter/Vln a; a module's label reads all of it", (*terminal).read},
		{"connections", "[end NUMBER]", "addresses, and every open connection with who holds it; ends another one", (*terminal).connections},
		{"network", "", "services, addresses, what is enabled, and fingerprints", (*terminal).network},
		{"accounts", "[add|set|passwd|remove|unlock ...]", "accounts with their permissions, for Security Config holders; `help accounts` for all", (*terminal).accounts},
		{"password", "", "change your own password", (*terminal).password},
		{"logs", "", "the logs that there are", (*terminal).logs},
		{"log", "NAME [--csv] [--last N]", "records of a Data Recorder", (*terminal).log},
		{"events", "[--last N] [--follow] [--csv]", "the event log; --follow goes on until Ctrl-C", (*terminal).events},
		{"factory", "[open MINUTES|close]", "factory access", (*terminal).factory},
		{"confirm", "", "keep changes that wait for their confirmation", (*terminal).confirm},
		{"restart", "[--yes]", "stop the meter and start it again", (*terminal).restart},
		{"whoami", "", "who you are, and what you may do", (*terminal).whoami},
		{"menu", "", "the menu again", func(t *terminal, _ context.Context, args []string) error { t.menu(); return none(args) }},
		{"help", "[COMMAND]", "what there is", (*terminal).help},
		{"exit", "", "leave (Ctrl-D does, too)", func(_ *terminal, _ context.Context, args []string) error {
			return errors.Join(errExit, none(args))
		}},
	}
}

// synonyms are other words for commands.
func synonym(word string) string {
	switch word {
	case "who":
		return "whoami"
	case "quit", "logout", "bye":
		return "exit"
	case "?":
		return "help"
	}
	return word
}

// none refuses arguments where there are none.
func none(args []string) error {
	if len(args) > 0 {
		return usage("%q is one word too many", args[0])
	}
	return nil
}

// group is a menu; numbers choose among its items.
type group struct {
	title string
	items []item
}

type item struct{ title, line string }

// groups are the menus. Field staff know that `1` twice shows who is connected (FA212303).
func groups() []group {
	return []group{
		{"Communications", []item{{"addresses and open connections", "connections"}, {"services and fingerprints", "network"}}},
		{"Meter", []item{{"status", "status"}, {"restart", "restart"}}},
		{"Logs", []item{{"latest events", "events"}, {"data logs", "logs"}}},
		{"Security", []item{{"who you are", "whoami"}, {"your password", "password"}, {"accounts", "accounts"}, {"factory access", "factory"}, {"confirm changes", "confirm"}}},
	}
}

// menu writes the menu that numbers are of.
func (t *terminal) menu() {
	if t.group == 0 {
		for i, g := range groups() {
			t.printf("  %d  %s\n", i+1, g.title)
		}
		t.printf("Send a number, or a command; `help` lists them.\n")
		return
	}
	g := groups()[t.group-1]
	t.printf("%s\n", g.title)
	for i, it := range g.items {
		t.printf("  %d  %s\n", i+1, it.title)
	}
	t.printf("Send a number, or an empty line to go back.\n")
}

// prompt tells in which menu the user is.
func (t *terminal) prompt() string {
	if t.group == 0 {
		return prompt
	}
	return fmt.Sprintf("hepmeter %d> ", t.group)
}

// choose returns the line that numbers of the menu stand for; ok is false where the first
// word is no number.
func (t *terminal) choose(list []string) (line []string, ok bool, err error) {
	for {
		if len(list) == 0 {
			return nil, true, nil
		}
		n := 0
		if len(list[0]) != 1 || list[0] < "0" || list[0] > "9" {
			return list, false, nil
		}
		n = int(list[0][0] - '0')
		switch all := groups(); {
		case n == 0:
			t.group = 0
		case t.group == 0 && n <= len(all):
			t.group = n
		case t.group > 0 && n <= len(all[t.group-1].items):
			chosen := all[t.group-1].items[n-1].line
			return append([]string{chosen}, list[1:]...), true, nil
		default:
			return nil, true, usage("there is no number %d here; `menu` shows what there is", n)
		}
		list = list[1:]
	}
}

// carryOut does what a line says, and returns its exit status.
func (t *terminal) carryOut(ctx context.Context, line string) int {
	t.channel.conn.used()
	t.channel.conn.server.commands.Add(1)
	err := t.perform(ctx, line)
	var wrong usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &wrong):
		fmt.Fprintln(t.err, plain(wrong.Error())+"; `help` tells what there is")
		return exitUsage
	case errors.Is(err, errExit):
		return statusExit
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(t.err, "stopped")
	default:
		fmt.Fprintln(t.err, sentence(err))
	}
	return exitFailed
}

func (t *terminal) perform(ctx context.Context, line string) (err error) {
	defer t.channel.conn.server.rescue("command", &err)
	if err := t.session.Use(); err != nil {
		return err
	}
	list, err := words(line)
	if err != nil {
		return err
	}
	list, numbers, err := t.choose(list)
	switch {
	case err != nil:
		return err
	case len(list) == 0 && numbers && strings.TrimSpace(line) != "":
		t.menu()
		return nil
	case len(list) == 0:
		return usage("there is no command")
	}
	c, ok := find(list[0])
	if !ok {
		return usage("there is no command %.40q", list[0])
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if t.keys != nil {
		t.keys.running(cancel)
		defer t.keys.running(nil)
	}
	return c.do(t, ctx, list[1:])
}

func find(word string) (command, bool) {
	list := commands()
	i := slices.IndexFunc(list, func(c command) bool { return c.word == synonym(strings.ToLower(word)) })
	if i < 0 {
		return command{}, false
	}
	return list[i], true
}

// help lists the commands, or tells of one.
func (t *terminal) help(_ context.Context, args []string) error {
	if len(args) > 1 {
		return usage("help of one command at a time")
	}
	if len(args) == 1 {
		c, ok := find(args[0])
		if !ok {
			return usage("there is no command %.40q", args[0])
		}
		t.printf("%s %s\n  %s\n", c.word, c.arguments, c.text)
		if c.word == "accounts" {
			t.printf("%s", accountsHelp)
		}
		return nil
	}
	var rows [][]string
	for _, c := range commands() {
		rows = append(rows, []string{strings.TrimSpace(c.word + " " + c.arguments), c.text})
	}
	t.table([]string{"command", "does"}, rows)
	return nil
}

// complete completes the word at the cursor when Tab is pressed: a command, or a log.
func (t *terminal) complete(line string, pos int, key rune) (string, int, bool) {
	if key != '\t' || pos != len(line) {
		return "", 0, false
	}
	before, part := "", line
	var candidates []string
	if first, rest, ok := strings.Cut(line, " "); ok {
		before, part = first+" ", strings.TrimLeft(rest, " ")
		candidates = t.arguments(strings.ToLower(first))
	} else {
		for _, c := range commands() {
			candidates = append(candidates, c.word)
		}
	}
	found, n := "", 0
	for _, c := range candidates {
		if len(c) < len(part) || !strings.EqualFold(c[:len(part)], part) {
			continue
		}
		if n++; n == 1 {
			found = c
		} else {
			found = found[:common(found, c)]
		}
	}
	if n == 0 || len(found) < len(part) {
		return line, pos, true
	}
	line = before + found
	if n == 1 {
		line += " "
	}
	return line, len(line), true
}

// arguments are words that may follow a command.
func (t *terminal) arguments(word string) (list []string) {
	switch word {
	case "help":
		for _, c := range commands() {
			list = append(list, c.word)
		}
	case "log":
		if t.session.May(logOperation) {
			recorders, _ := t.session.Recorders() // none is completed where there are none
			for _, r := range recorders {
				list = append(list, plain(r.Label))
			}
		}
	case "accounts":
		list = []string{"add", "list", "passwd", "remove", "set", "unlock"}
	case "factory":
		list = []string{"close", "open", "status"}
	case "events":
		list = []string{"--csv", "--follow", "--last"}
	}
	return list
}

// common is how many bytes two words have in common.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
