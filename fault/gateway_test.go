package fault

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/master"
	"github.com/hepmeter/hepmeter/wire/modbus"
)

// gateway is a bus before the proxy: what a Modbus gateway has downstream.
type gateway struct {
	*master.Bus
	stop func()
}

// startGateway serves a bus in a framing through the proxy at address. A line that fails is
// opened again, as the meter's ports are.
func startGateway(t *testing.T, framing Framing, address string, retries int) *gateway {
	t.Helper()
	bus := master.New(master.Options{Settings: func() master.Settings {
		return master.Settings{ResponseTimeout: answerWithin, Retries: retries}
	}})
	ctx, cancel := context.WithCancel(t.Context())
	dial := func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}
	var served sync.WaitGroup
	served.Go(func() {
		if framing == TCP {
			if err := bus.ServeTCP(ctx, dial); err != nil {
				t.Error(err)
			}
			return
		}
		for ctx.Err() == nil {
			conn, err := dial(ctx)
			if err != nil {
				continue
			}
			_ = bus.ServeLine(ctx, &wire{Conn: conn}, 115200) // it fails with the connection
			conn.Close()
		}
	})
	return &gateway{bus, sync.OnceFunc(func() { cancel(); served.Wait() })}
}

// ask asks, and again while there is no line: nothing was sent then.
func (g *gateway) ask(t *testing.T, client uint64, unit byte, request []byte) (answer []byte, err error) {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if answer, err = g.Ask(t.Context(), client, unit, request); !errors.Is(err, master.ErrNoPath) {
			break
		}
	}
	return answer, err
}

// answerWithin is how long the gateway waits for an answer.
const answerWithin = time.Second

// wire is a serial port that is a connection.
type wire struct {
	net.Conn
	patience time.Duration
}

func (w *wire) SetReadTimeout(d time.Duration) error { w.patience = d; return nil }

func (w *wire) Read(p []byte) (int, error) {
	if err := w.SetReadDeadline(time.Now().Add(w.patience)); err != nil {
		return 0, err
	}
	n, err := w.Conn.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	return n, err
}

// outcomeOf is what a client of the gateway sees.
func outcomeOf(answer []byte, err error) string {
	switch {
	case errors.Is(err, master.ErrNoAnswer):
		return "no answer"
	case err != nil:
		return err.Error()
	case len(answer) == 2 && answer[0]&exceptionBit != 0:
		return fmt.Sprintf("exception %d", answer[1])
	}
	return "ok"
}

// read asks for registers, and reports an answer that is another's as WRONG DATA.
func (g *gateway) read(t *testing.T, client uint64, unit byte, address, quantity int) string {
	request := modbus.AppendReadRequest(nil, modbus.ReadHoldingRegisters, address, quantity)
	answer, err := g.ask(t, client, unit, request)
	outcome := outcomeOf(answer, err)
	if outcome != "ok" {
		return outcome
	}
	words, err := modbus.ParseReadResponse(answer, modbus.ReadHoldingRegisters, quantity)
	for i, word := range words {
		if word != value(unit, address+i) {
			return "WRONG DATA"
		}
	}
	if err != nil {
		return err.Error()
	}
	return "ok"
}

// write writes registers; the first value marks the write for the device's count.
func (g *gateway) write(t *testing.T, client uint64, unit byte, address int, values ...uint16) string {
	return outcomeOf(g.ask(t, client, unit, modbus.AppendWriteRequest(nil, address, values)))
}

// behindGateway is what a client of the gateway sees of a request that the matrix strikes, by
// the class that a client without a gateway sees.
func behindGateway(framing Framing, class string, writes bool) string {
	switch {
	case class == "ok", strings.HasPrefix(class, "exception"):
		return class
	case framing == TCP && !writes && (class == "length" || strings.Contains(class, "reset")):
		return "ok" // a read is asked again on a new connection, a write is not
	}
	return "no answer"
}

