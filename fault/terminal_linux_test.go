package fault

import (
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Pseudo terminals pass all bytes both ways, and outlive whoever opens them.
func TestTerminal(t *testing.T) {
	terminal, err := NewTerminal()
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	defer terminal.Close()
	var all [256]byte
	for i := range all {
		all[i] = byte(i)
	}
	for range 2 {
		other, err := os.OpenFile(terminal.Path, os.O_RDWR|unix.O_NOCTTY, 0)
		if err != nil {
			t.Fatal(err)
		}
		for from, to := range map[io.Writer]io.Reader{terminal: other, other: terminal} {
			if _, err := from.Write(all[:]); err != nil {
				t.Fatal(err)
			}
			var got [256]byte
			if _, err := io.ReadFull(to, got[:]); err != nil || got != all {
				t.Errorf("%v: %x", err, got)
			}
		}
		other.Close()
	}
	read := make(chan error)
	go func() { _, err := terminal.Read(make([]byte, 1)); read <- err }()
	select {
	case err := <-read:
		t.Fatalf("without another end a read ends: %v", err)
	case <-time.After(10 * time.Millisecond):
	}
	terminal.Close()
	if err := <-read; err == nil {
		t.Error("a read goes on after Close")
	}
}
