package syslog

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// on are the registers of a meter that sends by a transport.
func on(transport string) []string {
	return []string{"Ethernet/Enable Syslog", "ON", "Ethernet/Syslog Server", "192.0.2.7", "Ethernet/Syslog Transport", transport}
}

func noJitter() float64 { return 0 }

func TestNothingIsSentUnlessItIsSet(t *testing.T) {
	for _, row := range []struct {
		name     string
		settings []string
	}{
		{"factory", nil},
		{"disabled", []string{"Ethernet/Enable Syslog", "OFF", "Ethernet/Syslog Server", "192.0.2.7"}},
		{"no server", []string{"Ethernet/Enable Syslog", "ON", "Ethernet/Syslog Server", ""}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, r := newMeter(t, row.settings...), &receiver{up: true}
				stop := m.run(t, Options{Dial: r.dial})
				m.happen(3)
				time.Sleep(time.Hour)
				if len(r.dials) != 0 {
					t.Errorf("%d connections", len(r.dials))
				}
				stop()
			})
		})
	}
}

// The first time it begins with the change that switched it on; later it goes on where it
// was.
func TestWhereItBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := newMeter(t), &receiver{up: true}
		m.happen(5)
		stop := m.run(t, Options{Dial: r.dial})
		time.Sleep(time.Minute)
		m.set(t, on("TCP")...) // events 6, 7 and 8: Enable, Server, Transport
		m.happen(1)
		time.Sleep(5 * time.Second)
		want := []string{"setup 7", "setup 8", "event 9"}
		expect := func(when string, more ...string) {
			t.Helper()
			time.Sleep(5 * time.Second)
			want = append(want, more...)
			if got := r.got(t); !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", when, got, want)
			}
		}
		expect("first")
		m.set(t, "Ethernet/Enable Syslog", "OFF")
		time.Sleep(5 * time.Second)
		m.happen(2) // somebody who switches it off to do something
		expect("disabled")
		m.set(t, "Ethernet/Enable Syslog", "ON")
		expect("again", "setup 10", "event 11", "event 12", "setup 13")
		stop()
		m.happen(2)
		m.start(t) // from what was kept
		defer m.run(t, Options{Dial: r.dial})()
		expect("after a restart", "event 14", "event 15")
	})
}

// A meter that is switched on with syslog set begins with the newest event.
func TestBeginsWithTheNewestEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := newMeter(t, on("UDP")...), &receiver{up: true}
		m.happen(5)
		defer m.run(t, Options{Dial: r.dial})()
		time.Sleep(5 * time.Second)
		if got := r.got(t); !slices.Equal(got, numbers(5, 5)) {
			t.Errorf("%v", got)
		}
	})
}

// Where the log has wrapped, one message tells what is missing.
func TestLostEventsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := newMeter(t, on("TCP")...), &receiver{up: true}
		m.happen(1)
		defer m.run(t, Options{Dial: r.dial, Jitter: noJitter})()
		time.Sleep(5 * time.Second)
		m.set(t, "Ethernet/Enable Syslog", "OFF")
		time.Sleep(5 * time.Second)
		m.happen(200)
		m.wrap(100)
		m.set(t, "Ethernet/Enable Syslog", "ON")
		time.Sleep(10 * time.Second)
		want := append(append(numbers(1, 1), "lost 102"), numbers(103, 202)...)
		want = append(want, "setup 203")
		if got := r.got(t); !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		m.wrap(0) // an erased log: nothing that was sent is missing
		time.Sleep(10 * time.Second)
		if got := r.got(t); !slices.Equal(got, want) {
			t.Errorf("after erasing: %v", got[len(want):])
		}
	})
}

// Tries come after 1, 2, 4 ... 60 s, less up to half by chance; one event tells of the
// outage, and one of its end, and nothing is lost.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := newMeter(t, on("TCP")...), &receiver{}
		m.happen(3)
		defer m.run(t, Options{Dial: r.dial, Jitter: noJitter})()
		time.Sleep(4 * time.Hour)
		r.mu.Lock()
		var pauses []time.Duration
		for i := range r.dials[1:] {
			pauses = append(pauses, r.dials[i+1].Sub(r.dials[i]))
		}
		r.mu.Unlock()
		want := []time.Duration{1, 2, 4, 8, 16, 32, 60, 60}
		for i := range want {
			if pauses[i] != want[i]*time.Second {
				t.Errorf("pause %d is %s, want %d s", i+1, pauses[i], want[i])
			}
		}
		if last := pauses[len(pauses)-1]; last != time.Minute {
			t.Errorf("the last pause is %s", last)
		}
		if unreachable, reachable := m.noted(); unreachable != 1 || reachable != 0 {
			t.Errorf("%d events of an outage, %d of its end", unreachable, reachable)
		}
		r.set(true)
		time.Sleep(2 * time.Minute)
		if unreachable, reachable := m.noted(); unreachable != 1 || reachable != 1 {
			t.Errorf("%d events of an outage, %d of its end", unreachable, reachable)
		}
		if got, want := r.got(t), []string{"event 3", "syslog 4", "syslog 5"}; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	})
}

