//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hepmeter/hepmeter/boot"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

// runningMeter is the real program on a data directory of its own.
type runningMeter struct {
	command     *exec.Cmd
	dir         string
	ion, modbus string
}

func start(ctx context.Context, program string) (_ *runningMeter, err error) {
	dir, err := os.MkdirTemp("", "loginflood.")
	if err != nil {
		return nil, err
	}
	m := &runningMeter{dir: dir}
	ready := filepath.Join(dir, "ready.json")
	m.command = exec.CommandContext(ctx, program, "run", "--limits", "open", "--data", filepath.Join(dir, "data"),
		"--port", "modbus=0", "--port", "modbus-rtu-tcp=0", "--port", "ion=0", "--port", "http=0", "--port", "https=0", "--port", "ssh=0", "--ready", ready)
	m.command.Cancel = func() error { return m.command.Process.Signal(syscall.SIGTERM) }
	m.command.Stderr = os.Stderr
	if err := m.command.Start(); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		text, err := os.ReadFile(ready)
		if err == nil {
			var r boot.Ready
			if err := json.Unmarshal(text, &r); err != nil {
				m.stop()
				return nil, err
			}
			m.ion, m.modbus = r.Endpoints[boot.ION], r.Endpoints[boot.Modbus]
			return m, nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			m.stop()
			return nil, fmt.Errorf("the meter does not start: %w", err)
		}
	}
}

func (m *runningMeter) stop() {
	m.command.Process.Signal(syscall.SIGTERM)
	m.command.Wait()
	os.RemoveAll(m.dir)
}

// peakKB is the most memory that the meter ever had, in kB: its boot stage and its firmware
// process together.
func (m *runningMeter) peakKB() (sum int, err error) {
	stage := m.command.Process.Pid
	pids := []int{stage}
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", stage))
	if err != nil {
		return 0, err
	}
	for _, thread := range threads {
		children, err := os.ReadFile(thread)
		if err != nil {
			return 0, err
		}
		for _, child := range strings.Fields(string(children)) {
			pid, err := strconv.Atoi(child)
			if err != nil {
				return 0, err
			}
			pids = append(pids, pid)
		}
	}
	for _, pid := range pids {
		kB, err := peakOf(pid)
		if err != nil {
			return 0, err
		}
		sum += kB
	}
	return sum, nil
}

// peakOf is the most memory that a process ever had, in kB.
func peakOf(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if kB, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			return strconv.Atoi(strings.Fields(kB)[0])
		}
	}
	return 0, fmt.Errorf("/proc tells no peak of the memory")
}

// account is one that the run has made.
type account struct{ name, password string }

// administrator is USER1, who holds a token: neither lockout nor the flood is in its way.
type administrator struct {
	client   *ionp.Client
	identity ionp.Identity
}

func newAdministrator(ctx context.Context, m *runningMeter) (*administrator, error) {
	conn, err := net.Dial("tcp", m.ion)
	if err != nil {
		return nil, err
	}
	a := &administrator{client: ionp.NewClient(conn, ionp.ClientOptions{})}
	if _, err := a.client.Hello(ctx, ionp.HelloRequest{ClientName: "loginflood"}); err != nil {
		return nil, err
	}
	reply, err := ionp.Do(ctx, a.client, ionp.Identity{Credential: ionp.NamedUser("USER1", "0")}, ionp.Login, ionp.LoginRequest{})
	a.identity.Token = reply.Token
	return a, err
}

func (a *administrator) setAttempts(ctx context.Context, attempts int) error {
	text := strconv.Itoa(attempts)
	_, err := ionp.Do(ctx, a.client, a.identity, ionp.Write, ionp.WriteRequest{Changes: []ionp.Change{{Label: "Security Options/ION Lockout Attempts", Text: &text}}})
	return err
}

func (a *administrator) addAccounts(ctx context.Context, n int) (list []account, err error) {
	for range n {
		one := account{password: "right1"}
		reply, err := ionp.Do(ctx, a.client, a.identity, ionp.UserAdd, ionp.UserAddRequest{Permissions: []string{"read"}, Password: ionp.Secret(one.password)})
		if err != nil {
			return nil, err
		}
		one.name = reply.Name
		list = append(list, one)
	}
	return list, nil
}

// windows are the meter's own counts of its basic windows, and when it made them.
type windows struct {
	at                     time.Time
	measured, missed, gaps float64
	lagS                   float64
}

func (a *administrator) windows(ctx context.Context) (w windows, err error) {
	labels := []string{"Diagnostics/Windows Measured", "Diagnostics/Missed Windows", "Diagnostics/Gaps", "Diagnostics/Source Lag"}
	reply, err := ionp.Do(ctx, a.client, a.identity, ionp.Read, ionp.ReadRequest{Labels: labels})
	if err != nil {
		return w, err
	}
	for i, into := range []*float64{&w.measured, &w.missed, &w.gaps, &w.lagS} {
		v := reply.Readings[i].Value
		if !v.Available {
			return w, fmt.Errorf("%s is not available", labels[i])
		}
		*into = v.Number
	}
	w.at = time.Unix(0, reply.Time)
	return w, nil
}
