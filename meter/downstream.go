package meter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hepmeter/hepmeter/ion"
)

// Network reaches the Modbus devices that modules ask.
type Network interface {
	// Ask asks a unit at a place: a serial port such as COM1, or the address of a TCP device with
	// its port. Client says who asks: clients are served in turn. An exception that the device
	// answers is an answer. Ask returns when ctx is done; a write that was not sent by then is
	// not sent.
	Ask(ctx context.Context, client uint64, place string, unit byte, pdu []byte) ([]byte, error)
}

const (
	// askPatience is how long a question waits for its answer, its turn included.
	askPatience = 30 * time.Second
	// maxAsked bounds the questions that are under way. A module has one.
	maxAsked = 256
)

var (
	errNoNetwork  = errors.New("this meter has no way to other devices")
	errAskedFully = fmt.Errorf("%d questions to devices are under way", maxAsked)
)

// downstream carries questions of modules to devices. Each waits on a goroutine of its own,
// and its answer comes to the engine goroutine, between blocks: nothing ever waits there.
type downstream struct {
	running sync.WaitGroup
	answers chan deviceAnswer
	// ctx ends with Run. underWay belongs to the engine goroutine.
	ctx      context.Context
	underWay int
}

type deviceAnswer struct {
	question ion.Question
	pdu      []byte
	err      error
}

// askDevices carries out what modules have asked since it was last called.
func (m *Meter) askDevices() {
	for {
		questions := m.node.TakeQuestions()
		if len(questions) == 0 {
			return
		}
		for _, q := range questions {
			place, err := m.placeOf(q.Connection)
			if err == nil && m.downstream.underWay >= maxAsked {
				err = errAskedFully
			}
			if err != nil {
				m.node.Answer(m.now(), q, nil, err) // which may ask something else
				continue
			}
			m.downstream.underWay++
			m.downstream.running.Go(func() { m.carry(q, place) })
		}
	}
}

// placeOf is where a connection of Modbus Master Options leads.
func (m *Meter) placeOf(connection string) (string, error) {
	if m.options.Network == nil || m.downstream.ctx == nil {
		return "", errNoNetwork
	}
	v, _ := m.node.Setting("Modbus Master Options/" + connection)
	if place := v.Text; place != "" && place != "None" {
		return place, nil
	}
	return "", fmt.Errorf("nothing is set at Modbus Master Options/%s", connection)
}

// carry asks a device and brings its answer.
func (m *Meter) carry(q ion.Question, place string) {
	d := &m.downstream
	ctx, done := context.WithTimeout(d.ctx, askPatience)
	defer done()
	pdu, err := m.options.Network.Ask(ctx, uint64(q.Module), place, q.Unit, q.PDU)
	if err != nil {
		err = fmt.Errorf("%s unit %d: %w", place, q.Unit, err)
	}
	select {
	case d.answers <- deviceAnswer{q, pdu, err}:
	case <-d.ctx.Done():
	}
}

// heard hands an answer to the module that asked. What it does with it shows at the next
// tick, and is kept with that.
func (m *Meter) heard(a deviceAnswer) {
	m.downstream.underWay--
	m.node.Answer(m.now(), a.question, a.pdu, a.err)
	m.askDevices()
}