// TestFaultMatrixOfTheGateway: every fault between the gateway and its device, at every one of
// three requests, as reads and as writes. The client sees what the fault is, the next request
// is answered right, no answer is taken for that to another question, and the device has done
// every write that was acknowledged once.
func TestFaultMatrixOfTheGateway(t *testing.T) {
	t.Parallel() // it waits most of its time
	const positions, requests = 3, 4
	var mu sync.Mutex
	var all sync.WaitGroup
	failures, asked, wrong, acknowledged, twice := 0, 0, 0, 0, 0
	fail := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		failures++
		t.Errorf(format, args...)
	}
	places := make(chan struct{}, 64) // cases at a time: more would be late by themselves
	run := func(rule string, framing Framing, struck string, long bool, through, position int, writes bool) {
		d := startDevice(t, framing)
		which := fmt.Sprintf("from: %d, to: %d", position, position)
		if long {
			which = "unit: 9" // the one long frame is struck
		}
		name := fmt.Sprintf("%s {%s}, request %d, writes %v", framing, rule, position, writes)
		p, address := startProxy(t, d, fmt.Sprintf("framing: %s\nfaults:\n  - {%s, %s}", framing, rule, which), Options{Seed: uint64(position)})
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			g := startGateway(t, framing, address, 0)
			defer g.stop()
			slow := false // a busy machine has timed a request out by itself: others are struck then
			for i := 1; i <= requests; i++ {
				unit, quantity := byte(9), 2
				if long {
					unit, quantity = 8, 2
					if i == position {
						unit, quantity = 9, 40
					}
				}
				at := 100 * i
				once := func() string {
					if !writes {
						return g.read(t, 1, unit, at, quantity)
					}
					return g.write(t, 1, unit, at, make([]uint16, quantity)...)
				}
				want := "ok"
				if i == position {
					want = behindGateway(framing, struck, writes)
				}
				got := once()
				mu.Lock()
				asked++
				mu.Unlock()
				if i != position { // the unit may be left alone for a while after the fault
					for end := time.Now().Add(30 * time.Second); got == "no answer" && time.Now().Before(end); got = once() {
						time.Sleep(answerWithin / 8)
						at++ // another write
						slow = slow || i < position
					}
				}
				mu.Lock()
				if got == "WRONG DATA" {
					wrong++
				}
				mu.Unlock()
				if got != want && !slow {
					fail("%s: request %d: %s, want %s", name, i, got, want)
				}
				if i == position && framing == RTU && strings.Contains(rule, "halfOpen") {
					break // a line that is open and dead stays so
				}
				if !writes {
					continue
				}
				times, most, least := d.wrote(unit, at), 1, 0
				if got == "ok" {
					least = 1
				}
				if i == position && through > 1 {
					most = through // the wire has doubled it on its way to the device
				}
				if times < least || times > most {
					fail("%s: request %d (%s) was done %d times, want %d to %d", name, i, got, times, least, most)
				}
				mu.Lock()
				acknowledged += least
				twice += max(times-1, 0)
				mu.Unlock()
			}
			if fired := p.Counters().Fired(); fired != 1 {
				fail("%s: fired %d times", name, fired)
			}
		})
	}
	struck := 0
	for _, row := range matrix {
		for position := 1; position <= positions; position++ {
			for _, writes := range []bool{false, true} {
				if row.long && writes && strings.Contains(row.rule, "on: replies") {
					continue // answers to writes are never long
				}
				struck++
				run(row.rule, row.framing, row.struck, row.long, row.through, position, writes)
			}
		}
	}
	all.Wait()
	t.Logf("fault matrix of the gateway: %d cases, %d requests, %d answers taken for another's, %d writes acknowledged, %d done twice by a wire that doubles, %d failures", struck, asked, wrong, acknowledged, twice, failures)
}

// TestNoAnswerOfTheGatewayIsAnothers: sixteen clients poll eight units through a gateway whose
// answers are doubled, late, lost and falsified.
func TestNoAnswerOfTheGatewayIsAnothers(t *testing.T) {
	for _, framing := range []Framing{TCP, RTU} {
		t.Run(string(framing), func(t *testing.T) {
			t.Parallel()
			scenario := "framing: " + string(framing) + `
faults:
  - {fault: duplicate, every: 37}
  - {fault: reorder, probability: 0.005}
  - {fault: wrongUnit, every: 53}
  - {fault: wrongFunction, every: 71}
  - {fault: truncate, every: 211}
  - {fault: drop, on: requests, probability: 0.005}
  - {fault: exception, probability: 0.02}
  - {fault: delay, milliseconds: 1100, probability: 0.002}`
			if framing == TCP {
				scenario += "\n  - {fault: wrongTransaction, every: 43}"
			} else {
				scenario += "\n  - {fault: corrupt, every: 43}"
			}
			d := startDevice(t, framing)
			p, address := startProxy(t, d, scenario, Options{Seed: 3})
			g := startGateway(t, framing, address, 1)
			defer g.stop()
			var clients sync.WaitGroup
			var mu sync.Mutex
			outcomes := map[string]int{}
			for n := range 16 {
				clients.Go(func() {
					random := rand.New(rand.NewPCG(uint64(n), 1))
					for range 25 {
						outcome := g.read(t, uint64(n), byte(1+random.IntN(8)), random.IntN(4000), 2)
						mu.Lock()
						outcomes[outcome]++
						mu.Unlock()
					}
				})
			}
			clients.Wait()
			t.Logf("400 requests of 16 clients, %d faults: %v", p.Counters().Fired(), outcomes)
			if outcomes["WRONG DATA"] > 0 || outcomes["ok"] < 150 || p.Counters().Fired() < 20 {
				t.Errorf("%d faults: %v", p.Counters().Fired(), outcomes)
			}
		})
	}
}
