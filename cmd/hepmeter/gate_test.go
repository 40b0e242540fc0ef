package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hepmeter/hepmeter/boot"
	"github.com/hepmeter/hepmeter/wire/ionp"
	"github.com/hepmeter/hepmeter/wire/modbus"
)

// buildVersion compiles the program as another firmware version.
func buildVersion(t testing.TB, version string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "hepmeter-"+version)
	build := exec.Command("go", "build", "-ldflags", "-X main.firmwareVersion="+version, "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}

// ionClient is a connection by the object protocol.
func (p *process) ionClient(t testing.TB) *ionp.Client {
	t.Helper()
	conn, err := net.Dial("tcp", p.ready.Endpoints[boot.ION])
	if err != nil {
		t.Fatal(err)
	}
	c := ionp.NewClient(conn, ionp.ClientOptions{})
	t.Cleanup(func() { c.Close() })
	return c
}

// as is who asks: a name and a password, empty for none.
func as(user, password string) ionp.Identity {
	switch {
	case user != "":
		return ionp.Identity{Credential: ionp.NamedUser(user, password)}
	case password != "":
		return ionp.Identity{Credential: ionp.PasswordOnly(password)}
	}
	return ionp.Identity{}
}

// outcome is "" where the meter does what is asked, or the code of its refusal.
func outcome[Q, S any](c *ionp.Client, who ionp.Identity, e ionp.Exchange[Q, S], q Q) string {
	_, err := ionp.Do(context.Background(), c, who, e, q)
	var refusal *ionp.Refusal
	switch {
	case err == nil:
		return ""
	case errors.As(err, &refusal):
		return string(refusal.Code)
	}
	return err.Error()
}

func securityMode(mode string) ionp.SecuritySetRequest {
	return ionp.SecuritySetRequest{Options: map[string]string{"Security Options/Security Mode": mode}}
}

// writeExternal writes External Numeric 1 through the map.
func writeExternal(c *modbus.Client) error {
	pdu := binary.BigEndian.AppendUint16([]byte{byte(modbus.WriteMultipleRegisters)}, 58021-1)
	answer, err := c.Do(append(pdu, 0, 2, 4, 0x3F, 0x80, 0, 0))
	if err == nil && answer[0]&0x80 != 0 {
		err = modbus.Exception(answer[1])
	}
	return err
}

// TestF8 runs the program built as 2.1.0, and this one with --firmware 2.1.0: both have the
// modes of 2.x and their rules, by the object protocol and on Modbus.
func TestF8(t *testing.T) {
	for name, start := range map[string]func(data string) *process{
		"--firmware 2.1.0": func(data string) *process {
			return startMeter(t, buildHepmeter(t), data, "--model", "PM8000", "--port", "ion=0", "--firmware", "2.1.0")
		},
		"built as 2.1.0": func(data string) *process {
			return startMeter(t, buildVersion(t, "2.1.0"), data, "--model", "PM8000", "--port", "ion=0")
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(filepath.Join(t.TempDir(), "data"))
			if p.ready.Firmware != "2.1.0" {
				t.Fatalf("firmware %s", p.ready.Firmware)
			}
			ion, mapped := p.ionClient(t), p.dial(t)
			status, err := ionp.Do(context.Background(), ion, as("", "0"), ionp.SecurityStatus, ionp.SecurityStatusRequest{})
			if err != nil || status.Mode != "Standard" || status.Generation != "2.x" || !slices.Equal(slices.Sorted(slices.Values(status.Modes)), []string{"Advanced", "None", "Standard"}) {
				t.Fatalf("%v: %s %s %v", err, status.Generation, status.Mode, status.Modes)
			}
			value := "1"
			read, write := ionp.ReadRequest{Labels: []string{"Power Meter/Vln a"}}, ionp.WriteRequest{Changes: []ionp.Change{{Label: "External Numeric 1/Numeric", Text: &value}}}
			check := func(mode, readNobody, writeNobody, writePassword, writeNamed string, map_ error) {
				t.Helper()
				for what, pair := range map[string][2]string{
					"read without credential":  {outcome(ion, as("", ""), ionp.Read, read), readNobody},
					"write without credential": {outcome(ion, as("", ""), ionp.Write, write), writeNobody},
					"write with the password":  {outcome(ion, as("", "0"), ionp.Write, write), writePassword},
					"write as USER2":           {outcome(ion, as("USER2", "22"), ionp.Write, write), writeNamed},
					"write through the map":    {fmt.Sprint(writeExternal(mapped)), fmt.Sprint(map_)},
				} {
					if pair[0] != pair[1] {
						t.Errorf("%s, %s: %q, want %q", mode, what, pair[0], pair[1])
					}
				}
			}
			to := func(who ionp.Identity, mode string) {
				t.Helper()
				if code := outcome(ion, who, ionp.SecuritySet, securityMode(mode)); code != "" {
					t.Fatalf("to %s: %s", mode, code)
				}
			}
			account := ionp.UserAddRequest{Number: 2, Password: "22", Permissions: []string{"read", "config", "security"}}
			if code := outcome(ion, as("", "0"), ionp.UserAdd, account); code != "" {
				t.Fatalf("USER2: %s", code)
			}
			// A user name adds nothing in Standard: the password is the meter's.
			check("Standard", "", "credentials-needed", "", "bad-credentials", modbus.IllegalDataAddress)
			to(as("", "0"), "None")
			check("None", "", "", "", "", nil)
			to(as("", ""), "Advanced")
			check("Advanced", "user-needed", "user-needed", "user-needed", "", modbus.IllegalDataAddress)
			if code := outcome(ion, as("USER2", "22"), ionp.SecuritySet, securityMode("LSS")); code != "bad-value" {
				t.Errorf("LSS on 2.x: %q", code)
			}
			p.kill()
		})
	}
}

