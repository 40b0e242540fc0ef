package sv

import (
	"context"
	"fmt"
	"time"

	"github.com/hepmeter/hepmeter/waveform"
)

// How long an interface is listened to before a stream is chosen: long enough to see
// every stream, and to see smpCnt wrap where nothing else tells the rate.
const (
	surveyTime = 300 * time.Millisecond
	wrapTime   = 2500 * time.Millisecond
	silentTime = 3 * time.Second
)

// Listen joins the sampled values on a network interface and takes the stream of this
// svID; blank takes the only one, and lists them where there are several. It fails if
// none is there within three seconds.
//
// Frames wait in a ring of bounded size that is shared with the kernel: a reader that is
// too slow for longer loses frames, which are counted, missing by smpCnt, and flagged.
func Listen(ctx context.Context, name, id string, o Options) (*Source, error) {
	socket, err := listen(name)
	if err != nil {
		return nil, err
	}
	s, err := listenOn(ctx, socket, name, id, o)
	if err != nil {
		socket.close()
		return nil, err
	}
	return s, nil
}

func listenOn(ctx context.Context, socket *socket, name, id string, o Options) (*Source, error) {
	var found survey
	begin := time.Now()
	var st *stream
	for {
		packet, timeNS, err := socket.next(ctx)
		if err != nil && err != errIdle {
			return nil, err
		}
		if err == nil {
			found.add(packet, timeNS)
		}
		listened := time.Since(begin)
		if listened < surveyTime {
			continue
		}
		st, err = found.choose(id, "sv:"+name)
		if err != nil && listened < silentTime && (id != "" || len(found.streams) == 0) {
			continue // it may still come
		}
		if err != nil {
			return nil, err
		}
		_, _, how, err := st.timing()
		if listened < wrapTime && (err != nil || st.asdus < 100 && how != "smpRate" || how == "the timing of the frames, which is no nominal rate") {
			continue
		}
		break
	}
	if st.real == 0 && !o.TestMode {
		return nil, fmt.Errorf("sv:%s: every frame of svID %q is marked as simulated: ?test=1 reads them", name, st.id)
	}
	// The stream begins anew with the next frame that comes.
	for {
		packet, timeNS, err := socket.next(ctx)
		if err == errIdle {
			if time.Since(begin) < silentTime {
				continue
			}
			return nil, fmt.Errorf("sv:%s: svID %q fell silent", name, st.id)
		}
		if err != nil {
			return nil, err
		}
		if found.frame.Decode(packet) != nil {
			continue
		}
		for i := range found.frame.ASDUs {
			a := &found.frame.ASDUs[i]
			if string(a.ID) != st.id || len(a.Data) != st.set.size || found.frame.Simulated && !o.TestMode {
				continue
			}
			st.firstCount, st.firstNS, st.synch = int64(a.Count), timeNS, a.Synch
			s, err := newSource(socket, st, o)
			if err != nil {
				return nil, fmt.Errorf("sv:%s: %w", name, err)
			}
			s.info.Live = true
			s.frame, found.frame = found.frame, s.frame
			s.timeNS, s.at = timeNS, i
			return s, nil
		}
	}
}

// Publisher sends a stream to a network interface.
type Publisher struct {
	encoder *Encoder
	socket  *sender
	paced   bool
	sent    int64
}

// Publish opens an interface for sending. Paced frames leave when their last sample has
// happened, by the system's clock, beginning now; others at once.
func Publish(name string, s Stream, paced bool) (*Publisher, error) {
	socket, address, err := dial(name)
	if err != nil {
		return nil, err
	}
	if s.Source == nil {
		s.Source = address
	}
	if paced {
		s.Info.Start, s.Start = time.Time{}, time.Now()
	}
	encoder, err := NewEncoder(s)
	if err != nil {
		socket.close()
		return nil, fmt.Errorf("sv:%s: %w", name, err)
	}
	return &Publisher{encoder: encoder, socket: socket, paced: paced}, nil
}

// lateLimit is how late a publisher may be and still catch up: what is later is not sent.
const lateLimit = time.Second

// Write sends a block. It returns when its frames are sent, or ctx is done.
func (p *Publisher) Write(ctx context.Context, b *waveform.Block) error {
	return p.encoder.Encode(b, func(frame []byte, timeNS int64) error {
		if p.paced {
			wait := time.Until(time.Unix(0, timeNS))
			if wait < -lateLimit {
				return nil // this machine stood still: the samples are lost, not late
			}
			if wait > time.Millisecond {
				timer := time.NewTimer(wait)
				defer timer.Stop()
				select {
				case <-timer.C:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}
		if err := p.socket.send(frame); err != nil {
			return err
		}
		p.sent++
		return nil
	})
}

// ID is the svID of the stream.
func (p *Publisher) ID() string { return p.encoder.id }

// Sent is the number of frames sent.
func (p *Publisher) Sent() int64 { return p.sent }

// Close leaves the interface.
func (p *Publisher) Close() error { return p.socket.close() }
