package ionp

import (
	"bytes"
	"errors"
	"io"
)

// Message is what one or more frames carried.
type Message struct {
	Kind Kind
	ID   uint32
	// Bytes is the CBOR, valid until the next call of Reader.Next.
	Bytes []byte
}

// Reader cuts a stream into messages. It belongs to one goroutine.
type Reader struct {
	stream       io.Reader
	buffer       []byte
	start, end   int
	largestFrame int
	reassembler  Reassembler
}

// NewReader returns a reader that takes frames of FrameBeforeHello and messages of
// MessageBeforeLogin bytes until SetLimits says otherwise.
func NewReader(stream io.Reader) *Reader {
	return &Reader{stream: stream, buffer: make([]byte, LargestFrame), largestFrame: FrameBeforeHello}
}

// SetLimits says how long frames and messages may be from now on, in bytes. A frame is
// never longer than LargestFrame.
func (r *Reader) SetLimits(frame, message int) {
	r.largestFrame = min(max(frame, SmallestFrame), LargestFrame)
	r.reassembler.SetLimit(message)
}

// Next returns the next message. At the end of the stream between two messages the error
// is io.EOF, within one io.ErrUnexpectedEOF. After a *TooLongError the next message can
// be read; every other error is the end.
func (r *Reader) Next() (Message, error) {
	for {
		f, n, err := ParseFrame(r.buffer[r.start:r.end], r.largestFrame)
		if err != nil {
			return Message{}, err
		}
		if n == 0 {
			if err := r.fill(); err != nil {
				return Message{}, err
			}
			continue
		}
		r.start += n
		message, done, err := r.reassembler.Add(f)
		if err != nil {
			return Message{}, err
		}
		if done {
			return Message{f.Kind, f.ID, message}, nil
		}
	}
}

// Waiting reports whether a whole frame has been received that Next has not returned
// yet. A server that writes its replies only when none is waiting writes fewer times.
func (r *Reader) Waiting() bool {
	_, n, err := ParseFrame(r.buffer[r.start:r.end], r.largestFrame)
	return n > 0 || err != nil
}

// Held returns how many bytes there are of messages, and of a frame, that are not whole:
// more than 0 while one is under way.
func (r *Reader) Held() int {
	n := r.end - r.start + r.reassembler.held()
	if n == 0 && r.reassembler.underway() {
		return 1 // what came was over the limit, and was dropped
	}
	return n
}

// fill reads once. The buffer holds the largest frame, so there is always room for the
// rest of one that is not whole.
func (r *Reader) fill() error {
	copy(r.buffer, r.buffer[r.start:r.end])
	r.start, r.end = 0, r.end-r.start
	n, err := io.ReadAtLeast(r.stream, r.buffer[r.end:], 1)
	r.end += n
	if errors.Is(err, io.EOF) && (r.end > 0 || r.reassembler.underway()) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Writer collects messages as frames and writes them together. It belongs to one
// goroutine.
type Writer struct {
	stream       io.Writer
	largestFrame int
	message      bytes.Buffer
	frames       []byte
}

// NewWriter returns a writer of frames of up to FrameBeforeHello bytes.
func NewWriter(stream io.Writer) *Writer {
	return &Writer{stream: stream, largestFrame: FrameBeforeHello}
}

// SetLargestFrame says how long frames may be from now on: what the other side stated.
func (w *Writer) SetLargestFrame(bytes int) { w.largestFrame = bytes }

// Reply adds a reply to what Flush writes.
func (w *Writer) Reply(id uint32, reply *Reply) error {
	return w.add(KindReply, id, reply)
}

// Notice adds a notice to what Flush writes.
func (w *Writer) Notice(id uint32, notice *Notice) error {
	return w.add(KindNotice, id, notice)
}

// Request adds a request to what Flush writes.
func (w *Writer) Request(id uint32, request *Request) error {
	return w.add(KindRequest, id, request)
}

func (w *Writer) add(kind Kind, id uint32, message any) error {
	w.message.Reset()
	if err := encodeTo(&w.message, message); err != nil {
		return err
	}
	w.frames = AppendFrames(w.frames, kind, id, w.message.Bytes(), w.largestFrame)
	if w.message.Cap() > keptBuffer {
		w.message = bytes.Buffer{}
	}
	return nil
}

// Buffered returns how many bytes Flush will write.
func (w *Writer) Buffered() int { return len(w.frames) }

// Flush writes what was added.
func (w *Writer) Flush() error {
	if len(w.frames) == 0 {
		return nil
	}
	_, err := w.stream.Write(w.frames)
	if w.frames = w.frames[:0]; cap(w.frames) > 4*keptBuffer {
		w.frames = nil
	}
	return err
}