// TestF9 is the map under LSS: what no name can be given for acts as User1.
func TestF9(t *testing.T) {
	p := startMeter(t, buildHepmeter(t), filepath.Join(t.TempDir(), "data"), "--model", "PM8000", "--port", "ion=0")
	ion, mapped := p.ionClient(t), p.dial(t)
	admin := as("USER2", "22")
	set := func(label, value string) {
		t.Helper()
		if code := outcome(ion, admin, ionp.SecuritySet, ionp.SecuritySetRequest{Options: map[string]string{label: value}}); code != "" {
			t.Fatalf("%s = %s: %s", label, value, code)
		}
	}
	user1 := func(r ionp.UserSetRequest) {
		t.Helper()
		r.Number = 1
		if code := outcome(ion, admin, ionp.UserSet, r); code != "" {
			t.Fatalf("USER1: %s", code)
		}
	}
	if code := outcome(ion, as("USER1", "0"), ionp.UserAdd, ionp.UserAddRequest{Number: 2, Password: "22", Permissions: []string{"read", "security"}}); code != "" {
		t.Fatal(code)
	}
	check := func(what string, read, write error) {
		t.Helper()
		if _, err := mapped.ReadRegisters(3027, 2); !errors.Is(err, read) {
			t.Errorf("%s: read %v, want %v", what, err, read)
		}
		if err := writeExternal(mapped); !errors.Is(err, write) {
			t.Errorf("%s: write %v, want %v", what, err, write)
		}
	}
	check("factory", nil, modbus.IllegalDataAddress)
	set("Security Options/Modbus Map Access", "Read/Write")
	check("map read/write", nil, nil)
	user1(ionp.UserSetRequest{Revoke: []string{"config"}})
	check("User1 without Full Meter Config Access", nil, modbus.IllegalDataAddress)
	user1(ionp.UserSetRequest{Revoke: []string{"read"}})
	check("User1 without Read Access", modbus.IllegalDataAddress, modbus.IllegalDataAddress)
	if code := outcome(ion, as("", ""), ionp.Read, ionp.ReadRequest{Labels: []string{"Power Meter/Vln a"}}); code != "no-permission" {
		t.Errorf("read without credential: %q", code)
	}
	set("Security Options/Security Mode", "Advanced")
	check("Advanced", nil, modbus.IllegalDataAddress)
	set("Security Options/Modbus Map Access", "None")
	check("map closed", modbus.IllegalDataAddress, modbus.IllegalDataAddress)
	p.kill()
}
