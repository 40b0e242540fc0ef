package ionp

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

// subscribed begins a subscription that must be given.
func subscribed(t *testing.T, c *ionp.Client, who ionp.Identity, q ionp.SubscribeRequest) *ionp.Subscription {
	t.Helper()
	q.IntervalMS = max(q.IntervalMS, ionp.MinInterval)
	sub, err := c.Subscribe(within(t), who, q)
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

// notice waits for the next notice; ok is false at the end.
func notice(t *testing.T, sub *ionp.Subscription) (ionp.Notice, bool) {
	t.Helper()
	select {
	case n, ok := <-sub.Notices():
		return n, ok
	case <-time.After(20 * time.Second):
		t.Fatal("no notice")
	}
	return ionp.Notice{}, false
}

func number(x float64) access.Value {
	return access.Value{Kind: access.KindNumber, Available: true, Number: x}
}

// ended waits for the end of a subscription and holds the reason against a code.
func ended(t *testing.T, sub *ionp.Subscription, code access.Code) {
	t.Helper()
	for {
		if _, ok := notice(t, sub); !ok {
			break
		}
	}
	var refusal *ionp.Refusal
	if !errors.As(sub.Err(), &refusal) || refusal.Code != ionp.Code(code) || refusal.Reason == "" {
		t.Errorf("ended by %v, want %s", sub.Err(), code)
	}
}

func TestSubscribe(t *testing.T) {
	both := []string{"Power Meter/Vln a", "Power Meter/kW tot"}
	t.Run("all values, of each snapshot", func(t *testing.T) {
		s := factory(t)
		sub := subscribed(t, s.client(t), nobody, ionp.SubscribeRequest{Labels: both})
		for i, v := range []float64{230.5, 231, 231} {
			if i > 0 {
				s.set("Power Meter/Vln a", number(v))
			}
			n, _ := notice(t, sub)
			if n.Sequence != uint64(i+1) || len(n.Readings) != 2 || n.Readings[0].Value != ionp.Number(v, "V") || n.Readings[1].Label != "Power Meter/kW tot" {
				t.Errorf("%+v", n)
			}
		}
	})
	t.Run("changes only", func(t *testing.T) {
		s := factory(t)
		sub := subscribed(t, s.client(t), nobody, ionp.SubscribeRequest{Labels: both, ChangesOnly: true})
		if n, _ := notice(t, sub); len(n.Readings) != 2 {
			t.Errorf("the first has all: %+v", n)
		}
		s.set("Power Meter/PF lag", number(0.9)) // not subscribed to
		s.set("Power Meter/kW tot", number(13))
		if n, _ := notice(t, sub); len(n.Readings) != 1 || n.Readings[0].Value.Number != 13 {
			t.Errorf("%+v", n)
		}
	})
	t.Run("the interval is the least time between two", func(t *testing.T) {
		s := factory(t)
		sub := subscribed(t, s.client(t), nobody, ionp.SubscribeRequest{Labels: both, IntervalMS: 500})
		notice(t, sub)
		begun := time.Now()
		s.set("Power Meter/kW tot", number(13))
		notice(t, sub)
		if took := time.Since(begun); took < 300*time.Millisecond {
			t.Errorf("after %s", took)
		}
	})
	t.Run("unsubscribe", func(t *testing.T) {
		s := factory(t)
		c := s.client(t)
		sub := subscribed(t, c, nobody, ionp.SubscribeRequest{Labels: both})
		notice(t, sub)
		if err := sub.Close(within(t)); err != nil {
			t.Error(err)
		}
		refused(t, access.CodeNotFound, c, nobody, ionp.Unsubscribe, ionp.UnsubscribeRequest{ID: 77})
	})
	t.Run("without the right", func(t *testing.T) {
		s := factory(t)
		security := ionp.SubscribeRequest{Labels: []string{"Security Options/Security Mode"}, IntervalMS: 100}
		c := s.client(t)
		refused(t, access.CodeCredentialsNeeded, c, nobody, ionp.Subscribe, security)
		n, _ := notice(t, subscribed(t, c, password("0"), security))
		if n.Readings[0].Value.Text != "LSS" {
			t.Errorf("%+v", n)
		}
	})
	t.Run("ends when the right is taken away", func(t *testing.T) {
		s := factory(t)
		c := s.client(t)
		anonymous := subscribed(t, c, nobody, ionp.SubscribeRequest{Labels: both})
		admin := subscribed(t, c, named("USER1", "0"), ionp.SubscribeRequest{Labels: both})
		do(t, c, named("USER1", "0"), ionp.SecuritySet, ionp.SecuritySetRequest{Options: map[string]string{"Security Options/Security Mode": "Advanced"}})
		ended(t, anonymous, access.CodeUserNeeded)
		s.set("Power Meter/Vln a", number(229))
		for {
			if n, ok := notice(t, admin); !ok || n.Readings[0].Value.Number == 229 {
				break
			}
		}
		if admin.Err() != nil {
			t.Errorf("User1's ended by %v", admin.Err())
		}
	})
	t.Run("goes on beside requests of others, and ends with its account", func(t *testing.T) {
		s := factory(t)
		c := s.client(t)
		who := named(s.addUser(t, c, "pass7", "read"), "pass7")
		sub := subscribed(t, c, who, ionp.SubscribeRequest{Labels: both})
		notice(t, sub)
		do(t, c, named("USER1", "0"), ionp.Read, volts)
		s.set("Power Meter/Vln a", number(229))
		if n, ok := notice(t, sub); !ok || n.Readings[0].Value.Number != 229 {
			t.Errorf("%+v, %v", n, sub.Err())
		}
		do(t, c, named("USER1", "0"), ionp.UserRemove, ionp.UserRemoveRequest{Number: 2})
		ended(t, sub, access.CodeSessionEnded)
	})
	t.Run("ends with its token", func(t *testing.T) {
		s := factory(t)
		c := s.client(t)
		token := withToken(do(t, c, named("USER1", "0"), ionp.Login, ionp.LoginRequest{}).Token)
		sub := subscribed(t, c, token, ionp.SubscribeRequest{Labels: both})
		notice(t, sub)
		do(t, c, token, ionp.Logout, ionp.LogoutRequest{})
		ended(t, sub, access.CodeSessionEnded)
	})
	t.Run("sixteen", func(t *testing.T) {
		s := factory(t)
		c := s.client(t)
		subs := make([]*ionp.Subscription, maxSubscriptions)
		for i := range subs {
			subs[i] = subscribed(t, c, nobody, ionp.SubscribeRequest{Labels: both})
		}
		refused(t, access.CodeBusy, c, nobody, ionp.Subscribe, ionp.SubscribeRequest{Labels: both, IntervalMS: 100})
		if err := subs[3].Close(within(t)); err != nil {
			t.Error(err)
		}
		subscribed(t, c, nobody, ionp.SubscribeRequest{Labels: both})
		for _, each := range slices.Delete(subs, 3, 4) {
			notice(t, each)
		}
	})
	t.Run("a new layout", func(t *testing.T) {
		s := factory(t)
		sub := subscribed(t, s.client(t), nobody, ionp.SubscribeRequest{Labels: both})
		notice(t, sub)
		s.set("Power Meter/A first", access.Value{Kind: access.KindText, Available: true, Text: "moves all points"})
		if n, _ := notice(t, sub); n.Readings[0].Value != ionp.Number(230.5, "V") {
			t.Errorf("%+v", n)
		}
	})
}
