package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// cost is what a check takes in these tests.
const cost = 50 * time.Millisecond

// bench is a checker whose hashes take cost, and count.
type bench struct {
	*checker
	verifier             Verifier
	hashes, running, top atomic.Int64
}

func newBench() *bench {
	b := &bench{verifier: verifierOf("right")}
	b.checker = newChecker(time.Now, time.After, [sha256.Size]byte{}, b.hashing)
	return b
}

func (b *bench) hashing(password string, salt []byte) [hashBytes]byte {
	b.hashes.Add(1)
	n := b.running.Add(1)
	for top := b.top.Load(); n > top && !b.top.CompareAndSwap(top, n); top = b.top.Load() {
	}
	time.Sleep(cost)
	b.running.Add(-1)
	return quick(password, salt)
}

func (b *bench) try(ctx context.Context, address, password string) (bool, error) {
	return b.check(ctx, address, &b.verifier, b.digest(&b.verifier, 1, "", password), password)
}

// at tells when something happened, in costs since the start.
func at(start time.Time) float64 { return float64(time.Since(start)) / float64(cost) }

func TestCheckerRunsTwoAtOnceAndOneOfAnAddress(t *testing.T) {
	for _, tc := range []struct {
		name      string
		addresses int
		top       int64
		costs     float64
	}{{"eight addresses: two at once", 8, 2, 4}, {"one address: one at a time", 1, 1, 8}} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, start := newBench(), time.Now()
				var all sync.WaitGroup
				for i := range 8 {
					all.Go(func() {
						if right, err := b.try(t.Context(), strconv.Itoa(i%tc.addresses), "right"); !right || err != nil {
							t.Errorf("check %d: %v, %v", i, right, err)
						}
					})
				}
				all.Wait()
				if b.top.Load() != tc.top || at(start) != tc.costs {
					t.Errorf("at most %d at once, done after %v costs; want %d and %v", b.top.Load(), at(start), tc.top, tc.costs)
				}
			})
		})
	}
}

func TestCheckerTakesAddressesByTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, start := newBench(), time.Now()
		var all sync.WaitGroup
		for _, crowd := range []string{"a", "b"} {
			for range 8 {
				all.Go(func() { _, _ = b.try(t.Context(), crowd, "right") })
			}
		}
		synctest.Wait()
		if _, err := b.try(t.Context(), "c", "right"); err != nil || at(start) != 2 {
			t.Errorf("a third address behind 16 checks of two: %v after %v costs, want its turn after those that ran, 2", err, at(start))
		}
		all.Wait()
	})
}

// wrongWait is how long an address waits after a wrong password.
const wrongWait = max(afterWrong*cost, shortestWait)

func TestCheckerHasWrongOnesWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, start := newBench(), time.Now()
		if right, err := b.try(t.Context(), "a", "wrong"); right || err != nil {
			t.Fatalf("wrong password: %v, %v", right, err)
		}
		other := make(chan float64, 1)
		go func() {
			_, _ = b.try(t.Context(), "b", "right")
			other <- at(start)
		}()
		_, _ = b.try(t.Context(), "a", "right")
		if done, want := at(start), 1+float64(wrongWait)/float64(cost)+1; done != want {
			t.Errorf("the address that was wrong: after %v costs, want %v", done, want)
		}
		if done := <-other; done != 2 {
			t.Errorf("another address: after %v costs, want 2", done)
		}
	})
}

// Who goes on with wrong passwords waits longer and longer, until one is right or the
// suspicion is over.
func TestCheckerHasManyWrongOnesWaitLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.hash = quick
		waits := func(passwords ...string) (list []time.Duration) {
			for _, password := range passwords {
				start := time.Now()
				_, _ = b.try(t.Context(), "a", password)
				list = append(list, time.Since(start))
			}
			return list
		}
		const s = time.Second
		wrong := slices.Repeat([]string{"wrong"}, 10)
		if got, want := waits(wrong...), []time.Duration{0, s, s, s, s, s, 2 * s, 4 * s, 8 * s, 8 * s}; !slices.Equal(got, want) {
			t.Errorf("waits of %v, want %v", got, want)
		}
		if got, want := waits("right", "wrong", "wrong"), []time.Duration{8 * s, 0, s}; !slices.Equal(got, want) {
			t.Errorf("behind a right one %v, want %v", got, want)
		}
		waits(wrong...)
		time.Sleep(suspicion)
		if got, want := waits("wrong", "wrong"), []time.Duration{0, s}; !slices.Equal(got, want) {
			t.Errorf("after a while %v, want %v", got, want)
		}
	})
}

func TestCheckerServesSuspectsAfterOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		_, _ = b.try(t.Context(), "suspect", "wrong")
		time.Sleep(wrongWait)
		start := time.Now()
		var all sync.WaitGroup
		for i, address := range []string{"a", "b", "suspect", "c", "d"} {
			all.Go(func() {
				_, _ = b.try(t.Context(), address, "right")
				if done, want := at(start), []float64{1, 1, 3, 2, 2}[i]; done != want {
					t.Errorf("%s: after %v costs, want %v", address, done, want)
				}
			})
			synctest.Wait()
		}
		all.Wait()
	})
}

// Of a first wave from 200 addresses, of which nobody knows yet that they are wrong, a login
// that comes then does not wait for the rest.
func TestCheckerTakesNewcomersFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, start := newBench(), time.Now()
		var wave sync.WaitGroup
		for i := range 200 {
			wave.Go(func() { _, _ = b.try(t.Context(), strconv.Itoa(i), "wrong") })
		}
		synctest.Wait()
		if _, err := b.try(t.Context(), "honest", "right"); err != nil || at(start) != 2 {
			t.Errorf("%v after %v costs, want 2", err, at(start))
		}
		wave.Wait()
		if at(start) != 101 {
			t.Errorf("the wave is through after %v costs, want 101: nobody is forgotten", at(start))
		}
	})
}

// A flood from many addresses has one place; who was not wrong lately does not wait for it.
func TestCheckerPutsSuspectsLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		ctx, stop := context.WithCancel(t.Context())
		var flood sync.WaitGroup
		for i := range 200 {
			flood.Go(func() {
				for n := 0; ctx.Err() == nil; n++ {
					if _, err := b.try(ctx, strconv.Itoa(i), "wrong"+strconv.Itoa(n)); err != nil {
						time.Sleep(20 * time.Millisecond) // it is busy: a client comes again
					}
				}
			})
		}
		time.Sleep(20 * time.Second) // all have been wrong once
		b.hashes.Store(0)
		b.top.Store(0)
		start := time.Now()
		for i := range 10 {
			time.Sleep(time.Second)
			began := time.Now()
			if right, err := b.try(ctx, "honest"+strconv.Itoa(i), "right"); !right || err != nil || time.Since(began) > cost {
				t.Errorf("an honest login took %v in the flood (%v), want %v", time.Since(began), err, cost)
			}
		}
		if most := int64(time.Since(start)/cost) + 10 + 1; b.hashes.Load() > most || b.top.Load() > 2 {
			t.Errorf("%d hashes in %v, %d at once: want at most %d, the flood in one place", b.hashes.Load(), time.Since(start), b.top.Load(), most)
		}
		stop()
		flood.Wait()
	})
}

func TestCheckerBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		fill := func(address string, n int) {
			for range n {
				all.Go(func() { _, _ = b.try(ctx, address, "right") })
			}
			synctest.Wait()
		}
		fill("a", 1+checksOfHost)
		_, err := b.try(ctx, "a", "right")
		want(t, "one more of an address", err, CodeBusy)
		for i := 0; ; i++ {
			b.mu.Lock()
			waiting := b.waiting
			b.mu.Unlock()
			if waiting == checksWaiting {
				break
			}
			fill("b"+strconv.Itoa(i), 1)
		}
		_, err = b.try(ctx, "c", "right")
		want(t, "one more in all", err, CodeBusy)
		b.mu.Lock()
		if _, there := b.hosts["c"]; there {
			t.Error("an address that was sent away is remembered")
		}
		b.mu.Unlock()
		stop()
		all.Wait()
		b.quiet(t)
	})
}

