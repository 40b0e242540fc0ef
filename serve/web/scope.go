package web

import (
	"context"
	"sync"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// picturesEvery is the time between two pictures of a waveform page: 25 a second.
const picturesEvery = 40 * time.Millisecond

// scope draws pictures for all waveform pages at once. One goroutine does, and only while
// somebody looks: a page more costs no more than its bytes.
type scope struct {
	mu       sync.Mutex
	watchers map[*watcher]struct{}
	running  bool
}

// watcher is one page that looks.
type watcher struct {
	session *access.Session
	// pictures has the newest; a page that is slow misses some.
	pictures chan []byte
}

// watch has pictures sent to a page until ctx ends, sending fails or the session has ended
// or may no longer read: then it returns true. Watching is not use: a page that is only
// looked at does not keep its session.
func (s *scope) watch(ctx context.Context, owner, session *access.Session, send func([]byte) error) (ended bool) {
	w := &watcher{session: session, pictures: make(chan []byte, 1)}
	s.add(w)
	defer s.remove(w)
	check := time.NewTicker(time.Second) // where no picture comes
	defer check.Stop()
	for {
		var picture []byte
		select {
		case picture = <-w.pictures:
		case <-check.C:
		case <-ctx.Done(): // with the session, too
			return !owner.May(access.ReadMeasurement)
		}
		if !owner.May(access.ReadMeasurement) {
			return true
		}
		if !session.May(access.ReadMeasurement) { // it goes with a change of the own password, and its owner stays
			return false
		}
		if picture != nil && send(picture) != nil {
			return false
		}
	}
}

func (s *scope) add(w *watcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watchers == nil {
		s.watchers = map[*watcher]struct{}{}
	}
	s.watchers[w] = struct{}{}
	if !s.running {
		s.running = true
		go s.draw() // until anyone says that nobody looks
	}
}

func (s *scope) remove(w *watcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.watchers, w)
}

// draw makes pictures until nobody looks.
func (s *scope) draw() {
	var w access.Waveform
	var last time.Time
	told := time.Now() // the meter keeps samples only from when somebody looks
	tick := time.NewTicker(picturesEvery)
	defer tick.Stop()
	for {
		session := s.anyone()
		if session == nil {
			return
		}
		switch err := session.Waveform(&w, access.LongestWaveform); {
		case err == nil && !w.End.Equal(last):
			last, told = w.End, time.Now()
			s.show(draw(&w))
		case err != nil && time.Since(told) >= time.Second:
			told = time.Now()
			s.show(draw(&access.Waveform{NominalHz: 50, RateHz: 1})) // an empty one says that no samples come
		}
		<-tick.C
	}
}

// anyone returns the session of a page that may look, nil if nobody does: then drawing
// ends.
func (s *scope) anyone() *access.Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.watchers {
		if w.session.May(access.ReadMeasurement) {
			return w.session
		}
	}
	s.running = false
	return nil
}

// show hands a picture to every page.
func (s *scope) show(picture []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.watchers {
		select {
		case <-w.pictures: // the page is behind: it gets the newest
		default:
		}
		w.pictures <- picture
	}
}
