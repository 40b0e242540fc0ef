package setup

import (
	"context"
	"strings"
)

const (
	// recordsAtATime is how many events or records are asked for with one request, where the path
	// is fast; fewestAtATime how many where it is slow, and at first.
	recordsAtATime = 500
	fewestAtATime  = 10
)

// pages are those of a log. On a slow path they are as long as some seconds take, and the first
// tells how long the whole will take.
type pages struct {
	m      *Meter
	what   string
	slow   bool
	follow follower
	end    func()
	begun  bool
	down   uint64 // of the connection, before the first page
	got    int
}

func (m *Meter) pages(what string) *pages {
	p := &pages{m: m, what: what, follow: follower{m: m, what: what}, end: func() {}}
	_, p.slow = m.Path()
	_, p.down = m.present().stream.Moved()
	return p
}

// each is how many bytes an entry takes, 0 while that is not known.
func (p *pages) each() uint64 {
	_, down := p.m.present().stream.Moved()
	if p.got == 0 || down < p.down { // over another connection now
		return 0
	}
	return (down - p.down) / uint64(p.got)
}

// limit is how many entries to ask for.
func (p *pages) limit() uint32 {
	each := p.each()
	switch {
	case !p.slow:
		return recordsAtATime
	case each == 0:
		return fewestAtATime
	}
	return uint32(min(max(p.m.atATime(recordsAtATime*int(each))/int(each), fewestAtATime), recordsAtATime))
}

// came tells of a page, and how many entries are still to come.
func (p *pages) came(entries int, left uint64) {
	p.got += entries
	each := p.each()
	if !p.slow || each == 0 {
		return
	}
	if !p.begun {
		p.begun, p.end = true, p.m.begin(p.what, left*each)
	}
	done := uint64(p.got) * each
	p.follow.tell(done, done+left*each)
}

// next is the number of the record that a log will get next: what is asked for ends there. It is
// 0 where nobody needs to know.
func (p *pages) next(ctx context.Context, label string) (uint64, error) {
	if !p.slow {
		return 0, nil
	}
	logs, err := p.m.Recorders(ctx)
	for _, l := range logs {
		if strings.EqualFold(l.Label, label) {
			return l.Next, err
		}
	}
	return 0, err
}
