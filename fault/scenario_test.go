package fault

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestScenarioErrors: what a scenario cannot say, with the line and the way out.
func TestScenarioErrors(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"empty", "", "s.yaml: the scenario is empty"},
		{"not YAML", "faults: [", "s.yaml: not YAML: yaml: "},
		{"no mapping", "- drop", "s.yaml:1: want keys and values here"},
		{"no faults", "framing: tcp", "s.yaml:1: faults: want a list of at least one fault"},
		{"faults no list", "faults: drop", "faults: want a list of at least one fault"},
		{"unknown key of the file", "frames: tcp", `s.yaml:1: unknown key "frames": a scenario has framing and faults`},
		{"unknown framing", "framing: ascii", `s.yaml:1: framing: "ascii" is not one of tcp, rtu`},
		{"unknown fault", "faults:\n  - {fault: lose}", `s.yaml:2: fault: "lose" is not one of drop, delay,`},
		{"unknown key", "faults:\n  - {fault: drop, seconds: 3}", `s.yaml:2: unknown key "seconds": a fault has fault, on,`},
		{"no kind", "faults:\n  - {every: 3}", `s.yaml:2: a fault needs its kind, as in {fault: drop}`},
		{"twice", "faults:\n  - {fault: drop, every: 3, every: 4}", `s.yaml:2: key "every" is there twice`},
		{"key of another fault", "faults:\n  - {fault: drop, bytes: 3}", `s.yaml:2: drop has no key "bytes": it has fault, unit, function, on, probability, every, first, from, to`},
		{"wrong place", "faults:\n  - {fault: drop, on: connections}", "s.yaml:2: drop does not strike connections, only replies, requests"},
		{"an outage is everywhere", "faults:\n  - {fault: outage, on: replies}", `s.yaml:2: outage has no key "on"`},
		{"two ways", "faults:\n  - {fault: drop, every: 3, first: 2}", "s.yaml:2: drop: every and first together: state one of"},
		{"backwards", "faults:\n  - {fault: drop, from: 3, to: 2}", "s.yaml:2: drop: from 3 is after to 2"},
		{"probability", "faults:\n  - {fault: drop, probability: 5}", "s.yaml:2: probability: 5 is outside 1e-09 to 1"},
		{"not a number", "faults:\n  - {fault: drop, every: often}", `s.yaml:2: every: want a number, found "often"`},
		{"not whole", "faults:\n  - {fault: drop, every: 1.5}", `s.yaml:2: every: want a whole number, found "1.5"`},
		{"not a number at all", "faults:\n  - {fault: drop, probability: .nan}", "s.yaml:2: probability: NaN is outside"},
		{"limit below 64", "faults:\n  - {fault: limit, bytes: 63}", "s.yaml:2: limit: bytes 63: every gateway passes 64"},
		{"limit resets", "faults:\n  - {fault: limit, then: reset}", "s.yaml:2: limit has no then: reset"},
		{"outage cuts", "faults:\n  - {fault: outage, then: cut}", "s.yaml:2: outage has no then: cut"},
		{"CRC on Modbus TCP", "faults:\n  - {fault: wrongCRC}", "s.yaml:2: wrongCRC: Modbus TCP has no CRC"},
		{"transaction on RTU", "framing: rtu\nfaults:\n  - {fault: wrongTransaction}", "s.yaml:3: wrongTransaction: RTU has no transactions"},
		{"a connection of a unit", "faults:\n  - {fault: reset, unit: 3}", "s.yaml:2: reset on connections: a new connection has no unit"},
		{"anchor", "faults:\n  - &a {fault: drop}\n  - *a", "anchors and aliases"},
		{"too many", "faults:\n" + strings.Repeat("  - {fault: drop}\n", 65), "65 faults are more than a scenario may have (64)"},
		{"too long", strings.Repeat("#", MaxScenarioBytes+1), "s.yaml: 65537 bytes are more than a scenario may have (65536)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Parse([]byte(tc.text), "s.yaml")
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %s", err, tc.want)
			}
		})
	}
}

