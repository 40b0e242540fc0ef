package ionp

import (
	"context"
	"sync/atomic"
)

// Subscription is a stream of notices.
type Subscription struct {
	client *Client
	who    Identity
	id     uint32
	// notices is written and closed under the client's lock.
	notices chan Notice
	missed  atomic.Uint64
	err     error // set before notices is closed
}

// Subscribe asks for notices of registers.
func (c *Client) Subscribe(ctx context.Context, who Identity, req SubscribeRequest) (*Subscription, error) {
	body, err := Subscribe.EncodeRequest(req)
	if err != nil {
		return nil, err
	}
	s := &Subscription{client: c, who: who, id: c.nextID(), notices: make(chan Notice, c.options.Notices)}
	// The first notice may come right behind the reply.
	c.mu.Lock()
	if err = c.err; err == nil {
		c.subscriptions[s.id] = s
	}
	c.mu.Unlock()
	if err != nil {
		return nil, err
	}
	request := &Request{Operation: Subscribe.Operation(), Credential: who.Credential, Token: who.Token, Body: body}
	if err := c.call(ctx, s.id, request, func(*Reply) error { return nil }); err != nil {
		c.forget(s, err)
		return nil, err
	}
	return s, nil
}

// Notices returns the notices. The channel is closed at the end of the subscription; Err
// then says why it ended. Where more wait than ClientOptions says, the oldest is dropped.
func (s *Subscription) Notices() <-chan Notice { return s.notices }

// Missed returns how many notices were dropped.
func (s *Subscription) Missed() uint64 { return s.missed.Load() }

// Err returns why the subscription ended, once Notices is closed: a *Refusal where the
// meter ended it, nil after Close.
func (s *Subscription) Err() error {
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	return s.err
}

// Close ends the subscription.
func (s *Subscription) Close(ctx context.Context) error {
	s.client.forget(s, nil)
	_, err := Do(ctx, s.client, s.who, Unsubscribe, UnsubscribeRequest{ID: s.id})
	return err
}

// forget ends a subscription on this side.
func (c *Client) forget(s *Subscription, why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.subscriptions[s.id] != s {
		return
	}
	delete(c.subscriptions, s.id)
	s.end(why)
}

// end closes the channel. The client's lock is held.
func (s *Subscription) end(why error) {
	s.err = why
	close(s.notices)
}

// notice gives a notice to its subscription.
func (c *Client) notice(m Message) {
	var n Notice
	err := DecodeNotice(m.Bytes, &n)
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.subscriptions[m.ID]
	switch {
	case s == nil:
	case err != nil:
		delete(c.subscriptions, m.ID)
		s.end(err)
	case n.Ended != "":
		delete(c.subscriptions, m.ID)
		s.end(&Refusal{Code: n.Ended, Reason: n.Reason})
	default:
		s.add(n)
	}
}

// add puts a notice in the channel and drops the oldest where it is full. Only the
// client's reader adds, so there is room then.
func (s *Subscription) add(n Notice) {
	for {
		select {
		case s.notices <- n:
			return
		default:
		}
		select {
		case <-s.notices:
			s.missed.Add(1)
		default:
		}
	}
}
