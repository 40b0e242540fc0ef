package fault

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// matrix has a row for each fault: what the client sees of the request that it strikes,
// and of the one behind that. All others get the right data.
var matrix = []struct {
	framing Framing
	rule    string // without the frame that it strikes
	struck  string // class of the request struck; "a|b" where either is right
	next    string // "": ok
	long    bool   // the request struck is for 40 registers
	// through says that the device gets the request struck; more often than once: 2.
	through int
}{
	{TCP, "fault: drop, on: requests", "timeout", "", false, 0},
	{TCP, "fault: drop, on: replies", "timeout", "", false, 1},
	{TCP, "fault: delay, on: requests, milliseconds: 100", "ok", "", false, 1},
	{TCP, "fault: delay, on: replies, milliseconds: 100", "ok", "", false, 1},
	{TCP, "fault: delay, on: replies, milliseconds: 1500", "timeout", "", false, 1},
	{TCP, "fault: duplicate, on: requests", "ok", "response", false, 2},
	{TCP, "fault: duplicate, on: replies", "ok", "response", false, 1},
	{TCP, "fault: reorder, on: requests", "timeout", "", false, 0},
	{TCP, "fault: reorder, on: replies", "timeout", "", false, 1},
	{TCP, "fault: truncate, on: requests", "timeout", "", false, 0},
	{TCP, "fault: truncate, on: replies", "timeout", "", false, 1},
	{TCP, "fault: truncate, on: replies, bytes: 260", "timeout", "", false, 1},
	{TCP, "fault: pad, on: requests", "ok", "closed|reset", false, 1},
	{TCP, "fault: pad, on: replies", "ok", "length", false, 1},
	{TCP, "fault: pad, on: replies, bytes: 260", "ok", "length", false, 1},
	{TCP, "fault: corrupt, on: requests, at: 0", "response", "", false, 1},
	{TCP, "fault: corrupt, on: requests, at: 4", "closed|reset", "", false, 0},
	{TCP, "fault: corrupt, on: requests, at: 7", "response", "", false, 1},
	{TCP, "fault: corrupt, on: replies, at: 0", "response", "", false, 1},
	{TCP, "fault: corrupt, on: replies, at: 2, bytes: 2", "response", "", false, 1},
	{TCP, "fault: corrupt, on: replies, at: 4", "length", "", false, 1},
	{TCP, "fault: corrupt, on: replies, at: 6", "response", "", false, 1},
	{TCP, "fault: corrupt, on: replies, at: 7", "response", "", false, 1},
	{TCP, "fault: corrupt, on: replies, at: 8", "response", "", false, 1},
	{TCP, "fault: wrongUnit, on: requests", "response", "", false, 1},
	{TCP, "fault: wrongUnit, on: replies", "response", "", false, 1},
	{TCP, "fault: wrongFunction, on: requests", "response", "", false, 1},
	{TCP, "fault: wrongFunction, on: replies", "response", "", false, 1},
	{TCP, "fault: wrongTransaction, on: requests", "response", "", false, 1},
	{TCP, "fault: wrongTransaction, on: replies", "response", "", false, 1},
	{TCP, "fault: merge, on: requests, milliseconds: 100", "ok", "", false, 1},
	{TCP, "fault: merge, on: replies, milliseconds: 100", "ok", "", false, 1},
	{TCP, "fault: split, on: requests", "ok", "", false, 1},
	{TCP, "fault: split, on: replies, bytes: 3, milliseconds: 10", "ok", "", false, 1},
	{TCP, "fault: exception, on: requests", "exception 11", "", false, 0},
	{TCP, "fault: exception, on: replies, code: 4", "exception 4", "", false, 1},
	{TCP, "fault: limit, on: replies", "timeout", "", true, 1},
	{TCP, "fault: limit, on: replies, then: cut", "response", "", true, 1},
	{TCP, "fault: limit, on: replies, then: exception, code: 3", "exception 3", "", true, 1},
	{TCP, "fault: halfOpen, on: requests", "timeout", "", false, 0},
	{TCP, "fault: halfOpen, on: replies", "timeout", "", false, 1},
	{TCP, "fault: reset, on: requests", "reset", "", false, 0},
	{TCP, "fault: reset, on: replies", "reset", "", false, 1},

	{RTU, "fault: drop, on: requests", "timeout", "", false, 0},
	{RTU, "fault: drop, on: replies", "timeout", "", false, 1},
	{RTU, "fault: delay, on: requests, milliseconds: 100", "ok", "", false, 1},
	{RTU, "fault: delay, on: replies, milliseconds: 1500", "timeout", "", false, 1},
	{RTU, "fault: duplicate, on: requests", "ok", "", false, 2},
	{RTU, "fault: duplicate, on: replies", "ok", "", false, 1},
	{RTU, "fault: reorder, on: requests", "timeout", "", false, 0},
	{RTU, "fault: reorder, on: replies", "timeout", "", false, 1},
	{RTU, "fault: truncate, on: requests", "timeout", "", false, 0},
	{RTU, "fault: truncate, on: replies", "timeout", "", false, 1},
	{RTU, "fault: pad, on: requests", "ok", "", false, 1},
	{RTU, "fault: pad, on: replies", "ok", "", false, 1},
	{RTU, "fault: corrupt, on: requests, at: 3", "timeout", "", false, 0},
	{RTU, "fault: corrupt, on: replies, at: 3", "crc", "", false, 1},
	{RTU, "fault: corrupt, on: replies, at: 4, bytes: 3", "crc", "", false, 1},
	{RTU, "fault: wrongCRC, on: requests", "timeout", "", false, 0},
	{RTU, "fault: wrongCRC, on: replies", "crc", "", false, 1},
	{RTU, "fault: wrongUnit, on: requests", "response", "", false, 1},
	{RTU, "fault: wrongUnit, on: replies", "response", "", false, 1},
	{RTU, "fault: wrongFunction, on: requests", "response", "", false, 1},
	{RTU, "fault: wrongFunction, on: replies", "response", "", false, 1},
	{RTU, "fault: merge, on: replies, milliseconds: 100", "ok", "", false, 1},
	{RTU, "fault: split, on: requests", "ok", "", false, 1},
	{RTU, "fault: split, on: replies", "ok", "", false, 1},
	{RTU, "fault: exception, on: requests", "exception 11", "", false, 0},
	{RTU, "fault: exception, on: replies, code: 6", "exception 6", "", false, 1},
	{RTU, "fault: limit, on: replies", "timeout", "", true, 1},
	{RTU, "fault: limit, on: replies, then: exception", "exception 11", "", true, 1},
	{RTU, "fault: halfOpen, on: requests", "timeout", "", false, 0},
	{RTU, "fault: reset, on: replies", "reset", "", false, 1},
}