func TestJitter(t *testing.T) {
	o := outage{failures: 3}
	if d := o.pause(0.999); d < 2*time.Second || d > 2*time.Second+10*time.Millisecond {
		t.Errorf("%s, want half of 4 s", d)
	}
	o.failures = 1_000_000
	if d := o.pause(0); d != longest {
		t.Errorf("%s", d)
	}
}

// A server that dies of each message must not make more of them.
func TestNoFeedback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := newMeter(t, on("TCP")...), &receiver{up: true, hangsUp: true}
		m.happen(1)
		defer m.run(t, Options{Dial: r.dial})()
		time.Sleep(time.Hour)
		if unreachable, reachable := m.noted(); unreachable != 1 || reachable != 0 {
			t.Errorf("%d events of an outage, %d of its end, want 1 and 0", unreachable, reachable)
		}
	})
}

// One that comes and goes leaves at most an event and its end each quarter of an hour.
func TestFlapping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := newMeter(t, on("TCP")...), &receiver{}
		m.happen(1)
		defer m.run(t, Options{Dial: r.dial})()
		for range 60 {
			r.set(false)
			time.Sleep(30 * time.Second)
			r.set(true)
			time.Sleep(90 * time.Second)
		}
		if unreachable, reachable := m.noted(); unreachable > 8 || reachable > unreachable {
			t.Errorf("%d events of outages, %d of their ends in two hours", unreachable, reachable)
		}
	})
}

// A server that closes a connection now and then is no outage.
func TestIdleClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := newMeter(t, on("TCP")...), &receiver{up: true}
		m.happen(1)
		defer m.run(t, Options{Dial: r.dial})()
		for range 10 {
			time.Sleep(time.Minute)
			r.set(false)
			r.set(true)
		}
		m.happen(1)
		time.Sleep(5 * time.Second)
		if unreachable, _ := m.noted(); unreachable != 0 {
			t.Errorf("%d events", unreachable)
		}
		if got := r.got(t); !slices.Equal(got, numbers(1, 2)) {
			t.Errorf("%v", got)
		}
	})
}

// What a connection that breaks may have swallowed is sent again.
func TestSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := newMeter(t, on("TCP")...), &receiver{up: true}
		m.happen(1)
		defer m.run(t, Options{Dial: r.dial, Jitter: noJitter})()
		time.Sleep(5100 * time.Millisecond)
		m.happen(1)
		time.Sleep(600 * time.Millisecond) // written, not settled
		r.set(false)
		time.Sleep(5 * time.Second)
		r.set(true)
		time.Sleep(time.Minute)
		if got, want := without(r.got(t)), []string{"event 1", "event 2", "event 2"}; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	})
}

// Registers are followed as they change: port, transport, server.
func TestTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := newMeter(t), &receiver{up: true}
		defer m.run(t, Options{Dial: r.dial})()
		for _, row := range []struct {
			set  []string
			want string
		}{
			{on("UDP"), "udp 192.0.2.7:514"},
			{[]string{"Ethernet/Syslog Port", "1514"}, "udp 192.0.2.7:1514"},
			{[]string{"Ethernet/Syslog Server", "192.0.2.8:99"}, "udp 192.0.2.8:99"},
			{[]string{"Ethernet/Syslog Server", "2001:db8::7"}, "udp [2001:db8::7]:1514"},
			{[]string{"Ethernet/Syslog Transport", "TCP"}, "tcp [2001:db8::7]:1514"},
			{[]string{"Ethernet/Syslog Server", "[2001:db8::7]:6"}, "tcp [2001:db8::7]:6"},
			{[]string{"Ethernet/Syslog Server", "logs.example.com"}, "tcp logs.example.com:1514"},
		} {
			m.set(t, row.set...)
			time.Sleep(2 * time.Second)
			r.mu.Lock()
			if last := r.to[len(r.to)-1]; last != row.want {
				t.Errorf("%v: %s, want %s", row.set, last, row.want)
			}
			r.mu.Unlock()
		}
	})
}

// By UDP each event is a datagram, and a backlog goes out in paces.
func TestBacklogByUDP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := newMeter(t), &receiver{up: true}
		m.happen(1)
		stop := m.run(t, Options{Dial: r.dial})
		m.set(t, on("UDP")...)
		time.Sleep(5 * time.Second)
		stop()
		m.happen(4000)
		m.start(t)
		defer m.run(t, Options{Dial: r.dial})()
		time.Sleep(2 * time.Second)
		if got := len(r.got(t)); got < 1000 || got > 2100 {
			t.Errorf("%d messages after 2 s", got)
		}
		time.Sleep(10 * time.Second)
		if got, want := r.got(t), append([]string{"setup 3", "setup 4"}, numbers(5, 4004)...); !slices.Equal(got, want) {
			t.Errorf("%d messages, from %v to %v", len(got), got[0], got[len(got)-1])
		}
		for _, text := range r.messages {
			if len(text) > maxDatagram || strings.Count(text, "hepmeter") != 2 {
				t.Errorf("%q", text)
			}
		}
	})
}