func TestCheckerKeepsRoomForOthersThanSuspects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.hash = quick
		const suspects = checksWaiting/2 + 2
		for i := range suspects {
			_, _ = b.try(t.Context(), strconv.Itoa(i), "wrong")
		}
		b.hash = b.hashing
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for i := range checksWaiting / 2 {
			all.Go(func() { _, _ = b.try(ctx, strconv.Itoa(i), "wrong") })
		}
		synctest.Wait() // they wait for what their wrong passwords cost them
		_, err := b.try(ctx, strconv.Itoa(suspects-1), "right")
		want(t, "one more suspect", err, CodeBusy)
		_, err = b.try(ctx, "honest", "right")
		want(t, "another one", err, "")
		stop()
		all.Wait()
		b.quiet(t)
	})
}

// quiet holds the checker against what it must be when nobody asks.
func (b *bench) quiet(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.checker.running != 0 || b.suspects != 0 || b.waiting != 0 || len(b.turns) != 0 {
		t.Errorf("at rest %d run, %d suspects, %d wait, %d have turns", b.checker.running, b.suspects, b.waiting, len(b.turns))
	}
	for name, h := range b.hosts {
		if h.busy || len(h.waiting) > 0 {
			t.Errorf("at rest %s is busy or waits", name)
		}
	}
}

func TestCheckerGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		_, _ = b.try(t.Context(), "a", "wrong")
		ctx, stop := context.WithTimeout(t.Context(), cost)
		defer stop()
		if _, err := b.try(ctx, "a", "right"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want the deadline", err)
		}
		// Who waits behind one that gave up goes on.
		first, cancel := context.WithCancel(t.Context())
		go func() { _, _ = b.try(first, "a", "right") }()
		synctest.Wait()
		done := make(chan error)
		go func() {
			_, err := b.try(t.Context(), "a", "right")
			done <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		b.quiet(t)
	})
}

// Whatever comes together, nobody waits for ever (the bubble would be deadlocked), and the
// bounds hold.
func TestCheckerLosesNoWakeUp(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench()
			var all sync.WaitGroup
			for i := range 60 {
				random := rand.New(rand.NewPCG(seed, uint64(i)))
				all.Go(func() {
					for range 10 {
						ctx, cancel := context.WithCancel(t.Context())
						if random.IntN(3) == 0 {
							ctx, cancel = context.WithTimeout(ctx, time.Duration(random.IntN(500))*time.Millisecond)
						}
						password := "wrong"
						if random.IntN(2) == 0 {
							password = "right"
						}
						_, _ = b.try(ctx, fmt.Sprint(random.IntN(12)), password)
						cancel()
						time.Sleep(time.Duration(random.IntN(100)) * time.Millisecond)
					}
				})
			}
			all.Wait()
			b.quiet(t)
			if b.top.Load() > checksAtOnce {
				t.Errorf("%d at once", b.top.Load())
			}
		})
	}
}

func TestCheckerForgetsAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.hash = quick
		for i := range hostsKnown + 100 {
			_, _ = b.try(t.Context(), "a"+strconv.Itoa(i), "wrong")
		}
		if n := len(b.hosts); n > hostsKnown {
			t.Errorf("%d addresses are remembered, at most %d", n, hostsKnown)
		}
		time.Sleep(suspicion)
		_, _ = b.try(t.Context(), "late", "right")
		b.mu.Lock()
		b.forgetHosts()
		if n := len(b.hosts); n != 0 {
			t.Errorf("%d addresses are remembered when all is forgotten", n)
		}
		b.mu.Unlock()
	})
}

func TestNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "::ffff:192.0.2.7", "2001:db8:1:2:3::4": "2001:db8:1:2::/64", "2001:db8:1:2:ffff::4": "2001:db8:1:2::/64",
		"fe80::1%eth0": "fe80::/64", "com1": "com1", "": "",
	} {
		if got := network(address); got != want {
			t.Errorf("network(%q) = %q, want %q", address, got, want)
		}
	}
}

