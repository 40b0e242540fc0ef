package master

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/wire/modbus"
)

// soakRequests is how many requests the soak tests make; HEPMETER_MASTER_REQUESTS says how
// many more for a long run.
func soakRequests() int {
	if n, err := strconv.Atoi(os.Getenv("HEPMETER_MASTER_REQUESTS")); err == nil {
		return n
	}
	return 3000
}

// order is a write that its device knows again: by its client and its number.
type order struct {
	client byte
	number uint16
}

// soak lets clients read and write at once, until so many requests were made, and returns how
// many were answered, and which writes were acknowledged.
func soak(t *testing.T, b *Bus, units int) (answered int, acknowledged map[order]int) {
	const clients = 8
	var mu sync.Mutex
	var asking sync.WaitGroup
	acknowledged = map[order]int{}
	for client := range clients {
		asking.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(client)))
			for i := range soakRequests() / clients {
				unit, pdu := byte(1+random.IntN(units)), read(random.IntN(1000), 1+random.IntN(3))
				o := order{byte(client), uint16(i)}
				if writes := random.IntN(5) == 0; writes {
					pdu = write(int(o.client), o.number)
				}
				answer, err := b.Ask(t.Context(), uint64(client), unit, pdu)
				switch {
				case errors.Is(err, ErrNoAnswer):
					time.Sleep(300 * time.Millisecond)
				case err != nil || !bytes.Equal(answer, echo(pdu)):
					t.Errorf("% X is answered % X, %v", pdu, answer, err)
				default:
					mu.Lock()
					answered++
					if pdu[0] == 6 {
						acknowledged[o]++
					}
					mu.Unlock()
				}
			}
		})
	}
	asking.Wait()
	return answered, acknowledged
}

// orders are the writes that a device has carried out.
type orders struct {
	mu   sync.Mutex
	done map[order]int
}

func (o *orders) carryOut(pdu []byte) {
	if pdu[0] != 6 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.done[order{pdu[2], uint16(pdu[3])<<8 | uint16(pdu[4])}]++
}

func (o *orders) check(t *testing.T, b *Bus, answered int, acknowledged map[order]int) {
	for o, n := range o.done {
		if n != 1 {
			t.Errorf("write %v was carried out %d times", o, n)
		}
	}
	for a := range acknowledged {
		if o.done[a] != 1 {
			t.Errorf("write %v was acknowledged and carried out %d times", a, o.done[a])
		}
	}
	var sum UnitStatistics
	for _, s := range b.Statistics() {
		sum.Requests += s.Requests
		sum.Timeouts += s.Timeouts
		sum.CRCErrors += s.CRCErrors
		sum.Lost += s.Lost
		sum.Retries += s.Retries
		sum.Late += s.Late
		sum.Foreign += s.Foreign
		sum.Refused += s.Refused
	}
	t.Logf("%d of %d requests were answered; %d writes were acknowledged, %d carried out, each once; %d time-outs, %d damaged, %d lost, %d retries, %d late, %d foreign, %d refused",
		answered, sum.Requests, len(acknowledged), len(o.done), sum.Timeouts, sum.CRCErrors, sum.Lost, sum.Retries, sum.Late, sum.Foreign, sum.Refused)
	if answered < int(sum.Requests)/2 || sum.Timeouts == 0 || sum.Late == 0 || sum.Foreign == 0 {
		t.Error("the faults did not strike, or nothing else did")
	}
}