// TestFramesAreCut: every stream of frames, cut at every byte, gives the same frames.
func TestFramesAreCut(t *testing.T) {
	rtu := func(pdu string) string { return string(RTU.mend(append(unhex(pdu), 0, 0))) }
	for _, tc := range []struct {
		name    string
		framing Framing
		from    Place
		frames  []string
	}{
		{"Modbus TCP", TCP, Requests, []string{string(unhex("00070000000601030bd30002")), string(unhex("0008000000020141")), string(unhex("0009000000060103ffff0001"))}},
		{"RTU requests", RTU, Requests, []string{rtu("010300000001"), rtu("01100000000204ffffffff"), rtu("0117000000010000000102abcd"), rtu("010600010002")}},
		{"RTU replies", RTU, Replies, []string{rtu("0103020001"), rtu("018302"), rtu("011000000002"), rtu("010600010002"), rtu("011702abcd")}},
		{"RTU of a function of its own, in one piece", RTU, Requests, []string{rtu("0164010203")}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			stream := []byte(strings.Join(tc.frames, ""))
			for at := range stream {
				var got []string
				have := 0
				for _, end := range []int{at, len(stream)} {
					for {
						n, whole := tc.framing.cut(stream[have:end], tc.from, false)
						if n == 0 {
							break
						}
						if !whole {
							t.Fatalf("cut at %d: % x is no frame", at, stream[have:have+n])
						}
						got = append(got, string(stream[have:have+n]))
						have += n
					}
				}
				if strings.Join(got, "|") != strings.Join(tc.frames, "|") {
					t.Fatalf("cut at %d: %q, want %q", at, got, tc.frames)
				}
			}
		})
	}
}

// TestRTUSilence: silence ends what no length and no CRC ends, and only that.
func TestRTUSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer near.Close()
		defer far.Close()
		var line sync.WaitGroup
		defer line.Wait()
		line.Go(func() {
			for _, piece := range []struct {
				bytes string
				pause time.Duration
			}{{"0103000000", silence + 1}, {"010300", silence - 1}, {"000001840a", 0}} {
				_, _ = far.Write(unhex(piece.bytes)) // the reader says what has come
				time.Sleep(piece.pause)
			}
		})
		r := &reader{conn: near, framing: RTU, from: Requests}
		if f, err := r.next(time.Time{}); err != nil || f.Whole || len(f.Bytes) != 5 {
			t.Errorf("%+v, %v, want five bytes that are no frame", f, err)
		}
		if f, err := r.next(time.Time{}); err != nil || !f.Whole || f.Function != 3 || f.Unit != 1 {
			t.Errorf("%+v, %v, want the frame", f, err)
		}
		if _, err := r.next(time.Now().Add(time.Millisecond)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%v, want the deadline", err)
		}
	})
}

// FuzzParse: no text breaks the parser, and what it takes can be carried out.
func FuzzParse(f *testing.F) {
	examples, err := filepath.Glob("../examples/faults/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range examples {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse(text, "f")
		if err != nil {
			return
		}
		frame := s.Framing.read(unhex("000100000006010300000001"))
		d := newDecider(s, 1)
		for _, from := range []Place{Requests, Replies} {
			for i := range 20 {
				if v, struck := d.frame(frame, from, time.Duration(i)*time.Hour, false); struck {
					harmFrame(s.Framing, v, frame, from)
				}
			}
		}
		d.connection(0)
	})
}

// FuzzCut: no stream breaks the cutter; nothing is lost, and what is harmed stays bounded.
func FuzzCut(f *testing.F) {
	f.Add(unhex("00070000000601030bd30002"), false)
	f.Add(unhex("010300000001840a"), true)
	every := map[Framing]*Scenario{}
	for _, framing := range []Framing{TCP, RTU} {
		s := &Scenario{Framing: framing}
		for _, k := range Kinds() {
			s.Rules = append(s.Rules, Rule{Fault: k.Name, On: Requests, Probability: 0.1, Unit: unstated, Function: unstated, Bytes: 64, At: unstated, Then: "cut", Dead: 1, Alive: 1})
		}
		every[framing] = s
	}
	f.Fuzz(func(t *testing.T, stream []byte, serial bool) {
		framing := TCP
		if serial {
			framing = RTU
		}
		d := newDecider(every[framing], 1)
		for len(stream) > 0 {
			seen := stream[:min(len(stream), 2*longestFrame)]
			n, whole := framing.cut(seen, Requests, false)
			if n == 0 {
				if len(seen) == 2*longestFrame {
					t.Fatal("a full buffer is no frame and no waste")
				}
				n, whole = framing.cut(seen, Requests, true)
			}
			if n < 1 || n > len(seen) {
				t.Fatalf("cut %d of %d bytes", n, len(seen))
			}
			if whole {
				frame := framing.read(seen[:n])
				if v, struck := d.frame(frame, Requests, 0, false); struck {
					for _, piece := range harmFrame(framing, v, frame, Requests).pieces {
						if len(piece) > longestFrame+maxPad {
							t.Fatalf("%s: a piece of %d bytes", v.rule.Fault, len(piece))
						}
					}
				}
			}
			stream = stream[n:]
		}
	})
}
