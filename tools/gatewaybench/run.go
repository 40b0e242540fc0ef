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
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hepmeter/hepmeter/fault"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

func run(ctx context.Context, p plan) error {
	dir, err := os.MkdirTemp("", "gatewaybench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if p.hepmeter == "" {
		p.hepmeter = filepath.Join(dir, "hepmeter")
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", p.hepmeter, "./cmd/hepmeter").CombinedOutput(); err != nil {
			return fmt.Errorf("build: %w: %s", err, out)
		}
	}
	// What was started ends before the line does: another run may get its name.
	var beside sync.WaitGroup
	u := &units{plan: p}
	var device string
	if p.tcp {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer l.Close()
		go u.serveTCP(l)
		device = l.Addr().String()
	} else {
		terminal, err := fault.NewTerminal()
		if err != nil {
			return err
		}
		defer terminal.Close()
		u.line, device = terminal, terminal.Path
		go u.serve()
	}
	defer beside.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if p.faults != "" {
		if device, err = faulty(ctx, &beside, p, dir, device); err != nil {
			return err
		}
	}
	address, err := startMeter(ctx, &beside, p, dir, device)
	if err != nil {
		return err
	}
	tallies, took, err := ask(ctx, p, address)
	if err != nil {
		return err
	}
	return report(p, u, tallies, took)
}

// startMeter runs a meter whose COM1 is a gateway to the device, and returns where its
// Modbus TCP is.
func startMeter(ctx context.Context, beside *sync.WaitGroup, p plan, dir, device string) (string, error) {
	ready := filepath.Join(dir, "ready.json")
	baud := p.baud
	if baud == 0 {
		baud = 115200
	}
	args := []string{"run", "--data", filepath.Join(dir, "data"), "--ready", ready}
	if !p.tcp {
		args = append(args, "--serial", fmt.Sprintf("com1=%s?baud=%d&parity=8N1&protocol=modbus-master", device, baud))
	}
	for _, port := range []string{"modbus", "modbus-rtu-tcp", "ion", "http", "https", "ssh", "ethergate1", "ethergate2"} {
		args = append(args, "--port", port+"=0")
	}
	if err := start(ctx, beside, p.hepmeter, args...); err != nil {
		return "", err
	}
	var told struct{ Endpoints map[string]string }
	for told.Endpoints["ion"] == "" {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		pause(ctx, 50*time.Millisecond)
		if text, err := os.ReadFile(ready); err == nil {
			if err := json.Unmarshal(text, &told); err != nil {
				return "", err
			}
		}
	}
	return told.Endpoints["modbus"], configure(ctx, told.Endpoints["ion"], p, device)
}

// configure sets where the units are, and how long a line is waited for.
func configure(ctx context.Context, address string, p plan, device string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	client := ionp.NewClient(conn, ionp.ClientOptions{})
	defer client.Close()
	if _, err := client.Hello(ctx, ionp.HelloRequest{ClientName: "gatewaybench"}); err != nil {
		return err
	}
	seconds, units := strconv.FormatFloat(p.patience.Seconds(), 'f', -1, 64), fmt.Sprintf("1-%d=1", p.units)
	changes := []ionp.Change{{Label: "COM1/Rx Timeout", Text: &seconds}}
	if p.tcp {
		changes = []ionp.Change{{Label: "Modbus Master Options/TCP Connection 1", Text: &device}, {Label: "Modbus Gateway/TCP Units", Text: &units}}
	}
	who := ionp.Identity{Credential: ionp.PasswordOnly("0")}
	if _, err := ionp.Do(ctx, client, who, ionp.Write, ionp.WriteRequest{Changes: changes}); err != nil || !p.tcp {
		return err
	}
	// A gateway takes the units away from the meter's own map: the change returns unless it is confirmed.
	_, err = ionp.Do(ctx, client, who, ionp.ProvisionalConfirm, ionp.ProvisionalConfirmRequest{})
	return err
}

// faulty puts the fault proxy before the device, and returns where it listens.
func faulty(ctx context.Context, beside *sync.WaitGroup, p plan, dir, device string) (string, error) {
	if p.tcp {
		l, err := net.Listen("tcp", "127.0.0.1:0") // a free port
		if err != nil {
			return "", err
		}
		at := l.Addr().String()
		l.Close()
		return at, start(ctx, beside, p.hepmeter, "fault-proxy", "--listen", at, "--to", device, "--scenario", p.faults)
	}
	end := filepath.Join(dir, "line")
	if err := start(ctx, beside, p.hepmeter, "fault-proxy", "--listen", "pty:"+end, "--to", device, "--scenario", p.faults); err != nil {
		return "", err
	}
	for ctx.Err() == nil {
		if _, err := os.Stat(end); err == nil {
			return end, nil
		}
		pause(ctx, 50*time.Millisecond)
	}
	return "", ctx.Err()
}

// start runs a program beside this one, until ctx is done.
func start(ctx context.Context, beside *sync.WaitGroup, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		return err
	}
	beside.Go(func() { _ = cmd.Wait() })
	return nil
}

// ask has all clients poll.
func ask(ctx context.Context, p plan, address string) ([]tally, time.Duration, error) {
	ctx, stop := context.WithTimeout(ctx, p.lasting)
	defer stop()
	var left atomic.Int64
	left.Store(int64(p.requests))
	if p.requests == 0 {
		left.Store(1 << 62)
	}
	tallies, failed := make([]tally, p.clients), make([]error, p.clients)
	var running sync.WaitGroup
	began := time.Now()
	for i := range tallies {
		running.Go(func() { tallies[i], failed[i] = poll(ctx, address, p, i, &left) })
	}
	running.Wait()
	for _, err := range failed {
		if err != nil {
			return nil, 0, err
		}
	}
	return tallies, time.Since(began), nil
}

// report prints the figures; an answer that was another's is an error.
func report(p plan, u *units, tallies []tally, took time.Duration) error {
	var sum tally
	var rights []int64
	for _, t := range tallies {
		sum.right, sum.wrong, sum.unanswered, sum.other = sum.right+t.right, sum.wrong+t.wrong, sum.unanswered+t.unanswered, sum.other+t.other
		sum.latency, sum.longest = sum.latency+t.latency, max(sum.longest, t.longest)
		rights = append(rights, t.right)
	}
	fmt.Printf("%d clients, %d units of which %d are dead, %d registers a request, %.0f s\n", p.clients, p.units, p.dead, p.registers, took.Seconds())
	fmt.Printf("answers: %d right, %d wrong; %d without an answer (exception 11), %d other exceptions; heard on the line: %d\n", sum.right, sum.wrong, sum.unanswered, sum.other, u.heard.Load())
	if sum.right > 0 {
		fmt.Printf("latency: mean %v, longest %v\n", (sum.latency / time.Duration(sum.right)).Round(time.Microsecond), sum.longest.Round(time.Microsecond))
	}
	if p.baud > 0 {
		limit := took.Seconds() / p.transaction().Seconds()
		fmt.Printf("line: %d baud, %v a transaction at the least; %.1f %% of what the line can carry (%.0f)\n", p.baud, p.transaction(), 100*float64(sum.right)/limit, limit)
	} else {
		fmt.Printf("%.0f requests/s\n", float64(sum.right)/took.Seconds())
	}
	least, most := slices.Min(rights), slices.Max(rights)
	fmt.Printf("fairness: %d to %d answers a client, %.1f %% apart\n", least, most, 100*float64(most-least)/float64(max(most, 1)))
	if sum.wrong > 0 {
		return fmt.Errorf("%d answers were another's", sum.wrong)
	}
	return nil
}