// On a line where a third of all requests meets a fault, no answer is given to another request
// and no write is carried out twice.
func TestLineSoak(t *testing.T) {
	const units = 6
	random := rand.New(rand.NewPCG(7, 7))
	done := orders{done: map[order]int{}}
	const latest = leastGuard * 8 / 10 // beyond the time-out
	type late struct {
		answer []byte
		since  time.Time
	}
	var held [units + 1]late
	port := func() *testPort {
		p := newTestPort(func(n int, unit byte, pdu []byte) []reply {
			right := rtu(unit, echo(pdu))
			other := rtu(units+1, value(read(random.IntN(1000), 1+random.IntN(3))))
			switch random.IntN(30) {
			case 0: // the request is lost
				return nil
			case 1: // the answer is lost
				done.carryOut(pdu)
				return nil
			case 2: // it is late, by almost the guard at most
				done.carryOut(pdu)
				return one(settings.ResponseTimeout+time.Duration(random.Int64N(int64(latest))), right)
			case 3: // it is damaged
				done.carryOut(pdu)
				right[random.IntN(len(right))] ^= byte(1 + random.IntN(255))
			case 4: // it is cut short
				done.carryOut(pdu)
				right = right[:random.IntN(len(right))]
			case 5: // noise
				done.carryOut(pdu)
				return []reply{{think, []byte{byte(random.Uint32()), byte(random.Uint32())}}, {time.Duration(random.IntN(60)) * time.Millisecond, right}}
			case 6: // another unit talks
				done.carryOut(pdu)
				return []reply{{think, other}, {time.Duration(random.IntN(10)) * time.Millisecond, right}}
			case 7: // the unit says what nobody asked
				done.carryOut(pdu)
				return []reply{{think, rtu(unit, []byte{4, 2, 1, 2})}, {0, right}}
			case 8: // twice
				done.carryOut(pdu)
				return []reply{{think, right}, {0, right}}
			case 9: // it comes behind the next one of the unit
				done.carryOut(pdu)
				held[unit] = late{right, time.Now()}
				return nil
			default:
				done.carryOut(pdu)
				before := held[unit]
				if held[unit] = (late{}); before.answer != nil && time.Since(before.since) < settings.ResponseTimeout+latest {
					return []reply{{think, right}, {0, before.answer}}
				}
			}
			return one(think, right)
		})
		p.collides = true
		return p
	}
	onLine(t, port, fixed(settings), func(t *testing.T, b *Bus, p *testPort) {
		answered, acknowledged := soak(t, b, units)
		done.check(t, b, answered, acknowledged)
		p.clash = false // late answers cannot be helped
	})
}

// The same over TCP, where answers may be late by any time, and connections are lost.
func TestDeviceSoak(t *testing.T) {
	const units = 6
	random, held := rand.New(rand.NewPCG(7, 7)), []byte(nil)
	done := orders{done: map[order]int{}}
	answer := func(n int, h modbus.Header, pdu []byte) []reply {
		right := frame(h.Transaction, h.Unit, echo(pdu))
		kind := random.IntN(30)
		if kind != 0 && kind != 1 {
			done.carryOut(pdu)
		}
		switch kind {
		case 0: // the request is lost
			return nil
		case 1: // the connection is lost before
			return one(0, hangsUp)
		case 2: // and after
			return one(think, hangsUp)
		case 3: // the answer is lost
			return nil
		case 4: // it is late
			return one(time.Duration(random.IntN(2000))*time.Millisecond, right)
		case 5: // it comes behind the next one
			held = right
			return nil
		case 6:
			return []reply{{think, frame(h.Transaction, h.Unit%units+1, echo(pdu))}, {think, right}}
		case 7:
			return []reply{{think, frame(h.Transaction, h.Unit, []byte{4, 2, 1, 2})}, {think, right}}
		case 8:
			return []reply{{think, frame(h.Transaction-1, h.Unit, value(read(random.IntN(1000), 1)))}, {think, right}}
		case 9: // twice
			return []reply{{think, right}, {0, right}}
		case 10: // in pieces
			return []reply{{think, right[:4]}, {think, right[4:]}}
		}
		replies := one(think, right)
		if held != nil {
			replies, held = append(replies, reply{0, held}), nil
		}
		return replies
	}
	onDevice(t, answer, fixed(settings), func(t *testing.T, b *Bus, d *testDevice) {
		answered, acknowledged := soak(t, b, units)
		done.check(t, b, answered, acknowledged)
	})
}
