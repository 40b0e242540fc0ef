package ionp

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

// Many clients read, write and subscribe at once, each with several requests under way,
// while security changes under them: a write that was answered is there, and no
// connection breaks.
func TestManyClients(t *testing.T) {
	s := factory(t)
	admin := s.client(t)
	const clients, turns = 8, 40
	users := make([]ionp.Identity, clients)
	for i := range users {
		users[i] = named("USER1", "0")
		if i%2 == 1 {
			users[i] = named(s.addUser(t, admin, fmt.Sprintf("pas%d", i), "read", "config"), fmt.Sprintf("pas%d", i))
		}
	}
	var running sync.WaitGroup
	ctx := within(t)
	for i, who := range users {
		c := s.client(t)
		label := fmt.Sprintf("Mine %d", i)
		do(t, c, who, ionp.Program, ionp.ProgramRequest{Steps: []ionp.Step{{Kind: ionp.StepCreate, A: "Maximum", B: label}}})
		sub := subscribed(t, c, who, ionp.SubscribeRequest{Labels: volts.Labels})
		running.Go(func() {
			for n := range turns {
				var both sync.WaitGroup
				both.Go(func() { mustDo(ctx, t, c, who, ionp.Read, volts) })
				both.Go(func() { mustDo(ctx, t, c, nobody, ionp.Info, ionp.InfoRequest{}) })
				text := fmt.Sprint(n)
				mustDo(ctx, t, c, who, ionp.Write, setText(label+"/EvPriority", text))
				both.Wait()
				r := mustDo(ctx, t, c, who, ionp.Read, ionp.ReadRequest{Labels: []string{label + "/EvPriority"}})
				if len(r.Readings) != 1 || r.Readings[0].Value.Text != text {
					t.Errorf("wrote %s, read %+v", text, r.Readings)
				}
			}
			if _, ok := <-sub.Notices(); !ok {
				t.Errorf("the subscription ended: %v", sub.Err())
			}
		})
	}
	for i := range turns {
		mode := []string{"None", "Read Only", "Read/Write"}[i%3]
		mustDo(ctx, t, admin, named("USER1", "0"), ionp.SecuritySet, ionp.SecuritySetRequest{Options: map[string]string{access.RegisterMapAccess: mode}})
		s.set("Power Meter/Vln a", number(float64(i)))
	}
	running.Wait()
	if c := s.server.Counters(); c.Failed != 0 || c.Malformed != 0 || c.TimedOut != 0 || c.Connections != clients+1 {
		t.Errorf("%+v", c)
	}
}

func mustDo[Q, S any](ctx context.Context, t *testing.T, c *ionp.Client, who ionp.Identity, e ionp.Exchange[Q, S], q Q) S {
	s, err := ionp.Do(ctx, c, who, e, q)
	if err != nil {
		t.Errorf("%s: %v", e, err)
	}
	return s
}

// A server that stops closes all connections.
func TestStop(t *testing.T) {
	var clients []*ionp.Client
	t.Run("serve", func(t *testing.T) {
		s := factory(t)
		for range 3 {
			conn := s.client(t)
			subscribed(t, conn, nobody, ionp.SubscribeRequest{Labels: volts.Labels})
			clients = append(clients, conn)
		}
	})
	for _, c := range clients {
		if _, err := ionp.Do(within(t), c, nobody, ionp.Read, volts); err == nil {
			t.Error("a connection outlives its server")
		}
	}
}