// TestFaultMatrix: every fault at every one of three requests. The client sees the class of
// error that the fault is, the next request is answered right, and no answer is taken for
// that to another question.
func TestFaultMatrix(t *testing.T) {
	const positions, requests = 3, 5
	var mu sync.Mutex
	var all sync.WaitGroup
	failures, asked, wrong := 0, 0, 0
	fail := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		failures++
		t.Errorf(format, args...)
	}
	for _, row := range matrix {
		for position := 1; position <= positions; position++ {
			d := startDevice(t, row.framing)
			which := fmt.Sprintf("from: %d, to: %d", position, position)
			if row.long {
				which = "unit: 9" // the one long frame is struck
			}
			name := fmt.Sprintf("%s {%s}, request %d", row.framing, row.rule, position)
			p, address := startProxy(t, d, fmt.Sprintf("framing: %s\nfaults:\n  - {%s, %s}", row.framing, row.rule, which), Options{Seed: uint64(position)})
			all.Go(func() {
				c := &client{address: address, unit: 9, framing: row.framing, timeout: time.Second}
				defer c.close()
				for i := 1; i <= requests; i++ {
					want, quantity := "ok", 2
					switch {
					case i == position && row.long:
						want, quantity = row.struck, 40
					case i == position:
						want = row.struck
					case i == position+1 && row.next != "":
						want = row.next
					}
					err := c.read(100*i, quantity)
					mu.Lock()
					asked++
					if class(err) == class(errWrong) {
						wrong++
					}
					mu.Unlock()
					if !slices.Contains(strings.Split(want, "|"), class(err)) {
						fail("%s: request %d: %s (%v), want %s", name, i, class(err), err, want)
					}
				}
				if fired := p.Counters().Fired(); fired != 1 {
					fail("%s: fired %d times", name, fired)
				}
				lost := 0 // a request that finds the stream broken does not arrive
				if strings.Contains(row.next, "closed") {
					lost = 1
				}
				most := requests - 1 + row.through - lost
				least := most
				if row.next != "" && lost == 0 {
					least-- // what lay in the stream fails the request behind, which may not be on its way yet
				}
				if got := d.seen(); got < least || got > most {
					fail("%s: the device got %d requests, want %d to %d", name, got, least, most)
				}
			})
		}
	}
	all.Wait()
	t.Logf("fault matrix: %d faults x %d positions, %d requests, %d answers taken for another's, %d failures", len(matrix), positions, asked, wrong, failures)
}

// TestMatrixIsComplete: each kind is struck by the matrix or by a test of its own.
func TestMatrixIsComplete(t *testing.T) {
	for _, k := range Kinds() {
		found := k.Name == "outage" // TestOutage
		for _, row := range matrix {
			found = found || strings.Contains(row.rule, "fault: "+k.Name+",")
		}
		if !found {
			t.Errorf("no row for %s", k.Name)
		}
	}
}

// TestNoAnswerReachesAnotherClient: four clients poll through answers that are doubled, late,
// lost and falsified.
func TestNoAnswerReachesAnotherClient(t *testing.T) {
	d := startDevice(t, TCP)
	p, address := startProxy(t, d, `faults:
  - {fault: duplicate, every: 7}
  - {fault: reorder, probability: 0.02}
  - {fault: wrongTransaction, every: 13}
  - {fault: wrongUnit, every: 17}
  - {fault: drop, on: requests, probability: 0.02}
  - {fault: exception, probability: 0.05}
  - {fault: split, probability: 0.1, milliseconds: 1}
  - {fault: delay, milliseconds: 300, probability: 0.01}`, Options{Seed: 3})
	var clients sync.WaitGroup
	var mu sync.Mutex
	classes := map[string]int{}
	for n := range 4 {
		clients.Go(func() {
			c := &client{address: address, unit: byte(1 + n), framing: TCP, timeout: 200 * time.Millisecond}
			defer c.close()
			random := rand.New(rand.NewPCG(uint64(n), 1))
			for range 250 {
				err := c.read(random.IntN(4000), 2)
				mu.Lock()
				classes[class(err)]++
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	if classes["WRONG DATA"] > 0 || classes["ok"] < 500 || p.Counters().Fired() < 100 {
		t.Errorf("answers %v, %d faults", classes, p.Counters().Fired())
	}
	t.Logf("1000 requests of 4 clients, %d faults: %v", p.Counters().Fired(), classes)
}