// The login flood of the bars, as far as the gate is asked: 200 connections, 10,000 wrong
// logins a second with fresh names and passwords.
func TestLoginFlood(t *testing.T) {
	for _, attempts := range []string{"0", "5"} {
		for _, tc := range []struct {
			name      string
			addresses int
			user      func(n uint64) string
			duty      float64 // of one core, at most
		}{
			{"random names", 1, func(n uint64) string { return "name" + strconv.FormatUint(n, 36) }, 0},
			{"accounts", 1, func(n uint64) string { return UserName(int(n%50) + 1) }, 1.0/(1+afterWrong) + 0.01},
			{"without a name", 1, func(uint64) string { return "" }, 1.0/(1+afterWrong) + 0.01},
			{"accounts, from 200 addresses", 200, func(n uint64) string { return UserName(int(n%50) + 1) }, 1.05},
		} {
			t.Run(tc.name+", attempts "+attempts, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := newMeter(t, third)
					m.account(2, "good", allPermissions)
					m.set(attemptsRegister(ION), attempts)
					b := newBench()
					m.gate.checker.hash = b.hashing
					ctx, stop := context.WithCancel(t.Context())
					var flood sync.WaitGroup
					var tried atomic.Int64
					for i := range 200 {
						s := m.client(ION, "198.51.100."+strconv.Itoa(i%tc.addresses))
						random := rand.New(rand.NewPCG(1, uint64(i)))
						flood.Go(func() {
							for ctx.Err() == nil {
								time.Sleep(20 * time.Millisecond)
								n := random.Uint64()
								_, _ = s.With(ctx, named(tc.user(n), strconv.FormatUint(n%99999998+1, 10)))
								tried.Add(1)
							}
						})
					}
					const seconds = 4
					if tc.addresses > 1 {
						time.Sleep(12 * time.Second) // until each was wrong once
					}
					time.Sleep(time.Second)
					b.hashes.Store(0)
					for i := range seconds {
						time.Sleep(time.Second)
						began := time.Now()
						// Each time another password, lest it is known.
						m.mu.Lock()
						m.account(3+i, "good", allPermissions)
						m.set()
						m.mu.Unlock()
						path := Web // a locked account is not locked there
						if attempts == "0" {
							path = ION
						}
						s, err := m.gate.Open(Client{Path: path, Remote: fmt.Sprintf("203.0.113.%d:9", i)})
						if err != nil {
							t.Fatal(err)
						}
						if path == ION {
							_, err = s.With(ctx, named(UserName(3+i), "good"))
						} else {
							_, err = s.Login(ctx, named(UserName(3+i), "good"), time.Minute)
						}
						if took := time.Since(began); err != nil || took > 2*time.Second {
							t.Errorf("a valid login from another address: %v after %v", err, took)
						}
						s.Close()
					}
					duty := float64(b.hashes.Load()-seconds) * cost.Seconds() / seconds
					if duty > tc.duty {
						t.Errorf("the flood costs %.2f of a core, want at most %.2f", duty, tc.duty)
					}
					t.Logf("%d logins tried, %.3f of a core", tried.Load(), duty)
					stop()
					flood.Wait()
				})
			})
		}
	}
}

// A known right password is not hashed again, whatever the connection.
func TestRightPasswordIsHashedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, b := newMeter(t, third), newBench()
		m.gate.checker.hash = b.hashing
		for _, p := range []Path{ION, ION, IONOverModbus} {
			m.as(p, named("USER1", "0"))
		}
		if n := b.hashes.Load(); n != 1 {
			t.Errorf("%d hashes for three connections, want 1", n)
		}
		s := m.client(ION, "192.0.2.9")
		if n := testing.AllocsPerRun(100, func() {
			if _, err := s.With(t.Context(), named("USER1", "0")); err != nil {
				t.Fatal(err)
			}
		}); n > 12 {
			t.Errorf("%v allocations per stateless request", n)
		}
	})
}
