package meter

import (
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/registermap"
	"github.com/hepmeter/hepmeter/serve/modbus"
	wire "github.com/hepmeter/hepmeter/wire/modbus"
)

// The rows that can be written, written over Modbus TCP to a whole meter: what is
// acknowledged is what the next read shows.
func TestWritesOverModbusReachTheModules(t *testing.T) {
	_, source := steady(t, site)
	m := openMeter(t, t.TempDir(), source)
	layout, err := registermap.Load()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served, ended := make(chan error, 1), make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	go func() { served <- modbus.New(m.Gate(), layout, modbus.Options{}).Serve(ctx, l) }()
	defer func() {
		stop()
		for _, end := range []chan error{served, ended} {
			if err := <-end; err != nil {
				t.Error(err)
			}
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	clock := func(t time.Time) string { return fmt.Sprintf("10 E299 0002 04 %08X", t.Unix()) }
	ask := func(name string, unit byte, request, want string) {
		t.Helper()
		pdu, err := hex.DecodeString(strings.ReplaceAll(request, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := wire.NewClient(conn, unit).Do(pdu)
		if got := fmt.Sprintf("%X", answer); err != nil || got != strings.ReplaceAll(want, " ", "") {
			t.Errorf("%s: %s, %v; want %s", name, got, err, want)
		}
	}
	ask("the factory's map is read only", 1, "06 D47A 0001", "86 02")
	ask("so is the clock", 1, clock(time.Now()), "90 02")
	ask("the time by broadcast", 0, clock(time.Now()), "10 E299 0002")
	ask("a time that no clock takes", 0, "10 E299 0002 04 00000001", "90 03")

	administrator, err := m.Gate().Open(access.Client{Path: access.ION, Remote: "192.0.2.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	defer administrator.Close()
	user1, err := administrator.With(t.Context(), access.Credential{User: "USER1", Given: true, Password: "0"})
	if err != nil {
		t.Fatal(err)
	}
	if err := user1.SetOptions(t.Context(), map[string]string{access.RegisterMapAccess: "Read/Write"}); err != nil {
		t.Fatal(err)
	}
	ask("nominal frequency 60 Hz", 1, "06 D47A 0001", "06 D47A 0001")
	ask("which is read", 1, "03 D47A 0001", "03 02 0001")
	ask("and back", 1, "06 D47A 0000", "06 D47A 0000")
	ask("volts mode", 1, "06 E290 0002", "06 E290 0002")
	ask("which is read", 1, "03 E290 0001", "03 02 0002")
	ask("PT ratio as a pair", 1, "10 E291 0004 08 00002710 00000064", "10 E291 0004")
	ask("which is read", 1, "03 E291 0004", "03 08 00002710 00000064")
	ask("a ratio of 0, and the other half of the pair stays", 1, "10 E291 0004 08 00000000 00000065", "90 03")
	ask("which is read", 1, "03 E291 0004", "03 08 00002710 00000064")
	ask("the clock", 1, clock(time.Now()), "10 E299 0002")
	ask("peak demand reset", 1, "06 E29B 0001", "06 E29B 0001")
	ask("by another number", 1, "06 E29B 0002", "86 03")
	ask("reset of minima and maxima", 1, "06 E29C 0001", "06 E29C 0001")
	ask("External Numeric, written and read at once", 1, "17 E2A4 0002 E2A4 0002 04 43668000", "17 04 43668000")
	ask("External Booleans", 1, "10 E2B8 0002 04 0001 0000", "10 E2B8 0002")
	ask("which are read", 1, "03 E2B8 0002", "03 04 0001 0000")
	ask("a switch by 2", 1, "06 E2B8 0002", "86 03")
	ask("External Pulse", 1, "06 E2C9 0001", "06 E2C9 0001")
	ask("which reads 0", 1, "03 E2C9 0001", "03 02 0000")
	ask("half of a row", 1, "06 E291 0001", "86 02")

	if err := user1.Change(t.Context(), []access.Change{{Kind: access.Set, Object: "Ethernet/Enable Modbus TCP", Text: "OFF"}}, false); err != nil {
		t.Fatal(err)
	}
	ask("a connection that is there when Modbus is switched off", 1, "03 D47A 0001", "03 02 0000")
	late, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	_ = late.SetDeadline(time.Now().Add(30 * time.Second))
	if n, err := late.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Error("a new connection was taken though Modbus is switched off")
	} else if e, ok := err.(net.Error); ok && e.Timeout() {
		t.Error("a new connection was left open though Modbus is switched off")
	}
}
