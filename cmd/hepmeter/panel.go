package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/hepmeter/hepmeter/ion/template"
	panelserver "github.com/hepmeter/hepmeter/serve/panel"
	"github.com/hepmeter/hepmeter/wire/panel"
)

func newPanelCommand() *cobra.Command {
	var data, once string
	cmd := &cobra.Command{
		Use:   "panel",
		Short: "The front panel of a meter that runs on this machine",
		Long: `Panel is the display of a meter that runs on this machine, and its keys: arrows,
Enter and Esc. Ctrl-C leaves. Numbers and passwords can be typed, too. Where the output
is no terminal, or with --once, it prints one screen as text.

Screens: volts, amps, power, energy, demand, phasors, harmonics, events, nameplate, network.`,
		Example: `  hepmeter panel
  hepmeter panel --data ./meter-7
  hepmeter panel --once power`,
		Args: exactly(0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			conn, err := attach(data)
			if err != nil {
				return err
			}
			defer conn.Close()
			in, out := int(os.Stdin.Fd()), int(os.Stdout.Fd())
			if once == "" && term.IsTerminal(in) && term.IsTerminal(out) {
				return showPanel(cmd.Context(), conn)
			}
			if once == "" {
				once = "volts"
			}
			columns := 80
			if width, _, err := term.GetSize(out); err == nil {
				columns = width
			}
			return printScreen(cmd.Context(), conn, once, columns, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "data directory of the meter (default: that of the one meter which runs in the user's state directory)")
	cmd.Flags().StringVar(&once, "once", "", "print one screen as text and exit")
	return cmd
}

// attach connects to the meter of a data directory; where none is given, to the one that
// runs in the user's state directory.
func attach(data string) (net.Conn, error) {
	if data != "" {
		return attachTo(data)
	}
	var attached []net.Conn
	var where []string
	models, err := template.Models()
	if err != nil {
		return nil, err
	}
	for _, model := range models {
		dir, err := stateDir(model.Name)
		if err != nil {
			return nil, err
		}
		if conn, err := net.Dial("unix", filepath.Join(dir, panelserver.SocketName)); err == nil {
			attached, where = append(attached, conn), append(where, dir)
		}
	}
	switch len(attached) {
	case 0:
		return nil, errors.New("no meter runs in this user's state directory: start one with `hepmeter run`, or name its data directory with --data DIR")
	case 1:
		return attached[0], nil
	}
	for _, conn := range attached {
		conn.Close()
	}
	return nil, fmt.Errorf("%d meters run here: choose one with --data: %s", len(attached), strings.Join(where, ", "))
}

func attachTo(data string) (net.Conn, error) {
	path := filepath.Join(data, panelserver.SocketName)
	if err := panelserver.CheckPath(path); err != nil {
		return nil, err
	}
	conn, err := net.Dial("unix", path)
	switch {
	case err == nil:
		return conn, nil
	case errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("the panel of %s is for the user who runs the meter: %w", data, err)
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("no meter runs in %s: start it with `hepmeter run --data %s`", data, data)
	}
	return nil, fmt.Errorf("the panel of %s: %w", data, err)
}

// ended is why a meter ends its panel; nil where all is done.
func ended(p panel.Picture) error {
	switch {
	case p.Error == "":
		return nil
	case p.Remedy == "":
		return errors.New(p.Error)
	}
	return errors.New(p.Error + "; " + p.Remedy)
}

// lost tells of a connection that has gone.
func lost(err error) error {
	if errors.Is(err, panel.ErrMalformed) {
		return fmt.Errorf("the meter's panel: %w", err)
	}
	return errors.New("the meter has stopped: start it with `hepmeter run`, and attach again")
}

// printScreen prints one screen as text.
func printScreen(ctx context.Context, conn net.Conn, screen string, columns int, out io.Writer) error {
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := panel.Write(conn, panel.Request{Version: panel.Version, Columns: columns, Rows: panel.MostRows, Screen: screen}); err != nil {
		return lost(err)
	}
	picture, err := panel.NewPictures(conn).Next()
	if err != nil {
		return lost(err)
	}
	for _, line := range picture.Lines {
		if _, err := fmt.Fprintln(out, strings.TrimRight(line.Text(), " ")); err != nil {
			return err
		}
	}
	return ended(picture)
}

// showPanel is the display, on the terminal of the process, until the user leaves, the
// meter ends or ctx is done. The terminal is as it was afterwards, whatever happens.
func showPanel(ctx context.Context, conn net.Conn) error {
	in, out := int(os.Stdin.Fd()), os.Stdout
	before, err := term.MakeRaw(in)
	if err != nil {
		return fmt.Errorf("the terminal: %w", err)
	}
	defer func() {
		fmt.Fprint(out, leaveScreen)
		_ = term.Restore(in, before)
	}()
	fmt.Fprint(out, enterScreen)
	g := glass{out: out, plain: os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb", size: func() (int, int) {
		columns, rows, err := term.GetSize(int(out.Fd()))
		if err != nil {
			return 80, 24
		}
		return columns, rows
	}}
	return g.show(ctx, conn, os.Stdin)
}

// glass shows pictures and sends keys.
type glass struct {
	out           io.Writer
	plain         bool // without colours
	size          func() (columns, rows int)
	columns, rows int
	shown         []panel.Line
}

// arrival is what a goroutine has read.
type arrival[T any] struct {
	what T
	err  error
}

func (g *glass) show(ctx context.Context, conn net.Conn, keyboard io.Reader) error {
	g.columns, g.rows = g.size()
	if err := panel.Write(conn, panel.Request{Version: panel.Version, Columns: g.columns, Rows: g.rows}); err != nil {
		return lost(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	from := panel.NewPictures(conn)
	pictures := arrivals(ctx, from.Next)
	typed := arrivals(ctx, func() ([]byte, error) { // ends with the process: a terminal cannot be closed under a read
		chunk := make([]byte, 256)
		n, err := keyboard.Read(chunk)
		return chunk[:n], err
	})
	// Looking for the size twice a second is enough, and works on every system.
	resize := time.NewTicker(500 * time.Millisecond)
	defer resize.Stop()
	var begun []byte // of an escape sequence
	var alone <-chan time.Time
	for {
		said, final := []byte(nil), false
		select {
		case <-ctx.Done():
			return nil
		case p := <-pictures:
			if p.err != nil {
				return lost(p.err)
			}
			if p.what.End {
				return ended(p.what)
			}
			g.shown = p.what.Lines
			if err := g.draw(); err != nil {
				return err
			}
			continue
		case <-resize.C:
			if err := g.resize(conn); err != nil {
				return err
			}
			continue
		case t := <-typed:
			if t.err != nil {
				return nil // the terminal has gone
			}
			said = t.what
		case <-alone:
			final = true
		}
		keys, rest, leave := decodeKeys(append(begun, said...), final)
		for _, key := range keys {
			if err := panel.Write(conn, panel.Request{Key: key}); err != nil {
				return lost(err)
			}
		}
		if leave {
			return nil
		}
		if begun, alone = rest, nil; len(rest) > 0 {
			alone = time.After(escapeAlone)
		}
	}
}

// arrivals reads in a goroutine until ctx is done. A failure within is an error, so that
// the terminal is restored.
func arrivals[T any](ctx context.Context, read func() (T, error)) <-chan arrival[T] {
	out := make(chan arrival[T])
	guarded := func() (a arrival[T]) {
		defer func() {
			if failure := recover(); failure != nil {
				a.err = fmt.Errorf("the panel failed: %v", failure)
			}
		}()
		a.what, a.err = read()
		return a
	}
	go func() {
		for {
			a := guarded()
			select {
			case out <- a:
			case <-ctx.Done():
				return
			}
			if a.err != nil {
				return
			}
		}
	}()
	return out
}

// resize tells the meter that the terminal has another size.
func (g *glass) resize(conn net.Conn) error {
	columns, rows := g.size()
	if columns == g.columns && rows == g.rows {
		return nil
	}
	g.columns, g.rows = columns, rows
	if err := panel.Write(conn, panel.Request{Columns: columns, Rows: rows}); err != nil {
		return lost(err)
	}
	return g.draw()
}

// What a terminal is told (ECMA-48, and xterm's alternate screen).
const (
	enterScreen = "\x1b[?1049h\x1b[?25l"
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	toHome      = "\x1b[H"
	toLineEnd   = "\x1b[K"
	toScreenEnd = "\x1b[J"
	reset       = "\x1b[0m"
)

// looks are how a style is shown, with and without colours.
func looks(s panel.Style, plain bool) string {
	switch s {
	case panel.Title, panel.Selected:
		return "\x1b[7m"
	case panel.Dim:
		return "\x1b[2m"
	case panel.Alarm:
		if plain {
			return "\x1b[1m"
		}
		return "\x1b[1;31m"
	}
	return ""
}

// draw shows the picture, or as much of it as the terminal has room for.
func (g *glass) draw() error {
	var b strings.Builder
	b.WriteString(toHome)
	for i, line := range g.shown[:min(len(g.shown), g.rows)] {
		if i > 0 {
			b.WriteString("\r\n")
		}
		room := g.columns
		for _, span := range line {
			text := []rune(span.Text)
			text = text[:min(len(text), room)]
			room -= len(text)
			if look := looks(span.Style, g.plain); look != "" {
				b.WriteString(look + string(text) + reset)
			} else {
				b.WriteString(string(text))
			}
		}
		if room > 0 { // at the edge it would erase the last character
			b.WriteString(toLineEnd)
		}
	}
	b.WriteString(toScreenEnd)
	_, err := io.WriteString(g.out, b.String())
	return err
}
